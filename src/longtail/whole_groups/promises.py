"""Bring every class into the parts that it was promised: the rarest first, and as many as can be together."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from longtail.whole_groups.assignment import Assignment
from longtail.whole_groups.search import Search

__all__ = ["BrokenPromise", "keep_promises"]


@dataclass(frozen=True)
class BrokenPromise:
    """A class that is not in a part where it was promised to be.

    Attributes:
        label: class index.
        part: number of the part.
        reason: "impossible" where no way of sharing groups out would keep it beside what comes first, "not found" where
            the search for one was given up.
        needed_by: classes that come first and need groups of this one where they are.
    """

    label: int
    part: int
    reason: Literal["impossible", "not found"]
    needed_by: tuple[int, ...]


def keep_promises(assignment: Assignment) -> list[BrokenPromise]:
    """Move groups so that classes come into the parts that are promised to them.

    A class of n groups is promised the first n of the parts. The first part comes before everything else, and all
    groups are in it at first; then the promises to classes of fewer groups come before those to classes of more, of
    equally many to those of fewer rows, and of one class in the order of the parts. A promise is kept if that can be
    done beside all kept before it.

    Args:
        assignment: all groups in its first part; changed in place. Its `least` holds the promises that are kept.

    Returns:
        What could not be kept.
    """
    counts = assignment.counts
    groups_of_class, totals = counts.groups_of_class[:-1], counts.totals[:-1]
    assignment.least[:-1, 0] = groups_of_class > 0
    search, broken = Search(assignment), []
    for label in np.lexsort((totals, groups_of_class)).tolist():
        for part in range(1, min(assignment.present.shape[1], groups_of_class[label])):
            result = search.keep(label, part)
            if result != "kept":
                broken.append(BrokenPromise(label, part, result, _needed_by(assignment, label)))
    return broken


def _needed_by(assignment: Assignment, label: int) -> tuple[int, ...]:
    """Return the other classes that hold groups of one where they are."""
    classes, _, is_needed = assignment.needed(assignment.counts.groups_with(label))
    return tuple(np.setdiff1d(classes[is_needed], [label]).tolist())
