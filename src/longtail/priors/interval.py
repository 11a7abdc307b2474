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
    say: Callable[[int], None] | None = None,
) -> NDArray[np.float64]:
    """Return a bootstrap interval of each class's share, drawing the unlabelled rows with replacement.

    It tells how different the estimate could be with other images of the same world, not how far a classifier that is
    not calibrated, or a world that changed otherwise, leads it astray.

    Args:
        estimate: gives the prior, shape (C,), where row i counts as often as the i-th number says, shape (N,).
        num_rows: N of the target.
        resamples: bootstrap samples, at least 2.
        level: coverage, above 0 and below 1.
        seed: of the resamples.
        say: is told how many resamples are done.

    Returns:
        Lower and upper bounds, shape (2, C).

    Raises:
        InputError: no rows, fewer than 2 resamples, or a level that is none.

    Reference:
        Efron, Tibshirani, "An Introduction to the Bootstrap", 1993, chapter 13.

    Example:
        >>> labels = np.repeat([0, 1], [80, 20])
        >>> low, high = prior_interval(lambda times: np.bincount(labels, weights=times, minlength=2) / 100, 100)
        >>> bool(low[1] < 0.2 < high[1])
        True
    """
    if num_rows < 1 or resamples < 2 or not 0 < level < 1:
        raise InputError(
            f"{num_rows} rows, {resamples} resamples, level {level}; expected at least 1, at least 2, and above 0 and "
            "below 1."
        )
    rng = np.random.default_rng(seed)
    priors = []
    for done in range(resamples):
        priors.append(estimate(np.bincount(rng.integers(num_rows, size=num_rows), minlength=num_rows)))
        if say is not None:
            say(done + 1)
    return np.asarray(np.quantile(priors, [(1 - level) / 2, (1 + level) / 2], axis=0))
