"""How sure an estimated prior is: the bootstrap over the unlabelled rows."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from longtail.errors import InputError

__all__ = ["prior_interval"]


def prior_interval(
    estimate: Callable[[NDArray[np.int64]], NDArray[np.float64]],
    num_rows: int,
    *,
    resamples: int = 100,
    level: float = 0.95,
    seed: int = 0,
) -> NDArray[np.float64]:
    """Give a bootstrap interval of each class's share, drawing the unlabelled rows with replacement.

    It tells how different the estimate could be with other images of the same world, not how far a classifier that is
    not calibrated, or a world that changed otherwise, leads it astray.

    Args:
        estimate: gives the prior, shape (C,), of the rows with these numbers.
        num_rows: N of the target.
        resamples: bootstrap samples, at least 2.
        level: coverage, 0 to 1.
        seed: of the resamples.

    Returns:
        Lower and upper bounds, shape (2, C).

    Raises:
        InputError: no rows, or fewer than 2 resamples.

    Reference:
        Efron, Tibshirani, "An Introduction to the Bootstrap", 1993, chapter 13.

    Example:
        >>> labels = np.repeat([0, 1], [80, 20])
        >>> low, high = prior_interval(lambda rows: np.bincount(labels[rows], minlength=2) / 100, 100)
        >>> bool(low[1] < 0.2 < high[1])
        True
    """
    if num_rows < 1 or resamples < 2:
        raise InputError(f"{num_rows} rows and {resamples} resamples; expected at least 1 and 2.")
    rng = np.random.default_rng(seed)
    found = [estimate(np.sort(rng.integers(num_rows, size=num_rows))) for _ in range(resamples)]
    return np.asarray(np.quantile(found, [(1 - level) / 2, (1 + level) / 2], axis=0))
