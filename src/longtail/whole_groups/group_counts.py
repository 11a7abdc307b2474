"""How many rows of each class each group has, as a sparse table that can be read from either side."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["GroupCounts", "group_counts"]

IntArray = NDArray[np.int64]


@dataclass(frozen=True)
class GroupCounts:
    """Rows of each class in each group; entries of one group lie together, and each group's last entry is all its rows.

    A class after the last one, `num_classes`, stands for all rows.

    Attributes:
        starts: where each group's entries begin, and where the last one's end, shape (G + 1,).
        classes: class of each entry, shape (entries,).
        counts: rows of each entry, shape (entries,).
        class_starts: where each class's groups begin in `class_groups`, shape (C + 2,).
        class_groups: groups of each class, rising, shape (entries,).
        totals: rows of each class and of all, shape (C + 1,).
        groups_of_class: number of groups of each class and of all, shape (C + 1,).
    """

    starts: IntArray
    classes: IntArray
    counts: IntArray
    class_starts: IntArray
    class_groups: IntArray
    totals: IntArray
    groups_of_class: IntArray

    @property
    def num_groups(self) -> int:
        """Number of groups."""
        return len(self.starts) - 1

    @property
    def num_classes(self) -> int:
        """Number of classes, those without rows included."""
        return len(self.totals) - 1

    def entries_of(self, groups: IntArray) -> tuple[IntArray, IntArray]:
        """Return the entries of some groups, one group after the other, and where each group's begin."""
        lengths = self.starts[groups + 1] - self.starts[groups]
        ends = np.cumsum(lengths)
        return np.arange(ends[-1]) + np.repeat(self.starts[groups] - ends + lengths, lengths), ends - lengths

    def groups_with(self, label: int) -> IntArray:
        """Return the groups that have rows of a class."""
        return self.class_groups[self.class_starts[label] : self.class_starts[label + 1]]

    def classes_of(self, group: int) -> IntArray:
        """Return the classes of which a group has rows."""
        return self.classes[self.starts[group] : self.starts[group + 1] - 1]


def group_counts(labels: IntArray, codes: IntArray) -> GroupCounts:
    """Count the rows of each class in each group.

    Args:
        labels: class indices, shape (N,), at least one.
        codes: group of each row, 0 to G - 1, each of them taken, shape (N,).

    Returns:
        The table of G groups and as many classes as the largest label asks for.

    Example:
        >>> counts = group_counts(np.array([0, 0, 1]), np.array([0, 1, 1]))
        >>> counts.classes_of(1).tolist(), counts.groups_with(0).tolist(), counts.totals.tolist()
        ([0, 1], [0, 1], [2, 1, 3])
    """
    num_classes = int(labels.max()) + 1
    width = num_classes + 1
    pairs = np.concatenate([codes * width + labels, codes * width + num_classes])
    pairs, counts = np.unique(pairs, return_counts=True)
    groups, classes = pairs // width, pairs % width
    groups_of_class = np.bincount(classes, minlength=width)
    return GroupCounts(
        starts=np.concatenate([[0], np.cumsum(np.bincount(groups))]),
        classes=classes,
        counts=counts.astype(np.int64),
        class_starts=np.concatenate([[0], np.cumsum(groups_of_class)]),
        class_groups=groups[np.argsort(classes, kind="stable")],
        totals=np.bincount(labels, minlength=width) + np.where(np.arange(width) == num_classes, len(labels), 0),
        groups_of_class=groups_of_class,
    )
