"""The smallest difference between two classifiers that a test set can show."""

import math
from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike, NDArray

from longtail.arguments import as_array, as_numbers, check_share
from longtail.counts import GROUPS, check_class_counts, check_groups, class_counts
from longtail.errors import InputError
from longtail.evaluation.accuracy import metric_weights
from longtail.evaluation.likeness import Spread

__all__ = ["group_discordance", "smallest_differences"]

FloatArray = NDArray[np.float64]


def smallest_differences(
    totals: ArrayLike,
    discordance: ArrayLike,
    groups: NDArray[np.str_],
    *,
    spreads: Mapping[str, Spread | None] | None = None,
    power: float = 0.8,
    level: float = 0.05,
) -> dict[str, float | None]:
    """Return the difference that a two-sided paired test at `level` would find with probability `power`.

    delta = z_(1 - level/2) sqrt(sum_c u_c d_c) + z_power sqrt(sum_c u_c (d_c - delta^2)),  u_c = n_c w_c^2

    d_c is the share of the images of class c on which only one of the two classifiers is right, w_c what one image of
    class c adds to the metric. The difference is taken to be delta in every class. It cannot exceed the discordance: a
    class of less is counted with d_c = delta. Where a handful of images decide, the exact tests need somewhat more.

    Of rows that come in groups both sums are multiplied by the design effect, quantiles are those of Student's
    distribution, and where so few groups count that flipping their signs cannot give a p below the level, no difference
    can be found: 2 / 2^G >= level. The test, which has to pass both of its parts, needs about a tenth more.

    Args:
        totals: n_c of the test split, shape (C,).
        discordance: d_c, 0 to 1, shape (C,), or one number for all classes.
        groups: "many", "medium" or "few" for each class, shape (C,).
        spreads: by metric, of rows that come in groups: `spread` of the result of `paired_metric_tests`.
        power: probability of finding the difference, 0 to 1.
        level: of the test, for one comparison, 0 to 1.

    Returns:
        By metric, in percentage points; None for a group without an image, and where even 100 points would not do.

    Raises:
        InputError: a power, level or discordance that is out of range.

    Reference:
        Connor, "Sample Size for Testing Differences in Proportions for the Paired-Sample Design", Biometrics 43, 1987
        (one class; summed over classes here).

    Example:
        >>> found = smallest_differences([100, 100], 0.3, np.array(["many", "few"]))
        >>> round(found["balanced"], 1), round(found["few"], 1)
        (10.8, 15.2)
    """
    from scipy.special import ndtri, stdtrit  # what norm.ppf of scipy.stats is, which takes long to load

    counts = check_class_counts(totals, "totals")
    shares = as_numbers(discordance, "discordance")
    if shares.shape not in ((), counts.shape):
        raise InputError(f"discordance has shape {shares.shape}; expected one share, or one for each class.")
    shares = np.broadcast_to(shares, counts.shape)
    check_share("power", power, 0.8)
    check_share("level", level, 0.05)
    if (shares < 0).any() or (shares > 1).any():
        raise InputError("the discordance is a share of images; expected 0 to 1.")
    quantiles = (float(ndtri(1 - level / 2)), float(ndtri(power)))
    result: dict[str, float | None] = {}
    for name, weights in metric_weights(counts, groups).items():
        spread = None if spreads is None else spreads.get(name)
        if weights is None:
            result[name] = None
        elif spread is None:
            result[name] = _smallest(counts * weights**2, shares, *quantiles)
        elif not spread.freedom or 2.0 ** (1 - spread.sample_groups) >= level:
            result[name] = None
        else:
            of_groups = (float(stdtrit(spread.freedom, 1 - level / 2)), float(stdtrit(spread.freedom, power)))
            result[name] = _smallest(counts * weights**2 * spread.design_effect, shares, *of_groups)
    return result


def group_discordance(
    labels: ArrayLike, predictions: ArrayLike, baseline: ArrayLike, groups: NDArray[np.str_]
) -> FloatArray:
    """Return the share of images on which only one of two classifiers is right, taken over each class's group.

    d_g = (images on which only one is right + 1/2) / (images + 1)

    A single class has too few images for a share of its own; the halves keep a group without any from counting as one
    that never can have any.

    Args:
        labels: class indices, shape (N,).
        predictions: of one classifier, shape (N,).
        baseline: of the other, shape (N,).
        groups: "many", "medium" or "few" for each class, shape (C,).

    Returns:
        For each class its group's share, 0 to 1, shape (C,).

    Example:
        >>> group_discordance([0, 0, 0, 1], [0, 0, 1, 1], [0, 1, 1, 0], np.array(["many", "few"])).tolist()
        [0.375, 0.75]
    """
    truth, first, second = (
        as_array(values, name)
        for name, values in (("labels", labels), ("predictions", predictions), ("baseline", baseline))
    )
    if not truth.shape == first.shape == second.shape:
        raise InputError(f"arrays of shapes {truth.shape}, {first.shape} and {second.shape}; expected (N,) for each.")
    groups = check_groups(groups)
    totals = class_counts(truth, len(groups))
    differing = class_counts(truth[(first == truth) != (second == truth)], len(groups))
    shares: FloatArray = np.zeros(len(groups))
    for group in GROUPS:
        members = groups == group
        shares[members] = (differing[members].sum() + 0.5) / (totals[members].sum() + 1)
    return shares


def _smallest(spreads: FloatArray, shares: FloatArray, level_quantile: float, power_quantile: float) -> float | None:
    """Solve for delta by bisection: what the test needs, less delta, falls as delta grows."""

    def needed(delta: float) -> float:
        discordant = np.maximum(shares, delta)
        null, alternative = float(spreads @ discordant), float(spreads @ (discordant - delta**2))
        return level_quantile * math.sqrt(null) + power_quantile * math.sqrt(max(alternative, 0.0))

    if needed(1.0) > 1.0:
        return None
    low, high = 0.0, 1.0
    for _ in range(50):
        middle = (low + high) / 2
        low, high = (middle, high) if needed(middle) > middle else (low, middle)
    return 100 * high
