"""Estimates of a prior from unlabelled features, by one head."""

import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from longtail.errors import InputError
from longtail.heads.base import Head
from longtail.priors import (
    BiasCorrection,
    BlackBoxEstimate,
    PriorEstimate,
    estimate_prior_bbse,
    estimate_prior_em,
    fit_bias_correction,
    prior_interval,
)

__all__ = ["ESTIMATED", "Inputs", "PriorEstimator", "estimated_prior"]

ESTIMATED = ("estimated", "estimated-em", "estimated-bbse")
PSEUDO_COUNT = 1.0  # an image of each class is taken as seen: no class is ruled out by an estimate
MOST_NUMBERS = 4_000_000  # probabilities, above which the bootstrap of an estimate would take long
RESAMPLES = 50
SILENCE = 3.0  # seconds after which it is said how far it is
ROWS = 8192  # that are scored at once

Shares = NDArray[np.float64]
Rows = tuple[NDArray[Any], NDArray[np.int64]]


@dataclass(frozen=True)
class Inputs:
    """What a prior can be estimated from.

    Attributes:
        head: fitted.
        features: of the inputs, shape (N, D).
        validation: features (V, D) and class indices (V,) that the head was not fitted to, or None.
        sample_groups: number of each input's group, such as its site or sequence, shape (N,), or None.
    """

    head: Head
    features: NDArray[Any]
    validation: Rows | None = None
    sample_groups: NDArray[np.int64] | None = None


class PriorEstimator:
    """Estimates the prior of unlabelled features with one head.

    EM takes the head's probabilities in the world of train, after a temperature and a bias a class that were fitted on
    validation where there is one; BBSE takes the confusion on validation and needs it.

    Args:
        head: fitted.
        validation: features (V, D) and class indices (V,) that the head was not fitted to, or None.
        correct: calibrate for EM.
    """

    def __init__(self, head: Head, validation: Rows | None, *, correct: bool = True) -> None:
        self.head = head
        self.source = head.implied_shares
        self._correction: BiasCorrection | None = None
        self._validation: tuple[NDArray[np.float32], NDArray[np.int64]] | None = None
        if validation is not None:
            logits, labels = head.logits(validation[0]), np.asarray(validation[1])
            if correct:
                self._correction = fit_bias_correction(logits, labels, self.source)
            self._validation = (self._probabilities(logits), labels)

    @property
    def is_corrected(self) -> bool:
        """Whether validation calibrates it."""
        return self._correction is not None

    @property
    def has_every_class(self) -> bool:
        """Whether validation shows every class, as BBSE needs it."""
        return self._validation is not None and len(np.unique(self._validation[1])) == len(self.source)

    def probabilities(self, features: NDArray[Any]) -> NDArray[np.float32]:
        """Return what the estimates are made from, calibrated where validation allows it.

        This is all that is held of the features: 4 N C bytes. They are scored in blocks.

        Args:
            features: shape (N, D); may be memory-mapped.

        Returns:
            Shape (N, C).
        """
        result = np.empty((len(features), len(self.source)), dtype=np.float32)
        for start in range(0, len(features), ROWS):
            result[start : start + ROWS] = self._probabilities(self.head.logits(features[start : start + ROWS]))
        return result

    def em(
        self,
        probabilities: NDArray[np.floating],
        start: Shares | None = None,
        weights: NDArray[np.int64] | None = None,
    ) -> PriorEstimate:
        """Estimate by EM from what `probabilities` gave.

        Args:
            probabilities: shape (N, C).
            start: prior to begin with.
            weights: how often each row counts, shape (N,).
        """
        return estimate_prior_em(
            probabilities,
            self.source,
            weights=weights,
            pseudo_count=PSEUDO_COUNT,
            start=start,
            tolerance=1e-5,
            iterations=2000,
        )

    def bbse(self, probabilities: NDArray[np.floating], weights: NDArray[np.int64] | None = None) -> BlackBoxEstimate:
        """Estimate by the soft variant of BBSE from what `probabilities` gave.

        Args:
            probabilities: shape (N, C).
            weights: how often each row counts, shape (N,).

        Raises:
            InputError: no validation, or one without some class.
        """
        if self._validation is None:
            raise InputError(
                "estimated-bbse needs a validation split that the head was not fitted to, and there is none. "
                "Take `prior` estimated-em."
            )
        return estimate_prior_bbse(*self._validation, probabilities, len(self.source), target_weights=weights)

    def _probabilities(self, logits: NDArray[Any]) -> NDArray[np.float32]:
        scores = logits.astype(np.float64) if self._correction is None else self._correction.apply(logits)
        exponentials = np.exp(scores - scores.max(axis=1, keepdims=True))
        return np.asarray(exponentials / exponentials.sum(axis=1, keepdims=True), dtype=np.float32)


