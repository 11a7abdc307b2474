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
