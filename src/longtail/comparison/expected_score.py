"""What a choice promises on new rows: its score where it was made, less what it owes to having been chosen there."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from longtail.comparison.evidence import Evidence
from longtail.evaluation import mean_interval, tally

__all__ = ["expected_score", "optimism"]

DRAWS = 40

Weights = dict[str, float]
FloatArray = NDArray[np.float64]


def expected_score(
    evidence: Evidence,
    decide: Callable[[Evidence], Weights],
    class_parts: FloatArray,
    groups: NDArray[np.str_],
    *,
    seed: int = 0,
) -> dict[str, object] | None:
    """Return what the choice promises on new rows, in percent.

    Args:
        evidence: that was chosen on.
        decide: returns the weight of each member, by evidence.
        class_parts: weight of each class in the score, of sum 1, shape (C,).
        groups: of each class, shape (C,).
        seed: of the draws.

    Returns:
        {"score", "interval": of 95 %, "optimism": what was taken off both}; None where there is no evidence.
    """
    if not len(evidence.labels):
        return None
    decisions = evidence.together(decide(evidence))
    counted = tally(evidence.labels, decisions, len(class_parts))
    parts = class_parts * (counted.totals > 0)
    of_image = parts / parts.sum() / np.maximum(counted.totals, 1)
    less = optimism(evidence, decide, class_parts, seed=seed)
    low, high = mean_interval(counted, of_image, groups, seed=seed)
    score = 100 * float(of_image @ counted.hits)
    return {
        "score": score - less,
        "interval": [max(low - less, 0.0), max(high - less, 0.0)],
        "optimism": less,
    }


def optimism(
    evidence: Evidence, decide: Callable[[Evidence], Weights], class_parts: FloatArray, *, seed: int = 0
) -> float:
    """Estimate by how much the members that were chosen score better on the evidence than on new rows, in percent.

    Rows are drawn with replacement, 40 times, and members are chosen by what was drawn. On the rows that were not, the
    members chosen by all rows, which have seen them, are better than those by

    o = mean over draws of  score(chosen by all) - score(chosen by what was drawn)

    Args:
        evidence: that was chosen on.
        decide: returns the weight of each member, by evidence.
        class_parts: weight of each class in the score, of sum 1, shape (C,).
        seed: of the draws.

    Returns:
        At least 0.

    Reference:
        Tsamardinos, Greasidou, Borboudakis, "Bootstrapping the out-of-sample predictions for efficient and accurate
        cross-validation", Machine Learning 2018, section 3.2 (choosing again in each draw); here as a difference on the
        same rows, so that their chance cancels.
    """
    rng, size = np.random.default_rng(seed), len(evidence.labels)
    hits: dict[tuple[tuple[str, float], ...], NDArray[np.bool_]] = {}

    def hits_of(weights: Weights) -> NDArray[np.bool_]:
        key = tuple(sorted(weights.items()))
        if key not in hits:
            hits[key] = evidence.together(weights) == evidence.labels
        return hits[key]

    of_all, lost = hits_of(decide(evidence)), []
    for _ in range(DRAWS):
        drawn = rng.integers(size, size=size)
        left = np.setdiff1d(np.arange(size), drawn)
        if len(left):
            change = of_all[left].astype(float) - hits_of(decide(evidence.of_rows(drawn)))[left]
            lost.append(_mean_over_classes(change, evidence.labels[left], class_parts))
    return max(100 * float(np.mean(lost)), 0.0) if lost else 0.0


def _mean_over_classes(values: FloatArray, labels: NDArray[np.int64], class_parts: FloatArray) -> float:
    counts = np.bincount(labels, minlength=len(class_parts))
    means = np.bincount(labels, weights=values, minlength=len(class_parts)) / np.maximum(counts, 1)
    present = class_parts * (counts > 0)
    return float(present @ means) / float(present.sum() or 1)
