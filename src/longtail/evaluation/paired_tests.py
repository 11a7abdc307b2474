"""Is one classifier better than another on the same images, by how much, or may it be chance?"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from longtail.arguments import as_array, as_numbers, brief, check_share
from longtail.counts import check_groups, class_counts
from longtail.errors import InputError
from longtail.evaluation.accuracy import metric_weights
from longtail.evaluation.grouped_mean import FlippedMean
from longtail.evaluation.image_outcomes import ImageOutcomes
from longtail.evaluation.intervals import shrunk_shares
from longtail.evaluation.likeness import Likeness, Spread
from longtail.evaluation.sample_groups import GroupCells, check_sample_groups
from longtail.evaluation.tilting import TiltedMean

__all__ = ["Correction", "PairedTest", "corrected", "paired_differences", "paired_metric_tests"]

Correction = Literal["holm", "benjamini-hochberg"]
FloatArray = NDArray[np.float64]

UNSEEN = 0.5  # images on which the two are taken to differ besides those seen, over all classes


@dataclass(frozen=True)
class PairedTest:
    """A difference between two classifiers on the same images, with its test and the interval that agrees with it.

    Attributes:
        difference: in percentage points.
        p: two-sided.
        spread: of the difference, where rows come in groups.
    """

    difference: float
    p: float
    _mean: TiltedMean
    _sign: float
    spread: Spread | None = None

    def interval(self, level: float = 0.95) -> list[float]:
        """Return the limits in percentage points; they leave 0 out exactly where p is below 1 - level.

        Args:
            level: coverage, above 0 and below 1.

        Raises:
            InputError: a level that is none.
        """
        check_share("level", level)
        low, high = (max(-100.0, min(100 * limit, 100.0)) for limit in self._mean.interval(level))
        return [low, high] if self._sign > 0 else [-high, -low]


def paired_metric_tests(
    labels: ArrayLike,
    predictions: ArrayLike,
    baseline: ArrayLike,
    groups: NDArray[np.str_],
    *,
    sample_groups: ArrayLike | None = None,
    seed: int = 0,
) -> dict[str, PairedTest | None]:
    """Test whether two classifiers differ on the same images, over all images, over classes and by group.

    T = sum_c w_c (gained_c - lost_c),  p = 2 min(P(T* >= T), P(T* <= T))

    gained_c and lost_c count the images of class c that only the one gets right, or only the other; w_c is what an
    image of class c adds to the metric. T* is what two equally good classifiers would give: each image of class c is
    one on which they differ with probability d_c, in favour of either with probability d_c / 2. d_c is what was seen,
    shrunk towards the class's group, and half an image more over all classes, most of it where an image weighs most:
    one or two images without a difference are no proof that there is none. In simulations equally good classifiers, in
    every class or only on average, got a p below 0.05 in at most 5 of 100 cases (docs/concepts.md). The interval is
    that of `TiltedMean`.

    Of rows that come in groups the test is that of `FlippedMean`: the difference of a whole group changes its sign, and
    the interval is that of effective rows. Of five groups no test can be below 0.05; where all rows are of one group p
    is 1 and the interval is all that is possible.

    Args:
        labels: class indices, shape (N,).
        predictions: of one classifier, shape (N,).
        baseline: of the other, shape (N,).
        groups: "many", "medium" or "few" for each class, shape (C,).
        sample_groups: a whole number for each row, equal for rows of one site, lesion or sequence, shape (N,). Default:
            rows are independent.
        seed: of the draws, where there are too many outcomes to compute all.

    Returns:
        By metric (`all`, `balanced`, `many`, `medium`, `few`); None for a group without an image.

    Raises:
        InputError: arrays of other shapes, or an index out of range.

    Reference:
        One class: Suissa, Shuster, "The 2 x 2 matched-pairs trial: exact unconditional design and analysis", Biometrics
        47, 1991 (there with the largest p over all d, here with the d that was seen).

    Example:
        >>> labels = np.array([0] * 8 + [1] * 8)
        >>> found = paired_metric_tests(labels, labels, np.zeros(16, dtype=int), np.array(["many", "few"]))
        >>> found["many"].p, round(found["few"].p, 4), [round(limit) for limit in found["few"].interval()]
        (1.0, 0.0072, [27, 100])
    """
    truth, first, second = (
        as_array(values, name)
        for name, values in (("labels", labels), ("predictions", predictions), ("baseline", baseline))
    )
    groups = check_groups(groups)
    if not truth.shape == first.shape == second.shape or truth.ndim != 1:
        raise InputError(
            f"labels, predictions and baseline have shapes {truth.shape}, {first.shape} and {second.shape}; "
            "expected (N,) for each."
        )
    totals = class_counts(truth, len(groups))
    gained = class_counts(truth[(first == truth) & (second != truth)], len(groups))
    lost = class_counts(truth[(first != truth) & (second == truth)], len(groups))
    together, cells = check_sample_groups(sample_groups, len(truth)), None
    if together is not None:
        signs = (first == truth).astype(np.int64) - (second == truth)
        cells = GroupCells.of_rows(signs, truth, together, len(groups))
    return {
        name: None
        if weights is None
        else _test(gained, lost, totals, weights, groups, seed)
        if cells is None
        else _grouped_test(cells, weights, groups, seed)
        for name, weights in metric_weights(totals, groups).items()
    }


def paired_differences(
    labels: ArrayLike,
    predictions: ArrayLike,
    baseline: ArrayLike,
    groups: NDArray[np.str_],
    *,
    sample_groups: ArrayLike | None = None,
    level: float = 0.95,
    seed: int = 0,
) -> dict[str, dict[str, Any] | None]:
    """Return the difference of two classifiers by metric as plain numbers, for one comparison.

    Args:
        labels: class indices, shape (N,).
        predictions: of the method, shape (N,).
        baseline: of what it is compared with, shape (N,).
        groups: "many", "medium" or "few" for each class, shape (C,).
        sample_groups: as in `paired_metric_tests`.
        level: coverage of the intervals, above 0 and below 1.
        seed: of what is drawn.

    Returns:
        For `all`, `balanced`, `many`, `medium`, `few`: {"difference", "interval": [low, high], "p"}, in percentage
        points, method minus baseline; None for an empty group.

    Raises:
        InputError: as `paired_metric_tests`.
    """
    tests = paired_metric_tests(labels, predictions, baseline, groups, sample_groups=sample_groups, seed=seed)
    return {
        name: None
        if result is None
        else {"difference": result.difference, "interval": result.interval(level), "p": result.p}
        for name, result in tests.items()
    }


def corrected(p_values: Sequence[float | None], method: Correction = "holm") -> list[float | None]:
    """Correct p-values for the number of comparisons.

    Sorted p_(1) <= ... <= p_(m).  holm: max_{j <= i} min(1, (m - j + 1) p_(j)).  benjamini-hochberg:
    min_{j >= i} min(1, m p_(j) / j).

    Args:
        p_values: of one family of comparisons; None counts as no comparison and stays None.
        method: "holm" keeps the chance of even one false claim below the level, whatever the dependence;
            "benjamini-hochberg" keeps the expected share of false claims among the claims below it, and claims more.

    Returns:
        The corrected ones, in the order given.

    Raises:
        InputError: an unknown method, or a number that is no probability.

    Reference:
        Holm, "A Simple Sequentially Rejective Multiple Test Procedure", Scandinavian Journal of Statistics 6, 1979.
        Benjamini, Hochberg, "Controlling the False Discovery Rate", Journal of the Royal Statistical Society B 57,
        1995.

    Example:
        >>> corrected([0.01, None, 0.04, 0.03])
        [0.03, None, 0.06, 0.06]
        >>> [round(p, 3) for p in corrected([0.01, 0.04, 0.03], "benjamini-hochberg")]
        [0.03, 0.04, 0.04]
    """
    if str(method) not in get_args(Correction):
        raise InputError(f"no correction {brief(method)}. Corrections: {', '.join(get_args(Correction))}.")
    if not isinstance(p_values, list | tuple | np.ndarray):
        raise InputError(f"the p-values are {brief(p_values)}; expected a list of numbers from 0 to 1.")
    known = as_numbers([p for p in p_values if p is not None], "p_values", finite=False)
    if known.ndim != 1 or not ((known >= 0) & (known <= 1)).all():
        raise InputError(f"the p-values are {known.tolist()}; expected numbers from 0 to 1.")
    order = np.argsort(known, kind="stable")
    ranks = np.arange(1, len(known) + 1)
    if method == "holm":
        stepped = np.maximum.accumulate((len(known) - ranks + 1) * known[order])
    else:
        stepped = np.minimum.accumulate((len(known) / ranks * known[order])[::-1])[::-1]
    result = np.empty(len(known))
    result[order] = np.minimum(stepped, 1)
    rest = iter(result.tolist())
    return [None if p is None else next(rest) for p in p_values]


def _test(
    gained: NDArray[np.int64],
    lost: NDArray[np.int64],
    totals: NDArray[np.int64],
    weights: FloatArray,
    groups: NDArray[np.str_],
    seed: int,
) -> PairedTest:
    observed = float(weights @ (gained - lost))
    share = _differing(gained + lost, totals, weights, groups)
    outcomes = ImageOutcomes.of_classes(weights, totals, share / 2, share / 2)
    # the draws are those of the better one, so that exchanging the two changes the sign and nothing else
    sign = -1.0 if observed < 0 else 1.0
    mean = TiltedMean(outcomes, abs(observed), seed=seed)
    return PairedTest(100 * observed, mean.p_value, mean, sign)


def _grouped_test(cells: GroupCells, weights: FloatArray, groups: NDArray[np.str_], seed: int) -> PairedTest:
    totals, differing = cells.by_class(cells.rows), cells.by_class(cells.squares)
    # of all classes, whatever counts in the metric
    likeness = Likeness.of_cells(cells, np.sqrt(shrunk_shares(differing, totals, groups)))
    effective = likeness.effective_images(cells)
    each = weights * totals / np.maximum(effective, 1)
    share = _differing(effective * differing / np.maximum(totals, 1), effective, each, groups)
    outcomes = ImageOutcomes.of_classes(each, effective, share / 2, share / 2)
    spread = likeness.spread(cells, weights, np.sqrt(share))
    parts = cells.by_group(weights[cells.label] * cells.total)
    sign = -1.0 if parts.sum() < 0 else 1.0
    mean = FlippedMean(outcomes, sign * parts, spread, seed=seed)
    return PairedTest(100 * float(parts.sum()), mean.p_value, mean, sign, spread)


def _differing(
    differing: NDArray[np.int64] | FloatArray,
    totals: NDArray[np.int64] | FloatArray,
    weights: FloatArray,
    groups: NDArray[np.str_],
) -> FloatArray:
    """Return the share of each class's images on which two equally good classifiers are taken to differ."""
    # what each class adds to the spread of the metric, per share of images on which the two differ
    spread = weights**2 * totals
    unseen = UNSEEN * spread / spread.sum()
    share = np.where(weights > 0, shrunk_shares(differing, totals, groups), 0)
    return np.asarray((share * (totals + 2) + unseen) / (totals + 2 + unseen))
