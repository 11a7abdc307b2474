"""Low-variance draws: every image of a class once before any repeats.

A shuffle is made by sorting random keys that carry what is shuffled in their low bits: a processor sorts small
integers much faster than it jumps about in memory.
"""

import os
from concurrent.futures import Future, ThreadPoolExecutor
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["BalancedRounds", "cycle_images"]

IntArray = NDArray[np.int64]

RANDOM_BITS = 12  # of a key at least: two neighbours tie, and keep their order, once in 4096 times
WIDENING = 1.15  # rows of nearly equal length are shuffled in one call, padded to the longest


class _Keys:
    """Sorting keys: random bits above, the number of what is shuffled below.

    Args:
        largest: number that must fit.
    """

    def __init__(self, largest: int) -> None:
        self.bits = max(int(largest).bit_length(), 1)
        self.kind: Any = np.uint32 if self.bits + RANDOM_BITS <= 32 else np.uint64

    def random(self, total: int, stream: np.random.SeedSequence) -> NDArray[Any]:
        """Give `total` keys whose lower bits are still 0."""
        words = -(-total * np.dtype(self.kind).itemsize // 8)
        keys: NDArray[Any] = np.random.SFC64(stream).random_raw(words).view(self.kind)[:total]
        keys <<= self.kind(self.bits)
        return keys

    def numbers(self, keys: NDArray[Any]) -> NDArray[Any]:
        """Strip the random bits, in place."""
        keys &= self.kind(2**self.bits - 1)
        return keys


class BalancedRounds:
    """Class-balanced draws in rounds: a round visits every class once, in random order, `run_length` images a visit.

    What does not depend on the epoch is laid out once. An epoch then costs two shuffles, side by side on two threads:
    the images of each class, and the classes of each round.

    Args:
        images_by_class: image indices, all of class 0 first, then class 1, ...; shape (N,).
        counts: n_c > 0 of each class, shape (C,).
        num_draws: of an epoch.
        run_length: consecutive images a visit.
    """

    def __init__(self, images_by_class: IntArray, counts: IntArray, num_draws: int, run_length: int) -> None:
        self.num_draws, self.num_classes, self.run_length = num_draws, len(counts), run_length
        self.num_rounds = -(-num_draws // (len(counts) * run_length))
        self._image_keys = _Keys(len(images_by_class) - 1)
        self._class_keys = _Keys(len(counts) - 1)
        self._class_numbers = np.arange(len(counts), dtype=self._class_keys.kind)
        visits = self.num_rounds * run_length  # images that a class gives in an epoch
        start = np.cumsum(counts) - counts
        visit = np.arange(visits)[:, None]
        # a class of n images is passed through ceil(visits / n) times; each pass is a row of a table of rows of like
        # length
        self._tables: list[NDArray[Any]] = []
        place = np.empty((visits, len(counts)), dtype=np.intp)
        self._size = 0
        lengths = np.unique(counts)
        while len(lengths):
            together = lengths[lengths <= max(lengths[0] * WIDENING, lengths[0] + 1)]
            lengths, width = lengths[len(together) :], int(together[-1])
            members = np.flatnonzero((counts >= together[0]) & (counts <= width))
            n = counts[members]
            passes = -(-visits // n)
            self._tables.append(
                self._table(images_by_class, np.repeat(n, passes), np.repeat(start[members], passes), width)
            )
            first_row = np.cumsum(passes) - passes
            place[:, members] = self._size + (first_row + visit // n) * width + visit % n
            self._size += self._tables[-1].size
        self._place = place.reshape(self.num_rounds, run_length, len(counts))

    def _table(self, images_by_class: IntArray, lengths: IntArray, starts: IntArray, width: int) -> NDArray[Any]:
        column = np.arange(width)
        entries = np.minimum(starts[:, None] + column, len(images_by_class) - 1)
        kind = self._image_keys.kind
        # padding is all ones: it sorts behind every key
        return np.where(column < lengths[:, None], images_by_class[entries], np.iinfo(kind).max).astype(kind)

    def draw(self, seed: tuple[int, ...]) -> IntArray:
        """Give the image indices of an epoch, shape (num_draws,); a pure function of the seed."""
        image_stream, class_stream = np.random.SeedSequence(seed).spawn(2)
        rounds = _second_thread().submit(self._shuffled_rounds, class_stream)
        images = self._shuffled_images(image_stream)
        classes = rounds.result()
        drawn = np.empty((self.num_rounds, self.num_classes, self.run_length), dtype=np.int64)
        half = self.num_rounds // 2
        other: Future[None] = _second_thread().submit(self._fill, drawn, images, classes, range(half))
        self._fill(drawn, images, classes, range(half, self.num_rounds))
        other.result()
        return drawn.reshape(-1)[: self.num_draws]

    def _shuffled_images(self, stream: np.random.SeedSequence) -> NDArray[Any]:
        keys = self._image_keys.random(self._size, stream)
        first = 0
        for table in self._tables:
            rows = keys[first : first + table.size].reshape(table.shape)
            rows |= table
            rows.sort(axis=1)
            first += table.size
        return self._image_keys.numbers(keys)

    def _shuffled_rounds(self, stream: np.random.SeedSequence) -> NDArray[np.intp]:
        keys = self._class_keys.random(self.num_rounds * self.num_classes, stream)
        keys = keys.reshape(self.num_rounds, self.num_classes)
        keys |= self._class_numbers
        keys.sort(axis=1)
        return self._class_keys.numbers(keys).astype(np.intp)

    def _fill(self, drawn: IntArray, images: NDArray[Any], classes: NDArray[np.intp], rounds: range) -> None:
        for number in rounds:
            for run in range(self.run_length):
                # "clip" spares numpy a check of every index; all are in range
                place = self._place[number, run].take(classes[number], mode="clip")
                drawn[number, :, run] = images.take(place, mode="clip")


def _second_thread() -> ThreadPoolExecutor:
    return _pool_of(os.getpid())


@lru_cache(maxsize=1)
def _pool_of(process: int) -> ThreadPoolExecutor:
    # one a process: a forked worker of a DataLoader inherits the object, but not its thread
    return ThreadPoolExecutor(1)


def cycle_images(classes: IntArray, images_by_class: IntArray, counts: IntArray, rng: np.random.Generator) -> IntArray:
    """Turn a sequence of classes into images: every image of a class once, in random order, before any repeats.

    Args:
        classes: class of each draw, shape (M,).
        images_by_class: image indices, all of class 0 first, then class 1, ...; shape (N,).
        counts: n_c of each class, shape (C,).
        rng: of the order.

    Returns:
        Image indices, shape (M,).
    """
    visits = np.bincount(classes, minlength=len(counts))
    passes = np.where(visits > 0, -(-visits // np.maximum(counts, 1)), 0)
    lengths = np.repeat(counts, passes)  # of each pass, class by class
    start = np.repeat(np.repeat(np.cumsum(counts) - counts, passes), lengths)
    number = np.repeat(np.arange(len(lengths)), lengths)
    within = np.arange(len(number)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    shuffled = (start + within)[np.lexsort((rng.random(len(number)), number))]
    # the j-th draw of a class takes the j-th entry of that class's passes
    order = np.argsort(classes, kind="stable")
    rank = np.empty(len(classes), dtype=np.int64)
    rank[order] = np.arange(len(classes)) - np.repeat(np.cumsum(visits) - visits, visits)
    entries = counts * passes
    first = np.cumsum(entries) - entries
    drawn: IntArray = images_by_class[shuffled[first[classes] + rank]]
    return drawn
