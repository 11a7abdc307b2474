"""Rows that belong together: of one site, lesion, sequence or specimen."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from longtail.arguments import as_array, brief
from longtail.errors import InputError

__all__ = ["GroupCells", "check_sample_groups"]

IntArray = NDArray[np.int64]
FloatArray = NDArray[np.float64]


def check_sample_groups(sample_groups: ArrayLike | None, num_rows: int) -> IntArray | None:
    """Make sure that these say which rows belong together.

    Args:
        sample_groups: a whole number for each row, equal for rows of one group, shape (N,); None: rows are independent.
        num_rows: N.

    Returns:
        The groups as 0 .. G - 1, shape (N,); None where each row has a group of its own: that is no groups.

    Raises:
        InputError: no whole numbers, or not one for each row.

    Example:
        >>> check_sample_groups([7, 7, -1], 3).tolist(), check_sample_groups([5, 6, 7], 3)
        ([1, 1, 0], None)
    """
    if sample_groups is None:
        return None
    given = as_array(sample_groups, "sample_groups")
    if given.dtype.kind not in "iu" or given.shape != (num_rows,):
        raise InputError(
            f"`sample_groups` are {brief(sample_groups)}; expected a whole number for each of the {num_rows} rows, "
            "equal for rows of one group."
        )
    numbers = np.unique(given, return_inverse=True)[1].astype(np.int64)
    return None if len(numbers) == 0 or numbers.max() == len(numbers) - 1 else numbers


@dataclass(frozen=True)
class GroupCells:
    """A value of each row, summed over the rows of one group and one class: K cells that are not empty.

    Attributes:
        group: of each cell, 0 .. G - 1, shape (K,).
        label: class of each cell, shape (K,).
        rows: how many, shape (K,).
        total: sum of their values, shape (K,).
        squares: sum of their squared values, shape (K,).
        num_classes: C.
    """

    group: IntArray
    label: IntArray
    rows: IntArray
    total: FloatArray
    squares: FloatArray
    num_classes: int

    @classmethod
    def of_rows(
        cls, values: NDArray[np.generic], labels: IntArray, sample_groups: IntArray, num_classes: int
    ) -> "GroupCells":
        """Sum values by group and class.

        Args:
            values: of each row, shape (N,).
            labels: class indices, shape (N,).
            sample_groups: 0 .. G - 1, shape (N,).
            num_classes: C.
        """
        numbers = values.astype(np.float64)
        pair, cell = np.unique(sample_groups * num_classes + labels, return_inverse=True)
        total, squares = (np.bincount(cell, weights=part).astype(np.float64) for part in (numbers, numbers**2))
        return cls(pair // num_classes, pair % num_classes, np.bincount(cell), total, squares, num_classes)

    def by_class(self, values: NDArray[np.generic]) -> FloatArray:
        """Sum values of cells over each class, shape (C,)."""
        return np.bincount(self.label, weights=values, minlength=self.num_classes).astype(np.float64)

    def by_group(self, values: NDArray[np.generic]) -> FloatArray:
        """Sum values of cells over each group, shape (G,)."""
        return np.bincount(self.group, weights=values).astype(np.float64)
