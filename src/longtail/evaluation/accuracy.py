"""How often a classifier is right: over images, over classes, and by group of classes."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from longtail.arguments import as_array
from longtail.counts import GROUPS, check_class_counts, check_groups, class_counts, group_of_class
from longtail.errors import InputError
from longtail.evaluation.sample_groups import GroupCells, check_sample_groups

__all__ = ["ClassTally", "accuracy_of_hits", "accuracy_report", "group_means", "metric_weights", "tally"]

IntArray = NDArray[np.int64]


@dataclass(frozen=True)
class ClassTally:
    """Per class: how many images there are, how many were found, and how often the class was predicted.

    Attributes:
        totals: images of each class, shape (C,).
        hits: of them, those predicted right, shape (C,).
        predicted: images predicted as the class, shape (C,).
        cells: hits by group of rows and class, where rows come in groups.
    """

    totals: IntArray
    hits: IntArray
    predicted: IntArray
    cells: GroupCells | None = None


def tally(
    labels: ArrayLike, predictions: ArrayLike, num_classes: int, *, sample_groups: ArrayLike | None = None
) -> ClassTally:
    """Count totals, hits and predictions of each class.

    Args:
        labels: class indices, shape (N,).
        predictions: class indices, shape (N,).
        num_classes: C.
        sample_groups: a whole number for each row, equal for rows of one site, lesion or sequence, shape (N,); what is
            computed from the tally then allows for rows of one group being alike. Default: rows are independent.

    Raises:
        InputError: an index out of range, another number of predictions than labels, or groups that are none.
    """
    truth, answers = as_array(labels, "labels"), as_array(predictions, "predictions")
    if truth.shape != answers.shape:
        raise InputError(f"labels {truth.shape}, predictions {answers.shape}; expected one prediction a label.")
    totals = class_counts(truth, num_classes)
    predicted = class_counts(answers, num_classes, name="predictions")
    hits, right = class_counts(truth[truth == answers], num_classes), truth == answers
    together = check_sample_groups(sample_groups, len(truth))
    cells = None if together is None else GroupCells.of_rows(right, truth, together, len(totals))
    return ClassTally(totals, hits, predicted, cells)


def accuracy_of_hits(hits: IntArray, totals: IntArray) -> dict[str, float]:
    """Return `all` (top-1 over images) and `balanced` (mean recall of the classes that occur), in percent."""
    present = totals > 0
    return {
        "all": float(hits.sum() / totals.sum() * 100),
        "balanced": float((hits[present] / totals[present]).mean() * 100),
    }


def group_means(values: NDArray[Any], present: NDArray[np.bool_], groups: NDArray[np.str_]) -> dict[str, Any]:
    """Average a per-class value over the classes of each group that occur; None for an empty group.

    Args:
        values: one a class on the last axis, shape (..., C).
        present: the classes that occur in the evaluated split, shape (C,).
        groups: "many", "medium" or "few" for each class, shape (C,).

    Returns:
        For each group the mean over its classes, shape (...).
    """
    members = {group: present & (groups == group) for group in GROUPS}
    return {group: values[..., chosen].mean(axis=-1) if chosen.any() else None for group, chosen in members.items()}


def metric_weights(totals: ArrayLike, groups: NDArray[np.str_]) -> dict[str, NDArray[np.float64] | None]:
    """Return what one image of each class adds to each metric when it is right.

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
    counts, groups = check_class_counts(totals, "totals"), check_groups(groups, len(np.atleast_1d(totals)))
    present = counts > 0
    members = {"balanced": present, **{group: present & (groups == group) for group in GROUPS}}
    return {
        "all": present / max(int(counts.sum()), 1) if present.any() else None,
        **{
            name: chosen / (chosen.sum() * np.maximum(counts, 1)) if chosen.any() else None
            for name, chosen in members.items()
        },
    }


def accuracy_report(
    labels: ArrayLike,
    predictions: ArrayLike,
    train_counts: ArrayLike,
    *,
    many_above: int = 100,
    few_below: int = 20,
) -> dict[str, Any]:
    """Measure predictions over images, classes and groups.

    Classes without an image in `labels` count in no mean: not in balanced accuracy, not in the geometric mean, and not
    in macro F1 either, where one that is predicted all the same would count as 0 in scikit-learn (and make the
    geometric mean 0 in imbalanced-learn). Such a prediction is an error of the class that the image is of, and counts
    as that. Where every predicted class has an image, these are the numbers of both libraries. Groups are formed by the
    number of TRAINING images.

    Args:
        labels: class indices of the evaluated images, shape (N,).
        predictions: class indices, shape (N,).
        train_counts: n_c of the training split, shape (C,).
        many_above: a class with more training images is "many".
        few_below: a class with fewer is "few".

    Returns:
        `images` N; in percent `all` (top-1), `balanced` (mean of class recalls), `many`, `medium`, `few` (the same over
        a group; None where it is empty), `macro_f1`, `geometric_mean` of class recalls, `per_class` recall and
        `per_class_precision` (None where a class has no image, or is never predicted), `per_class_images`.

    Raises:
        InputError: indices that are none or out of range, other predictions than labels, counts that are none, no
            image, or thresholds that overlap.

    Reference:
        Liu et al., "Large-Scale Long-Tailed Recognition in an Open World", CVPR 2019, arXiv 1904.05160, section 4
        (groups).

    Example:
        >>> report = accuracy_report([0, 0, 1, 2], [0, 0, 0, 2], train_counts=[500, 50, 5])
        >>> report["all"], round(report["balanced"], 1), report["many"], report["medium"], report["few"]
        (75.0, 66.7, 100.0, 0.0, 100.0)
    """
    counts = check_class_counts(train_counts, "train_counts")
    counted = tally(labels, predictions, len(counts))
    if not counted.totals.any():
        raise InputError("there is no image to measure accuracy on; expected at least one label.")
    present = counted.totals > 0
    with np.errstate(invalid="ignore", divide="ignore"):
        recall = counted.hits / counted.totals
        precision = counted.hits / counted.predicted
    # 2 TP / (TP + FP + TP + FN)
    f1 = 2 * counted.hits[present] / (counted.totals + counted.predicted)[present]
    with np.errstate(divide="ignore"):
        geometric = np.exp(np.log(recall[present]).mean())
    groups = group_of_class(counts, many_above, few_below)
    by_group = {
        group: None if mean is None else float(mean) * 100
        for group, mean in group_means(recall, present, groups).items()
    }
    return {
        "images": int(counted.totals.sum()),
        **accuracy_of_hits(counted.hits, counted.totals),
        **by_group,
        "macro_f1": float(f1.mean() * 100),
        "geometric_mean": float(geometric * 100),
        "per_class": _percent(recall),
        "per_class_images": counted.totals.tolist(),
        "per_class_precision": _percent(precision),
    }


def _percent(shares: NDArray[np.float64]) -> list[float | None]:
    return [None if np.isnan(share) else float(share * 100) for share in shares]
