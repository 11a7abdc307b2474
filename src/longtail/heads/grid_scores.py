"""Scores of classes at each setting of a grid, of which one matrix product gives all."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["GridScores"]


@dataclass(frozen=True)
class GridScores:
    """Scores of classes at each setting of a grid.

    score_c(t) = factor_c(t) (w_c . x) + shift_c(t)

    Attributes:
        weight: shape (C, D).
        factors: above 0, shape (T, C), or (1, C) where they are the same for each setting.
        shifts: shape (T, C), or None for zeros.
    """

    weight: NDArray[Any]
    factors: NDArray[np.float64]
    shifts: NDArray[np.float64] | None = None

    def __len__(self) -> int:
        return len(self.factors if self.shifts is None else self.shifts)

    def of(self, classes: NDArray[np.int64]) -> "GridScores":
        """Return the scores of some classes."""
        shifts = None if self.shifts is None else self.shifts[:, classes]
        return GridScores(self.weight[classes], self.factors[:, classes], shifts)

    @property
    def first_of_equals(self) -> NDArray[np.int64]:
        """The classes that score otherwise than each before them: of equals, only the first can win."""
        arrays = [self.weight, self.factors.T] + ([] if self.shifts is None else [self.shifts.T])
        first: dict[bytes, int] = {}
        for number, parts in enumerate(zip(*arrays, strict=True)):
            first.setdefault(b"".join(part.tobytes() for part in parts), number)
        return np.fromiter(first.values(), dtype=np.int64)
