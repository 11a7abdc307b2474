"""With which weights candidates decide together."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

__all__ = ["blend_weights", "log_losses", "loss_error"]

LEAST_WEIGHT = 0.05  # a member costs a fit and a prediction
USUAL_ROWS = 50.0  # that the usual weights are worth
MOST_STEPS, ENOUGH = 1000, 1e-6

FloatArray = NDArray[np.float64]


def blend_weights(
    of_labels: Mapping[str, FloatArray],
    row_weights: FloatArray,
    usual: Mapping[str, float],
    *,
    usual_rows: float = USUAL_ROWS,
    least: float = LEAST_WEIGHT,
) -> dict[str, float]:
    """Weigh candidates by how probable a mean of them makes the true classes, and by what is usual.

    w maximises  n sum_i r_i log sum_m w_m p_mi + k sum_m u_m log w_m,   n = 1 / sum_i r_i^2

    p_mi is the probability that candidate m gives to the true class of row i, r_i the part of the row, u the usual
    weights: the mode of the weights of a mixture under a Dirichlet prior. Few rows leave what is usual, many decide;
    n counts rows as if all had the same part. What is left with less than `least` has no part.

    Args:
        of_labels: p of each candidate on rows that it was not fitted to, shape (N,).
        row_weights: r, of sum 1, shape (N,); there may be no rows, or none that counts.
        usual: u, of any sum; of candidates that it does not name 0. Where it names none, all are as usual.
        usual_rows: k, the number of rows that the usual weights are worth, at least 0.
        least: smallest weight that a member is kept with, 0 to 1.

    Returns:
        The weight of each member, of sum 1.

    Reference:
        Wolpert, "Stacked Generalization", Neural Networks 1992 (weights by rows that were held out); Dempster, Laird,
        Rubin, "Maximum Likelihood from Incomplete Data via the EM Algorithm", JRSS B 1977, section 4.3 (the steps).

    Example:
        >>> sure, unsure, wrong = np.repeat([[0.9, 0.2], [0.2, 0.9], [0.1, 0.1]], 5000, axis=1)
        >>> candidates = {"sure": sure, "unsure": unsure, "wrong": wrong}
        >>> weights = blend_weights(candidates, np.full(10_000, 1e-4), {})
        >>> {name: round(weight, 2) for name, weight in weights.items()}
        {'sure': 0.5, 'unsure': 0.5}
        >>> blend_weights(candidates, np.empty(0), {"wrong": 1.0})
        {'wrong': 1.0}
    """
    names = list(of_labels)
    prior = np.array([usual.get(name, 0.0) for name in names])
    prior = prior / prior.sum() if prior.any() else np.full(len(names), 1 / len(names))
    weights = prior
    if row_weights.any():
        table = np.maximum(np.stack([of_labels[name] for name in names]), TINY)
        weights = _mixture(table, row_weights, prior, usual_rows)
    weights = np.where(weights < min(least, weights.max()), 0, weights)
    return {name: float(weight) for name, weight in zip(names, weights / weights.sum(), strict=True) if weight}


def _mixture(of_labels: FloatArray, row_weights: FloatArray, prior: FloatArray, usual_rows: float) -> FloatArray:
    """Return the weights of M candidates of the largest posterior, shape (M,); each step makes it larger."""
    rows = 1 / float((row_weights**2).sum())
    weights = (prior + 1 / len(prior)) / 2  # above 0, so that none is ruled out
    for _ in range(MOST_STEPS):
        shares = of_labels * weights[:, None]
        again = (rows * (shares / shares.sum(axis=0)) @ row_weights + usual_rows * prior) / (rows + usual_rows)
        moved = float(np.abs(again - weights).max())
        weights = again
        if moved < ENOUGH:
            break
    return np.asarray(weights)


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
