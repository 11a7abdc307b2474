"""What the rows in each cluster are: counts, shares of the classes, purity."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Clusters", "class_shares", "clusters_of", "likelihood_histogram"]


@dataclass(frozen=True)
class Clusters:
    """What the training rows in each cluster are.

    Attributes:
        histogram: rows of each class in each cluster, shape (K, C).
    """

    histogram: NDArray[np.int64]

    @property
    def sizes(self) -> NDArray[np.int64]:
        """Rows in each cluster, shape (K,)."""
        sizes: NDArray[np.int64] = self.histogram.sum(axis=1)
        return sizes

    @property
    def purity(self) -> NDArray[np.float64]:
        """Share of the commonest class in each cluster, shape (K,); 0 where it is empty."""
        purity: NDArray[np.float64] = self.histogram.max(axis=1) / np.maximum(self.sizes, 1)
        return purity

    def count_pure(self, purity: float = 0.7, size: int = 10) -> int:
        """Count the clusters of more than a purity and a size."""
        return int(((self.purity > purity) & (self.sizes > size)).sum())


def clusters_of(assigned: NDArray[np.int64], codes: NDArray[np.int64], clusters: int, num_classes: int) -> Clusters:
    """Count the classes in each cluster.

    Example:
        >>> clusters_of(np.array([0, 0, 1]), np.array([1, 1, 0]), clusters=3, num_classes=2).histogram.tolist()
        [[0, 2], [1, 0], [0, 0]]
    """
    flat = np.bincount(assigned * num_classes + codes, minlength=clusters * num_classes)
    return Clusters(flat.reshape(clusters, num_classes))


def class_shares(counted: Clusters, smoothing: float) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """Return the class shares (K, C) of each cluster, and the rows (K,) that they are shares of.

    (n_kc + s n_c / N) / (n_k + s); an empty cluster without smoothing has shares of 0.

    Example:
        >>> counted = clusters_of(np.array([0, 0, 0]), np.array([0, 0, 1]), clusters=2, num_classes=2)
        >>> class_shares(counted, 1.0)[0].round(2).tolist()
        [[0.6700000166893005, 0.33000001311302185], [0.6700000166893005, 0.33000001311302185]]
    """
    class_counts = counted.histogram.sum(axis=0)
    added = smoothing * class_counts / max(int(class_counts.sum()), 1)
    totals = counted.sizes + smoothing
    shares = (counted.histogram + added) / np.where(totals > 0, totals, 1)[:, None]
    return shares.astype(np.float32), totals.astype(np.float64)


def likelihood_histogram(
    likelihood: NDArray[Any], codes: NDArray[np.int64], num_classes: int, bins: int = 32
) -> dict[str, Any]:
    """Count the log-likelihoods of each class in bins from the 1st to the 99th percentile; the outer bins are open.

    Args:
        likelihood: log p(x) of some rows, shape (n,).
        codes: their class indices, shape (n,).
        num_classes: C.
        bins: how many.

    Returns:
        {"edges": bins + 1 values, "by_class": counts, C lists of `bins`}.
    """
    low, high = np.percentile(likelihood, (1, 99))
    edges = np.linspace(low, max(high, low + 1e-6), bins + 1)
    column = np.searchsorted(edges[1:-1], likelihood)
    counts = np.bincount(codes * bins + column, minlength=num_classes * bins).reshape(num_classes, bins)
    return {"edges": edges.tolist(), "by_class": counts.tolist()}
