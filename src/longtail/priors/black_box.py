"""Estimate a prior from unlabelled data: what was predicted how often, and how often that is wrong (BBSE)."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from longtail.arguments import as_array, as_numbers, check_whole
from longtail.counts import class_counts
from longtail.errors import InputError

__all__ = ["BlackBoxEstimate", "confusion_matrix", "estimate_prior_bbse"]

LARGEST_CONDITION = 1e3  # beyond, an error in the predicted shares grows a thousandfold


@dataclass(frozen=True)
class BlackBoxEstimate:
    """An estimated prior, and how far the confusion matrix carries it.

    Attributes:
        prior: share of each class, shape (C,).
        condition: largest over smallest singular value of the confusion matrix; infinite where it has no inverse.
        residual: length of what the prior leaves unexplained in the predicted shares.
    """

    prior: NDArray[np.float64]
    condition: float
    residual: float

    @property
    def warning(self) -> str | None:
        """Return in a sentence that the confusion matrix cannot tell the classes apart, or None."""
        if np.isinf(self.condition):
            return "the confusion matrix has no inverse: several priors explain the predictions equally well"
        if self.condition > LARGEST_CONDITION:
            return f"the confusion matrix is ill-conditioned ({self.condition:.0f}): small errors in it grow large"
        return None


def confusion_matrix(predictions: ArrayLike, labels: ArrayLike, num_classes: int) -> NDArray[np.float64]:
    """Return how often each class is predicted for images of each class.

    M_jc = mean over the images of class c of [j is predicted], or of the probability of j

    Args:
        predictions: class indices, shape (N,), or probabilities, shape (N, C).
        labels: class indices, shape (N,).
        num_classes: C.

    Returns:
        Shape (C, C), predicted by true; columns of sum 1.

    Raises:
        InputError: shapes that do not fit, a label out of range, or a class without an image.

    Example:
        >>> confusion_matrix([0, 0, 1, 1], [0, 0, 0, 1], 2).round(2).tolist()
        [[0.67, 0.0], [0.33, 1.0]]
    """
    check_whole("num_classes", num_classes, 1)
    p, y = _checked(predictions, num_classes), as_array(labels, "labels")
    if y.shape != p.shape[:1]:
        raise InputError(f"{len(p)} predictions but labels of shape {y.shape}; expected one label for each.")
    totals = class_counts(y, num_classes)
    absent = np.flatnonzero(totals == 0)
    if len(absent):
        raise InputError(
            f"class {absent[0]} has no labelled image ({len(absent)} such classes), so how often it is mistaken is not "
            "known. Give validation images of it, or estimate by EM, which needs none."
        )
    sums = np.zeros((num_classes, num_classes))
    if p.ndim == 1:
        np.add.at(sums, (y, p), 1)
    else:
        np.add.at(sums, y, p)
    return np.asarray((sums / totals[:, None]).T)


def estimate_prior_bbse(
    validation_predictions: ArrayLike,
    validation_labels: ArrayLike,
    target_predictions: ArrayLike,
    num_classes: int,
    *,
    target_weights: ArrayLike | None = None,
) -> BlackBoxEstimate:
    """Estimate how common classes are from how often they are predicted.

    q = arg min over q >= 0 with sum q = 1 of |M q - m|,   m_j = mean over the target of [j is predicted]

    with the confusion matrix M of the validation images. It holds where only the shares of the classes differ, for any
    classifier, calibrated or not. With probabilities in the place of predictions it is the soft variant, which is less
    noisy. The minimum on the simplex is found exactly: it is the direction of the non-negative least-squares solution
    of [M - m 1'; 1'] x = [0; 1].

    Args:
        validation_predictions: class indices, shape (V,), or probabilities, shape (V, C), of images that the classifier
            was not fitted to.
        validation_labels: class indices, shape (V,).
        target_predictions: of the same kind, for the target's images, shape (N,) or (N, C).
        num_classes: C.
        target_weights: how often each of the target's images counts, shape (N,); default: once.

    Returns:
        The prior and the condition of M.

    Raises:
        InputError: shapes that do not fit, or a class without a validation image.

    Reference:
        Lipton, Wang, Smola, "Detecting and Correcting for Label Shift with Black Box Predictors", ICML 2018, arXiv
        1802.03916, equation 1 and section 4 (there by the inverse of M, which may give negative shares).

    Example:
        >>> found = estimate_prior_bbse([0, 0, 0, 1, 1, 1], [0, 0, 1, 1, 1, 0], [0] * 50 + [1] * 50, 2)
        >>> found.prior.round(2).tolist(), round(found.condition, 1)
        ([0.5, 0.5], 3.0)
    """
    from scipy.optimize import nnls

    matrix = confusion_matrix(validation_predictions, validation_labels, num_classes)
    target = _checked(target_predictions, num_classes)
    if not len(target):
        raise InputError("there are no target predictions; expected at least one.")
    counts = _target_weights(target_weights, len(target))
    if target.ndim == 2:
        shares = counts @ target / counts.sum()
    else:
        shares = np.bincount(target, weights=counts, minlength=num_classes) / counts.sum()
    system = np.vstack([matrix - shares[:, None], np.ones(num_classes)])
    direction, _ = nnls(system, np.concatenate([np.zeros(num_classes), [1.0]]), maxiter=100 * num_classes)
    prior = direction / direction.sum()
    singular = np.linalg.svd(matrix, compute_uv=False)
    has_inverse = singular[-1] > singular[0] * num_classes * np.finfo(np.float64).eps
    condition = float(singular[0] / singular[-1]) if has_inverse else float("inf")
    return BlackBoxEstimate(prior, condition, float(np.linalg.norm(matrix @ prior - shares)))


def _target_weights(weights: ArrayLike | None, rows: int) -> NDArray[np.float64]:
    counts = np.ones(rows) if weights is None else as_numbers(weights, "target_weights")
    if counts.shape != (rows,) or not np.isfinite(counts).all() or (counts < 0).any() or not counts.any():
        raise InputError(f"target_weights of shape {counts.shape}; expected a number of at least 0 for {rows} images.")
    return counts


def _checked(predictions: ArrayLike, num_classes: int) -> NDArray[Any]:
    values = as_array(predictions, "predictions")
    if values.ndim == 2 and values.shape[1] == num_classes and values.dtype.kind in "iuf":
        if not np.isfinite(values).all():
            raise InputError("the predictions hold NaN or infinity; expected probabilities.")
        return values
    if values.ndim != 1 or values.dtype.kind not in "iu":
        raise InputError(
            f"the predictions have shape {values.shape} and type {values.dtype}; expected class indices (N,) or "
            f"probabilities (N, {num_classes})."
        )
    if len(values) and not 0 <= values.min() <= values.max() < num_classes:
        raise InputError(f"a predicted class is out of range; expected 0 to {num_classes - 1}.")
    return values
