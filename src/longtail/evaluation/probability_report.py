"""Calibration and proper scores over images, over classes, and by group of classes."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from longtail.arguments import as_array
from longtail.counts import GROUPS, check_groups, class_counts
from longtail.errors import InputError
from longtail.evaluation.calibration import ImageScores, expected_calibration_error, reliability_curve

__all__ = ["probability_report", "probability_summary", "reliability_facts"]


def probability_summary(scores: ImageScores, weights: NDArray[np.float64] | None = None) -> dict[str, float]:
    """Return the four numbers that tables show.

    Args:
        scores: of the images.
        weights: of the images, shape (N,).

    Returns:
        `ece` and `adaptive_ece` in percentage points, `brier` (0 to 2), `log_loss` in nats.

    Raises:
        InputError: no image.

    Example:
        >>> from longtail.evaluation.calibration import image_scores
        >>> summary = probability_summary(image_scores([[0.8, 0.2], [0.4, 0.6]], [0, 1]))
        >>> {name: round(value, 3) for name, value in summary.items()}
        {'ece': 30.0, 'adaptive_ece': 30.0, 'brier': 0.2, 'log_loss': 0.367}
    """
    return {
        "ece": expected_calibration_error(scores.confidence, scores.right, weights=weights),
        "adaptive_ece": expected_calibration_error(scores.confidence, scores.right, equal_mass=True, weights=weights),
        "brier": float(np.average(scores.brier, weights=weights)),
        "log_loss": float(np.average(scores.log_loss, weights=weights)),
    }


def probability_report(scores: ImageScores, labels: ArrayLike, groups: NDArray[np.str_]) -> dict[str, Any]:
    """Measure probabilities over images, over classes and by group.

    `balanced` weighs every image by 1 / n_y, so that each class counts alike: the probabilities' worth in a world where
    all classes are equally common. Of a group, Brier score and log-loss are over the images that BELONG to it (mean
    over its classes); the calibration errors are over the images that are TAKEN for it. Calibration is a promise about
    an answer, made before the truth is known: among images that are known to be rare even perfect probabilities are too
    low, since most of what looks like a rare class is a common one.

    Args:
        scores: of the images.
        labels: class indices, shape (N,).
        groups: "many", "medium" or "few" for each class, shape (C,).

    Returns:
        For `all`, `balanced`, `many`, `medium`, `few`: `images`, `taken` (images predicted as such a class),
        `confidence` and `accuracy` of these in percent, `ece`, `adaptive_ece`, `brier`, `log_loss`. None where there is
        no image.

    Raises:
        InputError: a label out of range, or no image.

    Example:
        >>> from longtail.evaluation.calibration import image_scores
        >>> scores = image_scores([[0.8, 0.2], [0.7, 0.3], [0.4, 0.6]], [0, 1, 1])
        >>> report = probability_report(scores, [0, 1, 1], np.array(["many", "few"]))
        >>> report["many"]["images"], report["many"]["taken"], report["many"]["accuracy"], report["medium"]
        (1, 2, 50.0, None)
    """
    truth = as_array(labels, "labels")
    groups = check_groups(groups)
    if truth.shape != scores.right.shape or not len(truth):
        raise InputError(f"{truth.shape} labels for {scores.right.shape} images; expected one each.")
    counts = class_counts(truth, len(groups))
    fair, alike = 1.0 / counts[truth], np.ones(len(truth))
    every = np.full(len(truth), True)
    report: dict[str, Any] = {
        "all": _part(scores, every, every, alike, alike),
        "balanced": _part(scores, every, every, fair, fair),
    }
    for group in GROUPS:
        belongs, taken = groups[truth] == group, groups[scores.predicted] == group
        report[group] = _part(scores, belongs, taken, fair, alike) if belongs.any() else None
    return report


def _part(
    scores: ImageScores,
    belongs: NDArray[np.bool_],
    taken: NDArray[np.bool_],
    weights: NDArray[np.float64],
    taken_weights: NDArray[np.float64],
) -> dict[str, Any]:
    sure, right, weight = scores.confidence[taken], scores.right[taken], taken_weights[taken]
    called: dict[str, Any] = dict.fromkeys(("confidence", "accuracy", "ece", "adaptive_ece"))
    if len(sure):
        called = {
            "confidence": 100 * float(np.average(sure, weights=weight)),
            "accuracy": 100 * float(np.average(right, weights=weight)),
            "ece": expected_calibration_error(sure, right, weights=weight),
            "adaptive_ece": expected_calibration_error(sure, right, equal_mass=True, weights=weight),
        }
    return {
        "images": int(belongs.sum()),
        "taken": int(taken.sum()),
        **called,
        "brier": float(np.average(scores.brier[belongs], weights=weights[belongs])),
        "log_loss": float(np.average(scores.log_loss[belongs], weights=weights[belongs])),
    }


def reliability_facts(scores: ImageScores, bins: int = 15) -> dict[str, list[float]]:
    """Return a reliability curve of equal width as plain numbers for a figure; confidence and accuracy in percent."""
    curve = reliability_curve(scores.confidence, scores.right, bins=bins)
    percent = {name: (100 * getattr(curve, name)).tolist() for name in ("confidence", "accuracy")}
    return percent | {"images": curve.images.tolist()}
