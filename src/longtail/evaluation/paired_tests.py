"""Is one classifier better than another, or may it be chance? Exact tests on the same images."""

from collections.abc import Sequence
from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from longtail.counts import GROUPS, class_counts
from longtail.errors import InputError

__all__ = ["Correction", "corrected", "mcnemar", "metric_weights", "paired_p_values", "stratified_sign_test"]

Correction = Literal["holm", "benjamini-hochberg"]
FloatArray = NDArray[np.float64]

ENUMERATED = 20_000  # outcomes up to which a distribution is computed, not drawn
DRAWS = 20_000
TOLERANCE = 1e-9  # sums of 1 / n_c in another order differ by rounding


def paired_p_values(
    labels: ArrayLike,
    predictions: ArrayLike,
    baseline: ArrayLike,
    groups: NDArray[np.str_],
    *,
    seed: int = 0,
) -> dict[str, float | None]:
    """Test whether two classifiers differ on the same images, over all images, over classes and by group.

    `all` is McNemar's exact test. `balanced`, `many`, `medium` and `few` are mean recalls, where an image of a small
    class weighs more: there the signs of the images that only one of the two gets right are flipped within each class.

    Args:
        labels: class indices, shape (N,).
        predictions: of one classifier, shape (N,).
        baseline: of the other, shape (N,).
        groups: "many", "medium" or "few" for each class, shape (C,).
        seed: of the draws, where there are too many outcomes to enumerate.

    Returns:
        Two-sided p-values by metric; None for a group without an image.

    Raises:
        InputError: arrays of other shapes, or an index out of range.

    Example:
        >>> labels = np.array([0] * 6 + [1] * 6)
        >>> found = paired_p_values(labels, labels, np.zeros(12, dtype=int), np.array(["many", "few"]))
        >>> found["many"], round(found["few"], 5)
        (1.0, 0.03125)
    """
    truth, first, second = np.asarray(labels), np.asarray(predictions), np.asarray(baseline)
    if not truth.shape == first.shape == second.shape or truth.ndim != 1:
        raise InputError(
            f"labels, predictions and baseline have shapes {truth.shape}, {first.shape} and {second.shape}; "
            "expected (N,) for each."
        )
    totals = class_counts(truth, len(groups))
    gained = class_counts(truth[(first == truth) & (second != truth)], len(groups))
    lost = class_counts(truth[(first != truth) & (second == truth)], len(groups))
    return {
        name: None
        if weights is None
        else mcnemar(int(gained.sum()), int(lost.sum()))
        if name == "all"
        else stratified_sign_test(gained, lost, weights, seed=seed)
        for name, weights in metric_weights(totals, groups).items()
    }


def metric_weights(totals: ArrayLike, groups: NDArray[np.str_]) -> dict[str, FloatArray | None]:
    """Give what one image of each class adds to each metric when it is right.

    all: 1 / N;  balanced: 1 / (C' n_c) over the C' classes with images;  a group: the same over its classes

    Args:
        totals: n_c of the measured split, shape (C,).
        groups: "many", "medium" or "few" for each class, shape (C,).

    Returns:
        By metric, shape (C,), 0 for classes that do not count; None for a group without an image.

    Example:
        >>> metric_weights([8, 2], np.array(["many", "few"]))["balanced"].tolist()
        [0.0625, 0.25]
    """
    counts = np.asarray(totals)
    present = counts > 0
    members = {"balanced": present, **{group: present & (groups == group) for group in GROUPS}}
    return {
        "all": present / max(int(counts.sum()), 1) if present.any() else None,
        **{
            name: chosen / (chosen.sum() * np.maximum(counts, 1)) if chosen.any() else None
            for name, chosen in members.items()
        },
    }


def mcnemar(gained: int, lost: int) -> float:
    """Test whether as many images were gained as were lost.

    p = min(1, 2 P(X <= min(gained, lost))),  X ~ Binomial(gained + lost, 1/2)

    Args:
        gained: images that only the one classifier gets right.
        lost: images that only the other gets right.

    Returns:
        The exact two-sided p-value; 1 where the two never differ.

    Reference:
        McNemar, "Note on the sampling error of the difference between correlated proportions or percentages",
        Psychometrika 12, 1947; for classifiers: Dietterich, "Approximate Statistical Tests for Comparing Supervised
        Classification Learning Algorithms", Neural Computation 10, 1998, section 3.1.

    Example:
        >>> mcnemar(5, 0), mcnemar(3, 3)
        (0.0625, 1.0)
    """
    from scipy.stats import binom

    return float(min(1.0, 2 * binom.cdf(min(gained, lost), gained + lost, 0.5)))


