"""Images that are files, however their paths and labels were found."""

import os
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from longtail.data.decode import decode_image
from longtail.data.fingerprint import Marks, fingerprint_of_file
from longtail.data.image_file import open_image_file, read_image_file
from longtail.files.text import printable

__all__ = ["ImageFiles"]

_AT_ONCE = 2**26  # bytes


class ImageFiles:
    """An image source over files.

    Args:
        paths: of the images, N of them.
        labels: class indices, shape (N,).
        class_names: C names.
        name: of the data set.
        root: folder that the images are called relative to; default: none.
        bits: of grey images of more than 8 bits, as of `decode_image`.
    """

    def __init__(
        self,
        paths: list[Path],
        labels: ArrayLike,
        class_names: tuple[str, ...],
        name: str,
        *,
        root: Path | None = None,
        bits: int | None = None,
    ) -> None:
        self.paths = paths
        self.class_names = class_names
        self.name = name
        self.root = root
        self.bits = bits
        self._labels = np.asarray(labels, dtype=np.int64)
        self._marks = Marks(len(paths))

    @property
    def labels(self) -> NDArray[np.int64]:
        """Class indices, shape (N,)."""
        return self._labels

    def __len__(self) -> int:
        return len(self.paths)

    def load(self, index: int, *, least: int | None = None) -> Tensor:
        """Decode one image: uint8, shape (3, H, W); `least` as of `decode_image`."""
        with open_image_file(self.paths[index]) as (file, size):
            # small ones at once: the disk may be far away
            content = file.read() if size < _AT_ONCE else file
            return decode_image(content, self.identify(index), bits=self.bits, least=least)

    def encoded(self, index: int) -> bytes:
        """Return the bytes of one image file."""
        return read_image_file(self.paths[index])

    def identify(self, index: int) -> str:
        """Name one image by its path, in letters that any terminal and file can hold."""
        return printable(self.paths[index])

    def identity(self, index: int) -> str:
        """Name one image by its path below the data's folder, with forward slashes; by all of it if it is elsewhere."""
        path = self.paths[index]
        below = path if self.root is None or not path.is_relative_to(self.root) else path.relative_to(self.root)
        return printable(below.as_posix())

    def fingerprint(self, index: int) -> bytes:
        """Return 16 bytes that say what the image holds."""
        return self._marks.get(index, lambda: fingerprint_of_file(self.paths[index]))

    def status(self, index: int) -> os.stat_result | None:
        """Return size and times of one image file; None where it is not there."""
        try:
            return self.paths[index].stat()
        except OSError:
            return None
