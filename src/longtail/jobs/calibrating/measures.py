"""Fit what turns one head's scores into probabilities, sets and decisions, and measure it on images it has not seen."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_softmax

from longtail.errors import InputError
from longtail.evaluation.calibration import ImageScores, classwise_calibration_error, image_scores
from longtail.evaluation.conformal import SET_KINDS, ConformalSets, Score, SetKind, fit_sets
from longtail.evaluation.coverage import coverage_report
from longtail.evaluation.probability_report import probability_report, probability_summary, reliability_facts
from longtail.evaluation.scaling import SCALINGS, Calibrator, ScalingMethod, image_weights
from longtail.evaluation.scaling_choice import ScalingChoice, choose_calibrator, out_of_fold_logits
from longtail.evaluation.selective import selective_report, threshold_for_accuracy
from longtail.holdout import stratified_folds
from longtail.jobs.calibrating.file import StoredCalibration

if TYPE_CHECKING:
    pass

__all__ = ["Calibration", "Images", "Wishes", "calibrate", "measure_calibration"]

MOST_TRIED = 5_000_000  # scores on which auto tries every calibration; beyond, none, temperature and group

Floats = NDArray[np.float64]


FOLDS = 5  # of images in groups


@dataclass(frozen=True)
class Images:
    """The scores of a head for some images, with the truth.

    Attributes:
        logits: shape (N, C).
        labels: class indices, shape (N,).
        name: of the split.
        sample_groups: a number for each image, equal for those that belong together, shape (N,); None: independent.
    """

    logits: NDArray[np.floating]
    labels: NDArray[np.int64]
    name: str
    sample_groups: NDArray[np.int64] | None = None


@dataclass(frozen=True)
class Wishes:
    """What was asked for.

    Attributes:
        method: a calibration, or "auto".
        prior: shares where the probabilities are to hold, shape (C,), or None for the mix of the calibration images.
        implied_prior: shares that the head's scores were made for, shape (C,).
        sets: which conformal sets are stored; all kinds are measured.
        score: of the sets.
        alpha: share that sets may miss.
        accuracy: wanted among accepted predictions, 0 to 1.
        seed: of the folds.
    """

    method: ScalingMethod | Literal["auto"]
    prior: Floats | None
    implied_prior: Floats
    sets: SetKind
    score: Score
    alpha: float
    accuracy: float
    seed: int


@dataclass(frozen=True)
class Calibration:
    """What was fitted to some images, before any other was looked at.

    Attributes:
        images: that it was fitted to.
        choice: the calibration, and how the others did.
        held_out: probabilities of these images, each calibrated by the other folds, shape (N, C).
        kinds: conformal sets of every kind.
        stored: what is kept for predicting.
    """

    images: Images
    choice: ScalingChoice
    held_out: Floats
    kinds: dict[SetKind, ConformalSets]
    stored: StoredCalibration


def calibrate(images: Images, groups: NDArray[np.str_], wishes: Wishes, calibrated_on: str) -> Calibration:
    """Fit a calibration, sets and the reject option.

    Thresholds of sets and of the accepted predictions are chosen on scores that were calibrated out of fold.

    Args:
        images: to fit to.
        groups: "many", "medium" or "few" for each class, shape (C,).
        wishes: what was asked for.
        calibrated_on: in words.
    """
    settings: dict[str, Any] = {
        "groups": groups,
        "prior": wishes.prior,
        "implied_prior": None if wishes.prior is None else wishes.implied_prior,
    }
    # a bias a class takes minutes to try where images times classes are many
    tried = SCALINGS if np.size(images.logits) <= MOST_TRIED else SCALINGS[:3]
    methods = tried if wishes.method == "auto" else (wishes.method,)
    together = images.sample_groups
    if together is not None:
        settings["folds"] = _folds_of_groups(images.labels, together, wishes.seed)
    choice = choose_calibrator(
        images.logits, images.labels, methods, sample_groups=together, seed=wishes.seed, **settings
    )
    calibrator = choice.calibrator
    held_out = _softmax(
        out_of_fold_logits(images.logits, images.labels, calibrator.method, seed=wishes.seed, **settings)
    )
    kinds = {
        kind: fit_sets(
            held_out,
            images.labels,
            kind,
            alpha=wishes.alpha,
            score=wishes.score,
            groups=groups,
            prior=calibrator.prior,
            sample_groups=together,
        )
        for kind in SET_KINDS
    }
    sure = image_scores(held_out, images.labels)
    rule = threshold_for_accuracy(sure.confidence, sure.right, wishes.accuracy, sample_groups=together)
    stored = StoredCalibration(calibrator, kinds[wishes.sets], rule, calibrated_on)
    return Calibration(images, choice, held_out, kinds, stored)


def measure_calibration(
    calibration: Calibration, measured: Images | None, groups: NDArray[np.str_], wishes: Wishes
) -> dict[str, Any]:
    """Measure a calibration once on other images, or, where there are none, out of fold on its own.

    Args:
        calibration: what was fitted, and on which images.
        measured: to measure on; None where there is no test split.
        groups: "many", "medium" or "few" for each class, shape (C,).
        wishes: what was asked for.

    Returns:
        What calibration.json says of the head.
    """
    calibrator, rule, calibration_images = calibration.stored.calibrator, calibration.stored.rule, calibration.images
    target = calibration_images if measured is None else measured
    before = _softmax(target.logits)
    after = calibration.held_out if measured is None else calibrator.probabilities(measured.logits)
    scores = {"before": image_scores(before, target.labels), "after": image_scores(after, target.labels)}
    return {
        "method": calibrator.method,
        "calibrated_on": calibration.stored.calibrated_on,
        "images": len(calibration_images.labels),
        "right": int((calibration_images.logits.argmax(axis=1) == calibration_images.labels).sum()),
        "class_images": np.bincount(calibration_images.labels, minlength=len(groups)).tolist(),
        "choice": {name: value for name, value in vars(calibration.choice).items() if name != "calibrator"},
        "factors": _factors(calibrator, groups),
        "measured_on": f"{target.name}, out of fold" if measured is None else target.name,
        "probabilities": {when: probability_report(part, target.labels, groups) for when, part in scores.items()},
        "under_prior": _under(calibrator.prior, scores, target.labels),
        "classwise_ece": {
            "before": float(classwise_calibration_error(before, target.labels).mean()),
            "after": float(classwise_calibration_error(after, target.labels).mean()),
        },
        "reliability": {when: reliability_facts(part) for when, part in scores.items()},
        "decisions": _decisions(scores, target.labels),
        "alpha": wishes.alpha,
        "score": wishes.score,
        "stored_sets": wishes.sets,
        "sets": {
            kind: {
                **coverage_report(sets.contains(after), target.labels, groups, sample_groups=target.sample_groups),
                "always": int(np.isinf(sets.thresholds).sum()),
                "images_missing": sets.images_missing.tolist(),
            }
            for kind, sets in calibration.kinds.items()
        },
        "rule": vars(rule),
        "reject": selective_report(scores["after"], target.labels, groups, rule, sample_groups=target.sample_groups),
    }


def _folds_of_groups(labels: NDArray[np.int64], together: NDArray[np.int64], seed: int) -> NDArray[np.int64]:
    """Share groups out to folds, also those of a class that has one group alone: a scaling can do without a class.

    Raises:
        InputError: all images are of one group.
    """
    folds = stratified_folds(labels, FOLDS, seed, together)
    numbers = np.unique(together, return_inverse=True)[1]
    folds = np.where(folds < 0, numbers % FOLDS, folds)
    if len(np.unique(folds)) < 2:
        raise InputError(
            "all images to calibrate on are of one group: nothing says how sure the scores are in others. Expected "
            "several groups in val."
        )
    return folds


def _softmax(logits: NDArray[np.floating]) -> Floats:
    values: Floats = np.exp(log_softmax(np.asarray(logits, dtype=np.float64), axis=1))
    return values


def _factors(calibrator: Calibrator, groups: NDArray[np.str_]) -> dict[str, float]:
    """Return what scores are multiplied with, in the mean over each group's classes: below 1 makes less sure."""
    return {str(group): float(calibrator.scale[groups == group].mean()) for group in np.unique(groups)}


def _under(prior: Floats, scores: dict[str, ImageScores], labels: NDArray[np.int64]) -> dict[str, Any]:
    """Measure with images weighed to the mix of classes that the probabilities are for, and say how far that is."""
    shares = np.bincount(labels, minlength=len(prior)) / len(labels)
    weights = image_weights(labels, prior)
    return {
        "distance": float(100 * np.abs(shares - prior).sum() / 2),
        **{when: probability_summary(result, weights) for when, result in scores.items()},
    }


def _decisions(scores: dict[str, ImageScores], labels: NDArray[np.int64]) -> dict[str, Any]:
    fair = 1.0 / np.bincount(labels)[labels]
    return {
        "changed": int((scores["before"].predicted != scores["after"].predicted).sum()),
        "images": len(labels),
        "balanced": {when: 100 * float(np.average(result.right, weights=fair)) for when, result in scores.items()},
    }
