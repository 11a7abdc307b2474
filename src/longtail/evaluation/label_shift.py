"""Accuracy in another world: where the classes are as common as a prior says, and everything else is as it was."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from longtail.counts import check_class_counts
from longtail.errors import InputError
from longtail.evaluation.accuracy import ClassTally
from longtail.evaluation.intervals import mean_interval
from longtail.priors import check_prior

__all__ = ["SHIFT_RATIOS", "expected_accuracy", "resampled_rows", "shifted_priors", "subsampled_rows"]

SHIFT_RATIOS = (50.0, 25.0, 10.0, 5.0, 2.0)  # of the test sets of LADE and SADE


def shifted_priors(train_counts: ArrayLike, ratios: tuple[float, ...] = SHIFT_RATIOS) -> dict[str, NDArray[np.float64]]:
    """Return priors from as long-tailed as train, over uniform, to the reverse.

    q_c ~ ratio^(-r_c / (C - 1)), r_c the rank of class c by its training images: the most common first in "forward",
    last in "backward"; of equals, the class with the lower number comes first.

    Args:
        train_counts: n_c, shape (C,).
        ratios: share of the most common over that of the rarest class, each above 1.

    Returns:
        By name, in this order: forward-50, ..., forward-2, uniform, backward-2, ..., backward-50; each of shape (C,).

    Raises:
        InputError: a ratio of 1 or less.

    Reference:
        Hong et al., "Disentangling Label Distribution for Long-tailed Visual Recognition", CVPR 2021, arXiv 2012.00321,
        section 4.3. Zhang et al., "Self-Supervised Aggregation of Diverse Experts for Test-Agnostic Long-Tailed
        Recognition", NeurIPS 2022, arXiv 2107.09249, section 5.

    Example:
        >>> found = shifted_priors([9, 5, 1], ratios=(4.0,))
        >>> {name: (7 * prior).round(3).tolist() for name, prior in found.items() if name != "uniform"}
        {'forward-4': [4.0, 2.0, 1.0], 'backward-4': [1.0, 2.0, 4.0]}
    """
    counts = check_class_counts(train_counts, "train_counts")
    if not ratios or any(not 1 < ratio < float("inf") for ratio in ratios):
        raise InputError(f"the ratios of shifted test sets are {ratios}; expected numbers above 1.")
    rank = np.empty(len(counts))
    rank[np.argsort(-counts, kind="stable")] = np.arange(len(counts))
    place = rank / max(len(counts) - 1, 1)

    def profile(ratio: float, places: NDArray[np.float64]) -> NDArray[np.float64]:
        weights = ratio**-places
        return np.asarray(weights / weights.sum())

    falling = sorted(ratios, reverse=True)
    return {
        **{f"forward-{ratio:g}": profile(ratio, place) for ratio in falling},
        "uniform": profile(1.0, place),
        **{f"backward-{ratio:g}": profile(ratio, 1 - place) for ratio in reversed(falling)},
    }


def expected_accuracy(counted: ClassTally, prior: ArrayLike, *, level: float = 0.95, seed: int = 0) -> dict[str, Any]:
    """Return the accuracy that is to be expected where classes are as common as a prior says.

    accuracy = sum_c prior_c recall_c,   recall_c = images of class c that were found / images of class c

    It is exact in the recalls; nothing is drawn. Classes without an image are left out and the prior of the others is
    made to sum to 1. The interval is that of `accuracy_intervals`: wide where the prior leans on classes of a handful
    of images.

    Args:
        counted: totals and hits of each class.
        prior: shape (C,).
        level: coverage, above 0 and below 1.
        seed: of what is drawn.

    Returns:
        `accuracy` and `interval` [low, high] in percent, and `unseen`, the share of the prior on classes without an
        image.

    Raises:
        InputError: an unusable prior, or one without a class that has images.

    Example:
        >>> from longtail.evaluation.accuracy import tally
        >>> counted = tally([0, 0, 1, 1], [0, 0, 1, 0], 2)
        >>> [round(expected_accuracy(counted, prior)["accuracy"]) for prior in ([0.9, 0.1], [0.5, 0.5])]
        [95, 75]
    """
    prior = check_prior(prior, len(counted.totals))
    present = counted.totals > 0
    seen = float(prior[present].sum())
    if seen <= 0:
        raise InputError("no class that the prior gives a share has an image here: there is nothing to measure on.")
    weights = np.where(present, prior, 0) / seen
    rates = counted.hits / np.maximum(counted.totals, 1)
    alike = np.full(len(prior), "all")
    each = weights / np.maximum(counted.totals, 1)
    return {
        "accuracy": float(100 * rates @ weights),
        "interval": mean_interval(counted, each, alike, level=level, seed=seed),
        "unseen": 1 - seen if seen < 1 - 1e-12 else 0.0,
    }


def resampled_rows(
    labels: NDArray[np.int64], prior: NDArray[np.float64], number: int, rng: np.random.Generator
) -> NDArray[np.int64]:
    """Draw rows with replacement so that the classes are as common as a prior says.

    Args:
        labels: class indices, shape (N,).
        prior: shape (C,); classes without a row are left out.
        number: rows to draw.
        rng: draws.

    Returns:
        Row numbers, shape (number,).

    Example:
        >>> labels = np.array([0] * 90 + [1] * 10)
        >>> rows = resampled_rows(labels, np.array([0.2, 0.8]), 1000, np.random.default_rng(0))
        >>> bool(0.77 < labels[rows].mean() < 0.83)
        True
    """
    totals = np.bincount(labels, minlength=len(prior))
    weights = np.where(totals > 0, prior / np.maximum(totals, 1), 0)[labels]
    return rng.choice(len(labels), size=number, p=weights / weights.sum())


def subsampled_rows(
    labels: NDArray[np.int64], prior: NDArray[np.float64], rng: np.random.Generator
) -> NDArray[np.int64]:
    """Draw rows without replacement, as many as a prior allows: the protocol of LADE and SADE.

    k_c = max(floor(m prior_c), 1), with the largest m for which every class has its k_c rows

    On a balanced test set the class with the largest share keeps all its rows. On another one the scarcest class
    decides, and few rows may be left.

    Args:
        labels: class indices, shape (N,).
        prior: shape (C,), above 0; classes without a row are left out.
        rng: draws.

    Returns:
        Row numbers, rising.

    Example:
        >>> labels = np.repeat([0, 1], 50)
        >>> np.bincount(labels[subsampled_rows(labels, np.array([0.2, 0.8]), np.random.default_rng(0))]).tolist()
        [12, 50]
    """
    totals = np.bincount(labels, minlength=len(prior))
    wanted = (totals > 0) & (prior > 0)
    most = (totals[wanted] / prior[wanted]).min()
    # 1e-9: 50 / 0.8 * 0.8 may come out as 49.999...
    sizes = np.where(wanted, np.clip(np.floor(most * prior + 1e-9), 1, totals), 0).astype(np.int64)
    rows = [rng.choice(np.flatnonzero(labels == c), size=sizes[c], replace=False) for c in np.flatnonzero(sizes)]
    return np.sort(np.concatenate(rows))
