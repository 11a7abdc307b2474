"""Do conformal sets hold the true class as often as promised, for rare classes too, and how large are they?"""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import betaincinv  # what scipy.stats has, which takes long to load

from longtail.arguments import as_array, check_share, check_whole
from longtail.counts import GROUPS, check_groups, class_counts
from longtail.errors import InputError
from longtail.evaluation.grouped_share import grouped_binomial_interval
from longtail.evaluation.sample_groups import check_sample_groups

__all__ = ["binomial_interval", "coverage_report"]


def binomial_interval(hits: int, total: int, level: float = 0.95) -> list[float]:
    """Return the Clopper-Pearson interval of a share, in percent.

    Args:
        hits: how often it happened.
        total: out of how many, at least 1.
        level: coverage, 0 to 1.

    Raises:
        InputError: numbers or a level that are none.

    Reference:
        Clopper, Pearson, "The use of confidence or fiducial limits illustrated in the case of the binomial",
        Biometrika 1934.

    Example:
        >>> [round(edge, 1) for edge in binomial_interval(9, 10)]
        [55.5, 99.7]
    """
    check_share("level", level)
    check_whole("total", total, 1)
    check_whole("hits", hits)
    if hits > total:
        raise InputError(f"{hits} of {total}; expected 0 to the total.")
    tail = (1 - level) / 2
    low = 0.0 if hits == 0 else float(betaincinv(hits, total - hits + 1, tail))
    high = 1.0 if hits == total else float(betaincinv(hits + 1, total - hits, 1 - tail))
    return [100 * low, 100 * high]


def coverage_report(
    contains: NDArray[np.bool_],
    labels: ArrayLike,
    groups: NDArray[np.str_],
    *,
    sample_groups: ArrayLike | None = None,
    level: float = 0.95,
) -> dict[str, Any]:
    """Measure coverage and size of sets over images, over classes and by group.

    Args:
        contains: classes of each image's set, shape (N, C).
        labels: class indices, shape (N,).
        groups: "many", "medium" or "few" for each class, shape (C,).
        sample_groups: a whole number for each row, equal for rows of one site, lesion or sequence, shape (N,); the
            intervals are then those of `grouped_binomial_interval`. Default: rows are independent.
        level: of the intervals, 0 to 1.

    Returns:
        For `all`, `many`, `medium`, `few` (None without an image): `images`, `coverage` (share of the images whose set
        holds the true class, percent), its binomial `interval`, `class_coverage` (mean over classes), `mean_size`,
        `single` (percent of the sets with one class). `below_half` counts the classes with a coverage below 50 %.
        `per_class` coverage, None where a class has no image.

    Raises:
        InputError: no image, or shapes that do not fit.

    Example:
        >>> contains = np.array([[True, False], [True, True], [True, False]])
        >>> report = coverage_report(contains, [0, 1, 1], np.array(["many", "few"]))
        >>> round(report["all"]["coverage"], 1), report["few"]["coverage"], report["few"]["mean_size"]
        (66.7, 50.0, 1.5)
    """
    contains, truth = as_array(contains, "contains"), as_array(labels, "labels")
    if contains.ndim != 2 or truth.shape != contains.shape[:1] or not len(truth) or len(groups) != contains.shape[1]:
        raise InputError(
            f"sets of shape {contains.shape}, {truth.shape} labels, {len(groups)} groups; expected N x C, N and C."
        )
    groups = check_groups(groups)
    counts, together = class_counts(truth, len(groups)), check_sample_groups(sample_groups, len(truth))
    covered, sizes = contains[np.arange(len(truth)), truth], contains.sum(axis=1)
    rates = np.bincount(truth, weights=covered, minlength=len(groups)) / np.maximum(counts, 1)
    report: dict[str, Any] = {}
    for name in ("all", *GROUPS):
        of_name = (groups == name) | (name == "all")
        members, classes = of_name[truth], of_name & (counts > 0)
        if not members.any():
            report[name] = None
            continue
        hits, total = int(covered[members].sum()), int(members.sum())
        report[name] = {
            "images": total,
            "coverage": 100 * hits / total,
            "interval": binomial_interval(hits, total, level)
            if together is None
            else grouped_binomial_interval(covered[members], together[members], level),
            "class_coverage": 100 * float(rates[classes].mean()),
            "mean_size": float(sizes[members].mean()),
            "single": 100 * float((sizes[members] == 1).mean()),
        }
    report["below_half"] = int((rates[counts > 0] < 0.5).sum())
    report["per_class"] = [100 * float(rate) if count else None for rate, count in zip(rates, counts, strict=True)]
    return report
