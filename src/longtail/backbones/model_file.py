"""A model's file: read without running code, and written again with other numbers in its last layer."""

import json
import shutil
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from longtail.backbones.hugging_face import read_config, weight_files
from longtail.backbones.last_layer import LastLayer
from longtail.backbones.layer_names import find_last_layer
from longtail.backbones.model_formats import EXPECTED, StoredWeights, read_weights, write_weights
from longtail.backbones.stored_names import class_names_in
from longtail.errors import InputError
from longtail.files.atomic import atomic_file, make_folder
from longtail.files.text import names_file, printable

__all__ = ["ModelFile", "open_model_file"]


@dataclass(frozen=True)
class ModelFile:
    """A model as it lies on the disk.

    Attributes:
        path: as it was given: a file or a folder.
        stored: all weights, and what stands beside them.
        files: that hold the weights, and the names of those in each.
        config: of a Hugging Face folder, else empty.
        known: the last layer, once it is known: named, or measured by running the network.
        called: the name of the file or folder that `write` makes; "": that of `path`.
    """

    path: Path
    stored: StoredWeights
    files: dict[Path, tuple[str, ...]]
    config: dict[str, Any] = field(default_factory=dict)
    known: LastLayer | None = None
    called: str = ""

    @property
    def name(self) -> str:
        """What the file or folder is called, where a path does not say it: "." for example."""
        return self.called or self.path.resolve().name

    @property
    def weights(self) -> dict[str, Tensor]:
        """All weights by their names in the file."""
        return self.stored.weights

    @cached_property
    def layer(self) -> LastLayer:
        """The last layer: the known one, or what the names of the weights tell.

        Raises:
            InputError: they do not tell it.
        """
        if self.known is not None:
            return self.known
        try:
            return find_last_layer(self.stored.weights, self.stored.layer)
        except InputError as error:
            raise InputError(f"{printable(self.path)}: {error}") from error

    @property
    def linear(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Weight (C, D) and bias (C,) of the last layer; zeros where there is no bias."""
        weight, bias = self.layer.weight.detach().float().numpy(), self.layer.bias
        return weight, np.zeros(len(weight), np.float32) if bias is None else bias.detach().float().numpy()

    @property
    def class_names(self) -> list[str] | None:
        """Names in the order of the outputs, where config.json or something beside the weights has them.

        Raises:
            InputError: they are of another number than the outputs, or one stands there twice.
        """
        num_classes = len(self.layer.weight)
        origin = self.path / "config.json" if self.config else self.path
        return class_names_in(self.config or self.stored.beside, num_classes, printable(origin))

    def with_layer(self, layer: LastLayer) -> "ModelFile":
        """Return the same with a last layer that was found by running the network, under the names of the file."""
        return replace(self, known=layer)

    def write(
        self, folder: Path, weight: NDArray[Any], bias: NDArray[Any], settings: dict[str, Any] | None = None
    ) -> Path:
        """Write the model into a folder under its own name, with other numbers in its last layer.

        Args:
            folder: where to.
            weight: shape (C, D).
            bias: shape (C,); zeros where the layer has no bias.
            settings: of config.json, that are to be others.

        Returns:
            The file or folder that was written.

        Raises:
            InputError: it would overwrite the model that was read, or the layer has no place for a bias.
        """
        out = folder / self.name
        if out.resolve() == self.path.resolve():
            raise InputError(
                f"--out {printable(folder)}: {printable(out.name)} there is the model that is read. Expected another "
                "folder."
            )
        try:
            new = self.layer.divided(torch.from_numpy(np.array(weight)), torch.from_numpy(np.array(bias)))
        except InputError as error:
            raise InputError(f"{printable(self.path)}: {error}") from error
        new = {key: tensor.to(self.weights[key]).view_as(self.weights[key]).contiguous() for key, tensor in new.items()}
        if self.path.is_dir():
            self._copy_others(out, settings or {})
        for file, names in self.files.items():
            target = out / file.name if self.path.is_dir() else out
            with atomic_file(target) as stream:
                write_weights(file, stream, self.stored.way, {key: part for key, part in new.items() if key in names})
        return out

    def _copy_others(self, out: Path, settings: dict[str, Any]) -> None:
        make_folder(out)
        # what is said of the model that was read does not hold of this one
        said = ("longtail.json", "results.json", "README.md") if (self.path / "longtail.json").is_file() else ()
        for other in sorted(self.path.iterdir()):
            if not other.is_file() or other in self.files or other.name in said:
                continue
            with other.open("rb") as source, atomic_file(out / other.name) as copy:
                if other.name == "config.json" and settings:
                    copy.write(json.dumps({**self.config, **settings}, indent=2).encode() + b"\n")
                else:
                    shutil.copyfileobj(source, copy)


def open_model_file(path: Path, layer: str | None = None) -> ModelFile:
    """Read a model; its last layer is looked for when it is asked for.

    Args:
        path: state dict, checkpoint with one inside, exported program, last layer alone, or folder of Hugging Face.
        layer: name of the last layer, where it has no usual one; it also says which of several sets
            of weights is meant.

    Raises:
        InputError: unreadable, code in it, no weights, or two sets of them.
    """
    if not path.exists():
        raise InputError(f"{printable(path)}: no such file. Expected {EXPECTED}.")
    config = read_config(path) if path.is_dir() else {}
    files = weight_files(path, expected=EXPECTED) if path.is_dir() else [path]
    stored = [_read(file, layer) for file in files]
    merged: dict[str, Tensor] = {}
    for part, file in zip(stored, files, strict=True):
        twice = next((key for key in part.weights if key in merged), None)
        if twice is not None:
            raise InputError(f"{printable(file)}: {twice} stands in another file of the folder too. Expected it once.")
        merged |= part.weights
    places = {file: tuple(part.weights) for part, file in zip(stored, files, strict=True)}
    return ModelFile(path, replace(stored[0], weights=merged), places, config)


def _read(file: Path, layer: str | None) -> StoredWeights:
    with names_file(file):
        return read_weights(file, layer)
