"""Arrays that lie in a file and cannot be mapped: compressed ones, those in pieces. They are read block by block."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

__all__ = ["StoredArray"]

BLOCK = 2**25  # bytes that are read at once


@dataclass(frozen=True)
class StoredArray:
    """An array in a file, of which no more is read than is asked for.

    Attributes:
        shape: of the array.
        dtype: of what is read, in this machine's byte order.
        pieces: lengths in which the file keeps it, along each axis.
        read: returns the part that slices name, one an axis, as the file has the axes.
        is_turned: the axes are those of the file in the opposite order.

    Example:
        >>> kept = np.arange(6).reshape(2, 3)
        >>> stored = StoredArray(kept.shape, kept.dtype, (1, 3), kept.__getitem__)
        >>> stored.whole().tolist(), stored.turned().rows(1, 3).tolist()
        ([[0, 1, 2], [3, 4, 5]], [[1, 4], [2, 5]])
    """

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    pieces: tuple[int, ...]
    read: Callable[[tuple[slice, ...]], NDArray[Any]]
    is_turned: bool = False

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.shape)

    def __len__(self) -> int:
        return self.shape[0]

    def turned(self) -> "StoredArray":
        """Return the transpose; nothing is read."""
        return replace(self, shape=self.shape[::-1], pieces=self.pieces[::-1], is_turned=not self.is_turned)

    def rows(self, first: int, last: int) -> NDArray[Any]:
        """Read rows `first` to `last`, the last left out."""
        rest = (slice(None),) * (self.ndim - 1)
        part = slice(first, min(last, len(self)))
        return self.read((*rest, part)).T if self.is_turned else self.read((part, *rest))

    def whole(self, dtype: DTypeLike | None = None) -> NDArray[Any]:
        """Read everything into one array, with no second copy of it on the way.

        Args:
            dtype: of the result; None: as it is stored.
        """
        result = np.empty(self.shape, dtype=dtype or self.dtype)
        for first, block in self._blocks():
            result[first : first + len(block)] = block
        return result

    def _blocks(self) -> Iterator[tuple[int, NDArray[Any]]]:
        row = max(int(np.prod(self.shape[1:])) * self.dtype.itemsize, 1)
        piece = max(self.pieces[0], 1)
        # whole pieces: what is cut in two would be unpacked twice
        rows = max(BLOCK // row // piece, 1) * piece
        for first in range(0, len(self), rows):
            yield first, self.rows(first, first + rows)
