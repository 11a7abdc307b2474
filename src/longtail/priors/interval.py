"""How sure an estimated prior is: the bootstrap over the unlabelled rows."""

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from longtail.arguments import as_array, brief
from longtail.errors import InputError

__all__ = ["prior_interval"]


def prior_interval(
    estimate: Callable[[NDArray[np.int64]], NDArray[np.float64]],
    num_rows: int,
    *,
    sample_groups: ArrayLike | None = None,
    resamples: int = 100,
    level: float = 0.95,
    seed: int = 0,
    say: Callable[[int], None] | None = None,
) -> NDArray[np.float64]:
    """Return a bootstrap interval of each class's share, drawing the unlabelled rows with replacement.

    It tells how different the estimate could be with other images of the same world, not how far a classifier that is
    not calibrated, or a world that changed otherwise, leads it astray.

    Of rows that come in groups whole groups are drawn, and the limits lie further out, as few groups vary too little
    when they are drawn again: at the tail Phi(-t sqrt(G' / (G' - 1))), t that of Student's distribution with G' - 1
    degrees of freedom, G' = N^2 / sum_g n_g^2. Where all rows are of one group they are 0 and 1.

    Args:
        estimate: gives the prior, shape (C,), where row i counts as often as the i-th number says, shape (N,).
        num_rows: N of the target.
        sample_groups: a whole number for each row, equal for rows of one site, lesion or sequence, shape (N,). Default:
            rows are independent.
        resamples: bootstrap samples, at least 2.
        level: coverage, above 0 and below 1.
        seed: of the resamples.
        say: is told how many resamples are done.

    Returns:
        Lower and upper bounds, shape (2, C).

    Raises:
        InputError: no rows, fewer than 2 resamples, a level that is none, or groups that are none.

    Reference:
        Efron, Tibshirani, "An Introduction to the Bootstrap", 1993, chapter 13. Hesterberg, "What Teachers Should Know
        about the Bootstrap: Resampling in the Undergraduate Statistics Curriculum", 2014, arXiv 1411.5279 (limits
        further out).

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
    group_of = np.arange(num_rows) if sample_groups is None else _numbered(sample_groups, num_rows)
    number = int(group_of.max()) + 1
    rng = np.random.default_rng(seed)
    priors = []
    for done in range(resamples):
        drawn = np.bincount(rng.integers(number, size=number), minlength=number)
        priors.append(estimate(drawn[group_of]))
        if say is not None:
            say(done + 1)
    if number == num_rows:
        return np.asarray(np.quantile(priors, [(1 - level) / 2, (1 + level) / 2], axis=0))
    if number == 1:
        return np.stack([np.zeros_like(priors[0]), np.ones_like(priors[0])])
    tail = _tail_of_groups(np.bincount(group_of), (1 - level) / 2)
    return np.asarray(np.quantile(priors, [tail, 1 - tail], axis=0))


def _numbered(sample_groups: ArrayLike, num_rows: int) -> NDArray[np.int64]:
    given = as_array(sample_groups, "sample_groups")
    if given.dtype.kind not in "iu" or given.shape != (num_rows,):
        raise InputError(
            f"`sample_groups` are {brief(sample_groups)}; expected a whole number for each of the {num_rows} rows, "
            "equal for rows of one group."
        )
    # by first appearance, so that what is drawn does not depend on the names
    _, first, inverse = np.unique(given, return_index=True, return_inverse=True)
    return np.argsort(np.argsort(first))[inverse]


def _tail_of_groups(rows: NDArray[np.int64], tail: float) -> float:
    from scipy.special import ndtr, stdtrit

    effective = float(rows.sum()) ** 2 / float((rows.astype(np.float64) ** 2).sum())
    return float(ndtr(stdtrit(effective - 1, tail) * np.sqrt(effective / (effective - 1))))