def estimated_prior(
    word: str,
    inputs: Inputs,
    class_names: Sequence[str],
    *,
    seed: int = 0,
    quiet: bool = True,
) -> tuple[Shares, str, list[str], dict[str, Any]]:
    """Estimate the prior of features, with its bootstrap interval where that takes seconds.

    Args:
        word: one of `ESTIMATED`.
        inputs: rows, and the head that scores them.
        class_names: C names.
        seed: of the interval.
        quiet: say nothing of how far it is.

    Returns:
        Shares (C,), in words how they were found, notes, and facts for a file.

    Raises:
        InputError: no input, or BBSE without validation images of every class.
    """
    if not len(inputs.features):
        raise InputError(f"`prior` {word}: there are no inputs to estimate from. Expected at least one.")
    estimator = PriorEstimator(inputs.head, inputs.validation)
    p = estimator.probabilities(inputs.features)
    notes = ["an estimate holds where only the shares of the classes differ from train, not how they look"]
    facts: dict[str, Any]
    if word == "estimated-bbse":
        by_confusion = estimator.bbse(p)
        shares, how = by_confusion.prior, "BBSE on validation"
        facts = {
            "estimate": "bbse",
            "condition": by_confusion.condition if np.isfinite(by_confusion.condition) else None,
        }
        notes += [by_confusion.warning] if by_confusion.warning else []
    else:
        result = estimator.em(p)
        shares = result.prior
        facts = {"estimate": "em", "iterations": result.iterations, "converged": result.converged}
        how = f"EM, {result.iterations} steps{'' if result.converged else ', not converged'}"
        if not estimator.is_corrected:
            notes.append(
                "there is no validation split to calibrate on that the head has not seen: over-confident scores lead "
                "EM astray"
            )
    facts |= {"rows": len(p), "calibrated_on": "val" if estimator.is_corrected else None, "interval": None}
    if p.size > MOST_NUMBERS:
        notes.append(f"no interval is given: {len(p):,} inputs of {p.shape[1]:,} classes are too many to draw again")
        return shares, how, notes, facts

    def again(times: NDArray[np.int64]) -> Shares:
        return estimator.bbse(p, times).prior if word == "estimated-bbse" else estimator.em(p, shares, times).prior

    last = time.monotonic()

    def say(done: int) -> None:
        nonlocal last
        if not quiet and time.monotonic() - last > SILENCE:
            print(f"  interval of the prior: {done} of {RESAMPLES} resamples", file=sys.stderr, flush=True)
            last = time.monotonic()

    together = inputs.sample_groups
    low, high = prior_interval(again, len(p), sample_groups=together, resamples=RESAMPLES, seed=seed, say=say)
    if together is not None:
        facts["groups"] = len(np.unique(together))
        notes.append(f"its interval draws the {facts['groups']:,} groups of the inputs, whose images are alike")
    facts["interval"] = dict(zip(class_names, np.stack([low, high], axis=1).tolist(), strict=True))
    return shares, how, notes, facts
