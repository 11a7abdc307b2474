"""How much of the class counts is still to be taken out of a mean of candidates."""

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax

__all__ = ["rest_of_counts"]

RANGE = (-0.5, 1.0)
STRENGTH = 0.5  # of the pull towards 0, in rows

FloatArray = NDArray[np.float64]


def rest_of_counts(log_probabilities: FloatArray, labels: NDArray[np.int64], class_counts: NDArray[np.int64]) -> float:
    """Find tau, by how much rare classes are still held too improbable, or too probable below 0.

    tau minimises  sum_i r_i (-log softmax(log p_i - tau log n)_y_i) + 0.5 tau^2 / n_rows,  -0.5 <= tau <= 1

    r_i lets each class that has rows count alike, n_rows = 1 / sum_i r_i^2; the softmax is over these classes, since a
    class that no row shows would always be better held improbable, and is the rarest. The members were each brought to
    a world in which classes are equally common; but a network that has learnt its few rare rows by heart is too sure of
    the common classes elsewhere, which rows that it has not seen show.

    Args:
        log_probabilities: log p of rows that no member was fitted to, shape (N, C).
        labels: their class indices, shape (N,).
        class_counts: n, training images of each class, all above 0, shape (C,).

    Returns:
        tau; 0 where rows of fewer than two classes are there.

    Reference:
        Menon, Jayasumana, Rawat, Jain, Veit, Kumar, "Long-tail learning via logit adjustment", ICLR 2021, arXiv
        2007.07314, section 4.2 (post-hoc adjustment); fitted here to rows that were held out.

    Example:
        >>> log_p = np.log([[0.9, 0.1], [0.9, 0.1], [0.6, 0.4], [0.6, 0.4]])
        >>> round(rest_of_counts(log_p, np.array([0, 0, 1, 1]), np.array([100, 5])), 1)
        0.4
        >>> rest_of_counts(log_p, np.array([0, 0, 1, 1]), np.array([5, 5]))
        0.0
    """
    totals = np.bincount(labels, minlength=len(class_counts))
    shown = np.flatnonzero(totals)
    logs = np.log(class_counts[shown])
    if len(shown) < 2 or not np.ptp(logs):
        return 0.0
    scores, logs = log_probabilities[:, shown], logs - logs.mean()
    weights = 1 / totals[labels]
    weights /= weights.sum()
    rows, columns = np.arange(len(labels)), np.searchsorted(shown, labels)
    strength = STRENGTH * float((weights**2).sum())

    def loss(tau: float) -> float:
        right = log_softmax(scores - tau * logs, axis=1)[rows, columns]
        return float(strength * tau**2 - weights @ right)

    return float(minimize_scalar(loss, bounds=RANGE, method="bounded", options={"xatol": 1e-3}).x)
