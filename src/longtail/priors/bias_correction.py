"""Calibrate logits as the estimation of a prior needs it: a temperature and a shrunken bias a class."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from longtail.arguments import as_array, as_numbers
from longtail.counts import class_counts
from longtail.errors import InputError
from longtail.priors.shares import check_prior

__all__ = ["BiasCorrection", "fit_bias_correction"]


@dataclass(frozen=True)
class BiasCorrection:
    """A temperature and a bias for each class.

    Attributes:
        temperature: T, above 0.
        bias: b, shape (C,).
    """

    temperature: float
    bias: NDArray[np.float64]

    def apply(self, logits: ArrayLike) -> NDArray[np.float64]:
        """Return logits / T + b, which mean the same prior as before; shape (N, C)."""
        return np.asarray(logits, dtype=np.float64) / self.temperature + self.bias


def fit_bias_correction(
    logits: ArrayLike, labels: ArrayLike, source: ArrayLike, *, shrinkage: float = 5.0
) -> BiasCorrection:
    """Fit a temperature and a bias a class on labelled images that the classifier was not fitted to.

    min over T, b of  - sum_i log softmax(z_i / T + b + log v - log s)_{y_i} + (shrinkage / 2) |b|^2

    v is how common the classes are among the labelled images, which may differ from what the logits mean. A temperature
    alone leaves a class that is always given too much probability as it is, and EM then takes that for the prior. The
    bias evens it out; it is held near 0 because a rare class has few labelled images.

    Args:
        logits: z, shape (N, C).
        labels: class indices, shape (N,).
        source: s, prior that the logits mean, shape (C,).
        shrinkage: at least 0; large leaves the temperature alone.

    Raises:
        InputError: shapes that do not fit, a label out of range, or no rows.

    Reference:
        Alexandari, Kundaje, Shrikumar, "Maximum Likelihood with Bias-Corrected Calibration is Hard-To-Beat at Label
        Shift Adaptation", ICML 2020, arXiv 1901.06852, section 3 (there without v and shrinkage).

    Example:
        >>> rng = np.random.default_rng(0)
        >>> labels = rng.integers(2, size=2000)
        >>> x = rng.normal(size=2000) + 2 * labels
        >>> true = np.stack([np.zeros(2000), 2 * x - 2], axis=1)
        >>> found = fit_bias_correction(3 * true, labels, [0.5, 0.5])
        >>> round(found.temperature)
        3
    """
    from scipy.optimize import minimize

    z, y = as_numbers(logits, "logits"), as_array(labels, "labels")
    if z.ndim != 2 or y.shape != z.shape[:1] or not len(y):
        raise InputError(f"logits of shape {z.shape} and labels of shape {y.shape}; expected (N, C) and (N,), N > 0.")
    if not 0 <= shrinkage < np.inf:
        raise InputError(f"shrinkage is {shrinkage}; expected a number of at least 0.")
    num_classes = z.shape[1]
    source = check_prior(source, num_classes)
    class_shares = class_counts(y, num_classes) / len(y)
    with np.errstate(divide="ignore"):
        # a class that no labelled image shows takes no part
        offset = np.where(class_shares > 0, np.log(class_shares) - np.log(np.where(source > 0, source, 1)), -np.inf)
    rows = np.arange(len(y))

    def loss(parameters: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        sharpness, bias = np.exp(parameters[0]), parameters[1:]
        scores = sharpness * z + bias + offset
        scores -= scores.max(axis=1, keepdims=True)
        p = np.exp(scores)
        total = p.sum(axis=1)
        value = float((np.log(total) - scores[rows, y]).sum() + shrinkage / 2 * (bias @ bias))
        p /= total[:, None]
        p[rows, y] -= 1
        return value, np.concatenate([[sharpness * (p * z).sum()], p.sum(axis=0) + shrinkage * bias])

    result = minimize(loss, np.zeros(num_classes + 1), jac=True, method="L-BFGS-B").x
    return BiasCorrection(float(np.exp(-result[0])), np.asarray(result[1:], dtype=np.float64))
