"""A head on long-tailed, balanced and reversed test sets: as it is, told the prior, and left to estimate it."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from longtail.arguments import check_whole
from longtail.evaluation import tally
from longtail.evaluation.label_shift import (
    SHIFT_RATIOS,
    expected_accuracy,
    resampled_rows,
    shifted_priors,
    subsampled_rows,
)
from longtail.heads.base import Head
from longtail.jobs.predicting.prior_estimator import PriorEstimator
from longtail.jobs.seeds import cell_text, mean_and_interval
from longtail.priors import prior_of_counts, shift_logits, uniform_prior

__all__ = ["SHIFT_COLUMNS", "measure_shifts", "shift_table"]

# how the head predicts: nothing told, told that all are equally common, told the truth, or left to find out
SHIFT_COLUMNS = ("as it is", "uniform", "true prior", "EM", "BBSE", "EM, not calibrated")

Shares = NDArray[np.float64]
Rows = tuple[NDArray[Any], NDArray[np.int64]]


def measure_shifts(
    head: Head,
    test: Rows,
    train_counts: NDArray[np.int64],
    validation: Rows | None,
    *,
    draws: int = 3,
    subsample: bool = False,
    seed: int = 0,
    ratios: tuple[float, ...] = SHIFT_RATIOS,
) -> dict[str, dict[str, dict[str, Any]]]:
    """Measure a head in worlds from forward to backward long-tailed.

    A prior is estimated without labels, on test rows that are drawn so that the classes are as common as in that world.
    Accuracy is the expectation over all test rows, sum_c q_c recall_c; with `subsample` it is counted on a subset that
    is drawn without replacement, on which the prior is estimated too.

    Args:
        head: fitted, with its class counts.
        test: features (N, D) and class indices (N,).
        train_counts: n_c, shape (C,): the order of the classes.
        validation: features and class indices that the head was not fitted to; None leaves BBSE and calibration out.
        draws: test sets a world.
        subsample: count on subsets, as LADE and SADE do.
        seed: of the draws.
        ratios: most common over rarest class of the worlds.

    Returns:
        For each world `accuracy`, by `SHIFT_COLUMNS`, and `distance` of the prior in use from the true one (half the
        summed difference, in percent): each {"mean", "interval", "values"} or None.
    """
    check_whole("draws", draws, 1)
    features, labels = test
    num_classes = len(train_counts)
    logits = head.logits(features).astype(np.float64)
    source = head.implied_shares
    estimators = _estimators(head, features, validation)
    result: dict[str, dict[str, dict[str, Any]]] = {}
    for place, (world, prior) in enumerate(shifted_priors(train_counts, ratios).items()):
        rng = np.random.default_rng([seed, place])

        def measure(assumed: Shares | None, rows: NDArray[np.int64], prior: Shares = prior) -> dict[str, Any]:
            scores = logits if assumed is None else shift_logits(logits, source, assumed)
            if subsample:
                right = scores[rows].argmax(axis=1) == labels[rows]
                return {"accuracy": float(100 * right.mean()), "interval": None}
            return expected_accuracy(tally(labels, scores.argmax(axis=1), num_classes), prior, seed=seed)

        fixed = {"as it is": None, "uniform": uniform_prior(num_classes), "true prior": prior}
        drawn: list[NDArray[np.int64]] = [
            subsampled_rows(labels, prior, rng) if subsample else resampled_rows(labels, prior, len(labels), rng)
            for _ in range(draws)
        ]
        accuracy = {
            name: _over_draws([measure(assumed, rows) for rows in (drawn if subsample else drawn[:1])])
            for name, assumed in fixed.items()
        }
        distance: dict[str, dict[str, Any] | None] = {
            "train": _cell(_distance(prior_of_counts(train_counts), prior)),
            "uniform": _cell(_distance(uniform_prior(num_classes), prior)),
        }
        for name, estimate in estimators.items():
            priors = [] if estimate is None else [estimate(rows) for rows in drawn]
            accuracy[name] = _over_draws([measure(one, rows) for one, rows in zip(priors, drawn, strict=False)])
            distance[name] = mean_and_interval([_distance(one, prior) for one in priors]) if priors else None
        result[world] = {"accuracy": accuracy, "distance": distance}
    return result


def shift_table(shifts: dict[str, dict[str, dict[str, Any]]]) -> str:
    """Write the accuracies as text, a line a world."""
    head = f"{'':<14}" + "".join(f"{column:>20}" for column in SHIFT_COLUMNS)
    lines = [
        f"{world:<14}" + "".join(f"{cell_text(measured['accuracy'][column]):>20}" for column in SHIFT_COLUMNS)
        for world, measured in shifts.items()
    ]
    return "\n".join([head, *lines])


def _estimators(
    head: Head, features: NDArray[Any], validation: Rows | None
) -> dict[str, Callable[[NDArray[np.int64]], Shares] | None]:
    """Return, for each kind of estimate, what turns row numbers into a prior."""
    plain = PriorEstimator(head, None)
    uncalibrated = plain.probabilities(features)
    result: dict[str, Callable[[NDArray[np.int64]], Shares] | None] = {"EM": None, "BBSE": None}
    if validation is not None:
        calibrated = PriorEstimator(head, validation)
        p = calibrated.probabilities(features)
        result["EM"] = lambda rows: np.asarray(calibrated.em(p[rows]).prior)
        if calibrated.has_every_class:
            result["BBSE"] = lambda rows: np.asarray(calibrated.bbse(p[rows]).prior)
    result["EM, not calibrated"] = lambda rows: np.asarray(plain.em(uncalibrated[rows]).prior)
    return result


def _over_draws(measured: list[dict[str, Any]]) -> dict[str, Any] | None:
    if not measured:
        return None
    if len(measured) == 1:
        value = measured[0]["accuracy"]
        return {"mean": value, "interval": measured[0]["interval"], "values": [value]}
    return mean_and_interval([one["accuracy"] for one in measured])


def _distance(prior: Shares, other: Shares) -> float:
    return float(50 * np.abs(prior - other).sum())


def _cell(value: float) -> dict[str, Any]:
    return {"mean": value, "interval": None, "values": [value]}
