"""Low-variance draws: every image of a class once before any repeats."""

import os
from concurrent.futures import Future, ThreadPoolExecutor
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from longtail.sampling.row_shuffle import PADDING, RowShuffle

__all__ = ["BalancedRounds", "cycle_images"]

IntArray = NDArray[np.int64]

WIDENING = 1.15  # rows of nearly equal length are shuffled in one call, padded to the longest


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
        self._rounds = RowShuffle(np.tile(np.arange(len(counts)), (self.num_rounds, 1)), keep=len(counts))
        visits = self.num_rounds * run_length  # images that a class gives in an epoch
        start = np.cumsum(counts) - counts
        visit = np.arange(visits)[:, None]
        # a class of n images is passed through ceil(visits / n) times; each pass is a row of a table of rows of like
        # length
        self._tables: list[RowShuffle] = []
        self._ends: list[int] = []
        place = np.empty((visits, len(counts)), dtype=np.intp)
        size = 0
        lengths = np.unique(counts)
        while len(lengths):
            together = lengths[lengths <= max(lengths[0] * WIDENING, lengths[0] + 1)]
            lengths, width = lengths[len(together) :], int(together[-1])
            members = np.flatnonzero((counts >= together[0]) & (counts <= width))
            n = counts[members]
            passes = -(-visits // n)
            rows = _padded(images_by_class, np.repeat(n, passes), np.repeat(start[members], passes), width)
            table = RowShuffle(rows, keep=visits)
            first_row = np.cumsum(passes) - passes
            place[:, members] = size + (first_row + visit // n) * table.entries_per_row + visit % n
            size += len(rows) * table.entries_per_row
            self._tables.append(table)
            self._ends.append(size)
        # classes are numbered anew at random: ties between keys of a round then follow no order that a person gave them
        place = place.take(np.random.default_rng(0).permutation(len(counts)), axis=1)
        self._place = place.reshape(self.num_rounds, run_length, len(counts))
        self._image_kind = np.min_scalar_type(len(images_by_class) - 1)

    def draw(self, seed: tuple[int, ...]) -> IntArray:
        """Return the image indices of an epoch, shape (num_draws,); a pure function of the seed."""
        image_stream, class_stream = np.random.SeedSequence(seed).spawn(2)
        rounds = _second_thread().submit(self._rounds.shuffle, np.random.SFC64(class_stream))
        images = self._shuffled_images(np.random.SFC64(image_stream))
        classes = rounds.result()
        drawn = np.empty((self.num_rounds, self.num_classes, self.run_length), dtype=np.int64)
        half = self.num_rounds // 2
        other: Future[None] = _second_thread().submit(self._fill, drawn, images, classes, range(half))
        self._fill(drawn, images, classes, range(half, self.num_rounds))
        other.result()
        return drawn.reshape(-1)[: self.num_draws]

    def _shuffled_images(self, random: np.random.SFC64) -> NDArray[Any]:
        images = np.empty(self._ends[-1], dtype=self._image_kind)
        for table, part in zip(self._tables, np.split(images, self._ends[:-1]), strict=True):
            part.reshape(-1, table.entries_per_row)[...] = table.shuffle(random)
        return images

    def _fill(self, drawn: IntArray, images: NDArray[Any], classes: NDArray[Any], rounds: range) -> None:
        for number in rounds:
            order = classes[number].astype(np.intp)
            for run in range(self.run_length):
                # all classes first, then their order: places are read straight through, and only a short row is jumped
                # about in; "clip" spares numpy a check of every index; all are in range
                row = images.take(self._place[number, run], mode="clip")
                drawn[number, :, run] = row.take(order, mode="clip")


def _padded(images_by_class: IntArray, lengths: IntArray, starts: IntArray, width: int) -> IntArray:
    column = np.arange(width)
    entries = np.minimum(starts[:, None] + column, len(images_by_class) - 1)
    return np.where(column < lengths[:, None], images_by_class[entries], PADDING)


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
