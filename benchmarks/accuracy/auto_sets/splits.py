"""A data set in memory, and the ways to a smaller one."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from longtail.counts import class_counts

__all__ = ["DataSet", "Split", "at_most", "of_classes", "without_a_tenth"]

Rows = NDArray[np.int64]


@dataclass(frozen=True)
class Split:
    """Features (N, D) as float32, and class indices (N,)."""

    features: NDArray[np.float32]
    labels: Rows

    def take(self, rows: Rows) -> "Split":
        """Return some rows."""
        return Split(self.features[rows], self.labels[rows])


@dataclass(frozen=True)
class DataSet:
    """What is learnt from, chosen on and measured on.

    Attributes:
        name: of the set.
        splits: "train", "test" and, where there is one, "val"; every class has a row in train.
        head: weight (C, D) and bias (C,) of the network's own classifier, or None.
    """

    name: str
    splits: Mapping[str, Split]
    head: tuple[NDArray[np.float32], NDArray[np.float32]] | None = None

    @property
    def num_classes(self) -> int:
        """C."""
        return int(max(split.labels.max() for split in self.splits.values() if len(split.labels))) + 1

    @property
    def train_counts(self) -> Rows:
        """Training rows of each class, shape (C,)."""
        return class_counts(self.splits["train"].labels, self.num_classes)

    @property
    def fingerprint(self) -> str:
        """A word for the content of all splits; the head is none of it, since peers do not see it."""
        result = hashlib.sha256()
        for name in sorted(self.splits):
            split = self.splits[name]
            result.update(name.encode() + split.features.tobytes() + split.labels.astype(np.int64).tobytes())
        return result.hexdigest()[:16]

    def with_split(self, name: str, split: Split) -> "DataSet":
        """Return the set with another split, without the network's head."""
        return replace(self, splits={**self.splits, name: split}, head=None)


def of_classes(data: DataSet, classes: Rows) -> DataSet:
    """Keep the rows of some classes, and number these anew in the given order."""
    number = np.full(data.num_classes, -1)
    number[classes] = np.arange(len(classes))
    kept = {name: split.take(np.flatnonzero(number[split.labels] >= 0)) for name, split in data.splits.items()}
    splits = {name: Split(split.features, number[split.labels]) for name, split in kept.items()}
    return DataSet(data.name, {name: split for name, split in splits.items() if len(split.labels)})


def at_most(labels: Rows, limits: Rows, rng: np.random.Generator) -> Rows:
    """Draw at most limits[c] rows of each class c; their numbers, rising."""
    order = rng.permutation(len(labels))
    return np.sort(np.concatenate([order[labels[order] == label][:limit] for label, limit in enumerate(limits)]))


def without_a_tenth(data: DataSet, rng: np.random.Generator) -> DataSet:
    """Drop a tenth of the training rows, class by class: floor(n_c / 10) of each, drawn."""
    counts, train = data.train_counts, data.splits["train"]
    kept = train.take(at_most(train.labels, counts - counts // 10, rng))
    return replace(data, splits={**data.splits, "train": kept})
