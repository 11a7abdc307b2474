"""Split rows into train, val and test so that each group stays whole and every class is where it can be."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from longtail.errors import InputError, did_you_mean
from longtail.whole_groups.folds import grouped_folds
from longtail.whole_groups.row_arrays import checked_labels, group_codes
from longtail.whole_groups.splits import SharedOut, share_out

__all__ = ["GivenUp", "GroupedSplit", "carved_in_groups", "grouped_folds", "grouped_split"]

IntArray = NDArray[np.int64]
FloatArray = NDArray[np.float64]

_SPLITS = ("test", "val")  # after train, in the order in which classes are promised to be in them
_SHOWN = 3


@dataclass(frozen=True)
class GivenUp:
    """A class that has enough groups for a split and yet is not in it.

    Attributes:
        label: class index.
        split: "test" or "val".
        reason: "impossible" where no split keeps this promise beside those that come first, "not found" where the
            search for one was given up.
        needed_by: classes that come first and need groups of this one where they are.
    """

    label: int
    split: str
    reason: Literal["impossible", "not found"]
    needed_by: tuple[int, ...]


@dataclass(frozen=True)
class GroupedSplit:
    """Rows of each split, and what can be said of them.

    Attributes:
        rows: of "train", "test" and "val", as far as they were made: rising indices.
        num_groups: number of groups of each of them.
        groups_of_class: number of groups of each class, shape (C,).
        absent: of "test" and "val" the classes that have rows, but none there.
        wished: share of each split.
        reached: share of all rows that each split has.
        class_shares: share of each class's rows that each split has, in the order of `rows`, shape (C, S); 0 of classes
            without rows.
        given_up: promises that could not be kept.
        distance: sum over splits of |reached - wished|, and the mean over classes of the same sum of its shares; 0 at
            best.
        seed: as given.
    """

    rows: Mapping[str, IntArray]
    num_groups: Mapping[str, int]
    groups_of_class: IntArray
    absent: Mapping[str, tuple[int, ...]]
    wished: Mapping[str, float]
    reached: Mapping[str, float]
    class_shares: FloatArray
    given_up: tuple[GivenUp, ...]
    distance: float
    seed: int

    @property
    def not_measurable(self) -> tuple[int, ...]:
        """Classes that have rows, but none in test."""
        return self.absent.get("test", ())

    @property
    def not_choosable(self) -> tuple[int, ...]:
        """Classes that have rows, but none in val."""
        return self.absent.get("val", ())

    def sentences(self, class_names: Sequence[str] | None = None) -> tuple[str, ...]:
        """Return what a person should know of this split.

        Args:
            class_names: of the classes; their indices where there are none.
        """
        names = [str(name) for name in (range(len(self.groups_of_class)) if class_names is None else class_names)]
        shares = ", ".join(
            f"{split} {self.num_groups[split]:,} groups with {len(rows):,} rows ({100 * self.reached[split]:.1f} %, "
            f"wished {100 * self.wished[split]:.1f} %)"
            for split, rows in self.rows.items()
        )
        result = [f"no group is in two splits: {shares}; seed {self.seed}"]
        for split, few in (("test", 2), ("val", 3 if "test" in self.rows else 2)):
            scarce = [label for label in self.absent.get(split, ()) if self.groups_of_class[label] < few]
            if scarce:
                result.append(
                    f"classes of {'one group' if few == 2 else 'one or two groups'}, which have none left for {split}: "
                    f"{_listed(scarce, names)}; {split} figures say nothing of them"
                )
        return (*result, *(self._sentence(one, names) for one in self.given_up))

    def _sentence(self, one: GivenUp, names: Sequence[str]) -> str:
        beginning = (
            f"{names[one.label]} is not in {one.split} although it has {self.groups_of_class[one.label]:,} groups"
        )
        if one.reason == "not found":
            return f"{beginning}: no way was found that keeps all rarer classes where they should be"
        others = f" ({_listed(one.needed_by, names)})" if one.needed_by else ""
        return f"{beginning}: they are needed elsewhere by classes that come first{others}"


def grouped_split(
    labels: Any, groups: Any, fractions: Mapping[str, float] | None = None, seed: int = 0
) -> GroupedSplit:
    r"""Split rows into train, test and val; each group stays whole, and rare classes come first.

    A class of one group is in train; of two groups in train and test; of three or more in train, test and val. Groups
    may hold several classes, so that not all of this may be possible together. Every class is in train, always. Then a
    class of fewer groups comes before one of more (of equally many the one of fewer rows), and its test before its val:
    a promise is given up where it cannot be kept beside those before it, and said to be.

    Among such splits, one is looked for in which shares are near the wish; small is

    $$\sum_s |N_s / N - w_s| + \frac{1}{C} \sum_c \sum_s |n_{cs} / n_c - w_s|$$

    with $N_s$ of N rows in split s, $n_{cs}$ of the $n_c$ rows of class c, its wished share $w_s$, and C classes that
    have rows. Groups are moved, those with the rarest classes and then the largest first, and exchanged, until that
    does not help; on small data this nearly always ends at the smallest distance that there is.

    Args:
        labels: class indices, shape (N,).
        groups: what tells the group of each row, numbers or strings, shape (N,). What groups are called is no matter.
        fractions: share of "test" and "val"; one that is 0 or missing is not made, and where "test" is not made val has
            its place. 0.2 and 0.1 where nothing is given.
        seed: of the order in which groups are taken.

    Returns:
        The rows of each split, what cannot be measured or chosen, and what was given up.

    Raises:
        InputError: labels, groups or fractions that are none.

    Example:
        >>> labels = [0, 0, 0, 0, 0, 0, 1, 1, 2]
        >>> groups = ["a", "a", "b", "c", "c", "d", "e", "f", "g"]
        >>> split = grouped_split(labels, groups, {"test": 0.2, "val": 0.2})
        >>> {name: len(rows) for name, rows in split.rows.items()}, split.not_measurable, split.not_choosable
        ({'train': 5, 'test': 2, 'val': 2}, (2,), (1, 2))
    """
    labels = checked_labels(labels)
    codes = group_codes(groups, len(labels))
    wished = _wished({"test": 0.2, "val": 0.1} if fractions is None else fractions)
    shared = share_out(labels, codes, np.array(list(wished.values())), seed)
    parts = dict(enumerate(wished))
    part_of_row = shared.part_of[codes]
    return GroupedSplit(
        rows={split: np.flatnonzero(part_of_row == part) for part, split in parts.items()},
        num_groups={split: int((shared.part_of == part).sum()) for part, split in parts.items()},
        groups_of_class=shared.groups_of_class,
        absent={split: _absent(shared, part) for part, split in parts.items() if part},
        wished=wished,
        reached={split: float(shared.shares[-1, part]) for part, split in parts.items()},
        class_shares=shared.shares[:-1],
        given_up=tuple(GivenUp(one.label, parts[one.part], one.reason, one.needed_by) for one in shared.broken),
        distance=shared.distance,
        seed=seed,
    )


def carved_in_groups(labels: Any, groups: Any, missing: Mapping[str, float], seed: int) -> GroupedSplit:
    """Take missing splits off all rows in whole groups; of val the share is that of what test leaves.

    Args:
        labels: class indices, shape (N,).
        groups: what tells the group of each row, shape (N,).
        missing: share of "test" and "val", as they are taken off one after the other where there are no groups.
        seed: as of `grouped_split`.

    Returns:
        As `grouped_split`.

    Example:
        >>> split = carved_in_groups([0] * 10, range(10), {"test": 0.2, "val": 0.5}, seed=0)
        >>> {name: len(rows) for name, rows in split.rows.items()}
        {'train': 4, 'test': 2, 'val': 4}
    """
    rest = 1 - missing.get("test", 0.0)
    return grouped_split(
        labels, groups, {split: share * (rest if split == "val" else 1) for split, share in missing.items()}, seed
    )


def _absent(shared: SharedOut, part: int) -> tuple[int, ...]:
    there = (shared.shares[:-1, part] == 0) & (shared.totals > 0)
    return tuple(np.flatnonzero(there).tolist())


def _wished(fractions: Mapping[str, float]) -> dict[str, float]:
    """Return the share of each split that is made, train first."""
    for split, share in fractions.items():
        if split not in _SPLITS:
            raise InputError(f"`fractions` names {split!r}; expected test or val.{did_you_mean(split, _SPLITS)}")
        if not 0 <= share < 1:
            raise InputError(f"`fractions` has {share} for {split}; expected at least 0 and below 1.")
    made = {split: float(fractions[split]) for split in _SPLITS if fractions.get(split)}
    if sum(made.values()) >= 1:
        raise InputError(f"`fractions` leave nothing for train: {sum(made.values()):g} in all; expected below 1.")
    return {"train": 1 - sum(made.values()), **made}


def _listed(labels: Sequence[int], names: Sequence[str]) -> str:
    more = f" and {len(labels) - _SHOWN:,} more" if len(labels) > _SHOWN else ""
    return ", ".join(names[label] for label in labels[:_SHOWN]) + more
