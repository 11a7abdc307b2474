"""Probabilities of a head: calibrated where it was, and in the world that a person asks for."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from longtail.jobs.calibrating.file import read_calibration

if TYPE_CHECKING:
    from longtail.features import FeatureBlock
    from longtail.heads.base import Head
    from longtail.jobs.calibrating.file import StoredCalibration

__all__ = ["block_probabilities", "how_calibrated", "stored_calibration"]


def block_probabilities(
    head: "Head",
    blocks: "Iterator[FeatureBlock]",
    calibration: "StoredCalibration | None",
    prior: NDArray[np.float64] | None,
) -> Iterator[tuple[list[str], NDArray[Any]]]:
    """Walk over what inputs are called and their probabilities (B, C).

    Args:
        head: fitted.
        blocks: features.
        calibration: of the head, or None.
        prior: shares of the classes to predict for, shape (C,); None for the head's own.
    """
    from scipy.special import softmax

    from longtail.priors import prior_of_counts, shift_logits

    for block in blocks:
        if calibration is None:
            yield block.names, head.predict_proba(block.values, prior=prior)
            continue
        scores = calibration.calibrator.apply(head.logits(block.values))
        if prior is not None:
            # the calibrated probabilities are those of the world that they were calibrated for; a class without an
            # image there counts as one of which half an image was seen
            calibrator = calibration.calibrator
            world = prior_of_counts(np.maximum(calibrator.prior, 0.5 / calibrator.images))
            scores = shift_logits(scores, world, prior)
        yield block.names, softmax(scores, axis=1)


def how_calibrated(calibration: "StoredCalibration | None", prior: NDArray[np.float64] | None) -> str:
    """Return how probabilities came about."""
    if calibration is None:
        return "softmax of the scores, not calibrated"
    moved = "" if prior is None else ", moved to the prior"
    if calibration.calibrator.method == "none":
        return f"softmax of the scores{moved}; calibration on {calibration.calibrated_on}, kept them as they are"
    return f"probabilities calibrated on {calibration.calibrated_on}{moved}"


def stored_calibration(head: Path, names: tuple[str, ...]) -> "StoredCalibration | None":
    """Return the calibration of a head; None where there is none, or it is no head of a run.

    Args:
        head: RUN/heads/NAME.npz.
        names: of its classes.
    """
    return None if head.suffix != ".npz" else read_calibration(head, names)
