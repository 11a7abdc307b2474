"""Share groups out to train and what is split off it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from longtail.whole_groups.assignment import Assignment
from longtail.whole_groups.group_counts import group_counts
from longtail.whole_groups.improvement import improve, rarest_first
from longtail.whole_groups.promises import BrokenPromise, keep_promises

__all__ = ["SharedOut", "share_out"]

IntArray = NDArray[np.int64]
FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class SharedOut:
    """Groups that were shared out to parts.

    Attributes:
        part_of: part of each group, shape (G,).
        shares: share that each part has of each class and, last, of all rows, shape (C + 1, S); 0 of classes without.
        distance: from the wish, as `Assignment` has it.
        broken: promises that could not be kept.
        totals: rows of each class, shape (C,).
        groups_of_class: number of groups of each class, shape (C,).
    """

    part_of: IntArray
    shares: FloatArray
    distance: float
    broken: tuple[BrokenPromise, ...]
    totals: IntArray
    groups_of_class: IntArray


def share_out(labels: IntArray, codes: IntArray, wishes: FloatArray, seed: int) -> SharedOut:
    """Share groups out: promises first, then as near to the wish as moves and exchanges of groups bring it.

    Args:
        labels: class indices, shape (N,), at least one.
        codes: group of each row, 0 to G - 1, each of them taken, shape (N,).
        wishes: share of each part, train first, together 1, shape (S,).
        seed: of the order of groups.

    Returns:
        The part of each group, and how far it is from the wish.

    Example:
        >>> labels, codes = np.repeat([0, 1], [8, 2]), np.array([0, 0, 1, 1, 2, 2, 3, 3, 4, 5])
        >>> shared = share_out(labels, codes, np.array([0.75, 0.25]), seed=0)
        >>> shared.shares.tolist(), round(shared.distance, 2)
        ([[0.75, 0.25], [0.5, 0.5], [0.7, 0.3]], 0.35)
    """
    rng = np.random.default_rng(seed)
    # of groups that are equally good, the seed says which one is taken
    numbers = rng.permutation(int(codes.max()) + 1)
    counts = group_counts(labels, numbers[codes])
    assignment = Assignment(counts, wishes, part=0)
    broken = keep_promises(assignment)
    if len(wishes) > 1:
        improve(assignment, rarest_first(assignment, rng), rng)
    # what was not found at its turn may have come about since
    broken = [one for one in broken if not assignment.present[one.label, one.part]]
    shares = np.zeros(assignment.present.shape)
    parts = np.repeat(assignment.part_of, np.diff(counts.starts))
    np.add.at(shares, (counts.classes, parts), counts.counts)
    shares /= np.maximum(counts.totals, 1)[:, None]
    return SharedOut(
        part_of=assignment.part_of[numbers],
        shares=shares,
        distance=assignment.distance,
        broken=tuple(broken),
        totals=counts.totals[:-1],
        groups_of_class=counts.groups_of_class[:-1],
    )
