"""tau-normalisation: shrink each class's weight vector by a power of its length."""

from typing import Any, ClassVar, Literal, Self

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import check_random_state

from longtail.errors import InputError
from longtail.heads.base import ImpliedPrior
from longtail.heads.choice import Evidence, choose_value, evidence_for
from longtail.heads.grid_hits import grid_hits
from longtail.heads.grid_scores import GridScores
from longtail.heads.joint import linear_or_joint
from longtail.heads.learned_state import CURVE, NOT_NEGATIVE, Learned
from longtail.heads.linear import LinearHead, LinearParameters
from longtail.heads.parameters import AUTO, DEVICE, RANDOM_STATE, Constraints, Each, real
from longtail.heads.rows import Features
from longtail.heads.standardisation import Standardisation

__all__ = ["TAU_GRID", "TauNormalized", "normalized_weight", "tau_sweep"]

TAU_GRID = tuple(round(0.1 * step, 1) for step in range(21))


class TauNormalized(LinearHead):
    """tau-normalised classifier: the weights of a trained head, each divided by a power of its length.

    logits_c = (w_c / ||w_c||^tau) . x, with the bias dropped, as in the released code, or kept.

    Weight vectors of common classes are long because they are seen often; tau = 0 leaves them, tau = 1 makes all
    equally long. Nothing is trained. Where tau is to be chosen, all values of the grid cost one matrix product.

    The length of w_c depends on the units of the features, and what dropping the bias means on where they are 0. A
    network trains its features together with its classifier; a classifier that was trained on features afterwards is
    normalised as one of features of mean 0 and deviation 1.

    Args:
        tau: exponent, at least 0; "auto" chooses the one with the best balanced accuracy on `validation`, the
            smallest of equals. Without validation data a stratified fifth of the training features is held out: a
            head that is fitted here is then fitted without them for the choice; one that is given has seen them, and
            tends to choose too low.
        head: weight (C, D) and bias (C,) of the trained head; None fits a `Joint` first.
        keep_bias: add b_c unchanged.
        standardise: take lengths and bias as for features of mean 0 and deviation 1; None: where no head is given.
        grid: the values that "auto" tries.
        random_state: seed, of the `Joint` and the held-out fifth.
        device: where to compute, such as "cpu" or "cuda".

    Attributes:
        tau_: the exponent in use.
        curve_: None, or what was measured at each value of the grid: {"grid", "all", "balanced", "hits", "totals",
            "parameter"}.
        weight_: normalised, shape (C, D).
        bias_: shape (C,); zeros unless kept, or folded from features of mean 0.
        classes_: labels in the order of the logits, shape (C,).
        selected_on_: "val", "train-cv" (held out of training), "given", or "not selected" where every class has a
            single row.

    Raises:
        InputError: unusable features, labels, head or tau.

    Reference:
        Kang et al., "Decoupling Representation and Classifier for Long-Tailed Recognition", ICLR 2020, arXiv
        1910.09217, section 4.2.

    Example:
        >>> weight, bias = np.array([[4.0, 0.0], [0.0, 1.0]]), np.array([0.0, 0.0])
        >>> features, labels = np.array([[1.0, 0.2], [1.0, 3.0]]), np.array([0, 1])
        >>> TauNormalized(tau=0.0, head=(weight, bias)).fit(features, labels).predict(features)
        array([0, 0])
        >>> TauNormalized(tau=1.0, head=(weight, bias)).fit(features, labels).predict(features)
        array([0, 1])
    """

    _parameter_constraints: ClassVar[Constraints] = {
        "tau": [real(0, most=100), AUTO],
        "keep_bias": ["boolean"],
        "standardise": ["boolean", None],
        "grid": [Each(real(0, most=100), "tau")],
        "random_state": [RANDOM_STATE],
        "device": [DEVICE],
    }

    _learned: ClassVar[Learned] = {
        **LinearHead._learned,
        "tau_": NOT_NEGATIVE,
        "curve_": CURVE,
    }

    def __init__(
        self,
        tau: float | Literal["auto"] = "auto",
        head: LinearParameters | None = None,
        *,
        keep_bias: bool = False,
        standardise: bool | None = None,
        grid: tuple[float, ...] = TAU_GRID,
        random_state: int | np.random.RandomState | None = None,
        device: str = "cpu",
    ) -> None:
        self.tau = tau
        self.head = head
        self.keep_bias = keep_bias
        self.standardise = standardise
        self.grid = grid
        self.random_state = random_state
        self.device = device

    @property
    def implied_prior(self) -> ImpliedPrior:
        """Return the world where softmax(logits) is a probability: as in train where tau leaves the head as it is."""
        return "uniform" if getattr(self, "tau_", 1.0) > 0 else "train"

    def fit(
        self,
        X: ArrayLike,
        y: ArrayLike,
        *,
        validation: tuple[ArrayLike, ArrayLike] | None = None,
    ) -> Self:
        """Normalise the head; choose tau where it is "auto".

        Args:
            X: features of the training images, shape (N, D).
            y: labels, shape (N,).
            validation: features and labels on which tau is chosen.
        """
        array, codes, _ = self._begin(X, y)
        seed = int(check_random_state(self.random_state).randint(2**31 - 1))
        judged = self._judged(validation)
        self.tau_, self.curve_, self.selected_on_ = choose_value(
            "tau",
            self.tau,
            self.grid,
            lambda: evidence_for(array, codes, judged, seed),
            lambda rows: self._hits(rows, seed),
            len(self.classes_),
        )
        scaling, weight, bias = self._start(array, codes, seed)
        normalized = normalized_weight(weight, self.tau_)
        if not np.isfinite(normalized).all():
            raise InputError(f"tau is {self.tau_:g}; the head has weight vectors of lengths whose power is infinite.")
        used_bias = bias if self.keep_bias else np.zeros_like(bias)
        self._set_linear(*scaling.folded(torch.from_numpy(normalized), torch.from_numpy(used_bias)))
        return self

    def _start(
        self, features: Features, codes: NDArray[np.int64], seed: int
    ) -> tuple[Standardisation, NDArray[Any], NDArray[Any]]:
        """Return how features are standardised, and weight and bias of the trained head on them."""
        start = linear_or_joint(self.head, features, codes, random_state=seed, device=self.device)
        self.notes_ = start.notes
        wanted = self.head is None if self.standardise is None else self.standardise
        scaling = Standardisation.of(features, wanted=wanted, device=self.device)
        weight, bias = scaling.unfolded(torch.from_numpy(start.weight), torch.from_numpy(start.bias))
        return scaling, weight.numpy(), bias.numpy()

    def _hits(self, rows: Evidence, seed: int) -> NDArray[np.int64]:
        scaling, weight, bias = self._start(rows.features, rows.codes, seed)
        used_bias = bias if self.keep_bias else None
        judged = scaling.rows(rows.judged_features)
        return tau_sweep(judged, rows.judged_codes, weight, self.grid, bias=used_bias, device=self.device)


