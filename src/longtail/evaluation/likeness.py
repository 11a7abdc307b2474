"""How alike the rows of one group are, and by how much a sum over them varies more for it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from longtail.evaluation.sample_groups import GroupCells

__all__ = ["SURE", "Likeness", "Spread"]

IntArray = NDArray[np.int64]
FloatArray = NDArray[np.float64]

SURE = 1e9  # degrees of freedom of what needs no estimate


@dataclass(frozen=True)
class Spread:
    """How much a weighted sum over rows varies.

    Attributes:
        alone: variance as if rows were independent.
        together: variance with rows of one group alike.
        freedom: degrees of freedom of what was estimated for it; 0 where nothing shows how alike groups are.
        sample_groups: groups with a row that counts.
    """

    alone: float
    together: float
    freedom: float
    sample_groups: int

    @property
    def design_effect(self) -> float:
        """How many times as many independent rows would vary as little."""
        return self.together / self.alone if self.alone > 0 else 1.0


@dataclass(frozen=True)
class Likeness:
    """Correlation of the values of two rows of one group, each less the mean of its class; one for all classes.

    within = sum_gc (n_gc - 1) (a_gc - b_c) / sum_gc (n_gc - 1) (v_c - b_c)
    across = sum_g sum_(c != k) e_gc e_gk / n_g  /  sum_g sum_(c != k) n_gc s_c n_gk s_k / n_g

    a_gc is the mean product of two rows of group g and class c, b_c that of two rows of class c in different groups,
    v_c their mean square: without bias, however few groups a class has. e_gc is the sum of the n_gc rows of a cell less
    the class's mean over the other groups, s_c the class's standard deviation. Both are 1 where nothing shows them: no
    class with two groups. They are taken together over classes because a rare class has too few groups for its own.

    freedom = (sum_g k_g)^2 / sum_g k_g^2 x share,  k_g = n_g - 1,  share of its class that a row finds in other groups

    Attributes:
        within: of two rows of one class, 0 to 1.
        across: of two rows of different classes, 0 to `within`.
        freedom: degrees of freedom of these estimates; 0 where all rows are of one group.
        others: rows beside it that a row finds in its group, in the mean.

    Reference:
        Fleiss, Cuzick, "The reliability of dichotomous judgments: unequal numbers of judges per subject", Applied
        Psychological Measurement 3, 1979 (pairs within against pairs between, of one class).
    """

    within: float
    across: float
    freedom: float
    others: float

    @classmethod
    def of_cells(cls, cells: GroupCells, deviations: FloatArray) -> "Likeness":
        """Estimate the likeness.

        Args:
            cells: values by group and class.
            deviations: standard deviation of a row of each class, shape (C,).
        """
        rows = cells.rows.astype(np.float64)
        class_rows, group_rows = cells.by_class(rows), cells.by_group(rows)
        outside = class_rows[cells.label] - rows
        within, across = _within(cells, rows, outside), _across(cells, rows, outside, deviations)
        # of rows that have others in their group, what each cell tells
        weight = rows * (1 - 1 / group_rows[cells.group])
        pairs = group_rows - 1
        freedom = float(pairs.sum() ** 2 / (pairs**2).sum() * (weight @ (outside / class_rows[cells.label])))
        freedom /= float(weight.sum())
        others = float(weight @ pairs[cells.group] / weight.sum())
        if within is None and across is None and len(group_rows) > 1:
            freedom = SURE  # the most that is possible needs no estimate
        most = 1.0 if within is None else within
        across = most if across is None else across
        return cls(max(most, across), across, freedom, others)

    def effective_images(self, cells: GroupCells) -> IntArray:
        """Return of how many independent rows each class knows as much, at least 1: n_c / (1 + within (m_c - 1)).

        m_c = sum_g n_gc^2 / n_c is what rows of the class find in their cell, themselves included.

        Args:
            cells: values by group and class.

        Returns:
            Whole numbers, 0 for a class without rows, shape (C,).
        """
        totals = cells.by_class(cells.rows)
        size = cells.by_class(cells.rows**2) / np.maximum(totals, 1)
        effective = np.maximum(np.rint(totals / (1 + self.within * (np.maximum(size, 1) - 1))), 1)
        return np.where(totals > 0, effective, 0).astype(np.int64)

    def spread(self, cells: GroupCells, weights: FloatArray, deviations: FloatArray) -> Spread:
        """Return how much the sum of the rows' values, each times the weight of its class, varies.

        Args:
            cells: values by group and class.
            weights: of a row of each class, shape (C,).
            deviations: standard deviation of a row of each class, shape (C,).
        """
        each = (weights * deviations)[cells.label]
        of_cell = cells.rows * each
        alone = float(cells.rows @ each**2)
        within = float((cells.rows * (cells.rows - 1)) @ each**2)
        across = float((cells.by_group(of_cell) ** 2 - cells.by_group(of_cell**2)).sum())
        more = self.within * within + self.across * max(across, 0.0)
        shown = len(np.unique(cells.group[weights[cells.label] > 0]))
        freedom = self._freedom(alone, within + max(across, 0.0), more)
        return Spread(alone, alone + more, freedom, shown)

    def _freedom(self, alone: float, pairs: float, more: float) -> float:
        """Return the degrees of freedom of a sum whose rows have more or fewer others than those that were seen."""
        if not pairs > 0 or not alone > 0 or self.freedom in (0.0, SURE):
            return SURE if self.freedom else 0.0
        common, others = more / pairs, pairs / alone
        ratio = others / (1 + others * common) * (1 + self.others * common) / self.others
        return min(self.freedom / ratio**2, SURE)


def _within(cells: GroupCells, rows: FloatArray, outside: FloatArray) -> float | None:
    totals, class_rows = cells.by_class(cells.total), cells.by_class(rows)
    # products of two rows in different groups
    pairs = class_rows**2 - cells.by_class(rows**2)
    between = (totals**2 - cells.by_class(cells.total**2)) / np.maximum(pairs, 1)
    variance = cells.by_class(cells.squares) / np.maximum(class_rows, 1) - between
    used = (outside > 0) & (rows > 1)
    known = float(((rows - 1) * variance[cells.label])[used].sum())
    if not used.any() or known < 1e-9:
        # no two groups to compare, or no two values that differ
        return 0.0 if used.any() else None
    alike = (cells.total**2 - cells.squares) / rows - (rows - 1) * between[cells.label]
    return float(np.clip(alike[used].sum() / known, 0.0, 1.0))


def _across(cells: GroupCells, rows: FloatArray, outside: FloatArray, deviations: FloatArray) -> float | None:
    seen = outside > 0
    mean = (cells.by_class(cells.total)[cells.label] - cells.total) / np.maximum(outside, 1)
    residual = np.where(seen, cells.total - rows * mean, 0.0)
    scale = np.where(seen, rows * deviations[cells.label], 0.0)
    group_rows = cells.by_group(rows)
    alike, known = (
        float(((cells.by_group(part) ** 2 - cells.by_group(part**2)) / group_rows).sum()) for part in (residual, scale)
    )
    return float(np.clip(alike / known, 0.0, 1.0)) if known > 1e-9 else None
