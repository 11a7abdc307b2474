"""Sampling distributions as pure functions of class counts."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from longtail.errors import InputError
from longtail.ranges import Range

__all__ = ["class_probabilities", "effective_number_probabilities", "progressive_probabilities", "repeat_factors"]


def class_probabilities(class_counts: ArrayLike, q: float) -> NDArray[np.float64]:
    """Return the probability that a sample is of each class.

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
    counts = _checked(class_counts)
    if not 0 <= q <= 1:
        raise InputError(f"q is {q}; expected 0 (class-balanced) to 1 (instance-balanced).")
    weights = np.where(counts > 0, np.maximum(counts, 1) ** q, 0.0)
    return np.asarray(weights / weights.sum())


def effective_number_probabilities(class_counts: ArrayLike, beta: float) -> NDArray[np.float64]:
    """Return the class probabilities of images drawn by the inverse of their class's effective number.

    p_c proportional to n_c (1 - beta) / (1 - beta^n_c)

    Args:
        class_counts: n_c, shape (C,).
        beta: 0 (instance-balanced) to below 1 (towards class-balanced).

    Returns:
        p, shape (C,), summing to 1; a class without images has probability 0.

    Raises:
        InputError: beta is out of range, or there is no image.

    Reference:
        Cui et al., "Class-Balanced Loss Based on Effective Number of Samples", CVPR 2019, arXiv 1901.05555, eq. 3;
        re-sampling by it is what the released code of Yang & Xu, NeurIPS 2020, arXiv 2006.07529 does.

    Example:
        >>> effective_number_probabilities([90, 10], beta=0.0).tolist()
        [0.9, 0.1]
        >>> effective_number_probabilities([90, 10], beta=0.9999).round(3).tolist()
        [0.501, 0.499]
    """
    counts = _checked(class_counts)
    Range(0, below=1).check(beta, "beta")
    with np.errstate(divide="ignore", invalid="ignore"):
        effective = -np.expm1(counts * np.log(beta))
    weights = np.where(counts > 0, counts / np.where(counts > 0, effective, 1.0), 0.0)
    return np.asarray(weights / weights.sum())


def progressive_probabilities(class_counts: ArrayLike, epoch: int, num_epochs: int) -> NDArray[np.float64]:
    """Return the class probabilities of progressively-balanced sampling in one epoch.

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
    Range(0).check(epoch, "epoch", whole=True)
    Range(1).check(num_epochs, "num_epochs", whole=True)
    share = min(epoch / (num_epochs - 1), 1.0) if num_epochs > 1 else 0.0
    return (1 - share) * class_probabilities(class_counts, 1.0) + share * class_probabilities(class_counts, 0.0)


def repeat_factors(class_counts: ArrayLike, threshold: float) -> NDArray[np.int64]:
    """Return how often repeat-factor sampling shows each image of a class in an epoch.

    r_c = ceil(max(1, sqrt(t / f_c))) with f_c = n_c / N

    With t = 0.01 on ImageNet-LT that is about square-root sampling, not class-balanced sampling, though the MMPretrain
    version of the decoupling paper calls it so.

    Args:
        class_counts: n_c, shape (C,).
        threshold: t, the share of the images below which a class is repeated; above 0, up to 1.

    Returns:
        r, shape (C,), each at least 1; 0 for a class without images.

    Raises:
        InputError: threshold is out of range, or there is no image.

    Reference:
        Gupta, Dollar, Girshick, "LVIS: A Dataset for Large Vocabulary Instance Segmentation", CVPR 2019, arXiv
        1908.03195, section 5.2; rounded up as in mmengine's ClassBalancedDataset.

    Example:
        >>> repeat_factors([90, 9, 1], threshold=0.36).tolist()
        [1, 2, 6]
    """
    counts = _checked(class_counts)
    Range(above=0, most=1).check(threshold, "the repeat threshold")
    share = counts / counts.sum()
    repeats = np.sqrt(np.divide(threshold, share, out=np.zeros_like(share), where=share > 0))
    # 1e-9: sqrt(0.36 / 0.09) must not round up to 3
    return np.where(share > 0, np.ceil(np.maximum(repeats, 1) - 1e-9), 0).astype(np.int64)


def _checked(class_counts: ArrayLike) -> NDArray[np.float64]:
    counts = np.asarray(class_counts, dtype=np.float64)
    if counts.ndim != 1 or not np.isfinite(counts).all() or (counts < 0).any():
        raise InputError(
            f"class counts of shape {counts.shape}, from {counts.min(initial=0)} to {counts.max(initial=0)}; expected "
            "numbers of images, at least 0, shape (C,)."
        )
    if counts.sum() <= 0:
        raise InputError("there is no image to sample from: all class counts are 0.")
    return counts
