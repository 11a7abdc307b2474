"""How often a classifier is right: over images, over classes, and by group of classes."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from longtail.counts import GROUPS, class_counts, group_of_class
from longtail.errors import InputError

__all__ = ["ClassTally", "accuracy_of_hits", "accuracy_report", "group_means", "tally"]

IntArray = NDArray[np.int64]


@dataclass(frozen=True)
class ClassTally:
    """Per class: how many images there are, how many were found, and how often the class was predicted.

    Attributes:
        totals: images of each class, shape (C,).
        hits: of them, those predicted right, shape (C,).
        predicted: images predicted as the class, shape (C,).
    """

    totals: IntArray
    hits: IntArray
    predicted: IntArray


def tally(labels: ArrayLike, predictions: ArrayLike, num_classes: int) -> ClassTally:
    """Count totals, hits and predictions of each class.

    Args:
        labels: class indices, shape (N,).
        predictions: class indices, shape (N,).
        num_classes: C.

    Raises:
        InputError: an index out of range, or another number of predictions than labels.
    """
    labels, predictions = np.asarray(labels), np.asarray(predictions)
    if labels.shape != predictions.shape:
        raise InputError(f"labels {labels.shape}, predictions {predictions.shape}; expected one prediction a label.")
    return ClassTally(
        class_counts(labels, num_classes),
        class_counts(labels[labels == predictions], num_classes),
        class_counts(predictions, num_classes),
    )


def accuracy_of_hits(hits: IntArray, totals: IntArray) -> dict[str, float]:
    """Give `all` (top-1 over images) and `balanced` (mean recall of the classes that occur), in percent."""
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


def accuracy_report(
    labels: ArrayLike,
    predictions: ArrayLike,
    train_counts: ArrayLike,
    *,
    many_above: int = 100,
    few_below: int = 20,
) -> dict[str, Any]:
    """Measure predictions over images, classes and groups.

    Classes without an image in `labels` count in no mean. Groups are formed by the number of TRAINING images.

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
        InputError: an index out of range, other predictions than labels, no image, or thresholds that overlap.

    Reference:
        Liu et al., "Large-Scale Long-Tailed Recognition in an Open World", CVPR 2019, arXiv 1904.05160, section 4
        (groups).

    Example:
        >>> report = accuracy_report([0, 0, 1, 2], [0, 0, 0, 2], train_counts=[500, 50, 5])
        >>> report["all"], round(report["balanced"], 1), report["many"], report["medium"], report["few"]
        (75.0, 66.7, 100.0, 0.0, 100.0)
    """
    counts = np.asarray(train_counts)
    counted = tally(labels, predictions, len(counts))
    if not counted.totals.any():
        raise InputError("there is no image to measure accuracy on; expected at least one label.")
    present = counted.totals > 0
    with np.errstate(invalid="ignore", divide="ignore"):
        recall = counted.hits / counted.totals
        precision = counted.hits / counted.predicted
    # 2 TP / (TP + FP + TP + FN), over the classes that occur or are predicted, as scikit-learn counts
    involved = counted.totals + counted.predicted
    f1 = 2 * counted.hits[involved > 0] / involved[involved > 0]
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
