"""Labels worth a look: one count for `inspect` and for the report."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from longtail.errors import InputError
from longtail.evaluation.held_out import HeldOutDiscriminants
from longtail.evaluation.label_problems import suspicious_in_blocks
from longtail.evaluation.shared_rows import SplitCopies, find_copies
from longtail.holdout import stratified_folds

__all__ = ["KINDS", "MARGIN", "LabelCheck", "LabelProblem", "check_labels"]

IntArray = NDArray[np.int64]
Rows = tuple[NDArray[Any], IntArray]

TWO_LABELS, TWO_SPLITS, MISLABELLED = KINDS = (
    "nearly the same, two labels",
    "nearly the same, two splits",
    "likely mislabelled",
)
MARGIN = 0.8


@dataclass(frozen=True)
class LabelProblem:
    """A row whose label is worth a look, and why.

    Attributes:
        problem: one of `KINDS`.
        split: of the row.
        row: its place in the split.
        label: name of its class.
        other_split: of the row that it is nearly the same as; None where it is likely mislabelled.
        other_row: place of that one, or None.
        other_label: its class, or the class that the row is claimed by.
        score: cosine of the two rows, less the mean of all, 1 where they are the same; or by how much more probable the
            other class is, 0 to 1.
    """

    problem: str
    split: str
    row: int
    label: str
    other_split: str | None
    other_row: int | None
    other_label: str
    score: float


@dataclass(frozen=True)
class LabelCheck:
    """All that was found, the most doubtful of each kind first, and what was not looked for.

    Attributes:
        problems: in the order of `KINDS`.
        not_looked_for: kinds, each with the reason.
    """

    problems: tuple[LabelProblem, ...]
    not_looked_for: dict[str, str]


def check_labels(
    splits: Mapping[str, Rows],
    class_names: Sequence[str],
    *,
    false_share: float = 0.01,
    margin: float = MARGIN,
    folds: int = 5,
    seed: int = 0,
    sample_groups: IntArray | None = None,
    most_comparisons: float | None = None,
    most_fitting: float | None = None,
) -> LabelCheck:
    """List rows that are nearly the same, in two splits or with two labels, and rows that are likely mislabelled.

    Args:
        splits: features (N_split, D) and class indices (N_split,) by name, train first.
        class_names: C names.
        false_share: of the pairs that are called nearly the same, as in `near_copies`.
        margin: by how much the other class has to be more probable than the label, 0 to 1.
        folds: of the cross-validation that judges the labels of train, at least 2.
        seed: of the folds.
        sample_groups: a number for each row of train; those of one are judged by what others say, shape (N,), or None.
        most_comparisons: operations (rows squared times D) above which rows are not compared; default: always are.
        most_fitting: operations (training rows times D times the larger of D and C) above which train is not
            cross-validated.

    Raises:
        InputError: features of different dimensions, or numbers out of range.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> labels = np.repeat([0, 1], 40)
        >>> rows = 4.0 * np.eye(2, 8)[labels] + rng.normal(size=(80, 8))
        >>> labels[3] = 1
        >>> (found,) = check_labels({"train": (rows, labels)}, ["ant", "bee"]).problems
        >>> found.problem, found.row, found.label, found.other_label
        ('likely mislabelled', 3, 'bee', 'ant')
    """
    if not 0 <= margin <= 1:
        raise InputError(f"margin is {margin}; expected 0 to 1, a difference of probabilities.")
    copies = find_copies(splits, false_share=false_share, most=most_comparisons)
    problems = _pairs(copies, class_names)
    near = copies.near
    not_looked_for = {TWO_LABELS: near.left_out_across, TWO_SPLITS: near.left_out if len(splits) > 1 else None}
    features, labels = next(iter(splits.values()))
    wide = max(features.shape[1], len(class_names))
    if most_fitting is not None and float(len(labels)) * features.shape[1] * wide > most_fitting:
        not_looked_for[MISLABELLED] = "it takes long here"
    else:
        fold_of = stratified_folds(labels, folds, seed, sample_groups)
        problems += _mislabelled(next(iter(splits)), features, labels, class_names, margin, fold_of)
    ordered = sorted(problems, key=lambda problem: (KINDS.index(problem.problem), -problem.score))
    return LabelCheck(tuple(ordered), {kind: reason for kind, reason in not_looked_for.items() if reason is not None})


def _pairs(copies: SplitCopies, class_names: Sequence[str]) -> list[LabelProblem]:
    rows = np.arange(len(copies.first))
    same = rows[copies.first != rows]
    first = np.concatenate([copies.first[same], copies.near.first])
    second = np.concatenate([same, copies.near.second])
    similarity = np.concatenate([np.ones(len(same)), copies.near.similarity])
    two_labels = copies.labels[first] != copies.labels[second]
    two_splits = copies.split[first] != copies.split[second]
    # a copy within a class of one split harms nobody
    return [
        LabelProblem(
            TWO_LABELS if two_labels[pair] else TWO_SPLITS,
            copies.names[copies.split[one]],
            int(copies.place[one]),
            class_names[copies.labels[one]],
            copies.names[copies.split[other]],
            int(copies.place[other]),
            class_names[copies.labels[other]],
            round(float(similarity[pair]), 6),
        )
        for pair, (one, other) in enumerate(zip(first, second, strict=True))
        if two_labels[pair] or two_splits[pair]
    ]


def _mislabelled(
    split: str,
    features: NDArray[Any],
    labels: IntArray,
    class_names: Sequence[str],
    margin: float,
    fold_of: IntArray,
) -> list[LabelProblem]:
    if not (fold_of >= 0).any():  # a class of one row cannot be judged
        return []
    discriminants = HeldOutDiscriminants.fit(features, labels, fold_of)
    result = suspicious_in_blocks(discriminants.blocks, labels, int(labels.max()) + 1)
    sure = result.margin >= margin
    return [
        LabelProblem(
            MISLABELLED,
            split,
            int(row),
            class_names[labels[row]],
            None,
            None,
            class_names[suggested],
            round(float(difference), 6),
        )
        for row, suggested, difference in zip(
            result.rows[sure], result.suggested[sure], result.margin[sure], strict=True
        )
    ]
