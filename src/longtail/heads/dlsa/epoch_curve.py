"""What a classifier got right on validation after each measured epoch, and which epoch that makes the best."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

__all__ = ["EpochCurve", "halves"]


@dataclass
class EpochCurve:
    """Weighted validation hits by epoch.

    Attributes:
        epochs: those that were measured, rising.
        hits: for each the weight of every validation row if it was classified right, else 0, shape (N,).

    Example:
        >>> curve = EpochCurve()
        >>> curve.add(0, np.array([0.5, 0.0])), curve.add(5, np.array([0.0, 0.4]))
        (True, False)
        >>> curve.best(), curve.cross_fitted(np.array([0, 1])).tolist()
        (0, [0.0, 0.0])
    """

    epochs: list[int] = field(default_factory=list)
    hits: list[NDArray[np.float64]] = field(default_factory=list)

    def add(self, epoch: int, hits: NDArray[np.float64]) -> bool:
        """Add a measurement; say whether it is the best so far."""
        is_best = not self.hits or hits.sum() > max(before.sum() for before in self.hits)
        self.epochs.append(epoch)
        self.hits.append(hits)
        return bool(is_best)

    def best(self) -> int:
        """Return the first epoch with the most weighted hits."""
        return self.epochs[int(np.argmax([hits.sum() for hits in self.hits]))]

    def cross_fitted(self, half: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return the hits of an epoch that other rows chose: those of each half are of the epoch best on the other.

        Summed, they tell what choosing the epoch on validation is worth on rows that had no part in the choice; the
        hits of the best epoch itself would flatter it.

        Args:
            half: 0 or 1 for each row, shape (N,).
        """
        stacked = np.stack(self.hits)
        result: NDArray[np.float64] = np.empty_like(stacked[0])
        for side in (0, 1):
            chosen = int(np.argmax(stacked[:, half != side].sum(axis=1)))
            result[half == side] = stacked[chosen, half == side]
        return result


def halves(codes: NDArray[np.int64]) -> NDArray[np.int64]:
    """Split rows into two halves, class by class, shape (N,): within a class every other row, a lone row in the first.

    Example:
        >>> halves(np.array([4, 4, 7, 4]))
        array([0, 1, 0, 0])
    """
    order = np.argsort(codes, kind="stable")
    ordered = codes[order]
    starts = np.searchsorted(ordered, ordered)
    half = np.empty(len(codes), dtype=np.int64)
    half[order] = (np.arange(len(codes)) - starts) % 2
    return half
