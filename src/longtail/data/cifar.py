"""CIFAR-10 and CIFAR-100 from torchvision's files."""

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from longtail.errors import InputError

__all__ = ["CifarImages", "open_cifar"]


class CifarImages:
    """CIFAR's images in memory.

    Args:
        pixels: uint8, shape (N, 32, 32, 3).
        labels: class indices, shape (N,).
        class_names: C names.
        name: "cifar10" or "cifar100".
    """

    def __init__(
        self, pixels: NDArray[np.uint8], labels: NDArray[np.int64], class_names: tuple[str, ...], name: str
    ) -> None:
        self._pixels = torch.from_numpy(pixels).permute(0, 3, 1, 2)
        self._labels = labels
        self.class_names = class_names
        self.name = name

    @property
    def labels(self) -> NDArray[np.int64]:
        """Class indices, shape (N,)."""
        return self._labels

    def __len__(self) -> int:
        return len(self._labels)

    def load(self, index: int) -> Tensor:
        """Give one image: uint8, shape (3, 32, 32)."""
        return self._pixels[index]

    def identify(self, index: int) -> str:
        """Name one image by its row in the official order."""
        return f"{self.name}[{index}]"


def open_cifar(name: str, root: Path, *, download: bool = False) -> dict[str, CifarImages]:
    """Open CIFAR's official train and test split.

    The files are pickles; they are read only after torchvision has compared their checksums with the published ones.

    Args:
        name: "cifar10" or "cifar100".
        root: folder that holds torchvision's files (`cifar-10-batches-py`, `cifar-100-python`).
        download: fetch them where they are missing.

    Raises:
        InputError: files that are missing or differ from the published ones.
    """
    from torchvision import datasets

    kind = {"cifar10": datasets.CIFAR10, "cifar100": datasets.CIFAR100}[name]
    sources = {}
    for split in ("train", "test"):
        try:
            files = kind(root, train=split == "train", download=download)
        except (RuntimeError, OSError) as error:
            raise InputError(
                f"{root}: no complete, unchanged files of {name} ({error}). Give the folder that holds "
                f"{kind.base_folder} with --data, or fetch it with --download."
            ) from error
        labels = np.asarray(files.targets, dtype=np.int64)
        sources[split] = CifarImages(files.data, labels, tuple(files.classes), name)
    return sources
