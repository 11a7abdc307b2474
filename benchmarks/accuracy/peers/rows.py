"""Labelled rows, and how many of them a costly peer gets to see."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from longtail.counts import class_counts

__all__ = ["Rows", "is_large", "joined", "resampled", "thinned"]

LARGE = 5e8


@dataclass(frozen=True)
class Rows:
    """Features and labels of one split.

    Attributes:
        features: shape (N, D), float32.
        labels: class indices, shape (N,).
        num_classes: C.
    """

    features: NDArray[np.float32]
    labels: NDArray[np.int64]
    num_classes: int

    @property
    def counts(self) -> NDArray[np.int64]:
        """Rows of each class, shape (C,)."""
        return class_counts(self.labels, self.num_classes)

    def take(self, rows: NDArray[np.int64]) -> "Rows":
        """Return some rows."""
        return Rows(self.features[rows], self.labels[rows], self.num_classes)


def is_large(rows: Rows) -> bool:
    """Whether N C D is above 5e8, where grids become smaller; plankton has 2.3e9, CIFAR-10-LT 9e7."""
    return rows.features.size * rows.num_classes > LARGE


def joined(first: Rows, second: Rows) -> Rows:
    """Return the rows of both."""
    features = np.concatenate([first.features, second.features])
    return Rows(features, np.concatenate([first.labels, second.labels]), first.num_classes)


def thinned(rows: Rows, most: int, seed: int) -> Rows:
    """Keep at most `most` rows, taken off the largest classes: each keeps min(n_c, m) with the largest m that fits."""
    counts = np.sort(rows.counts)[::-1]
    limit = int(counts[0])
    while limit > 1 and np.minimum(counts, limit).sum() > most:
        limit -= 1
    order = np.random.default_rng(seed).permutation(len(rows.labels))
    return rows.take(np.sort(np.concatenate([own[:limit] for own in _by_class(rows, order)])))


def resampled(rows: Rows, most: int, seed: int) -> Rows:
    """Draw each class as often as the largest has rows, or `most` / C times where that is less.

    Classes with fewer rows are drawn with replacement, after each of their rows was taken once.
    """
    rng = np.random.default_rng(seed)
    wanted = max(1, min(int(rows.counts.max()), most // rows.num_classes))
    chosen = []
    for own in _by_class(rows, rng.permutation(len(rows.labels))):
        more = rng.choice(own, max(0, wanted - len(own)))
        chosen.append(np.concatenate([own[:wanted], more]))
    return rows.take(rng.permutation(np.concatenate(chosen)))


def _by_class(rows: Rows, order: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    """Return the rows of each class, in the given order."""
    labels = rows.labels[order]
    return [order[labels == label] for label in range(rows.num_classes)]
