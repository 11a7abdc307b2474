"""Calibration: of the images that a classifier is 80 % sure of, are 80 % right?"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from longtail.arguments import as_array, as_numbers, check_whole
from longtail.counts import class_counts
from longtail.errors import InputError

__all__ = [
    "ImageScores",
    "ReliabilityCurve",
    "classwise_calibration_error",
    "expected_calibration_error",
    "image_scores",
    "reliability_curve",
]

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class ImageScores:
    """What is kept of each image's probabilities: all that the measures need, N numbers each instead of N x C.

    Attributes:
        predicted: most likely class, shape (N,).
        confidence: its probability, 0 to 1, shape (N,).
        right: is it the label, shape (N,).
        brier: sum_c (p_c - [c = y])^2, 0 to 2, shape (N,).
        log_loss: -log p_y in nats, shape (N,).
    """

    predicted: NDArray[np.int64]
    confidence: Floats
    right: NDArray[np.bool_]
    brier: Floats
    log_loss: Floats

    @classmethod
    def join(cls, parts: Sequence["ImageScores"]) -> "ImageScores":
        """Put the scores of several blocks of images together."""
        return cls(*(np.concatenate([getattr(part, name) for part in parts]) for name in cls.__dataclass_fields__))


def image_scores(probabilities: ArrayLike, labels: ArrayLike) -> ImageScores:
    """Score each image's probabilities.

    Args:
        probabilities: rows that sum to 1, shape (N, C).
        labels: class indices, shape (N,).

    Returns:
        Confidence, Brier score and log-loss of each image. A probability of 0 counts as its type's smallest number.

    Raises:
        InputError: rows that are no probabilities, other shapes, or a label out of range.

    Reference:
        Brier, "Verification of forecasts expressed in terms of probability", Monthly Weather Review 1950.

    Example:
        >>> scores = image_scores([[0.8, 0.2], [0.4, 0.6]], [0, 0])
        >>> scores.right.tolist(), scores.brier.round(2).tolist(), scores.log_loss.round(3).tolist()
        ([True, False], [0.08, 0.72], [0.223, 0.916])
    """
    given, truth = checked_probabilities(probabilities, labels)
    floor = np.finfo(given.dtype).tiny
    values = given.astype(np.float64)
    true_probability = values[np.arange(len(truth)), truth]
    predicted = values.argmax(axis=1)
    return ImageScores(
        predicted,
        values.max(axis=1, initial=0.0),
        predicted == truth,
        (values**2).sum(axis=1) - 2 * true_probability + 1,
        -np.log(np.maximum(true_probability, floor)),
    )


def checked_probabilities(
    probabilities: ArrayLike, labels: ArrayLike
) -> tuple[NDArray[np.floating], NDArray[np.int64]]:
    """Check that rows are probabilities (N, C) and that each has a label 0 .. C - 1."""
    given, truth = as_array(probabilities, "probabilities"), as_array(labels, "labels")
    if given.ndim != 2 or truth.shape != given.shape[:1] or given.dtype.kind not in "iuf":
        raise InputError(
            f"probabilities of shape {given.shape} and type {given.dtype}, labels of shape {truth.shape}; expected "
            "N x C numbers and N labels."
        )
    if given.dtype.kind != "f":
        given = given.astype(np.float64)
    bad = np.flatnonzero(~((given >= 0).all(axis=1) & (np.abs(given.sum(axis=1, dtype=np.float64) - 1) < 1e-2)))
    if len(bad):
        raise InputError(f"row {bad[0]} is no row of probabilities: expected numbers of at least 0 that sum to 1.")
    class_counts(truth, given.shape[1])
    return given, truth.astype(np.int64)


@dataclass(frozen=True)
class ReliabilityCurve:
    """How often images of about the same confidence are right.

    Attributes:
        confidence: mean confidence of each bin that holds images, 0 to 1, shape (M,).
        accuracy: share of them that are right, 0 to 1, shape (M,).
        share: of the weight of all images, shape (M,); sums to 1.
        images: how many, shape (M,).
    """

    confidence: Floats
    accuracy: Floats
    share: Floats
    images: NDArray[np.int64]

    @property
    def error(self) -> float:
        """The expected calibration error of these bins, in percentage points."""
        return float(100 * (self.share * np.abs(self.accuracy - self.confidence)).sum())


def reliability_curve(
    confidence: ArrayLike,
    right: ArrayLike,
    *,
    bins: int = 15,
    equal_mass: bool = False,
    weights: ArrayLike | None = None,
) -> ReliabilityCurve:
    """Sort images into bins by confidence, and compare the mean confidence of a bin with the share that is right.

    Args:
        confidence: 0 to 1, shape (N,).
        right: is the prediction right, shape (N,).
        bins: how many, at least 1.
        equal_mass: bins of equally many images (of equal weight) instead of bins of equal width; images of the same
            confidence are never parted.
        weights: of the images, at least 0, shape (N,); with 1 / n_y each class counts alike.

    Raises:
        InputError: no bins, other shapes, or no weight at all.

    Reference:
        Guo, Pleiss, Sun, Weinberger, "On Calibration of Modern Neural Networks", ICML 2017, arXiv 1706.04599,
        section 2.

    Example:
        >>> curve = reliability_curve([0.9, 0.9, 0.6, 0.6], [1, 1, 0, 1], bins=2, equal_mass=True)
        >>> curve.confidence.tolist(), curve.accuracy.tolist(), curve.images.tolist(), round(curve.error, 3)
        ([0.6, 0.9], [0.5, 1.0], [2, 2], 10.0)
    """
    sure, hit, weight = checked_confidence(confidence, right, weights)
    check_whole("bins", bins, 1)
    if not weight.sum() > 0:
        raise InputError("there is no image to measure calibration on.")
    place = (_mass_below(sure, weight) if equal_mass else sure) * bins
    # bins are (low, high] by width as published; a confidence of 1 is in the last one, one of 0 in the first
    number = (np.floor(place) if equal_mass else np.ceil(place) - 1).clip(0, bins - 1).astype(np.int64)
    mass = np.bincount(number, weights=weight, minlength=bins)
    images = np.bincount(number[weight > 0], minlength=bins)
    held = mass > 0
    sums = [np.bincount(number, weights=weight * value, minlength=bins)[held] / mass[held] for value in (sure, hit)]
    return ReliabilityCurve(sums[0], sums[1], mass[held] / mass.sum(), images[held].astype(np.int64))


def checked_confidence(
    confidence: ArrayLike, right: ArrayLike, weights: ArrayLike | None, *, any_score: bool = False
) -> tuple[Floats, Floats, Floats]:
    """Check confidences, hits and weights of at least 0, shape (N,) each; weights are 1 where none are given.

    Args:
        confidence: 0 to 1.
        right: 0 or 1.
        weights: of the images, or None.
        any_score: confidences may be any finite numbers, of which only the order counts.
    """
    sure, hit = as_numbers(confidence, "confidences"), as_numbers(right, "hits")
    weight = np.ones(sure.shape) if weights is None else as_numbers(weights, "weights")
    if sure.ndim != 1 or hit.shape != sure.shape or weight.shape != sure.shape:
        raise InputError(f"{sure.shape} confidences, {hit.shape} hits, {weight.shape} weights; expected N of each.")
    if not (any_score or ((sure >= 0) & (sure <= 1 + 1e-6)).all()):
        raise InputError("a confidence is below 0 or above 1; expected probabilities.")
    if not ((hit == 0) | (hit == 1)).all():
        raise InputError("a hit is neither 0 nor 1; expected whether each prediction is right.")
    if (weight < 0).any():
        raise InputError("a weight is negative; expected numbers of at least 0.")
    return sure, hit, weight


def _mass_below(confidence: Floats, weight: Floats) -> Floats:
    """Return the share of the weight that lies at smaller confidences, 0 to below 1."""
    order = np.argsort(confidence, kind="stable")
    before = np.concatenate([[0.0], np.cumsum(weight[order])])
    below: Floats = before[np.searchsorted(confidence[order], confidence, side="left")] / before[-1]
    return below


def expected_calibration_error(
    confidence: ArrayLike,
    right: ArrayLike,
    *,
    bins: int = 15,
    equal_mass: bool = False,
    weights: ArrayLike | None = None,
) -> float:
    """Measure how far confidence is from accuracy, on average, in percentage points.

    ECE = 100 sum_b share_b |accuracy_b - confidence_b|

    Of bins of equal width this is the ECE, of bins of equal mass the adaptive ECE, which no crowded last bin can hide.
    Both are above 0 for a calibrated classifier too, the more the fewer images there are.

    Args:
        confidence: probability of the predicted class, 0 to 1, shape (N,).
        right: is the prediction right, shape (N,).
        bins: how many, at least 1.
        equal_mass: bins of equally many images instead of equal width.
        weights: of the images, at least 0, shape (N,).

    Raises:
        InputError: no bins, other shapes, or no image.

    Reference:
        Naeini, Cooper, Hauskrecht, "Obtaining Well Calibrated Probabilities Using Bayesian Binning", AAAI 2015,
        section 3 (ECE); Nguyen, O'Connor, "Posterior calibration and exploratory analysis for natural language
        processing models", EMNLP 2015, arXiv 1508.05154, section 3 (bins of equal mass).

    Example:
        >>> expected_calibration_error([1.0, 1.0, 1.0, 1.0], [1, 1, 1, 0])
        25.0
    """
    return reliability_curve(confidence, right, bins=bins, equal_mass=equal_mass, weights=weights).error


def classwise_calibration_error(probabilities: ArrayLike, labels: ArrayLike, *, bins: int = 15) -> Floats:
    """Measure for each class how far its probability is from how often it is the label, in percentage points.

    error_c = 100 sum_b |B_cb| / N |share of class c in B_cb - mean of p_c in B_cb|; B_cb: images with p_c in bin b

    The mean over classes is the class-wise ECE. As most probabilities are nearly 0, so is most of each sum.

    Args:
        probabilities: rows that sum to 1, shape (N, C).
        labels: class indices, shape (N,).
        bins: of equal width, at least 1.

    Returns:
        Shape (C,).

    Raises:
        InputError: no bins, rows that are no probabilities, other shapes.

    Reference:
        Nixon, Dusenberry, Zhang, Jerfel, Tran, "Measuring Calibration in Deep Learning", 2019, arXiv 1904.01685,
        equation 3; Kull et al., "Beyond temperature scaling", NeurIPS 2019, arXiv 1910.12656, section 2.

    Example:
        >>> classwise_calibration_error([[0.75, 0.25], [0.75, 0.25]], [0, 1], bins=4).tolist()
        [25.0, 25.0]
    """
    given, truth = checked_probabilities(probabilities, labels)
    check_whole("bins", bins, 1)
    if len(truth) == 0:
        raise InputError("there is no image to measure calibration on.")
    errors = np.empty(given.shape[1])
    for c in range(given.shape[1]):
        values = given[:, c].astype(np.float64)
        number = (np.ceil(values * bins) - 1).clip(0, bins - 1).astype(np.int64)
        errors[c] = np.abs(np.bincount(number, weights=(truth == c) - values)).sum()
    return 100 * errors / len(truth)
