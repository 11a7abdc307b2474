"""Which candidates decide together, and with which weights."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

__all__ = ["blend_weights", "log_losses", "loss_error"]

MOST_STEPS = 20
LEAST_WEIGHT = 0.05  # a member costs a fit and a prediction
USUAL_ROWS = 200.0  # that the usual weights are worth

FloatArray = NDArray[np.float64]


def blend_weights(
    of_labels: Mapping[str, FloatArray], row_weights: FloatArray, usual: Mapping[str, float]
) -> dict[str, float]:
    """Choose candidates one after the other, the same one as often as it helps; its weight is how often.

    The first is the one with the least log-loss. Each further one is that which lowers the loss of the mean of all that
    are chosen most; one that was not chosen before has to lower it by more than the standard error of that gain. What
    few rows say is drawn towards what is usual:

    w = (n w' + k u) / (n + k),  n = 1 / sum r^2,  k = 200

    w' are the weights that were found, u the usual ones, r the parts of the rows. A weight below 0.05 is none.

    Args:
        of_labels: probability that each candidate gives to the true class of rows that it was not fitted to, shape
            (N,); the simplest first.
        row_weights: part of each row in the loss, of sum 1, shape (N,); there may be no rows.
        usual: weight of each candidate before anything is measured; of those that it does not name, 0.

    Returns:
        The weight of each member, of sum 1; where neither rows nor `usual` say anything, all have the same.

    Reference:
        Caruana, Niculescu-Mizil, Crew, Ksikes, "Ensemble Selection from Libraries of Models", ICML 2004, section 2
        (selection with replacement). The stop and the usual weights are ours.

    Example:
        >>> sure, unsure, wrong = np.repeat([[0.9, 0.2], [0.2, 0.9], [0.1, 0.1]], 50, axis=1)
        >>> candidates = {"sure": sure, "unsure": unsure, "wrong": wrong}
        >>> blend_weights(candidates, np.full(100, 0.01), {})
        {'sure': 0.5, 'unsure': 0.5}
        >>> blend_weights(candidates, np.empty(0), {"wrong": 1.0})
        {'wrong': 1.0}
    """
    names = list(of_labels)
    prior = np.array([usual.get(name, 0.0) for name in names])
    prior = prior / prior.sum() if prior.any() else np.full(len(names), 1 / len(names)) * (not len(row_weights))
    rows = 1 / float((row_weights**2).sum()) if len(row_weights) else 0.0
    chosen = _greedy(np.stack([of_labels[name] for name in names]), row_weights) if rows else np.zeros(len(names))
    strength = USUAL_ROWS * bool(prior.any())
    weights = (rows * chosen + strength * prior) / (rows + strength)
    weights[weights < min(LEAST_WEIGHT, weights.max())] = 0
    return {name: float(weight) for name, weight in zip(names, weights / weights.sum(), strict=True) if weight}


def _greedy(of_labels: FloatArray, row_weights: FloatArray) -> FloatArray:
    """Return how often each of M candidates is chosen, as a share, shape (M,)."""
    counts = np.zeros(len(of_labels))
    first = int(np.argmin(log_losses(of_labels, row_weights)))
    counts[first], mean = 1, of_labels[first]
    for size in range(1, MOST_STEPS):
        means = (size * mean + of_labels) / (size + 1)
        gains = np.log(np.maximum(means, TINY)) - np.log(np.maximum(mean, TINY))
        total = gains @ row_weights
        errors = np.array([loss_error(row, row_weights) for row in gains])
        allowed = (total > errors) | ((counts > 0) & (total > 0))
        if not allowed.any():
            break
        best = int(np.argmax(np.where(allowed, total, -np.inf)))
        counts[best] += 1
        mean = means[best]
    return np.asarray(counts / counts.sum())


TINY = float(np.finfo(np.float64).tiny)


def log_losses(of_labels: FloatArray, row_weights: FloatArray) -> FloatArray:
    """Return the weighted mean of -log p, shape (M,).

    Args:
        of_labels: p, probability of the true class, shape (M, N).
        row_weights: of sum 1, shape (N,).

    Example:
        >>> log_losses(np.array([[1.0, 0.5]]), np.array([0.5, 0.5])).round(3).tolist()
        [0.347]
    """
    return np.asarray(-np.log(np.maximum(of_labels, TINY)) @ row_weights)


def loss_error(differences: FloatArray, row_weights: FloatArray) -> float:
    """Return the standard error of a weighted mean of differences.

    se^2 = N / (N - 1) sum_i r_i^2 (d_i - mean)^2

    Args:
        differences: d, shape (N,).
        row_weights: r, of sum 1, shape (N,).

    Returns:
        0 for a single row.
    """
    size = len(differences)
    if size < 2:
        return 0.0
    deviations = differences - row_weights @ differences
    return float(np.sqrt(size / (size - 1) * (row_weights**2 @ deviations**2)))
