"""Rows whose label the other rows speak against."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from longtail.arguments import as_array, as_numbers
from longtail.errors import InputError

__all__ = ["SuspiciousLabels", "suspicious_in_blocks", "suspicious_labels"]

Blocks = Callable[[], Iterator[tuple[NDArray[np.int64], NDArray[np.floating]]]]


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
    return suspicious_in_blocks(lambda: iter([(np.arange(len(y)), p)]), y, p.shape[1])


def suspicious_in_blocks(blocks: Blocks, labels: NDArray[np.int64], num_classes: int) -> SuspiciousLabels:
    """Find the same rows where the probabilities of all of them take too much memory.

    Args:
        blocks: called twice, gives row numbers and their probabilities (rows, C), block by block.
        labels: class indices, shape (N,).
        num_classes: C.

    Returns:
        As `suspicious_labels`.
    """
    counts, total = np.zeros(num_classes), np.zeros(num_classes)
    for rows, p in blocks():
        given_labels = labels[rows]
        counts += np.bincount(given_labels, minlength=num_classes)
        total += np.bincount(given_labels, weights=p[np.arange(len(rows)), given_labels], minlength=num_classes)
    usual = total / np.maximum(counts, 1)
    parts = []
    for rows, p in blocks():
        given_labels, place = labels[rows], np.arange(len(rows))
        speaks = np.where((p >= usual) & (counts > 0), p, -1.0)
        likeliest = speaks.argmax(axis=1)
        margin = p[place, likeliest] - p[place, given_labels]
        chosen = (speaks.max(axis=1, initial=-1.0) > 0) & (likeliest != given_labels) & (margin > 0)
        parts.append((rows[chosen], likeliest[chosen], margin[chosen]))
    if not parts:
        return SuspiciousLabels(np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64), np.zeros(0))
    rows, likeliest, margin = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
    order = np.argsort(-margin, kind="stable")
    return SuspiciousLabels(rows[order], likeliest[order].astype(np.int64), margin[order])
