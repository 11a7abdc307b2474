"""Pairs of images of two different classes, every class equally often: what the flow filter learns to tell apart."""

import numpy as np
from numpy.typing import NDArray

from longtail.errors import InputError

__all__ = ["class_pairs"]


def class_pairs(
    labels: NDArray[np.int64], num_pairs: int, rng: np.random.Generator
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Draw pairs of rows whose classes differ.

    Two distinct classes are drawn uniformly from those that occur, then a row of each.

    Args:
        labels: class indices, shape (N,).
        num_pairs: how many, P.
        rng: source of randomness.

    Returns:
        First and second row of each pair, each of shape (P,).

    Raises:
        InputError: fewer than two classes.

    Reference:
        Xu, Chen, Li, Lu, "Constructing Balance from Imbalance for Long-tailed Image Recognition", ECCV 2022, arXiv
        2208.02567; the sampling of its released code.

    Example:
        >>> labels = np.array([0] * 97 + [1, 1, 2])
        >>> first, second = class_pairs(labels, 3000, np.random.default_rng(0))
        >>> bool((labels[first] != labels[second]).all()), np.bincount(labels[first]).round(-3).tolist()
        (True, [1000, 1000, 1000])
    """
    present, counts = np.unique(labels, return_counts=True)
    if len(present) < 2:
        raise InputError(f"{len(labels)} rows of {len(present)} class; expected at least two classes to make pairs of.")
    order = np.argsort(labels, kind="stable")
    starts = np.cumsum(counts) - counts
    first = rng.integers(len(present), size=num_pairs)
    second = (first + rng.integers(1, len(present), size=num_pairs)) % len(present)
    rows = [
        order[starts[chosen] + (rng.random(num_pairs) * counts[chosen]).astype(np.int64)] for chosen in (first, second)
    ]
    return rows[0], rows[1]
