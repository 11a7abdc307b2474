"""Images that are files, however their paths and labels were found."""

from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from longtail.data.decode import decode_image, read_bytes

__all__ = ["ImageFiles"]


class ImageFiles:
    """An image source over files.

    Args:
        paths: of the images, N of them.
        labels: class indices, shape (N,).
        class_names: C names.
        name: of the data set.
    """

    def __init__(self, paths: list[Path], labels: ArrayLike, class_names: tuple[str, ...], name: str) -> None:
        self.paths = paths
        self.class_names = class_names
        self.name = name
        self._labels = np.asarray(labels, dtype=np.int64)

    @property
    def labels(self) -> NDArray[np.int64]:
        """Class indices, shape (N,)."""
        return self._labels

    def __len__(self) -> int:
        return len(self.paths)

    def load(self, index: int) -> Tensor:
        """Decode one image: uint8, shape (3, H, W)."""
        return decode_image(self.encoded(index), str(self.paths[index]))

    def encoded(self, index: int) -> bytes:
        """Give the bytes of one image file."""
        return read_bytes(self.paths[index])

    def identify(self, index: int) -> str:
        """Name one image by its path."""
        return str(self.paths[index])
