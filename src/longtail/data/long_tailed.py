"""Draw a long-tailed subset."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from longtail.counts import class_counts
from longtail.errors import InputError

__all__ = ["long_tailed_indices"]


def long_tailed_indices(labels: ArrayLike, counts: ArrayLike, seed: int) -> NDArray[np.int64]:
    """Choose so many images of each class at random.

    Args:
        labels: class indices, shape (N,).
        counts: wanted images of each class, shape (C,).
        seed: of the choice.

    Returns:
        Chosen indices, rising.

    Raises:
        InputError: a class has fewer images than wanted, or a wanted number is negative.

    Example:
        >>> len(long_tailed_indices([0, 0, 0, 1, 1], [2, 1], seed=0))
        3
    """
    labels, wanted = np.asarray(labels), np.asarray(counts)
    there = class_counts(labels, len(wanted))
    if (wanted < 0).any():
        raise InputError(f"wanted images of each class: {int(wanted.min())} is negative; expected at least 0.")
    short = np.flatnonzero(there < wanted)
    if len(short):
        c = int(short[0])
        raise InputError(
            f"class {c} has {there[c]} images, the profile wants {wanted[c]}. Lower the largest class, or the ratio."
        )
    rng = np.random.default_rng(seed)
    chosen = [rng.choice(np.flatnonzero(labels == c), size=number, replace=False) for c, number in enumerate(wanted)]
    return np.sort(np.concatenate(chosen))