def normalized_weight(weight: NDArray[Any], tau: float) -> NDArray[Any]:
    """Divide each row of a weight matrix by a power of its length.

    w_c / ||w_c||^tau

    Args:
        weight: shape (C, D).
        tau: exponent, at least 0.

    Returns:
        Shape (C, D); a row of zeros stays one.

    Example:
        >>> normalized_weight(np.array([[3.0, 4.0]]), 1.0)
        array([[0.6, 0.8]])
    """
    return np.asarray(weight * _row_factors(weight, tau)[:, None])


def _row_factors(weight: NDArray[Any], tau: float | NDArray[np.float64]) -> NDArray[Any]:
    norms = np.linalg.norm(weight, axis=1)
    return np.where(norms > 0, norms, 1.0) ** -tau


def tau_sweep(
    features: Features,
    codes: NDArray[np.int64],
    weight: NDArray[Any],
    grid: tuple[float, ...] = TAU_GRID,
    *,
    bias: NDArray[Any] | None = None,
    device: str = "cpu",
) -> NDArray[np.int64]:
    """Count how many images of each class every tau gets right.

    One matrix product serves all: (w_c / ||w_c||^tau) . x = ||w_c||^-tau (w_c . x).

    Args:
        features: shape (N, D), memory-mapped or not.
        codes: class indices, shape (N,).
        weight: of the head before normalisation, shape (C, D).
        grid: the values of tau.
        bias: added unchanged, shape (C,); None drops it.
        device: where to compute.

    Returns:
        Images found, shape (len(grid), C).

    Example:
        >>> weight = np.array([[4.0, 0.0], [0.0, 1.0]])
        >>> tau_sweep(np.array([[1.0, 0.2], [1.0, 3.0]]), np.array([0, 1]), weight, (0.0, 1.0))
        array([[1, 0],
               [1, 1]])
    """
    factors = _row_factors(weight.astype(np.float64), np.array(grid)[:, None])
    shifts = None if bias is None else np.tile(np.asarray(bias, dtype=np.float64), (len(grid), 1))
    return grid_hits(features, codes, GridScores(weight, factors, shifts), device=device)
