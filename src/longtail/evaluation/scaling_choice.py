"""Choose between calibrations by cross-validation on the images that they are fitted to."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import log_softmax

from longtail.arguments import as_array, as_numbers, brief
from longtail.counts import class_counts
from longtail.errors import InputError
from longtail.evaluation.sample_groups import check_sample_groups
from longtail.evaluation.scaling import SCALINGS, Calibrator, ScalingMethod, fit_calibrator, image_weights
from longtail.holdout import stratified_folds

__all__ = ["FEWEST_IMAGES", "ScalingChoice", "choose_calibrator", "out_of_fold_logits"]

FEWEST_IMAGES = 30  # below which how sure answers are cannot be told from how often they are right


@dataclass(frozen=True)
class ScalingChoice:
    """The chosen calibration, fitted to all images, and how the others did.

    Attributes:
        calibrator: the chosen one.
        log_loss: of each candidate on images that it was not fitted to, in nats.
        standard_errors: of its difference to the best.
        balanced: mean recall of the classes there, in percent: what its bias does to decisions.
        refused: candidates with a lower log-loss that find fewer images, class by class, than the logits as they are.
    """

    calibrator: Calibrator
    log_loss: dict[ScalingMethod, float]
    standard_errors: dict[ScalingMethod, float]
    balanced: dict[ScalingMethod, float]
    refused: tuple[ScalingMethod, ...]


def choose_calibrator(
    logits: ArrayLike,
    labels: ArrayLike,
    methods: Sequence[ScalingMethod] = SCALINGS,
    *,
    groups: NDArray[np.str_] | None = None,
    prior: ArrayLike | None = None,
    implied_prior: ArrayLike | None = None,
    shrinkage: float = 10.0,
    folds: int | ArrayLike = 5,
    sample_groups: ArrayLike | None = None,
    seed: int = 0,
) -> ScalingChoice:
    """Fit each calibration to all folds but one, measure it on that one, and take the best that costs no class.

    The simplest candidate within one standard error of the lowest log-loss is taken. Log-loss pays for common classes
    with rare ones: on long-tailed images a bias can undo what a balanced head has gained. A candidate whose most likely
    classes have a lower balanced accuracy than those of the first candidate is therefore not taken. Of fewer than 30
    images nothing is learnt: "none" is taken where it is a candidate.

    Args:
        logits: of images that the classifier was not fitted to, shape (N, C).
        labels: class indices, shape (N,).
        methods: candidates.
        groups: "many", "medium" or "few" for each class, shape (C,); for "group".
        prior: as in `fit_calibrator`; the log-loss is then weighed by it.
        implied_prior: as in `fit_calibrator`.
        shrinkage: as in `fit_calibrator`.
        folds: how many, at least 2, drawn by class; or the number of each row's fold, -1 for none, shape (N,): of rows
            that come in groups, folds that keep each group whole.
        sample_groups: a whole number for each row, equal for rows of one site, lesion or sequence, shape (N,), for the
            standard error. Default: rows are independent.
        seed: of the folds.

    Raises:
        InputError: no candidate, or no class has two images, and what `fit_calibrator` refuses.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> labels = rng.integers(3, size=600)
        >>> logits = 5 * (np.eye(3)[labels] + 0.7 * rng.normal(size=(600, 3)))
        >>> choose_calibrator(logits, labels, ("none", "temperature")).calibrator.method
        'temperature'
    """
    if not methods:
        raise InputError(f"there is no calibration to choose from. Calibrations: {', '.join(SCALINGS)}.")
    given, truth = as_numbers(logits, "logits"), as_array(labels, "labels")
    if given.ndim != 2 or truth.shape != given.shape[:1]:
        raise InputError(f"logits of shape {given.shape}, labels of shape {truth.shape}; expected N x C and N.")
    unknown = [method for method in methods if method not in SCALINGS]
    if unknown:
        raise InputError(f"no calibration {unknown[0]!r}. Calibrations: {', '.join(SCALINGS)}.")
    settings: dict[str, Any] = {
        "groups": groups,
        "prior": prior,
        "implied_prior": implied_prior,
        "shrinkage": shrinkage,
    }
    ordered = sorted(methods, key=SCALINGS.index)
    if len(ordered) == 1 or ("none" in ordered and len(truth) < FEWEST_IMAGES):
        return ScalingChoice(fit_calibrator(given, truth, ordered[0], **settings), {}, {}, {}, ())
    class_counts(truth, given.shape[1])
    fold_of = _fold_of(truth, folds, seed)
    seen = fold_of >= 0
    if not seen.any():
        raise InputError("no class has two images to choose a calibration on. Name one: `method` temperature.")
    losses, decisions = {}, {}
    for method in ordered:
        result = out_of_fold_logits(given, truth, method, folds=fold_of, **settings)[seen]
        losses[method] = -log_softmax(result, axis=1)[np.arange(len(result)), truth[seen]]
        decisions[method] = result.argmax(axis=1)
    truth_seen = truth[seen]
    target = None if prior is None else as_numbers(prior, "prior")
    weights = np.ones(len(truth_seen)) if target is None else image_weights(truth_seen, target)
    means = {method: float(np.average(loss, weights=weights)) for method, loss in losses.items()}
    balanced = {method: _balanced(decided == truth_seen, truth_seen) for method, decided in decisions.items()}
    fair = [method for method in ordered if balanced[method] >= balanced[ordered[0]] - 1e-9]
    best = min(fair, key=lambda method: means[method])
    together = check_sample_groups(sample_groups, len(truth))
    together = None if together is None else together[seen]
    errors = {method: _standard_error(losses[method] - losses[best], weights, together) for method in ordered}
    chosen = next(method for method in fair if means[method] - means[best] <= errors[method])
    refused = tuple(method for method in ordered if method not in fair and means[method] < means[chosen])
    return ScalingChoice(fit_calibrator(given, truth, chosen, **settings), means, errors, balanced, refused)


def out_of_fold_logits(
    logits: ArrayLike,
    labels: ArrayLike,
    method: ScalingMethod,
    *,
    folds: int | ArrayLike = 5,
    seed: int = 0,
    **settings: Any,
) -> NDArray[np.float64]:
    """Calibrate each image by a calibration that was fitted to the other folds.

    What is then chosen on these images, such as a threshold, does not profit from a calibration that knew them. The
    only image of its class is calibrated by one that was fitted to all.

    Args:
        logits: of images that the classifier was not fitted to, shape (N, C).
        labels: class indices, shape (N,).
        method: what to fit.
        folds: how many, at least 2, or the number of each row's fold, -1 for none, shape (N,).
        seed: of the folds.
        settings: further ones of `fit_calibrator`.

    Returns:
        Calibrated logits, shape (N, C).

    Raises:
        InputError: what `fit_calibrator` refuses.
    """
    given, truth = as_numbers(logits, "logits"), as_array(labels, "labels")
    fold_of = _fold_of(truth, folds, seed)
    calibrated = np.empty(given.shape)
    for fold in np.unique(fold_of):
        rows, rest = fold_of == fold, (fold_of != fold) | (fold < 0)
        calibrated[rows] = fit_calibrator(given[rest], truth[rest], method, **settings).apply(given[rows])
    return calibrated


def _fold_of(labels: NDArray[np.int64], folds: int | ArrayLike, seed: int) -> NDArray[np.int64]:
    if isinstance(folds, int | np.integer):
        return stratified_folds(labels, int(folds), seed)
    given = as_array(folds, "folds")
    if given.shape != labels.shape or given.dtype.kind not in "iu" or len(np.unique(given[given >= 0])) < 2:
        raise InputError(
            f"folds are {brief(folds)}; expected how many, or the fold of each of the {len(labels)} rows, two at least."
        )
    return given.astype(np.int64)


def _balanced(right: NDArray[np.bool_], labels: NDArray[np.int64]) -> float:
    counts = np.bincount(labels)
    return float(100 * np.average(right, weights=1 / counts[labels]))


def _standard_error(
    differences: NDArray[np.float64], weights: NDArray[np.float64], sample_groups: NDArray[np.int64] | None
) -> float:
    shares = weights / weights.sum()
    deviations = differences - shares @ differences
    if sample_groups is None:
        return float(np.sqrt((shares**2 * deviations**2).sum()))
    of_groups = np.bincount(sample_groups, weights=shares * deviations)
    number = np.count_nonzero(np.bincount(sample_groups))
    if number == 1:  # deviations from the mean of all sum to 0: the group counts as one row
        return float(np.sqrt(shares @ deviations**2))
    return float(np.sqrt((of_groups**2).sum() * number / (number - 1)))
