"""Hold a part of the training data out, class by class."""

import numpy as np
from numpy.typing import NDArray

from longtail.errors import InputError
from longtail.whole_groups import checked_labels, group_codes, grouped_folds, share_out

__all__ = ["fifth_for_choices", "grouped_holdout", "stratified_folds", "stratified_holdout"]

IntArray = NDArray[np.int64]


def stratified_holdout(
    labels: IntArray, fraction: float, seed: int, groups: IntArray | None = None
) -> tuple[IntArray, IntArray]:
    """Split indices so that each class gives the same share to the held-out part.

    A class of n images gives round(fraction n) of them, at least one where it has two or more, and never its last: a
    class with one image stays in training. Images of one group stay together; a class of few groups may therefore give
    less than its share, but more only where it would give nothing else.

    Args:
        labels: class indices, shape (N,).
        fraction: share to hold out, 0 to below 1.
        seed: of the choice.
        groups: a number for each image, shape (N,); those of one number stay on one side. Where all are different the
            result is that without groups.

    Returns:
        Indices that stay and indices that are held out, both rising.

    Raises:
        InputError: the fraction is out of range.

    Example:
        >>> rest, held_out = stratified_holdout(np.array([0] * 8 + [1, 1, 2]), 0.25, seed=0)
        >>> np.bincount([0] * 8 + [1, 1, 2], minlength=3)[:3].tolist(), len(held_out)
        ([8, 2, 1], 3)
    """
    if not 0 <= fraction < 1:
        raise InputError(f"the held-out fraction is {fraction}; expected at least 0 and below 1.")
    labels = np.asarray(labels)
    if fraction == 0:
        return np.arange(len(labels)), np.empty(0, dtype=np.int64)
    rng = np.random.default_rng(seed)
    # a random order of all images, stably sorted by class: each class's images in random order
    shuffled = rng.permutation(len(labels))
    ordered = shuffled[np.argsort(labels[shuffled], kind="stable")]
    counts = np.bincount(labels)
    wanted = np.maximum(np.rint(counts * fraction), 1).astype(np.int64)
    wanted = np.minimum(wanted, np.maximum(counts - 1, 0))
    if groups is not None and len(np.unique(groups)) < len(labels):
        is_held_out = _whole_groups(labels, np.asarray(groups), ordered, wanted)
        return np.flatnonzero(~is_held_out), np.flatnonzero(is_held_out)
    place = np.arange(len(labels)) - np.repeat(np.cumsum(counts) - counts, counts)
    is_held_out = place < np.repeat(wanted, counts)
    return np.sort(ordered[~is_held_out]), np.sort(ordered[is_held_out])


def _whole_groups(labels: IntArray, groups: IntArray, ordered: IntArray, wanted: IntArray) -> NDArray[np.bool_]:
    """Hold groups out in the order of their first images, each that fits into what its classes have still to give."""
    members: dict[int, list[int]] = {}
    for row in ordered.tolist():
        members.setdefault(int(groups[row]), []).append(row)
    counts = np.bincount(labels)
    given = np.zeros_like(wanted)
    is_held_out = np.zeros(len(labels), dtype=bool)

    def hold_out(rows: list[int], most: IntArray) -> None:
        group_counts = np.bincount(labels[rows], minlength=len(wanted))
        if not is_held_out[rows[0]] and (given + group_counts <= most)[group_counts > 0].all():
            is_held_out[rows] = True
            given[:] += group_counts

    for rows in members.values():
        if len(rows) == 1:  # nearly all of them are
            label = labels[rows[0]]
            if given[label] < wanted[label]:
                is_held_out[rows[0]] = True
                given[label] += 1
        else:
            hold_out(rows, wanted)
    # a class all of whose groups are too large gives its smallest, as long as some image of each class stays
    for rows in sorted(members.values(), key=len):
        if any(given[labels[row]] == 0 and wanted[labels[row]] > 0 for row in rows):
            hold_out(rows, np.maximum(counts - 1, 0))
    return is_held_out


