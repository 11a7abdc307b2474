"""Choose the best value of a grid by what each gets right."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from longtail.evaluation.accuracy import accuracy_of_hits

__all__ = ["choose_from_hits"]


def choose_from_hits(
    grid: tuple[float, ...], hits: NDArray[np.int64], totals: NDArray[np.int64]
) -> tuple[float, dict[str, Any]]:
    """Choose the value with the best balanced accuracy, the first of equals.

    Args:
        grid: the values.
        hits: images of each class that each value gets right, shape (len(grid), C).
        totals: images of each class, shape (C,).

    Returns:
        The value, and what was measured at each: {"grid", "all", "balanced", "hits", "totals"}, accuracies in percent.

    Example:
        >>> choose_from_hits((0.0, 1.0), np.array([[9, 0], [8, 1]]), np.array([10, 2]))[0]
        1.0
    """
    measured = [accuracy_of_hits(row, totals) for row in hits]
    balanced = [row["balanced"] for row in measured]
    return float(grid[int(np.argmax(balanced))]), {
        "grid": [float(value) for value in grid],
        "all": [row["all"] for row in measured],
        "balanced": balanced,
        "hits": hits.tolist(),
        "totals": totals.tolist(),
    }
