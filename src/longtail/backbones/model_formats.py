"""The formats that models are stored in: weights out, and the same file again with other numbers for some of them."""

import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from longtail.backbones.program_archive import read_program, write_program
from longtail.backbones.torch_file import is_left_out, read_torch_file, refuse_pointer
from longtail.errors import InputError

__all__ = ["EXPECTED", "StoredWeights", "read_weights", "write_weights"]

EXPECTED = (
    "a state dict (.pt, .pth, .bin, .safetensors), an exported program (.pt2), a last layer (.npz with weight and "
    "bias) or a folder of Hugging Face"
)
_CONTAINERS = ("state_dict_ema", "model_ema", "state_dict", "model_state_dict", "model", "net", "task")


@dataclass(frozen=True)
class StoredWeights:
    """The weights in a file.

    Attributes:
        weights: by name.
        way: the keys that lead to them, such as ("state_dict",).
        layer: the name of the last layer that was asked for, without that way.
        beside: plain values that stand beside the outermost key.
        left_out: names of entries that hold other objects.
    """

    weights: dict[str, Tensor]
    way: tuple[str, ...] = ()
    layer: str | None = None
    beside: dict[str, Any] = field(default_factory=dict)
    left_out: tuple[str, ...] = ()


def read_weights(file: Path, layer: str | None = None) -> StoredWeights:
    """Read the weights in a file without running code that it may hold.

    Args:
        file: .npz with weight and bias, .pt2, .safetensors, or what `torch.save` wrote.
        layer: name of the last layer; it says which of several sets of weights is meant.

    Raises:
        InputError: unreadable, code in it, no weights, or several sets of them.
    """
    if file.suffix == ".npz":
        return StoredWeights(_read_arrays(file), layer=layer)
    if file.suffix == ".pt2":
        return StoredWeights(read_program(file), layer=layer)
    if file.suffix == ".onnx":
        raise InputError(f"ONNX is a program for running, not for loading. Expected {EXPECTED}.")
    content = read_torch_file(file, expected=EXPECTED)
    weights, way, layer = _state_dict(content, layer)
    beside = {key: value for key, value in content.items() if isinstance(value, str | int | float)}
    return StoredWeights(weights, way, layer, beside, tuple(str(key) for key in content if is_left_out(content[key])))


def write_weights(old: Path, path: Path, way: tuple[str, ...], new: Mapping[str, Tensor]) -> None:
    """Write a file again with other numbers for some of its weights; all else stays as it is.

    Args:
        old: the file that was read.
        path: file to write.
        way: the keys that lead to the weights.
        new: weights by name, of the stored shapes and types.
    """
    match old.suffix:
        case ".npz":
            with np.load(old, allow_pickle=False) as stored, path.open("wb") as stream:
                arrays = {name: stored[name] for name in stored.files}
                np.savez(stream, allow_pickle=False, **{**arrays, **{key: part.numpy() for key, part in new.items()}})
        case ".safetensors":
            _write_safetensors(old, path, new)
        case ".pt2":
            write_program(old, path, new)
        case _:
            _write_torch(old, path, way, new)


def _read_arrays(path: Path) -> dict[str, Tensor]:
    refuse_pointer(path, expected=EXPECTED)
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as file:
            return {name: torch.from_numpy(file[name]) for name in ("weight", "bias") if name in file.files}
    except (OSError, ValueError, TypeError, EOFError, AttributeError, zipfile.BadZipFile) as error:
        raise InputError(f"truncated, or not arrays with `weight` (C x D) and `bias` (C) ({error}).") from error


def _state_dict(content: Any, layer: str | None) -> tuple[dict[str, Tensor], tuple[str, ...], str | None]:
    """Go down to the weights; give them, the way there, and the layer's name without that way."""
    way: tuple[str, ...] = ()
    while True:
        if not isinstance(content, Mapping):
            raise InputError(f"holds a {type(content).__name__}. Expected {EXPECTED}.")
        inside = [key for key in _CONTAINERS if isinstance(content.get(key), Mapping) and content[key]]
        if not inside:
            break
        first = layer.split(".")[0] if layer else None
        if len(inside) > 1 and first not in inside:
            raise InputError(
                f"holds {len(inside)} sets of weights ({', '.join(inside)}). Say which is to be balanced, and with it "
                f"the layer, such as --layer {inside[0]}.fc."
            )
        key = first if first in inside else inside[0]
        if layer and first == key:
            layer = layer.partition(".")[2]
        content, way = content[key], (*way, key)
    weights = {str(name): tensor for name, tensor in content.items() if isinstance(tensor, Tensor)}
    if not weights:
        raise InputError(
            f"holds no weights ({', '.join(map(str, list(content)[:5])) or 'empty'}). Expected {EXPECTED}."
        )
    return weights, way, layer


def _write_safetensors(old: Path, path: Path, new: Mapping[str, Tensor]) -> None:
    from safetensors import safe_open
    from safetensors.torch import load_file, save_file

    with safe_open(old, framework="pt") as stored:
        metadata = stored.metadata()
    save_file({**load_file(old), **new}, path, metadata=metadata)


def _write_torch(old: Path, path: Path, way: tuple[str, ...], new: Mapping[str, Tensor]) -> None:
    # read again: what is written must be all that was there, and no other set of weights may change
    content = read_torch_file(old, expected=EXPECTED)
    state = content
    for key in way:
        state = state[key]
    for key, tensor in new.items():
        before = state[key]
        is_parameter = isinstance(before, nn.Parameter)
        state[key] = nn.Parameter(tensor, requires_grad=before.requires_grad) if is_parameter else tensor
    for name in [name for name, value in content.items() if is_left_out(value)]:
        del content[name]
    torch.save(content, path)
