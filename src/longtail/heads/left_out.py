"""Which rows are left out when a choice is made by leave-one-out, and what their scores say."""

from bisect import bisect_right
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from torch import Tensor

__all__ = ["LEFT_OUT_ROWS", "fitted_scale", "hits_of", "rows_to_leave_out", "spread_rows"]

LEFT_OUT_ROWS = 8192  # a mean of class recalls gains little from further rows of the common classes
SCALES = (1e-4, 1e4)


def rows_to_leave_out(codes: NDArray[np.int64], most: int = LEFT_OUT_ROWS) -> NDArray[np.int64]:
    """Choose the rows that are left out, one at a time: the same number of each class, where it has so many.

    Rows of a class are evenly spaced in the order in which they came, so that nothing is random. Classes with one row
    are left out of it: without that row there is no class.

    Args:
        codes: class indices, shape (N,).
        most: rows in all; more only where there are more classes.

    Returns:
        Row numbers, rising.

    Example:
        >>> rows_to_leave_out(np.array([0, 0, 0, 0, 1, 1, 2]), most=4).tolist()
        [0, 2, 4, 5]
    """
    totals = np.bincount(codes)
    several = np.flatnonzero(totals[codes] > 1)
    return several[spread_rows(codes[several], most)]


def spread_rows(codes: NDArray[np.int64], most: int) -> NDArray[np.int64]:
    """Choose the same number of rows of each class, where it has so many, evenly spaced in the order they came in.

    Args:
        codes: class indices, shape (N,).
        most: rows in all; more only where there are more classes.

    Returns:
        Row numbers, rising.

    Example:
        >>> spread_rows(np.array([0, 0, 0, 0, 1, 1, 2]), most=5).tolist()
        [0, 2, 4, 5, 6]
    """
    counts = np.bincount(codes)
    sizes = range(1, int(counts.max(initial=0)) + 1)
    each = max(bisect_right(sizes, most, key=lambda size: int(np.minimum(counts, size).sum())), 1)
    order = np.argsort(codes, kind="stable")
    totals = np.bincount(codes)
    place = np.arange(len(codes)) - np.repeat(np.cumsum(totals) - totals, totals)
    taken = np.minimum(counts, each)[codes[order]]
    total = totals[codes[order]]
    # of n rows m are taken: those at which floor(place m / n) steps up
    chosen = (place * taken) % total < taken
    return np.sort(order[chosen])


def hits_of(scores: Tensor, codes: Tensor, num_classes: int) -> NDArray[np.int64]:
    """Count the rows of each class whose own score is the largest.

    Args:
        scores: shape (N, C).
        codes: class indices, shape (N,).
        num_classes: C.

    Returns:
        Shape (C,).

    Example:
        >>> hits_of(torch.tensor([[1.0, 0.0], [1.0, 0.0]]), torch.tensor([0, 1]), 2).tolist()
        [1, 0]
    """
    result = codes[scores.argmax(dim=1) == codes]
    return torch.bincount(result, minlength=num_classes).cpu().numpy()


def fitted_scale(scores: Tensor, codes: Tensor, row_weights: Tensor) -> float:
    """Find the number that scores are multiplied by to become logits whose softmax fits the labels best.

    argmin over a > 0 of  -sum_i w_y_i log softmax(a s_i)_y_i / sum_i w_y_i

    The function is convex in a. With w_c = 1 / n_c, n_c the rows of class c, the probabilities are those of a world in
    which all classes are equally common; with w_c = 1 those of a world like the rows.

    Args:
        scores: s, of rows that had no part in them, shape (N, C).
        codes: class indices, shape (N,).
        row_weights: w, of a row of each class, shape (C,).

    Returns:
        a, between 0.0001 and 10,000; 1 where there are no rows.

    Example:
        >>> scores, codes = torch.tensor([[2.0, 0.0], [2.0, 0.0], [2.0, 0.0], [2.0, 0.0]]), torch.tensor([0, 0, 0, 1])
        >>> round(fitted_scale(scores, codes, torch.ones(2)), 3)  # log(3) / 2
        0.549
    """
    if not len(scores):
        return 1.0
    weights = row_weights.to(scores)[codes]
    weights = weights / weights.sum()
    # less the largest of each row, whose exponentials neither overflow nor all vanish: the loss is the same
    scores = scores - scores.amax(dim=1, keepdim=True)
    true_scores = scores.gather(1, codes[:, None])[:, 0]
    powers = torch.empty_like(scores)

    def loss(log_scale: float) -> float:
        scale = float(np.exp(log_scale))
        sums = torch.mul(scores, scale, out=powers).exp_().sum(dim=1)
        return float(weights @ (sums.log() - scale * true_scores))

    result: Any = minimize_scalar(loss, bounds=tuple(np.log(SCALES)), method="bounded", options={"xatol": 1e-3})
    return float(np.exp(result.x))