def stratified_sign_test(
    gained: ArrayLike, lost: ArrayLike, weights: ArrayLike, *, draws: int = DRAWS, seed: int = 0
) -> float:
    """Test a weighted sum of gains and losses by flipping their signs within each class.

    T = sum_c w_c (gained_c - lost_c),  p = P(|T*| >= |T|),  T* = sum_c w_c (2 X_c - d_c),  X_c ~ Binomial(d_c, 1/2)

    d_c = gained_c + lost_c. If the two classifiers are equally good in every class, either may be the one that is right
    on an image where only one is. Classes of the same weight are counted together. Up to 20,000 outcomes the
    distribution of T* is computed; above, it is drawn, and p = (1 + drawn that are as far out) / (1 + draws).

    Where one classifier is better in some classes and the other in others, so that the sums are equal, the flipped sums
    spread wider than T does: p is then too large rather than too small.

    Args:
        gained: images of each class that only the one classifier gets right, shape (C,).
        lost: images that only the other gets right, shape (C,).
        weights: of one image of each class, at least 0, shape (C,).
        draws: of T*, where it is drawn.
        seed: of them.

    Returns:
        The two-sided p-value; 1 where the two never differ.

    Reference:
        Good, "Permutation, Parametric, and Bootstrap Tests of Hypotheses", third edition, 2005 (matched pairs, strata).

    Example:
        >>> round(stratified_sign_test([3, 2], [0, 0], [0.1, 0.5]), 4)
        0.0625
    """
    ups, downs, each = np.asarray(gained), np.asarray(lost), np.asarray(weights, dtype=np.float64)
    counted = (each > 0) & (ups + downs > 0)
    if not counted.any():
        return 1.0
    heights, level = np.unique(each[counted], return_inverse=True)
    discordant = np.bincount(level, weights=(ups + downs)[counted]).astype(np.int64)
    observed = abs(float(each @ (ups - downs)))
    if np.prod(discordant + 1.0) <= ENUMERATED:
        sums, chances = _enumerated(heights, discordant)
        return float(min(1.0, chances[np.abs(sums) >= observed - TOLERANCE].sum()))
    rng = np.random.default_rng(seed)
    sums = np.zeros(draws)
    for height, number in zip(heights, discordant, strict=True):
        sums += height * (2 * rng.binomial(number, 0.5, size=draws) - number)
    return float((1 + (np.abs(sums) >= observed - TOLERANCE).sum()) / (1 + draws))


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
        InputError: an unknown method.

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
    if method not in get_args(Correction):
        raise InputError(f"no correction {method!r}. Corrections: {', '.join(get_args(Correction))}.")
    known = np.array([p for p in p_values if p is not None], dtype=np.float64)
    order = np.argsort(known, kind="stable")
    ranks = np.arange(1, len(known) + 1)
    if method == "holm":
        stepped = np.maximum.accumulate((len(known) - ranks + 1) * known[order])
    else:
        stepped = np.minimum.accumulate((len(known) / ranks * known[order])[::-1])[::-1]
    found = np.empty(len(known))
    found[order] = np.minimum(stepped, 1)
    rest = iter(found.tolist())
    return [None if p is None else next(rest) for p in p_values]


def _enumerated(heights: FloatArray, discordant: NDArray[np.int64]) -> tuple[FloatArray, FloatArray]:
    """Give every value of T* with its probability."""
    from scipy.stats import binom

    sums, chances = np.zeros(1), np.ones(1)
    for height, number in zip(heights, discordant, strict=True):
        ups = np.arange(number + 1)
        sums = np.add.outer(sums, height * (2 * ups - number)).ravel()
        chances = np.multiply.outer(chances, binom.pmf(ups, number, 0.5)).ravel()
    return sums, chances
