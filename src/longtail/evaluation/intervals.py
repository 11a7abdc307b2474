"""How sure a measured accuracy is: limits that hold for a handful of images, and for classes found always or never."""

import numpy as np
from numpy.typing import NDArray

from longtail.arguments import check_share
from longtail.evaluation.accuracy import ClassTally, metric_weights
from longtail.evaluation.grouped_mean import GroupedMean
from longtail.evaluation.image_outcomes import ImageOutcomes
from longtail.evaluation.likeness import Likeness
from longtail.evaluation.sample_groups import GroupCells
from longtail.evaluation.tilting import TiltedMean

__all__ = ["PSEUDO_IMAGES", "accuracy_intervals", "mean_by_groups", "mean_interval", "shrunk_shares"]

FloatArray = NDArray[np.float64]

PSEUDO_IMAGES = 2.0  # of its group's share, that each class is given


def accuracy_intervals(
    counted: ClassTally, groups: NDArray[np.str_], *, level: float = 0.95, seed: int = 0
) -> dict[str, list[float] | None]:
    """Return how high the true accuracies may be, with other images of the same classes.

    Of one class these are the exact limits of Clopper and Pearson, of several those of `TiltedMean`, with the recall of
    each class shrunk a little towards that of its group. In simulations they held the truth at least 95 times in 100,
    with one image a class too, where a bootstrap within classes does so between 0 and 96 times (docs/concepts.md).

    Of rows that come in groups (`tally` with `sample_groups`) these are the limits with other groups: those of
    `GroupedMean`, with as many effective rows a class as its rows are worth (`Likeness`). Where all rows are of one
    group nothing is known of others, and the limits are 0 and 100.

    Args:
        counted: totals and hits of each class.
        groups: "many", "medium" or "few" for each class, shape (C,).
        level: coverage, above 0 and below 1.
        seed: of what is drawn, where there are too many outcomes to compute all.

    Returns:
        [low, high] in percent for `all`, `balanced`, `many`, `medium`, `few`; None for an empty group.

    Raises:
        InputError: a level that is none.

    Example:
        >>> from longtail.evaluation.accuracy import tally
        >>> counted = tally([0] * 10 + [1] * 10, [0] * 20, 2)
        >>> intervals = accuracy_intervals(counted, np.array(["many", "few"]))
        >>> [round(limit, 1) for limit in intervals["many"]], [round(limit, 1) for limit in intervals["few"]]
        ([69.2, 100.0], [0.0, 30.8])
    """
    return {
        name: None if weights is None else mean_interval(counted, weights, groups, level=level, seed=seed)
        for name, weights in metric_weights(counted.totals, groups).items()
    }


def mean_interval(
    counted: ClassTally, weights: FloatArray, groups: NDArray[np.str_], *, level: float = 0.95, seed: int = 0
) -> list[float]:
    """Return the limits of a weighted mean of class recalls, in percent.

    Args:
        counted: totals and hits of each class.
        weights: what one image of each class adds when it is right, shape (C,).
        groups: classes of one group are taken to be alike where a class has few images, shape (C,).
        level: coverage, above 0 and below 1.
        seed: of what is drawn.

    Raises:
        InputError: a level that is none.
    """
    check_share("level", level)
    recall = shrunk_shares(counted.hits, counted.totals, groups)
    if counted.cells is not None:
        mean = mean_by_groups(counted.cells, weights, recall, groups, seed=seed)
        return [min(100 * limit, 100.0) for limit in mean.interval(level)]
    outcomes = ImageOutcomes.of_classes(weights, counted.totals, recall, np.zeros_like(recall))
    limits = TiltedMean(outcomes, float(weights @ counted.hits), seed=seed).interval(level)
    return [min(100 * limit, 100.0) for limit in limits]


def mean_by_groups(
    cells: GroupCells, weights: FloatArray, shares: FloatArray, groups: NDArray[np.str_], *, seed: int = 0
) -> GroupedMean:
    """Return what the true weighted mean of class recalls may be where rows come in groups.

    Args:
        cells: hits by group of rows and class; values from 0 to 1.
        weights: what one image of each class adds when it is right, shape (C,).
        shares: `shrunk_shares` of all rows, shape (C,).
        groups: "many", "medium" or "few" for each class, shape (C,).
        seed: of what is drawn.
    """
    likeness = Likeness.of_cells(cells, np.sqrt(shares * (1 - shares)))
    effective, totals = likeness.effective_images(cells), np.maximum(cells.by_class(cells.rows), 1)
    hits = cells.by_class(cells.total)
    recall = shrunk_shares(effective * hits / totals, effective, groups)
    each = weights * totals / np.maximum(effective, 1)
    outcomes = ImageOutcomes.of_classes(each, effective, recall, np.zeros_like(recall))
    spread = likeness.spread(cells, weights, np.sqrt(recall * (1 - recall)))
    return GroupedMean(outcomes, float(weights @ hits), spread, seed=seed)


def shrunk_shares(
    events: NDArray[np.int64] | FloatArray, totals: NDArray[np.int64] | FloatArray, groups: NDArray[np.str_]
) -> FloatArray:
    """Return the share of each class, drawn towards that of its group and never 0 or 1.

    s_c = (x_c + 2 s_g) / (n_c + 2),   s_g = (1/2 + sum x) / (1 + sum n) over the classes of the group

    Args:
        events: x_c, at least 0 and at most n_c; fractions where they are means, shape (C,).
        totals: n_c, shape (C,).
        groups: of each class, shape (C,).

    Example:
        >>> shrunk_shares(np.array([1, 0]), np.array([1, 3]), np.array(["few", "few"])).round(2).tolist()
        [0.53, 0.12]
    """
    shares: FloatArray = np.zeros(len(groups))
    for group in np.unique(groups):
        members = groups == group
        common = (events[members].sum() + 0.5) / (totals[members].sum() + 1)
        shares[members] = (events[members] + PSEUDO_IMAGES * common) / (totals[members] + PSEUDO_IMAGES)
    return shares
