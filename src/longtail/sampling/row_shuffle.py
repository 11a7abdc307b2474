"""Shuffle the rows of a table by sorting random keys: a processor sorts small integers faster than it jumps about."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["PADDING", "RowShuffle"]

PADDING = -1  # fills up a row that is shorter than its table is wide
SPARE_BITS = 5  # keys are long enough where fewer than one neighbour in 2^5 ties


class RowShuffle:
    """A table of numbers, each row of which is shuffled on its own, again and again.

    A key holds random bits above and what is shuffled below; sorting the keys of a row shuffles it. Keys of 32 bits
    are sorted about twice as fast as those of 64, but only those that leave enough random bits shuffle well. So a key
    carries the number itself where that is short enough for the width of the table, else its column; and 64 bits
    where a row is too long for that, too. Where the random bits of two keys tie, what lies below decides: it is masked
    by random bits, so that each of the two comes first equally often.

    Args:
        numbers: at least 0, shape (rows, width); PADDING at the end of shorter rows.
        keep: entries wanted from the front of each shuffled row.

    Example:
        >>> shuffled = RowShuffle(np.array([[7, 8, 9], [4, 5, PADDING]]), keep=3).shuffle(np.random.SFC64(0))
        >>> sorted(shuffled[0].tolist()), sorted(shuffled[1, :2].tolist())
        ([7, 8, 9], [4, 5])
    """

    def __init__(self, numbers: NDArray[np.int64], keep: int) -> None:
        height, width = numbers.shape
        self.entries_per_row = min(width, keep)
        self._numbers: NDArray[Any] | None = None
        if numbers.max() >= width and not _fits_32_bits(numbers):
            self._numbers = numbers.ravel().astype(np.min_scalar_type(numbers.max()))
            self._first_of_row = width * np.arange(height)[:, None]
            numbers = np.where(numbers == PADDING, PADDING, np.arange(width))
        self._kind: Any = np.uint32 if _fits_32_bits(numbers) else np.uint64
        top = 1 << (8 * np.dtype(self._kind).itemsize - 1)  # set in padding alone, which thus is sorted to the end
        low = (1 << _bits(numbers)) - 1
        self._low, self._high = self._kind(low), self._kind(top - 1 - low)
        self._carried = np.where(numbers == PADDING, self._kind(top), numbers.astype(self._kind))

    def shuffle(self, random: np.random.SFC64) -> NDArray[Any]:
        """Draw an order of each row; give its first entries, shape (rows, entries_per_row)."""
        words = -(-self._carried.nbytes // 8)
        raw = random.random_raw(words + 1)
        mask = raw[-1].astype(self._kind) & self._low
        keys = raw[:words].view(self._kind)[: self._carried.size].reshape(self._carried.shape)
        keys &= self._high
        keys |= mask
        keys ^= self._carried
        keys.sort(axis=1)
        front: NDArray[Any] = keys[:, : self.entries_per_row] & self._low
        front ^= mask
        if self._numbers is None:
            return front
        # "clip": padding may point behind the end, and nobody asks for it
        place: NDArray[np.intp] = front.astype(np.intp) + self._first_of_row
        return self._numbers.take(place, mode="clip")


def _bits(numbers: NDArray[np.int64]) -> int:
    return max(int(numbers.max()).bit_length(), 1)


def _fits_32_bits(numbers: NDArray[np.int64]) -> bool:
    width = int(numbers.shape[1])
    return _bits(numbers) + SPARE_BITS + (width - 1).bit_length() <= 31
