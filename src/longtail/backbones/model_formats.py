"""The formats that models are stored in: weights out, and the same file again with other numbers for some of them."""

import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import numpy as np
import torch
from torch import Tensor, nn

from longtail.backbones.foreign_models import refuse_other_format
from longtail.backbones.inert import foreign_object, forget_origin
from longtail.backbones.program_archive import as_bytes, read_program, write_program
from longtail.backbones.torch_file import could_run_code, read_torch_file, refuse_pointer
from longtail.errors import InputError
from longtail.files.arrays import read_npz
from longtail.files.json_file import parse_json
from longtail.files.text import printable

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
        left_out: names of entries that hold other objects, and what these are.
    """

    weights: dict[str, Tensor]
    way: tuple[str, ...] = ()
    layer: str | None = None
    beside: dict[str, Any] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)


def read_weights(file: Path, layer: str | None = None) -> StoredWeights:
    """Read the weights in a file without running code that it may hold.

    Args:
        file: .npz with weight and bias, .pt2, .safetensors, or what `torch.save` wrote.
        layer: name of the last layer; it says which of several sets of weights is meant.

    Raises:
        InputError: unreadable, code in it, no weights, or several sets of them.
    """
    if file.suffix == ".npz":
        return _read_arrays(file, layer)
    if file.suffix == ".pt2":
        return StoredWeights(read_program(file), layer=layer)
    refuse_other_format(file, expected=EXPECTED)
    content = read_torch_file(file, expected=EXPECTED)
    if isinstance(content, dict) and "longtail_checkpoint" in content:
        raise InputError(
            f"{printable(file)}: is a checkpoint of longtail. Its classifier is rebalanced by `longtail extract` and "
            "`longtail fit`; `longtail export` writes it as a model that others can read."
        )
    weights, way, layer = _state_dict(content, layer, file)
    beside = {key: value for key, value in content.items() if key not in way[:1] and not isinstance(value, Tensor)}
    foreign = {str(key): foreign_object(value) for key, value in beside.items()}
    left_out = {key: name for key, name in foreign.items() if name is not None}
    plain = {str(key): value for key, value in beside.items() if foreign[str(key)] is None}
    return StoredWeights(weights, way, layer, plain, left_out)


def write_weights(old: Path, stream: IO[bytes], way: tuple[str, ...], new: Mapping[str, Tensor]) -> None:
    """Write a file again with other numbers for some of its weights; all else stays as it is.

    Args:
        old: the file that was read.
        stream: file to write.
        way: the keys that lead to the weights.
        new: weights by name, of the stored shapes and types.
    """
    match old.suffix:
        case ".npz":
            arrays = {**read_npz(old, expected=EXPECTED), **{key: part.numpy() for key, part in new.items()}}
            np.savez(stream, allow_pickle=False, **arrays)
        case ".safetensors":
            _write_safetensors(old, stream, new)
        case ".pt2":
            write_program(old, stream, new)
        case _:
            _write_torch(old, stream, way, new)


def _read_arrays(path: Path, layer: str | None) -> StoredWeights:
    refuse_pointer(path, expected=EXPECTED)
    arrays = read_npz(path, expected="a last layer: `weight` (C x D) and `bias` (C)")
    if "weight" not in arrays:
        raise InputError(f"{printable(path)}: holds no `weight` ({', '.join(arrays) or 'empty'}). Expected {EXPECTED}.")
    weights: dict[str, Tensor] = {}
    for name in [name for name in ("weight", "bias") if name in arrays]:
        if arrays[name].dtype not in (np.float16, np.float32, np.float64):
            raise InputError(
                f"{printable(path)}: `{name}` holds values of type {arrays[name].dtype}. Expected floating-point "
                "numbers."
            )
        weights[name] = torch.from_numpy(arrays[name])
    return StoredWeights(weights, layer=layer, beside={k: v.tolist() for k, v in arrays.items() if k not in weights})


def _state_dict(content: Any, layer: str | None, file: Path) -> tuple[dict[str, Tensor], tuple[str, ...], str | None]:
    """Go down to the weights; return them, the way there, and the layer's name without that way."""
    way: tuple[str, ...] = ()
    while True:
        if not isinstance(content, Mapping):
            raise InputError(f"{printable(file)}: holds a {type(content).__name__}. Expected {EXPECTED}.")
        inside = _containers(content)
        if not inside:
            break
        first = layer.split(".")[0] if layer else None
        if len(inside) > 1 and first not in inside:
            raise InputError(
                f"{printable(file)}: holds {len(inside)} sets of weights ({', '.join(inside)}). Say which is to be "
                f"balanced, and with it the layer, such as --layer {inside[0]}.fc."
            )
        key = first if first in inside else inside[0]
        if layer and first == key:
            layer = layer.partition(".")[2]
        content, way = content[key], (*way, key)
    weights = {str(name): tensor for name, tensor in content.items() if isinstance(tensor, Tensor)}
    foreign = next((name for name in map(foreign_object, content.values()) if name is not None), None)
    if foreign is not None and (way or not weights):
        raise could_run_code(file, foreign, EXPECTED)
    if not weights:
        seen = ", ".join(map(str, list(content)[:5])) or "empty"
        raise InputError(f"{printable(file)}: holds no weights ({seen}). Expected {EXPECTED}.")
    return weights, way, layer


def _containers(content: Mapping[Any, Any]) -> list[str]:
    """Return the keys under which sets of weights stand."""
    known = [key for key in _CONTAINERS if isinstance(content.get(key), Mapping) and content[key]]
    if known or any(isinstance(value, Tensor) and str(name).endswith("weight") for name, value in content.items()):
        return known
    return [name for name, value in content.items() if isinstance(name, str) and _holds_weights(value)]


def _holds_weights(content: Any) -> bool:
    if not isinstance(content, Mapping):
        return False
    named = [value for name, value in content.items() if isinstance(name, str) and name.endswith("weight")]
    return any(isinstance(value, Tensor) for value in named) or any(map(_holds_weights, content.values()))


def _write_safetensors(old: Path, stream: IO[bytes], new: Mapping[str, Tensor]) -> None:
    # copied, and written over at the places of the new numbers
    with old.open("rb") as source:
        length = int.from_bytes(source.read(8), "little")
        header = parse_json(source.read(length), dict[str, Any], origin=printable(old), expected=EXPECTED)
        source.seek(0)
        shutil.copyfileobj(source, stream)
    for key, tensor in new.items():
        start, stop = header[key]["data_offsets"]
        content = as_bytes(tensor)
        if stop - start != len(content):
            raise InputError(f"{printable(old)}: {key} has another size now. Let nothing write it at the same time.")
        stream.seek(8 + length + start)
        stream.write(content)


def _write_torch(old: Path, stream: IO[bytes], way: tuple[str, ...], new: Mapping[str, Tensor]) -> None:
    # read again: what is written must be all that was there, and no other set of weights may change
    content = read_torch_file(old, expected=EXPECTED)
    state = content
    for key in (None, *way):
        state = state if key is None else state[key]
        forget_origin(state)
    for key, tensor in new.items():
        before = state[key]
        is_parameter = isinstance(before, nn.Parameter)
        state[key] = nn.Parameter(tensor, requires_grad=before.requires_grad) if is_parameter else tensor
    for name in [name for name, value in content.items() if name not in way[:1] and foreign_object(value) is not None]:
        del content[name]
    torch.save(content, stream)
