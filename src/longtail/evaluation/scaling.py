"""Scaling: logits whose softmax is a probability, by few parameters that held-out images decide."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal, TypedDict, get_args

import numpy as np
from msgspec import Meta
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import minimize
from scipy.special import log_softmax

from longtail.arguments import as_array, as_numbers, brief
from longtail.counts import GROUPS, check_groups, class_counts
from longtail.errors import InputError
from longtail.files.json_file import check_kind

__all__ = ["SCALINGS", "Calibrator", "ScalingMethod", "fit_calibrator", "image_weights"]

ScalingMethod = Literal["none", "temperature", "group", "bias", "vector"]

SCALINGS: tuple[ScalingMethod, ...] = get_args(ScalingMethod)  # from the simplest to the most elaborate
MOST = np.log(1e3)  # of a log factor: scores that hardly differ from each other would be scaled without end

AGAIN = "what `longtail calibrate` wrote; run it again"

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Calibrator:
    """Logits in, calibrated logits out.

    z'_c = s_c log p_c + b_c, p = softmax(z); of "group" z'_c = s_k log p_c + b_c, k the predicted class

    As it starts from log p, a constant that is added to all logits of an image changes nothing.

    Attributes:
        method: what was fitted.
        scale: s, shape (C,).
        bias: b, shape (C,); zero unless a prior, "bias" or "vector" moved it.
        prior: shares of the classes in the world whose probabilities these are, shape (C,).
        images: that it was fitted on.
    """

    method: ScalingMethod
    scale: Floats
    bias: Floats
    prior: Floats
    images: int

    @property
    def keeps_decisions(self) -> bool:
        """Whether the most likely class stays the most likely one, whatever the image."""
        return not self.bias.any() and (self.method == "group" or bool((self.scale == self.scale[0]).all()))

    def apply(self, logits: ArrayLike) -> Floats:
        """Return calibrated logits; their softmax is the probability.

        Args:
            logits: shape (N, C).

        Returns:
            Shape (N, C).

        Raises:
            InputError: another number of classes.
        """
        given = as_numbers(logits, "logits")
        if given.ndim != 2 or given.shape[1] != len(self.scale):
            raise InputError(f"logits of shape {given.shape}; this calibration is of {len(self.scale)} classes.")
        start = log_softmax(given, axis=1)
        scale = self.scale[start.argmax(axis=1)][:, None] if self.method == "group" else self.scale
        return np.asarray(start * scale + self.bias)

    def probabilities(self, logits: ArrayLike) -> Floats:
        """Return softmax of the calibrated logits, shape (N, C)."""
        return np.asarray(np.exp(log_softmax(self.apply(logits), axis=1)))

    def to_json(self) -> dict[str, Any]:
        """Return plain values that `from_json` reads."""
        arrays = {name: getattr(self, name).tolist() for name in ("scale", "bias", "prior")}
        return {"method": self.method, **arrays, "images": self.images}

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> "Calibrator":
        """Read what `to_json` gave.

        Raises:
            InputError: something is missing, of another length, or no number that it may be.
        """
        content = check_kind(dict(stored), _Stored, origin="calibrator", expected=AGAIN)
        scale, bias, prior = (np.array(content[name], dtype=np.float64) for name in ("scale", "bias", "prior"))
        if not (scale.shape == bias.shape == prior.shape and prior.sum() > 0):
            raise InputError(
                f"calibrator: {len(scale)} factors, {len(bias)} biases, {len(prior)} shares. Expected {AGAIN}."
            )
        return cls(content["method"], scale, bias, prior, content["images"])


class _Stored(TypedDict):
    method: ScalingMethod
    scale: list[Annotated[float, Meta(gt=0, le=1e9)]]
    bias: list[Annotated[float, Meta(ge=-1e9, le=1e9)]]
    prior: list[Annotated[float, Meta(ge=0, le=1 + 1e-6)]]
    images: Annotated[int, Meta(ge=0, le=10**15)]


def fit_calibrator(
    logits: ArrayLike,
    labels: ArrayLike,
    method: ScalingMethod = "temperature",
    *,
    groups: NDArray[np.str_] | None = None,
    prior: ArrayLike | None = None,
    implied_prior: ArrayLike | None = None,
    shrinkage: float = 10.0,
) -> Calibrator:
    """Fit a calibration to held-out images: maximum likelihood, with shrinkage towards one temperature.

    minimise -sum_i w_i sum_c t_ic log softmax(z'_i)_c + shrinkage / 2 (sum_g d_g^2 + sum_c d_c^2 + sum_c (b_c - o_c)^2)

    The target t_i is 1 - e for the label and e for the likeliest other class, e = 1 / (n + 2), n = (sum w)^2 / sum w^2:
    as if one more answer were wrong. Nine images of which all are right then mean probabilities of about 10 / 11, and
    not of nearly 1; of many images it is not noticed.

    - "none": nothing is fitted.
    - "temperature": s_c = 1 / T.
    - "group": s_k = exp(d_g) / T, g the group of the class that is PREDICTED. It must not be the true one, which nobody
      knows when probabilities are asked for; and it leaves every decision as it is, as one image has one temperature.
    - "bias": s_c = 1 / T and a bias b_c.
    - "vector": s_c = exp(d_c) / T and b_c.

    The penalty is in the unit of the log-loss of one image: a class with fewer images than `shrinkage` stays near the
    common temperature and its given bias, a class with many goes where its images say.

    Args:
        logits: of images that the classifier was not fitted to, shape (N, C).
        labels: class indices, shape (N,).
        method: what to fit.
        groups: "many", "medium" or "few" for each class, shape (C,); for "group".
        prior: shares of the classes where the probabilities are to hold, shape (C,): images are weighed by the prior
            over their class's share of `labels`. Default: the shares of `labels`, all images alike.
        implied_prior: shares for which softmax(logits) was made, shape (C,); with `prior`, the offset
            o_c = log(prior_c / implied_prior_c) is added to the logits, and where a bias is fitted it is what that is
            shrunk to. Default: no offset.
        shrinkage: above 0.

    Raises:
        InputError: unknown method, shapes that do not fit, a prior that is none, or no image.

    Reference:
        Guo, Pleiss, Sun, Weinberger, "On Calibration of Modern Neural Networks", ICML 2017, arXiv 1706.04599, section 4
        (temperature, vector); Alexandari, Kundaje, Shrikumar, "Maximum Likelihood with Bias-Corrected Calibration is
        Hard-To-Beat at Label Shift Adaptation", ICML 2020, arXiv 1901.06852, section 3 (bias). Platt, "Probabilistic
        Outputs for Support Vector Machines", Advances in Large Margin Classifiers, 1999, section 2.2 (the targets, of
        two classes). The temperature by group and the shrinkage are this package's.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> labels = rng.integers(3, size=600)
        >>> logits = np.eye(3)[labels] + 0.7 * rng.normal(size=(600, 3))
        >>> sure = fit_calibrator(4 * logits, labels)
        >>> plain = fit_calibrator(logits, labels)
        >>> bool(np.allclose(4 * sure.scale, plain.scale, rtol=1e-3)), sure.keeps_decisions
        (True, True)
    """
    given, truth, num_classes = _checked(logits, labels)
    if str(method) not in SCALINGS:
        raise InputError(f"no calibration {brief(method)}. Calibrations: {', '.join(SCALINGS)}.")
    if method == "group":
        if groups is None:
            raise InputError("calibration by group needs the group of each class, shape (C,).")
        groups = check_groups(groups, num_classes)
    if not isinstance(shrinkage, int | float) or not 0 < shrinkage < np.inf:
        raise InputError(f"shrinkage is {brief(shrinkage)}; expected a number above 0.")
    counts = np.bincount(truth, minlength=num_classes)
    target = counts / counts.sum() if prior is None else _shares(prior, num_classes, "prior")
    offset = np.zeros(num_classes)
    if prior is not None and implied_prior is not None:
        offset = _log_ratio(target, _shares(implied_prior, num_classes, "implied_prior"))
    scale, bias = np.ones(num_classes), offset
    if method != "none":
        weights = np.ones(len(truth)) if prior is None else image_weights(truth, target)
        start = log_softmax(given, axis=1)
        images = _Images(start, truth, weights)
        if method in ("temperature", "group"):
            of_groups = groups if method == "group" and groups is not None else np.full(num_classes, GROUPS[0])
            member = np.array([GROUPS.index(str(group)) for group in of_groups])
            scale = _fit_factors(images, offset, member, shrinkage)
        else:
            scale, bias = _fit_classes(images, offset, shrinkage, with_scale=method == "vector")
    return Calibrator(method, scale, bias, target, len(truth))


def image_weights(labels: NDArray[np.int64], prior: NDArray[np.float64]) -> Floats:
    """Weigh images so that their classes have the shares of a prior; mean 1.

    w_i proportional to prior_y / share_y. A class without an image has no part; the others keep their proportions.

    Raises:
        InputError: the prior gives no weight to any class that occurs.

    Example:
        >>> image_weights(np.array([0, 0, 0, 1]), np.array([0.5, 0.5])).round(2).tolist()
        [0.67, 0.67, 0.67, 2.0]
    """
    counts = class_counts(labels, len(prior))
    weights = (prior / np.maximum(counts, 1))[labels]
    if not weights.sum() > 0:
        raise InputError("the prior is 0 for every class that has an image.")
    return np.asarray(weights * (len(labels) / weights.sum()))


def _checked(logits: ArrayLike, labels: ArrayLike) -> tuple[Floats, NDArray[np.int64], int]:
    given, truth = as_numbers(logits, "logits"), as_array(labels, "labels")
    if given.ndim != 2 or truth.shape != given.shape[:1] or len(truth) == 0:
        raise InputError(f"logits of shape {given.shape}, labels of shape {truth.shape}; expected N x C and N, N > 0.")
    class_counts(truth, given.shape[1])
    return given, truth.astype(np.int64), given.shape[1]


def _shares(prior: ArrayLike, num_classes: int, name: str) -> Floats:
    shares = as_numbers(prior, name, finite=False)
    if shares.shape != (num_classes,) or not np.isfinite(shares).all() or (shares < 0).any() or not shares.sum() > 0:
        raise InputError(f"{name} has shape {shares.shape}; expected {num_classes} shares of at least 0, one a class.")
    return np.asarray(shares / shares.sum())


def _log_ratio(prior: Floats, implied: Floats) -> Floats:
    # a class that never occurs gets a share that no image notices, not minus infinity
    smallest = 1e-9
    return np.log(np.maximum(prior, smallest)) - np.log(np.maximum(implied, smallest))


class _Images:
    """What a calibration is fitted to: log p (N, C), and the weights of the label and of the likeliest other class."""

    def __init__(self, start: Floats, truth: NDArray[np.int64], weights: Floats) -> None:
        self.start, self.weights = start, weights
        self._rows, self._truth = np.arange(len(truth)), truth
        others = start.copy()
        others[self._rows, truth] = -np.inf
        self._other = others.argmax(axis=1)
        doubt = 1 / (weights.sum() ** 2 / (weights**2).sum() + 2) if start.shape[1] > 1 else 0.0
        self._parts = (weights * (1 - doubt), weights * doubt)

    def loss(self, log_p: Floats) -> tuple[float, Floats]:
        """Return the log-loss, and its slope by the logits, shape (N, C)."""
        residual = np.exp(log_p) * self.weights[:, None]
        value = 0.0
        for part, classes in zip(self._parts, (self._truth, self._other), strict=True):
            value -= float(part @ log_p[self._rows, classes])
            residual[self._rows, classes] -= part
        return value, residual


def _fit_factors(images: _Images, offset: Floats, member: NDArray[np.int64], shrinkage: float) -> Floats:
    """Fit exp(a + d_g): a factor for all images, and what differs for those that are taken for a class of group g."""
    start = images.start
    group = member[start.argmax(axis=1)]
    size = int(member.max()) + 1

    def loss(parameters: Floats) -> tuple[float, Floats]:
        factor = np.exp(parameters[0] + parameters[1:])[group]
        value, residual = images.loss(log_softmax(start * factor[:, None] + offset, axis=1))
        slope = np.bincount(group, weights=factor * (residual * start).sum(axis=1), minlength=size)
        deviation = parameters[1:]
        gradient = np.concatenate([[slope.sum()], slope + shrinkage * deviation])
        return value + shrinkage / 2 * float((deviation**2).sum()), gradient

    fitted = _minimise(loss, np.zeros(1 + size), 1 + size)
    scale: Floats = np.exp(fitted[0] + fitted[1:])[member]
    return scale


def _fit_classes(images: _Images, offset: Floats, shrinkage: float, *, with_scale: bool) -> tuple[Floats, Floats]:
    """Fit exp(a), or exp(a + d_c), and a bias a class."""
    num_classes, start = len(offset), images.start

    def parts(parameters: Floats) -> tuple[Floats, Floats, Floats]:
        deviation = parameters[1 + num_classes :] if with_scale else np.zeros(num_classes)
        return np.exp(parameters[0] + deviation), parameters[1 : 1 + num_classes], deviation

    def loss(parameters: Floats) -> tuple[float, Floats]:
        scale, moved, deviation = parts(parameters)
        value, residual = images.loss(log_softmax(start * scale + offset + moved, axis=1))
        value += shrinkage / 2 * float((deviation**2).sum() + (moved**2).sum())
        slope = scale * np.einsum("nc,nc->c", residual, start)
        gradient = [[slope.sum()], residual.sum(axis=0) + shrinkage * moved]
        return value, np.concatenate([*gradient, slope + shrinkage * deviation] if with_scale else gradient)

    size = 1 + num_classes * (2 if with_scale else 1)
    scale, moved, _ = parts(_minimise(loss, np.zeros(size), size))
    return scale, offset + moved


def _minimise(loss: Any, start: Floats, size: int) -> Floats:
    fitted = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=[(-MOST, MOST)] * size, options={"maxiter": 300})
    best: Floats = fitted.x
    return best