def grouped_holdout(labels: IntArray, groups: IntArray, fraction: float, seed: int) -> tuple[IntArray, IntArray]:
    """Split indices so that groups stay whole and each class gives as near the same share as can be.

    A class of one group gives nothing; one of two or more gives a group and keeps one, unless classes of fewer groups
    need them elsewhere. So a class of large groups gives more than its share; `stratified_holdout`, which is for copies
    of images, holds no group out that has more.

    Args:
        labels: class indices, shape (N,).
        groups: a number for each image, shape (N,); those of one number stay on one side. Where all are different the
            result is that of `stratified_holdout`.
        fraction: share to hold out, 0 to below 1.
        seed: of the choice.

    Returns:
        Indices that stay and indices that are held out, both rising.

    Raises:
        InputError: the fraction is out of range, or labels or groups are none.

    Example:
        >>> groups = np.repeat([0, 1, 2], [6, 6, 3])
        >>> rest, held_out = grouped_holdout(np.repeat([0, 1], [12, 3]), groups, 0.2, seed=0)
        >>> len(held_out), bool((groups[held_out] == 2).any())
        (6, False)
    """
    labels = checked_labels(labels)
    codes = group_codes(groups, len(labels))
    if not 0 < fraction < 1 or codes.max() == len(labels) - 1:
        return stratified_holdout(labels, fraction, seed)
    is_held_out = share_out(labels, codes, np.array([1 - fraction, fraction]), seed).part_of[codes] == 1
    return np.flatnonzero(~is_held_out), np.flatnonzero(is_held_out)


def fifth_for_choices(labels: IntArray, seed: int, groups: IntArray | None = None) -> tuple[IntArray, IntArray]:
    """Hold a fifth of each class out, to choose a setting on where there is no validation split.

    Args:
        labels: class indices, shape (N,).
        seed: of the choice.
        groups: a number for each row, shape (N,); those of one number stay on one side, as `grouped_holdout` has it.

    Returns:
        Indices that stay and indices that are held out, both rising; some of each.

    Raises:
        InputError: each class has a single row, or a single group.
    """
    if groups is None:
        rest, held_out = stratified_holdout(labels, 0.2, seed)
    else:
        rest, held_out = grouped_holdout(labels, groups, 0.2, seed)
    if not len(held_out):
        one = "row" if groups is None else "group, or groups that such classes need"
        raise InputError(
            f"there is no validation split, and none can be held out of train, where each class has a single {one}: "
            "nothing can be chosen. Expected validation features, or methods without a choice, such as joint and ncm."
        )
    return rest, held_out


def stratified_folds(labels: IntArray, num_folds: int, seed: int, groups: IntArray | None = None) -> IntArray:
    """Share rows out to folds so that each fold has the same share of each class, but for rounding.

    No fold has all rows of a class of two or more, so that every class can be learnt without any one fold; a class of
    one row is in no fold.

    Args:
        labels: class indices, shape (N,).
        num_folds: at least 2.
        seed: of the choice.
        groups: a number for each row, shape (N,); those of one number are in one fold, as `grouped_folds` has it. Where
            all are different the result is that without groups.

    Returns:
        Number of each row's fold, or -1, shape (N,).

    Raises:
        InputError: fewer than 2 folds.

    Example:
        >>> folds = stratified_folds(np.array([0] * 6 + [1, 1, 2]), 3, seed=0)
        >>> np.bincount(folds[:6]).tolist(), folds[6] != folds[7], int(folds[8])
        ([2, 2, 2], np.True_, -1)
    """
    if num_folds < 2:
        raise InputError(f"{num_folds} folds; expected at least 2.")
    labels = np.asarray(labels)
    if groups is not None and len(np.unique(groups)) < len(labels):
        return grouped_folds(labels, groups, num_folds, seed)
    shuffled = np.random.default_rng(seed).permutation(len(labels))
    ordered = shuffled[np.argsort(labels[shuffled], kind="stable")]
    counts = np.bincount(labels)
    # one class goes on in the folds where the one before it stopped: the folds stay equally large
    folds = np.empty(len(labels), dtype=np.int64)
    folds[ordered] = np.arange(len(labels)) % num_folds
    folds[counts[labels] == 1] = -1
    return folds
