"""Bring an assignment of groups nearer to what is wished, by moves and swaps that break no promise."""

import numpy as np
from numpy.typing import NDArray

from longtail.whole_groups.assignment import Assignment
from longtail.whole_groups.group_counts import GroupCounts
from longtail.whole_groups.search import Search

__all__ = ["fill", "improve", "rarest_first"]

IntArray = NDArray[np.int64]

_SMALLEST_GAIN = 1e-12
_SWEEPS = 3
# a group is exchanged with the best of so many others, in so many parts; in one sweep so many groups look for one
_OTHERS, _PARTS, _SWAPPING = 64, 3, 5_000
# few groups are shaken: some are put anywhere, promises mended, and what is not better is taken back
_SHAKEN = 300


def rarest_first(assignment: Assignment, rng: np.random.Generator) -> IntArray:
    """Order groups by their rarest class (fewest groups), then by size, the largest first, then at random."""
    counts = assignment.counts
    rarest = np.minimum.reduceat(counts.groups_of_class[counts.classes], counts.starts[:-1])
    sizes = counts.counts[counts.starts[1:] - 1]
    return np.lexsort((rng.permutation(counts.num_groups), -sizes, rarest))


def fill(assignment: Assignment, order: IntArray, num_parts: int) -> None:
    """Move each group in turn to the best of the first parts that is allowed, worse than where it is or not."""
    for group in order.tolist():
        added = assignment.changes_of_one(group)[:num_parts]
        part = int(added.argmin())
        if np.isfinite(added[part]):
            assignment.move(group, part)


def improve(assignment: Assignment, order: IntArray, rng: np.random.Generator) -> None:
    """Move and exchange groups for as long as that brings the assignment nearer to what is wished.

    Args:
        assignment: changed in place; `least` and `most` hold before and after.
        order: of the groups, when they are moved.
        rng: for which groups are exchanged.
    """
    _descend(assignment, order, rng)
    search, num_groups = Search(assignment, attempts=0), len(order)
    for _ in range(_SHAKEN // num_groups):
        best, distance = assignment.part_of.copy(), assignment.distance
        for group in rng.permutation(num_groups)[: rng.integers(1, num_groups // 4 + 2)].tolist():
            search.force(group, int(rng.integers(assignment.present.shape[1])))
        _descend(assignment, order, rng)
        if assignment.distance > distance - _SMALLEST_GAIN:
            for group in np.flatnonzero(assignment.part_of != best).tolist():
                assignment.move(group, int(best[group]))


def _descend(assignment: Assignment, order: IntArray, rng: np.random.Generator) -> None:
    for _ in range(_SWEEPS):
        before = assignment.distance
        _move_all(assignment, order)
        _swap_all(assignment, rng)
        if assignment.distance > before - _SMALLEST_GAIN:
            return


def _move_all(assignment: Assignment, order: IntArray) -> None:
    """Move groups, each to its best part, until none gains."""
    for _ in range(_SWEEPS):
        gains = assignment.changes(order).min(axis=1) < -_SMALLEST_GAIN
        if not gains.any():
            return
        for group in order[gains].tolist():
            added = assignment.changes_of_one(group)
            part = int(added.argmin())
            if added[part] < -_SMALLEST_GAIN:
                assignment.move(group, part)


def _swap_all(assignment: Assignment, rng: np.random.Generator) -> None:
    """Exchange groups, each with the best of some others."""
    num_parts = assignment.present.shape[1]
    for group in rng.permutation(assignment.counts.num_groups)[:_SWAPPING].tolist():
        pool = _others(assignment.counts, group, rng)
        for part in rng.permutation(num_parts)[:_PARTS].tolist():
            others = pool[assignment.part_of[pool] == part]
            if part == assignment.part_of[group] or not len(others):
                continue
            added = assignment.changes_of_swaps(group, part, others)
            best = int(added.argmin())
            if added[best] < -_SMALLEST_GAIN:
                assignment.move(int(others[best]), int(assignment.part_of[group]))
                assignment.move(group, part)


def _others(counts: GroupCounts, group: int, rng: np.random.Generator) -> IntArray:
    """Return groups for an exchange: all where they are few, else some that share a class with it and some others."""
    if counts.num_groups <= _OTHERS:
        return np.arange(counts.num_groups)
    classes = counts.classes_of(group)
    sharing = [counts.groups_with(label) for label in classes.tolist()]
    most = _OTHERS // (2 * len(classes)) + 1
    some = [groups if len(groups) <= most else groups[rng.integers(len(groups), size=most)] for groups in sharing]
    return np.unique(np.concatenate([*some, rng.integers(counts.num_groups, size=_OTHERS // 2)]))
