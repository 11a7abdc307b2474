"""A model's file: read without running code, and written again with other numbers in its last layer."""

import json
import shutil
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from longtail.atomic import atomic_path
from longtail.backbones.last_layer import LastLayer, find_last_layer
from longtail.backbones.torch_file import read_torch_file
from longtail.errors import InputError
from longtail.jobs.balance_program import read_program, write_program

__all__ = ["ModelFile", "open_model_file"]

EXPECTED = (
    "a state dict (.pt, .pth, .bin, .safetensors), an exported program (.pt2), a last layer (.npz with weight and "
    "bias) or a folder of Hugging Face"
)
_CONTAINERS = ("state_dict_ema", "model_ema", "state_dict", "model_state_dict", "model", "net", "task")
_IN_FOLDER = ("model.safetensors", "pytorch_model.bin")


@dataclass
class ModelFile:
    """A model as it lies on the disk.

    Attributes:
        path: as it was given: a file or a folder.
        file: that holds the last layer.
        layer: the last layer.
        weights: all weights in `file`, by their names there.
        config: of a Hugging Face folder, else empty.
        beside: plain values that stand beside the weights.
        notes: what a person should know.
    """

    path: Path
    file: Path
    layer: LastLayer
    weights: dict[str, Tensor]
    config: dict[str, Any] = field(default_factory=dict)
    beside: dict[str, Any] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    _container: tuple[str, ...] = ()

    @property
    def linear(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Weight (C, D) and bias (C,) of the last layer; zeros where there is no bias."""
        weight = self.layer.weight.detach().float().numpy()
        bias = (
            np.zeros(len(weight), np.float32) if self.layer.bias is None else self.layer.bias.detach().float().numpy()
        )
        return weight, bias

    def write(self, folder: Path, weight: NDArray[Any], bias: NDArray[Any]) -> Path:
        """Write the model into a folder under its own name, with other numbers in its last layer.

        Args:
            folder: where to.
            weight: shape (C, D).
            bias: shape (C,); zeros where the layer has no bias.

        Returns:
            The file or folder that was written.

        Raises:
            InputError: it would overwrite the model that was read, or the layer has no place for a bias.
        """
        out = folder / self.path.resolve().name
        if out.resolve() == self.path.resolve():
            raise InputError(f"--out {folder}: {out.name} there is the model that is read. Expected another folder.")
        if self.layer.bias is None and np.any(bias):
            raise InputError(f"{self.path}: {self.layer.name} has no bias. Expected a head without one, such as tau.")
        new = {self.layer.weight_key: torch.from_numpy(np.array(weight))}
        if self.layer.bias is not None:
            new[self.layer.bias_key] = torch.from_numpy(np.array(bias))
        target = out
        if self.path.is_dir():
            for other in self.path.iterdir():
                if other.is_file() and other.name != self.file.name:
                    out.mkdir(parents=True, exist_ok=True)
                    shutil.copyfile(other, out / other.name)
            target = out / self.file.name
        new = {key: tensor.to(self.weights[key].dtype).view_as(self.weights[key]) for key, tensor in new.items()}
        with atomic_path(target) as temporary:
            match self.file.suffix:
                case ".npz":
                    self._write_arrays(temporary, new)
                case ".safetensors":
                    self._write_safetensors(temporary, new)
                case ".pt2":
                    write_program(self.file, temporary, new)
                case _:
                    self._write_torch(temporary, new)
        return out

    def _write_arrays(self, path: Path, new: Mapping[str, Tensor]) -> None:
        with np.load(self.file, allow_pickle=False) as stored, path.open("wb") as stream:
            arrays = {name: stored[name] for name in stored.files}
            np.savez(stream, allow_pickle=False, **{**arrays, **{key: part.numpy() for key, part in new.items()}})

    def _write_safetensors(self, path: Path, new: Mapping[str, Tensor]) -> None:
        from safetensors import safe_open
        from safetensors.torch import save_file

        with safe_open(self.file, framework="pt") as stored:
            metadata = stored.metadata()
        save_file({**self.weights, **new}, path, metadata=metadata)

    def _write_torch(self, path: Path, new: Mapping[str, Tensor]) -> None:
        # read again: what is written must be all that was there, and no other set of weights may change
        content = read_torch_file(self.file, expected=EXPECTED)
        state = content
        for key in self._container:
            state = state[key]
        for key, tensor in new.items():
            old = state[key]
            state[key] = (
                nn.Parameter(tensor, requires_grad=old.requires_grad) if isinstance(old, nn.Parameter) else tensor
            )
        for name in [name for name, value in content.items() if _not_plain(value)]:
            del content[name]
        torch.save(content, path)


def open_model_file(path: Path, layer: str | None = None) -> ModelFile:
    """Read a model and find its last layer.

    Args:
        path: state dict, checkpoint with one inside, exported program, last layer alone, or folder of Hugging Face.
        layer: name of the last layer, where it has no usual one.

    Raises:
        InputError: unreadable, not finite, code in it, two sets of weights, or no linear last layer.
    """
    if not path.exists():
        raise InputError(f"{path}: no such file. Expected {EXPECTED}.")
    file, config, layer = (path, {}, layer) if path.is_file() else _file_in_folder(path, layer)
    beside: dict[str, Any] = {}
    container: tuple[str, ...] = ()
    notes: list[str] = []
    try:
        match file.suffix:
            case ".npz":
                weights = _read_arrays(file)
            case ".pt2":
                weights = read_program(file)
            case _:
                content = read_torch_file(file, expected=EXPECTED)
                weights, container, layer = _state_dict(content, layer)
                beside = {k: v for k, v in content.items() if isinstance(v, str | int | float)}
                left = [str(key) for key, value in content.items() if _not_plain(value)]
                if left:
                    notes.append(f"{', '.join(left)}: no plain values, not read and not written again")
        found = find_last_layer(weights, layer)
    except InputError as error:
        raise error if str(file) in str(error) else InputError(f"{file}: {error}") from error
    for key in (found.weight_key, found.bias_key):
        if key in weights and not weights[key].isfinite().all():
            raise InputError(f"{file}: {key} holds NaN or infinity. Expected the weights of a training that converged.")
    return ModelFile(path, file, found, weights, config, beside, notes, container)


def _file_in_folder(folder: Path, layer: str | None) -> tuple[Path, dict[str, Any], str | None]:
    """Give the file with the last layer, what config.json says, and the layer's name where it had to be looked up."""
    about = folder / "config.json"
    try:
        config = json.loads(about.read_text(encoding="utf-8")) if about.is_file() else {}
    except ValueError as error:
        raise InputError(f"{about}: no JSON ({error}). Expected the settings of a Hugging Face model.") from error
    for name in _IN_FOLDER:
        index = folder / f"{name}.index.json"
        if index.is_file():
            places: dict[str, str] = json.loads(index.read_text(encoding="utf-8"))["weight_map"]
            # only the names are known: any of them could be a linear layer
            named = {key: torch.empty(0, 0) for key in places if key.endswith(".weight")}
            found = find_last_layer(named, layer)
            return folder / places[found.weight_key], config, found.name
        if (folder / name).is_file():
            return folder / name, config, layer
    raise InputError(f"{folder}: holds no {' or '.join(_IN_FOLDER)}. Expected {EXPECTED}.")


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


def _not_plain(content: Any) -> bool:
    """Is there an object in it that was left out when it was read: of another program?"""
    if isinstance(content, Mapping):
        return any(_not_plain(value) for value in content.values())
    if isinstance(content, list | tuple):
        return any(_not_plain(value) for value in content)
    return type(content).__module__ == read_torch_file.__module__


def _read_arrays(path: Path) -> dict[str, Tensor]:
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as file:
            return {name: torch.from_numpy(file[name]) for name in ("weight", "bias") if name in file.files}
    except (OSError, ValueError, TypeError, EOFError, AttributeError, zipfile.BadZipFile) as error:
        raise InputError(f"truncated, or not arrays with `weight` (C x D) and `bias` (C) ({error}).") from error
