"""Which part each group goes to, how far that is from what is wished, and what a change would do."""

import numpy as np
from numpy.typing import NDArray

from longtail.whole_groups.group_counts import GroupCounts

__all__ = ["Assignment"]

IntArray = NDArray[np.int64]
FloatArray = NDArray[np.float64]


class Assignment:
    r"""Groups shared out to parts, each group whole.

    The distance from the wish is

    $$\sum_s |N_s / N - w_s| + \frac{1}{C} \sum_c \sum_s |n_{cs} / n_c - w_s|$$

    with $N_s$ rows in part s of N, $n_{cs}$ rows of class c in it of $n_c$, its wished share $w_s$, and C classes that
    have rows. 0 is a perfect split; 4 the worst.

    Args:
        counts: rows of each class in each group, G groups and C classes.
        wishes: share of each part, together 1, shape (S,).
        part: to which all groups go at first.

    Attributes:
        counts: as given.
        part_of: part of each group, shape (G,).
        present: groups of each class and of all rows in each part, shape (C + 1, S).
        least: fewest groups of each class that have to be in each part, (C + 1, S); 0 at first.
        most: as many as may be there; all at first.
    """

    def __init__(self, counts: GroupCounts, wishes: FloatArray, part: int) -> None:
        self.counts = counts
        shape = (counts.num_classes + 1, len(wishes))
        self.part_of = np.full(counts.num_groups, part)
        self.present = np.zeros(shape, dtype=np.int64)
        self.present[:, part] = counts.groups_of_class
        self.least = np.zeros(shape, dtype=np.int64)
        self.most = np.repeat(counts.groups_of_class[:, None], len(wishes), axis=1)
        is_there = counts.totals > 0
        self._weights = is_there / max(is_there[:-1].sum(), 1)
        self._weights[-1] = 1.0
        # by how much the share of each class in each part is above the wish
        self._excess = np.where(np.arange(len(wishes)) == part, 1.0, 0.0) - np.repeat(wishes[None], shape[0], axis=0)
        self._steps = counts.counts / counts.totals[counts.classes]
        self._entry_weights = self._weights[counts.classes]
        # all 0 but while an exchange is looked at
        self._gone = np.zeros(shape[0])
        self._is_own, self._is_wrong = np.zeros((2, shape[0]), dtype=np.int64)

    @property
    def distance(self) -> float:
        """Distance from the wish; the formula stands above."""
        return float(self._weights @ np.abs(self._excess).sum(axis=1))

    def move(self, group: int, part: int) -> None:
        """Put a group elsewhere, allowed or not."""
        entries = slice(self.counts.starts[group], self.counts.starts[group + 1])
        classes, steps, before = self.counts.classes[entries], self._steps[entries], self.part_of[group]
        self._excess[classes, before] -= steps
        self._excess[classes, part] += steps
        self.present[classes, before] -= 1
        self.present[classes, part] += 1
        self.part_of[group] = part

    def changes(self, groups: IntArray, only_allowed: bool = True) -> FloatArray:
        """Return what moving each of some groups to each part adds to the distance; infinite where it is not allowed.

        Args:
            groups: at least one, shape (K,).
            only_allowed: False for what any move would add.

        Returns:
            Shape (K, S); 0 for the part where a group is.
        """
        entries, firsts = self.counts.entries_of(groups)
        classes, steps, weights = self.counts.classes[entries], self._steps[entries], self._entry_weights[entries]
        before = np.repeat(self.part_of[groups], np.diff(firsts, append=len(entries)))
        here, there = self._excess[classes, before], self._excess[classes]
        added = np.abs(there + steps[:, None]) - np.abs(there)
        added += (np.abs(here - steps) - np.abs(here))[:, None]
        added *= weights[:, None]
        result: FloatArray = np.add.reduceat(added, firsts)
        if only_allowed:
            _, _, is_needed = self.needed(groups)
            is_full = np.logical_or.reduceat(self.present[classes] >= self.most[classes], firsts)
            result[is_full | np.logical_or.reduceat(is_needed, firsts)[:, None]] = np.inf
        result[np.arange(len(groups)), self.part_of[groups]] = 0.0
        return result

    def needed(self, groups: IntArray) -> tuple[IntArray, IntArray, NDArray[np.bool_]]:
        """Return the classes of some groups, where each group's begin, and which of them need the group where it is."""
        entries, firsts = self.counts.entries_of(groups)
        classes, before = (
            self.counts.classes[entries],
            np.repeat(self.part_of[groups], np.diff(firsts, append=len(entries))),
        )
        return classes, firsts, self.present[classes, before] <= self.least[classes, before]

    def changes_of_one(self, group: int) -> FloatArray:
        """Return the same of one group, shape (S,)."""
        entries = slice(self.counts.starts[group], self.counts.starts[group + 1])
        classes, steps, weights = self.counts.classes[entries], self._steps[entries], self._entry_weights[entries]
        before = self.part_of[group]
        there, present = self._excess[classes], self.present[classes]
        here = there[:, before]
        result: FloatArray = weights @ (np.abs(there + steps[:, None]) - np.abs(there))
        result += weights @ (np.abs(here - steps) - np.abs(here))
        if (present[:, before] <= self.least[classes, before]).any():
            result[:] = np.inf
        else:
            result[(present >= self.most[classes]).any(axis=0)] = np.inf
        result[before] = 0.0
        return result

    def changes_of_swaps(self, group: int, part: int, others: IntArray) -> FloatArray:
        """Return what exchanging a group with each of some groups of another part adds to the distance.

        Args:
            group: that goes to `part`.
            part: another than the one where it is.
            others: groups of that part, at least one, shape (K,).

        Returns:
            Shape (K,); infinite where an exchange is not allowed.
        """
        home = self.part_of[group]
        own_entries = slice(self.counts.starts[group], self.counts.starts[group + 1])
        own, gone = self.counts.classes[own_entries], self._steps[own_entries]
        # what is missing where the group was, or too much where it goes, the other has to mend
        is_wrong = (self.present[own, home] <= self.least[own, home]) | (
            self.present[own, part] >= self.most[own, part]
        )
        self._gone[own], self._is_own[own], self._is_wrong[own] = gone, 1, is_wrong
        entries, firsts = self.counts.entries_of(others)
        classes, steps = self.counts.classes[entries], self._steps[entries]
        gone_of_entry, is_own = self._gone[classes], self._is_own[classes]
        here, there = self._excess[classes, part] + gone_of_entry, self._excess[classes, home] - gone_of_entry
        added = np.abs(there + steps) - np.abs(there) + np.abs(here - steps) - np.abs(here)
        result: FloatArray = np.add.reduceat(self._entry_weights[entries] * added, firsts)
        breaks = (self.present[classes, part] + is_own <= self.least[classes, part]) | (
            self.present[classes, home] - is_own >= self.most[classes, home]
        )
        mends = np.add.reduceat(self._is_wrong[classes], firsts)
        result[np.logical_or.reduceat(breaks, firsts) | (mends < is_wrong.sum())] = np.inf
        self._gone[own], self._is_own[own], self._is_wrong[own] = 0.0, 0, 0
        left, joined = self._excess[own, home], self._excess[own, part]
        added = np.abs(left - gone) - np.abs(left) + np.abs(joined + gone) - np.abs(joined)
        result += self._entry_weights[own_entries] @ added
        return result
