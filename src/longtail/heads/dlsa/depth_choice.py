"""Do blocks help, and how many? Said by validation rows that had no part in choosing the epochs."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["DepthChoice", "choice_of"]

CLEAR = 1.96  # standard errors: a smaller gain may be chance


@dataclass(frozen=True)
class DepthChoice:
    """What validation says of each number of blocks.

    Attributes:
        best: the number with the highest accuracy; the smallest of equals.
        is_clear: whether it beats no blocks by more than 1.96 standard errors.
        facts: {"accuracy" with 0, 1, ... blocks in percent, "gain", "standard_error"}.
    """

    best: int
    is_clear: bool
    facts: dict[str, Any]


def choice_of(hits: list[NDArray[np.float64]]) -> DepthChoice:
    """Compare the numbers of blocks, row by row.

    The standard error is that of the paired difference: sqrt(sum_i (a_i - b_i)^2) of weighted hits a and b.

    Args:
        hits: with 0, 1, ... blocks the weight of every validation row if it is classified right, else 0, shape (N,).

    Example:
        >>> few, many = np.array([0.25, 0.25, 0.0, 0.0]), np.array([0.25, 0.25, 0.25, 0.0])
        >>> choice_of([few, many]).best, choice_of([few, many]).is_clear
        (1, False)
    """
    accuracy = [float(result.sum()) for result in hits]
    best = int(np.argmax(accuracy))
    gain = accuracy[best] - accuracy[0]
    error = float(np.sqrt(((hits[best] - hits[0]) ** 2).sum()))
    facts = {
        "accuracy": [round(100 * value, 3) for value in accuracy],
        "gain": 100 * gain,
        "standard_error": 100 * error,
    }
    return DepthChoice(best, bool(best > 0 and gain > CLEAR * error), facts)
