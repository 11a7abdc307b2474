"""Images that lie in memory already decoded."""

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from longtail.data.fingerprint import Marks, fingerprint_of_pixels

__all__ = ["ImagesInMemory"]


class ImagesInMemory:
    """An image source over one tensor.

    Args:
        pixels: uint8, shape (N, channels, H, W).
        labels: class indices, shape (N,).
        class_names: C names.
        name: of the data set.
    """

    def __init__(self, pixels: Tensor, labels: NDArray[np.int64], class_names: tuple[str, ...], name: str) -> None:
        self._pixels = pixels
        self._labels = labels
        self._marks = Marks(len(labels))
        self.class_names = class_names
        self.name = name

    @property
    def labels(self) -> NDArray[np.int64]:
        """Class indices, shape (N,)."""
        return self._labels

    def __len__(self) -> int:
        return len(self._labels)

    def load(self, index: int, *, least: int | None = None) -> Tensor:
        """Return one image, whole: uint8, shape (channels, H, W)."""
        return self._pixels[index]

    def identify(self, index: int) -> str:
        """Name one image by its row in the official order."""
        return f"{self.name}[{index}]"

    def identity(self, index: int) -> str:
        """Name one image by its row in the official order."""
        return self.identify(index)

    def fingerprint(self, index: int) -> bytes:
        """Return 16 bytes that say what the image holds."""
        return self._marks.get(index, lambda: fingerprint_of_pixels(self._pixels[index]))

    def status(self, index: int) -> None:
        """Return None: there is no file of one image."""
        return
