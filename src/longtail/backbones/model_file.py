"""A model's file: read without running code, and written again with other numbers in its last layer."""

import json
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from longtail.backbones.last_layer import LastLayer, find_last_layer
from longtail.backbones.model_formats import EXPECTED, StoredWeights, read_weights, write_weights
from longtail.errors import InputError
from longtail.files.atomic import atomic_path

__all__ = ["ModelFile", "open_model_file"]

_IN_FOLDER = ("model.safetensors", "pytorch_model.bin")


@dataclass(frozen=True)
class ModelFile:
    """A model as it lies on the disk.

    Attributes:
        path: as it was given: a file or a folder.
        file: that holds the last layer.
        layer: the last layer.
        stored: all that `file` holds.
        config: of a Hugging Face folder, else empty.
    """

    path: Path
    file: Path
    layer: LastLayer
    stored: StoredWeights
    config: dict[str, Any] = field(default_factory=dict)

    @property
    def weights(self) -> dict[str, Tensor]:
        """All weights in `file`, by their names there."""
        return self.stored.weights

    @property
    def linear(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Weight (C, D) and bias (C,) of the last layer; zeros where there is no bias."""
        weight, bias = self.layer.weight.detach().float().numpy(), self.layer.bias
        return weight, np.zeros(len(weight), np.float32) if bias is None else bias.detach().float().numpy()

    @property
    def channels(self) -> int:
        """Channels of the images that the network sees: those of the first convolution, or 3."""
        first = next((tensor for tensor in self.weights.values() if tensor.ndim == 4), None)
        return int(first.shape[1]) if first is not None and first.shape[1] in (1, 3) else 3

    @property
    def class_names(self) -> list[str] | None:
        """Names in the order of the outputs, where config.json of a Hugging Face folder has them."""
        num_classes = len(self.layer.weight)
        by_number: dict[str, str] = self.config.get("id2label") or {}
        names: list[str] = self.config.get("label_names") or [
            str(by_number.get(str(c), "")) for c in range(num_classes)
        ]
        drawn = [f"LABEL_{c}" for c in range(num_classes)]
        return None if names == drawn or not all(names) else names

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
            target = out / self.file.name
            for other in self.path.iterdir():
                if other.is_file() and other.name != self.file.name:
                    out.mkdir(parents=True, exist_ok=True)
                    shutil.copyfile(other, out / other.name)
        new = {key: tensor.to(self.weights[key].dtype).view_as(self.weights[key]) for key, tensor in new.items()}
        with atomic_path(target) as temporary:
            write_weights(self.file, temporary, self.stored.way, new)
        return out


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
    try:
        stored = read_weights(file, layer)
        found = find_last_layer(stored.weights, stored.layer)
    except InputError as error:
        raise error if str(file) in str(error) else InputError(f"{file}: {error}") from error
    for key in (found.weight_key, found.bias_key):
        if key in stored.weights and not stored.weights[key].isfinite().all():
            raise InputError(f"{file}: {key} holds NaN or infinity. Expected the weights of a training that converged.")
    return ModelFile(path, file, found, stored, config)


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
