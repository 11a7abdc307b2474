"""CIFAR-10 and CIFAR-100 from torchvision's files."""

from pathlib import Path

import numpy as np
import torch

from longtail.class_names import check_names
from longtail.data.in_memory import ImagesInMemory
from longtail.errors import InputError

__all__ = ["open_cifar"]


def open_cifar(name: str, root: Path, *, download: bool = False) -> dict[str, ImagesInMemory]:
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
                f"{kind.base_folder} as `root`, or fetch it with `download=True`."
            ) from error
        check_names(files.classes, f"{root}: {name}")
        labels = np.asarray(files.targets, dtype=np.int64)
        pixels = torch.from_numpy(files.data).permute(0, 3, 1, 2)
        sources[split] = ImagesInMemory(pixels, labels, tuple(files.classes), name)
    return sources
