"""Shuffle many rows at once, by sorting random keys: a processor sorts small integers faster than it jumps about."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["PADDING", "RowShuffle"]

PADDING = -1  # fills up rows that are shorter than their table is wide
SPARE_BITS = 6  # a 32-bit key is long enough where fewer than one in 2^6 neighbours tie; more cost more than 64 bits


class RowShuffle:
    """Rows of numbers, each of which is shuffled on its own, again and again.

    A key holds random bits above and the number itself below, so that sorting the keys of a row shuffles its numbers.
    32 bits are sorted about twice as fast as 64, but leave so few random bits that some keys tie, and the lower number
    would always go first: tied ones are sorted once more, by fresh keys. Every order of a row is equally likely then.

    Args:
        tables: rows of numbers >= 0, each table of shape (rows, width), widths rising; PADDING at the end of a row.
        keep: leading entries of a shuffled row that are wanted, at least.
    """

    def __init__(self, tables: Sequence[NDArray[np.int64]], keep: int) -> None:
        largest = max(int(table.max()) for table in tables)
        bits = (largest + 1).bit_length()  # one more than needed: all ones is never a number, but marks padding
        self._low, self._bits = 2**bits - 1, bits
        is_short = [table.shape[1] << SPARE_BITS <= 2 ** (32 - bits) if bits < 32 else False for table in tables]
        self._shapes = [table.shape for table in tables]
        self._num_short = sum(is_short)
        short, wide = tables[: self._num_short], tables[self._num_short :]
        self._short = np.concatenate([_entries(table, np.uint32).ravel() for table in short] or [_NONE])
        self._starts_row = np.concatenate([_first_of_row(table.shape) for table in short] or [_NONE.astype(bool)])
        self._wide = [_entries(table, np.uint64) for table in wide]
        self._kind: Any = np.uint32 if bits <= 32 else np.uint64
        self.strides = [shape[1] for shape in self._shapes[: self._num_short]]
        self.strides += [min(shape[1], keep) for shape in self._shapes[self._num_short :]]
        sizes = [shape[0] * stride for shape, stride in zip(self._shapes, self.strides, strict=True)]
        *self.offsets, self._size = np.cumsum([0, *sizes]).tolist()

    def shuffle(self, stream: np.random.SeedSequence) -> NDArray[Any]:
        """Shuffle every row; row r of table t begins at offsets[t] + r * strides[t]."""
        random = np.random.SFC64(stream)
        shuffled = np.empty(self._size, dtype=self._kind)
        keys = _random_bits(random, len(self._short), np.uint32, self._bits)
        keys |= self._short
        for rows in self._tables_of(keys):
            rows.sort(axis=1)
        self._break_ties(keys, random)
        np.bitwise_and(keys, np.uint32(self._low & 0xFFFFFFFF), out=shuffled[: len(keys)])
        for table, entries in enumerate(self._wide, start=self._num_short):
            wide = _random_bits(random, entries.size, np.uint64, self._bits).reshape(entries.shape)
            wide |= entries
            wide.sort(axis=1)
            kept = wide[:, : self.strides[table]] & np.uint64(self._low)
            shuffled[self.offsets[table] :][: kept.size] = kept.ravel()
        return shuffled

    def _tables_of(self, keys: NDArray[Any]) -> list[NDArray[Any]]:
        shapes = self._shapes[: self._num_short]
        ends = np.cumsum([rows * width for rows, width in shapes], dtype=np.intp)
        return [part.reshape(shape) for part, shape in zip(np.split(keys, ends[:-1]), shapes, strict=True)]

    def _break_ties(self, keys: NDArray[np.uint32], random: np.random.SFC64) -> None:
        ties = np.zeros(len(keys) + 1, dtype=bool)  # with the key before
        np.less_equal(keys[1:] ^ keys[:-1], np.uint32(self._low & 0xFFFFFFFF), out=ties[1:-1])
        ties[:-1] &= ~self._starts_row
        candidates = np.flatnonzero(ties)
        ties[candidates[keys[candidates] == PADDED]] = False
        tied = np.flatnonzero(ties[:-1] | ties[1:])
        fresh = _random_bits(random, len(tied), np.uint32, self._bits) | (keys[tied] & np.uint32(self._low))
        group = np.cumsum(~ties[tied], dtype=np.uint64) << np.uint64(32)
        keys[tied] = np.sort(group | fresh).astype(np.uint32)


PADDED = np.uint32(0xFFFFFFFF)
_NONE = np.empty(0, dtype=np.uint32)


def _entries(table: NDArray[np.int64], kind: Any) -> NDArray[Any]:
    return np.where(table == PADDING, np.iinfo(kind).max, table).astype(kind)


def _first_of_row(shape: tuple[int, int]) -> NDArray[np.bool_]:
    first = np.zeros(shape, dtype=bool)
    first[:, 0] = True
    return first.ravel()


def _random_bits(random: np.random.SFC64, size: int, kind: Any, bits: int) -> NDArray[Any]:
    """Draw keys whose lower `bits` are 0."""
    words = -(-size * np.dtype(kind).itemsize // 8)
    keys: NDArray[Any] = random.random_raw(words).view(kind)[:size]
    keys <<= kind(bits)
    return keys
