"""Sampling distributions as pure functions of class counts."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from longtail.errors import InputError

__all__ = ["class_probabilities", "progressive_probabilities"]


def class_probabilities(class_counts: ArrayLike, q: float) -> NDArray[np.float64]:
    """Give the probability that a sample is of each class.

    p_c = n_c^q / sum_i n_i^q

    Args:
        class_counts: n_c, shape (C,).
        q: 1 is instance-balanced (every image alike), 0 class-balanced (every class alike), 1/2 square-root; 0 to 1.

    Returns:
        p, shape (C,), summing to 1; a class without images has probability 0.

    Raises:
        InputError: q is out of range, or there is no image.

    Reference:
        Kang et al., "Decoupling Representation and Classifier for Long-Tailed Recognition", ICLR 2020, arXiv
        1910.09217, equation 1.

    Example:
        >>> class_probabilities([90, 10], q=1.0).tolist()
        [0.9, 0.1]
        >>> class_probabilities([90, 10], q=0.5).tolist()
        [0.75, 0.25]
    """
    counts = np.asarray(class_counts, dtype=np.float64)
    if not 0 <= q <= 1:
        raise InputError(f"q is {q}; expected 0 (class-balanced) to 1 (instance-balanced).")
    if counts.sum() <= 0:
        raise InputError("there is no image to sample from: all class counts are 0.")
    weights = np.where(counts > 0, np.maximum(counts, 1) ** q, 0.0)
    return weights / weights.sum()  # type: ignore[no-any-return]


def progressive_probabilities(class_counts: ArrayLike, epoch: int, num_epochs: int) -> NDArray[np.float64]:
    """Give the class probabilities of progressively-balanced sampling in one epoch.

    p = (1 - lambda) p_instance + lambda p_class with lambda = k / (T - 1), from natural in the first epoch to
    class-balanced in the last.

    Args:
        class_counts: n_c, shape (C,).
        epoch: k, from 0; the released code counts from 1. Later epochs than the last stay class-balanced.
        num_epochs: T, at least 1.

    Returns:
        p, shape (C,).

    Raises:
        InputError: epoch is negative, num_epochs is below 1, or there is no image.

    Reference:
        Kang et al., ICLR 2020, arXiv 1910.09217, equation 2; the released code divides by T - 1 instead of T.

    Example:
        >>> [progressive_probabilities([90, 10], epoch, 3).tolist() for epoch in (0, 2)]
        [[0.9, 0.1], [0.5, 0.5]]
    """
    if epoch < 0 or num_epochs < 1:
        raise InputError(f"epoch {epoch} of {num_epochs}; expected an epoch from 0 on, of at least 1.")
    share = min(epoch / (num_epochs - 1), 1.0) if num_epochs > 1 else 0.0
    return (1 - share) * class_probabilities(class_counts, 1.0) + share * class_probabilities(class_counts, 0.0)
