"""What a choice promises on new rows: its score where it was made, less what it owes to having been chosen there."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from longtail.comparison.evidence import Evidence
from longtail.counts import class_counts
from longtail.evaluation.grouped_mean import GroupedMean
from longtail.evaluation.image_outcomes import ImageOutcomes
from longtail.evaluation.intervals import mean_by_groups, shrunk_shares
from longtail.evaluation.sample_groups import GroupCells, check_sample_groups
from longtail.evaluation.tilting import TiltedMean

__all__ = ["expected_score", "unseen_hits"]

DRAWS = 40

Decided = Callable[[Evidence], NDArray[np.int64]]  # what who was chosen decides about rows
FloatArray = NDArray[np.float64]


def expected_score(
    evidence: Evidence,
    decide: Callable[[Evidence], Decided],
    class_parts: FloatArray,
    groups: NDArray[np.str_],
    *,
    seed: int = 0,
) -> dict[str, object] | None:
    """Return what the choice promises on new rows, in percent.

    score = sum_c a_c v_c,   v_c = mean of `unseen_hits` of the rows of class c

    The interval is that of `mean_interval`, with v_c for the recall of class c: around the recall where the choice was
    made it would be too narrow, since the one that is chosen there is often right about every row of a rare class.

    A class that no row shows is taken to be as the others of its group: they share its weight. What is fitted again to
    more rows than the members had that were asked, as `auto` is, is often better than promised by what these add.

    Args:
        evidence: that was chosen on.
        decide: chooses by evidence, and returns what decides about rows.
        class_parts: a, weight of each class in the score, also of those without a row, of sum 1, shape (C,).
        groups: of each class, shape (C,).
        seed: of the draws.

    Returns:
        {"score", "interval": of 95 %, "optimism": by how much the score where it was chosen is higher}; None where
        there is no evidence.
    """
    if not evidence.row_weights.any():
        return None
    totals = class_counts(evidence.labels, len(class_parts))
    of_image = _of_shown(class_parts, totals > 0, groups) / np.maximum(totals, 1)
    unseen = unseen_hits(evidence, decide, seed=seed)
    hits = np.bincount(evidence.labels, unseen, len(totals))
    together = check_sample_groups(evidence.sample_groups, len(evidence.labels))
    right = decide(evidence)(evidence) == evidence.labels
    score, counted = float(of_image @ hits), float(of_image[evidence.labels] @ right)
    shares = shrunk_shares(hits, totals, groups)
    mean: GroupedMean | TiltedMean
    if together is None:
        mean = TiltedMean(ImageOutcomes.of_classes(of_image, totals, shares, np.zeros(len(totals))), score, seed=seed)
    else:
        cells = GroupCells.of_rows(unseen, evidence.labels, together, len(totals))
        mean = mean_by_groups(cells, of_image, shares, groups, seed=seed)
    low, high = mean.interval()
    return {
        "score": 100 * score,
        "interval": [100 * low, min(100 * high, 100.0)],
        "optimism": 100 * (counted - score),
    }


def unseen_hits(evidence: Evidence, decide: Callable[[Evidence], Decided], *, seed: int = 0) -> FloatArray:
    """Return for each row how often members are right about it that were chosen without it.

    Rows are drawn with replacement, 40 times, members are chosen by what was drawn, and asked about the other rows:

    h_i = mean over the draws without row i of [the members chosen there are right about i]

    Of rows that come in groups whole groups are drawn.

    The mean is taken by row, so that each counts as in the score. A mean over classes in each draw would hide most of
    what a choice owes to chance: the only row of a class, to which it owes most, is left out of one draw in three, a
    class of many rows always shows some.

    Args:
        evidence: that was chosen on.
        decide: chooses by evidence, and returns what decides about rows.
        seed: of the draws.

    Returns:
        0 to 1, shape (N',); of a row that was in every draw whether the members chosen by all rows are right.

    Reference:
        Tsamardinos, Greasidou, Borboudakis, "Bootstrapping the out-of-sample predictions for efficient and accurate
        cross-validation", Machine Learning 2018, section 3.2 (there with a mean over rows in each draw).
    """
    rng, size = np.random.default_rng(seed), len(evidence.labels)
    hits, times = np.zeros(size), np.zeros(size)
    together = check_sample_groups(evidence.sample_groups, size)
    for _ in range(DRAWS):
        drawn = rng.integers(size, size=size) if together is None else _drawn_groups(together, rng)
        left = np.setdiff1d(np.arange(size), drawn)
        if not evidence.row_weights[drawn].any():
            continue  # nothing to choose by
        hits[left] += decide(evidence.of_rows(drawn))(evidence)[left] == evidence.labels[left]
        times[left] += 1
    return np.where(times > 0, hits / np.maximum(times, 1), decide(evidence)(evidence) == evidence.labels)


def _drawn_groups(sample_groups: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.int64]:
    """Draw as many groups as there are, with replacement; return their rows, which may come again."""
    number = int(sample_groups.max()) + 1
    times = np.bincount(rng.integers(number, size=number), minlength=number)
    return np.repeat(np.arange(len(sample_groups)), times[sample_groups])


def _of_shown(class_parts: FloatArray, shown: NDArray[np.bool_], groups: NDArray[np.str_]) -> FloatArray:
    """Share the weight of classes without a row out to those of their group, or to all where it shows none."""
    parts = np.where(shown, class_parts, 0.0)
    for group in np.unique(groups):
        members = groups == group
        known = float(parts[members].sum())
        parts[members] *= float(class_parts[members].sum()) / known if known else 0.0
    return np.asarray(parts / parts.sum())
