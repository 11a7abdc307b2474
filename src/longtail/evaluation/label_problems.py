"""Rows whose label the other rows speak against."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from longtail.arguments import as_array, as_numbers
from longtail.errors import InputError

__all__ = ["SuspiciousLabels", "discriminant_probabilities", "suspicious_labels"]

TEMPERATURES = tuple(2.0 ** (step / 4) for step in range(25))


@dataclass(frozen=True)
class SuspiciousLabels:
    """Rows whose label is likely wrong, the most doubtful first.

    Attributes:
        rows: row numbers, shape (S,).
        suggested: the class that speaks for itself instead, shape (S,).
        margin: by how much its probability is higher than that of the label, shape (S,).
    """

    rows: NDArray[np.int64]
    suggested: NDArray[np.int64]
    margin: NDArray[np.float64]


def suspicious_labels(probabilities: NDArray[np.floating], labels: NDArray[np.int64]) -> SuspiciousLabels:
    """Find rows that a classifier which has not seen them takes for another class, surely.

    A class j speaks for row i where p_ij >= t_j, t_j the mean of p_ij over the rows labelled j: as sure as one usually
    is of that class. Row i is suspicious where the likeliest such class is not its label.

    A rare class that the classifier is never sure of has a low threshold of its own, so that its rows are judged by
    what is usual for it.

    Args:
        probabilities: of models that were not fitted to the row in question (cross-validation), shape (N, C).
        labels: class indices, shape (N,).

    Returns:
        The suspicious rows, sorted by p_ij - p_iy, falling.

    Raises:
        InputError: shapes that do not fit.

    Reference:
        Northcutt, Jiang, Chuang, "Confident Learning: Estimating Uncertainty in Dataset Labels", Journal of Artificial
        Intelligence Research 70, 2021, arXiv 1911.00068, equations 1 and 2.

    Example:
        >>> p = np.array([[0.9, 0.1], [0.8, 0.2], [0.1, 0.9], [0.2, 0.8], [0.95, 0.05]])
        >>> found = suspicious_labels(p, np.array([0, 0, 1, 1, 1]))
        >>> found.rows.tolist(), found.suggested.tolist()
        ([4], [0])
    """
    p, y = as_numbers(probabilities, "probabilities"), as_array(labels, "labels")
    if p.ndim != 2 or y.shape != p.shape[:1] or (len(y) and not 0 <= y.min() <= y.max() < p.shape[1]):
        raise InputError(f"probabilities of shape {p.shape} and labels of shape {y.shape}; expected (N, C) and (N,).")
    counts = np.bincount(y, minlength=p.shape[1])
    own = p[np.arange(len(y)), y]
    usual = np.bincount(y, weights=own, minlength=p.shape[1]) / np.maximum(counts, 1)
    speaks = np.where((p >= usual) & (counts > 0), p, -1.0)
    likeliest = speaks.argmax(axis=1)
    margin = p[np.arange(len(y)), likeliest] - own
    rows = np.flatnonzero((speaks.max(axis=1) > 0) & (likeliest != y) & (margin > 0))
    rows = rows[np.argsort(-margin[rows], kind="stable")]
    return SuspiciousLabels(rows, likeliest[rows].astype(np.int64), margin[rows])


def discriminant_probabilities(
    features: NDArray[np.floating],
    labels: NDArray[np.int64],
    folds: NDArray[np.int64],
    *,
    shrinkage: float = 0.1,
    temperature: float | None = None,
) -> NDArray[np.float64]:
    """Return for each row the class probabilities of a linear discriminant that was fitted without the row's fold.

    p(c | x) = softmax_c((mu_c' S^-1 x - mu_c' S^-1 mu_c / 2) / T),  S = (1 - s) S_w + s tr(S_w) / D I

    mu_c are the class means, S_w the covariance within classes, all classes equally probable before. Closed form: about
    N D^2 operations a fold, so that it serves where a trained classifier would take too long.

    Args:
        features: shape (N, D).
        labels: class indices, shape (N,).
        folds: number of each row's fold, -1 for rows that are always learned from, shape (N,).
        shrinkage: s, 0 to 1.
        temperature: T; None takes the smallest, from 1 to 64, at which the mean of the highest probabilities is no more
            than the share of rows that are right: where features are many, the discriminant is too sure of itself.

    Returns:
        Shape (N, C); 0 for a class without rows in the other folds, and in rows of fold -1.

    Reference:
        Friedman, "Regularized Discriminant Analysis", JASA 84, 1989, equation 18 (for one covariance).

    Example:
        >>> rows = np.array([[0.0], [1.0], [0.5], [9.0], [8.0], [8.5]])
        >>> p = discriminant_probabilities(rows, np.array([0, 0, 0, 1, 1, 1]), np.array([0, 1, 2, 0, 1, 2]))
        >>> p.argmax(axis=1).tolist()
        [0, 0, 0, 1, 1, 1]
    """
    num_classes = int(labels.max()) + 1
    truth, judged = torch.from_numpy(labels), torch.from_numpy(folds >= 0)
    scores = torch.full((len(labels), num_classes), -torch.inf, dtype=torch.float64)
    for fold in range(int(folds.max()) + 1):
        held_out, rest = np.flatnonzero(folds == fold), np.flatnonzero(folds != fold)
        rows, classes = torch.from_numpy(np.array(features[rest], dtype=np.float32)), torch.from_numpy(labels[rest])
        counts = torch.bincount(classes, minlength=num_classes)
        means = torch.zeros(num_classes, rows.shape[1]).index_add_(0, classes, rows) / counts.clamp(min=1)[:, None]
        within = rows - means[classes]
        covariance = within.T @ within / len(rows)
        level = covariance.trace() / len(covariance)
        covariance = (1 - shrinkage) * covariance + (shrinkage * level + 1e-12) * torch.eye(len(covariance))
        weight = torch.linalg.solve(covariance, means.T).T
        logits = torch.from_numpy(np.array(features[held_out], dtype=np.float32)) @ weight.T
        logits -= (weight * means).sum(dim=1) / 2
        logits[:, counts == 0] = -torch.inf
        scores[torch.from_numpy(held_out)] = logits.double()
    scores, truth = scores[judged], truth[judged]
    if temperature is None:
        right = float((scores.argmax(dim=1) == truth).double().mean())
        surest = {t: float((scores / t).softmax(dim=1).amax(dim=1).mean()) for t in TEMPERATURES}
        temperature = next((t for t in TEMPERATURES if surest[t] <= right), TEMPERATURES[-1])
    probabilities = torch.zeros(len(labels), num_classes, dtype=torch.float64)
    probabilities[judged] = (scores / temperature).softmax(dim=1)
    return probabilities.numpy()
