"""Images without labels: which of them are drawn."""

import numpy as np
from numpy.typing import NDArray

from longtail.counts import class_counts
from longtail.data.long_tailed import long_tailed_indices
from longtail.errors import InputError

__all__ = ["unlabelled_counts", "unlabelled_indices"]


def unlabelled_counts(num_classes: int, total: int, ratio: float) -> NDArray[np.int64]:
    """Return the images of each class of an unlabelled set with an exponential profile.

    n_c = floor(total * s_c / sum_k s_k), s_c = ratio^(-c / (C - 1))

    Args:
        num_classes: C, at least 1.
        total: images of all classes; rounding loses up to C of them.
        ratio: largest class over smallest, at least 1.

    Returns:
        Shape (C,).

    Raises:
        InputError: a number is out of its range.

    Reference:
        Yang, Xu, "Rethinking the Value of Labels for Improving Class-Imbalanced Learning", NeurIPS 2020, arXiv
        2006.07529, section 3 (there the total is five times that of the labelled images).

    Example:
        >>> unlabelled_counts(3, 111, 100).tolist()
        [100, 10, 1]
    """
    if num_classes < 1 or total < 1 or not ratio >= 1:
        raise InputError(
            f"{num_classes} classes, {total} unlabelled images, ratio {ratio}; expected at least 1 of each."
        )
    shares = float(ratio) ** -(np.arange(num_classes) / max(num_classes - 1, 1))
    # a product such as 99.99999999 means 100
    counts: NDArray[np.int64] = np.floor(total * shares / shares.sum() + 1e-9).astype(np.int64)
    return counts


def unlabelled_indices(true_labels: NDArray[np.int64], counts: NDArray[np.int64], seed: int) -> NDArray[np.int64]:
    """Choose so many images of each class at random; the true labels serve for this choice alone.

    Args:
        true_labels: class indices, shape (N,).
        counts: wanted images of each class, shape (C,).
        seed: of the choice.

    Returns:
        Chosen indices, rising.

    Raises:
        InputError: a class has fewer images than wanted.

    Example:
        >>> len(unlabelled_indices(np.array([0, 0, 0, 1, 1]), np.array([2, 1]), seed=0))
        3
    """
    short = np.flatnonzero(class_counts(true_labels, len(counts)) < counts)
    if len(short):
        c = int(short[0])
        there = int((true_labels == c).sum())
        raise InputError(
            f"{counts[c]:,} unlabelled images of class {c} are wanted, {there:,} are held back. "
            "Lower --unlabelled-times, --imb-unlabelled or --largest."
        )
    return long_tailed_indices(true_labels, counts, seed)
