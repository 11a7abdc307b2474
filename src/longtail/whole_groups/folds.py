"""Share groups out to folds."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from longtail.errors import InputError
from longtail.whole_groups.assignment import Assignment
from longtail.whole_groups.group_counts import group_counts
from longtail.whole_groups.improvement import fill, improve, rarest_first
from longtail.whole_groups.row_arrays import checked_labels, group_codes

__all__ = ["grouped_folds"]

IntArray = NDArray[np.int64]


def grouped_folds(labels: Any, groups: Any, num_folds: int, seed: int) -> IntArray:
    """Share rows out to folds, each group whole, so that each fold has as near the same share of each class as can be.

    No fold has all groups of a class of two or more, so that every class can be learnt without any one fold. A group
    that holds a class of one group is in no fold: its rows are always learnt from. So is, rarely, a group that no fold
    could take without having all groups of some class: two groups a class and two folds, say, in a ring of three.
    What is made small is the distance that `Assignment` has, with a share of 1 / `num_folds` for each fold.

    Args:
        labels: class indices, shape (N,).
        groups: what tells the group of each row, numbers or strings, shape (N,).
        num_folds: at least 2.
        seed: of the order of groups.

    Returns:
        Number of each row's fold, or -1, shape (N,).

    Raises:
        InputError: fewer than 2 folds, or labels or groups that are none.

    Example:
        >>> folds = grouped_folds([0, 0, 0, 0, 1, 1, 2], ["a", "a", "b", "c", "b", "c", "d"], 2, seed=0)
        >>> folds[0] == folds[1], folds[2] != folds[3], int(folds[6])
        (np.True_, np.True_, -1)
    """
    if num_folds < 2:
        raise InputError(f"{num_folds} folds; expected at least 2.")
    labels = checked_labels(labels)
    codes = group_codes(groups, len(labels))
    counts = group_counts(labels, codes)
    is_single = counts.groups_of_class[counts.classes] == 1
    is_single[counts.starts[1:] - 1] = False
    is_learnt_from = np.logical_or.reduceat(is_single, counts.starts[:-1])
    is_free = ~is_learnt_from[codes]
    result = np.full(len(labels), -1)
    if is_free.any():
        # a class with rows that are always learnt from may be in one fold with all others
        groups_of_class = np.where(
            np.bincount(labels[~is_free], minlength=counts.num_classes) > 0, len(codes), counts.groups_of_class[:-1]
        )
        result[is_free] = _folds(labels[is_free], codes[is_free], groups_of_class, num_folds, seed)
    return result


def _folds(labels: IntArray, codes: IntArray, groups_of_class: IntArray, num_folds: int, seed: int) -> IntArray:
    """Return the fold of each row; no fold has as many groups of a class as are said, and what remains has -1."""
    codes = group_codes(codes, len(codes))
    counts = group_counts(labels, codes)
    # the part after the folds is for groups that are in none
    wishes = np.where(np.arange(num_folds + 1) < num_folds, 1 / num_folds, 0.0)
    assignment = Assignment(counts, wishes, part=num_folds)
    assignment.most[:-1, :num_folds] = groups_of_class[: counts.num_classes, None] - 1
    rng = np.random.default_rng(seed)
    order = rarest_first(assignment, rng)
    fill(assignment, order, num_folds)
    improve(assignment, order, rng)
    folds = np.where(assignment.part_of == num_folds, -1, assignment.part_of)
    return folds[codes]
