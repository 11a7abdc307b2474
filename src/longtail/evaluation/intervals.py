"""How sure a measured accuracy is: bootstrap intervals over the test images, stratified by class."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from longtail.counts import class_counts
from longtail.evaluation.accuracy import ClassTally, group_means

__all__ = ["accuracy_intervals", "paired_differences"]

Intervals = dict[str, Any]


def accuracy_intervals(
    counted: ClassTally,
    groups: NDArray[np.str_],
    *,
    resamples: int = 2000,
    level: float = 0.95,
    seed: int = 0,
) -> Intervals:
    """Give bootstrap intervals of accuracy, drawing test images with replacement within each class.

    Drawing n_c images of which h_c are right, with replacement, finds Binomial(n_c, h_c / n_c) right: the resamples are
    drawn as those numbers, without touching images.

    Args:
        counted: totals and hits of each class.
        groups: "many", "medium" or "few" for each class, shape (C,).
        resamples: bootstrap samples.
        level: coverage, 0 to 1.
        seed: of the resamples.

    Returns:
        [low, high] in percent for `all`, `balanced`, `many`, `medium`, `few`; None for an empty group. A class that
        is found always or never adds no spread: intervals over a handful of images are too narrow.

    Reference:
        Efron, Tibshirani, "An Introduction to the Bootstrap", 1993, chapters 8 and 13.

    Example:
        >>> from longtail.evaluation.accuracy import tally
        >>> counted = tally([0] * 50 + [1] * 50, [0] * 75 + [1] * 25, 2)
        >>> low, high = accuracy_intervals(counted, np.array(["many", "few"]))["balanced"]
        >>> low < 75 < high
        True
    """
    rng = np.random.default_rng(seed)
    present = counted.totals > 0
    rates = counted.hits / np.maximum(counted.totals, 1)
    found = rng.binomial(counted.totals, rates, size=(resamples, len(rates)))
    return _quantiles(found, counted.totals, present, groups, level)


def paired_differences(
    labels: NDArray[np.int64],
    predictions: NDArray[np.int64],
    baseline: NDArray[np.int64],
    groups: NDArray[np.str_],
    *,
    resamples: int = 2000,
    level: float = 0.95,
    seed: int = 0,
) -> dict[str, dict[str, Any] | None]:
    """Compare two classifiers on the same images: difference of accuracy with its paired bootstrap interval.

    Images are drawn with replacement within each class; what counts of a class are the images that only one of the two
    gets right, so resamples are drawn as multinomial numbers (only the first, only the second, both or neither).

    Args:
        labels: class indices, shape (N,).
        predictions: of the method, shape (N,).
        baseline: of what it is compared with, shape (N,).
        groups: "many", "medium" or "few" for each class, shape (C,).
        resamples: bootstrap samples.
        level: coverage, 0 to 1.
        seed: of the resamples.

    Returns:
        For `all`, `balanced`, `many`, `medium`, `few`: {"difference", "interval": [low, high]} in percentage points,
        method minus baseline; None for an empty group.
    """
    num_classes = len(groups)
    totals = class_counts(labels, num_classes)
    right, base_right = predictions == labels, baseline == labels
    gained = class_counts(labels[right & ~base_right], num_classes)
    lost = class_counts(labels[base_right & ~right], num_classes)
    rng = np.random.default_rng(seed)
    shares = np.stack([gained, lost, totals - gained - lost], axis=1) / np.maximum(totals, 1)[:, None]
    shares[totals == 0] = (0.0, 0.0, 1.0)
    drawn = rng.multinomial(totals, shares, size=(resamples, num_classes))
    net = drawn[..., 0] - drawn[..., 1]
    present = totals > 0
    intervals = _quantiles(net, totals, present, groups, level)
    points = _means((gained - lost)[None], totals, present, groups)
    return {
        name: None if interval is None else {"difference": float(points[name][0]), "interval": interval}
        for name, interval in intervals.items()
    }


def _means(
    found: NDArray[Any], totals: NDArray[np.int64], present: NDArray[np.bool_], groups: NDArray[np.str_]
) -> dict[str, Any]:
    rates = 100 * found / np.maximum(totals, 1)
    return {
        "all": 100 * found.sum(axis=1) / totals.sum(),
        "balanced": rates[:, present].mean(axis=1),
        **group_means(rates, present, groups),
    }


def _quantiles(
    found: NDArray[Any],
    totals: NDArray[np.int64],
    present: NDArray[np.bool_],
    groups: NDArray[np.str_],
    level: float,
) -> Intervals:
    edges = [(1 - level) / 2, (1 + level) / 2]
    return {
        name: None if values is None else [float(edge) for edge in np.quantile(values, edges)]
        for name, values in _means(found, totals, present, groups).items()
    }
