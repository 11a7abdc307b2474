"""Logit adjustment: take the class counts out of a trained head's scores, after training."""

from typing import Any, ClassVar, Literal, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import check_random_state

from longtail.heads.base import ImpliedPrior
from longtail.heads.choice import Evidence, choose_value, evidence_for
from longtail.heads.grid_hits import grid_hits
from longtail.heads.grid_scores import GridScores
from longtail.heads.joint import LinearStart, linear_or_joint
from longtail.heads.learned_state import CURVE, NOT_NEGATIVE, Learned
from longtail.heads.linear import LinearHead, LinearParameters
from longtail.heads.parameters import AUTO, DEVICE, RANDOM_STATE, Constraints, Each, real
from longtail.heads.rows import Features
from longtail.heads.tau_normalized import TAU_GRID
from longtail.priors import prior_of_counts

__all__ = ["LogitAdjusted", "adjustment_sweep"]


class LogitAdjusted(LinearHead):
    """Logit adjustment after training: the scores of a trained head, less tau times the log share of each class.

    logits_c = w_c . x + b_c - tau log(n_c / N)

    With tau = 1, a head whose softmax is the probability under the training distribution becomes one whose softmax is
    the probability where all classes are equally common. Only the bias changes. Where the head is too sure of itself,
    as networks are of their training images, another tau is better.

    Args:
        tau: how much of the log share is taken out, at least 0; "auto" chooses as `TauNormalized` does: on
            `validation`, or on a stratified fifth of train that is held out.
        head: weight (C, D) and bias (C,) of the trained head; None fits a `Joint` first.
        grid: the values that "auto" tries.
        random_state: seed, of the `Joint` and the held-out fifth.
        device: where to compute, such as "cpu" or "cuda".

    Attributes:
        tau_: the value in use.
        curve_: None, or what was measured at each value of the grid.
        weight_: that of the head, shape (C, D).
        bias_: shape (C,).
        classes_: labels in the order of the logits, shape (C,).
        selected_on_: "val", "train-cv" (held out of training), "given", or "not selected" where every class has a
            single row.

    Raises:
        InputError: unusable features, labels, head or tau.

    Reference:
        Menon, Jayasumana, Rawat, Jain, Veit, Kumar, "Long-tail learning via logit adjustment", ICLR 2021, arXiv
        2007.07314, equation 9.

    Example:
        >>> weight, bias = np.array([[1.0], [-1.0]]), np.array([1.0, -1.0])
        >>> features, labels = np.array([[1.0], [0.5], [0.2], [-0.5]]), np.array([0, 0, 0, 1])
        >>> LogitAdjusted(tau=0.0, head=(weight, bias)).fit(features, labels).predict([[-0.7]])
        array([0])
        >>> LogitAdjusted(tau=1.0, head=(weight, bias)).fit(features, labels).predict([[-0.7]])
        array([1])
    """

    _parameter_constraints: ClassVar[Constraints] = {
        "tau": [real(0, most=100), AUTO],
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
        grid: tuple[float, ...] = TAU_GRID,
        random_state: int | np.random.RandomState | None = None,
        device: str = "cpu",
    ) -> None:
        self.tau = tau
        self.head = head
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
        """Count the classes; choose tau where it is "auto".

        Args:
            X: features of the training images, shape (N, D).
            y: labels, shape (N,).
            validation: features and labels on which tau is chosen.
        """
        array, codes, _ = self._begin(X, y)
        seed = int(check_random_state(self.random_state).randint(2**31 - 1))
        judged, shares = self._judged(validation), np.log(prior_of_counts(self.class_counts_))
        self.tau_, self.curve_, self.selected_on_ = choose_value(
            "tau",
            self.tau,
            self.grid,
            lambda: evidence_for(array, codes, judged, seed),
            lambda rows: self._hits(rows, shares, seed),
            len(self.classes_),
        )
        start = self._start(array, codes, seed)
        self.notes_ = start.notes
        self.weight_ = start.weight
        self.bias_ = start.bias - (self.tau_ * shares).astype(start.bias.dtype)
        return self

    def _start(self, features: Features, codes: NDArray[np.int64], seed: int) -> LinearStart:
        return linear_or_joint(self.head, features, codes, random_state=seed, device=self.device)

    def _hits(self, rows: Evidence, log_shares: NDArray[np.float64], seed: int) -> NDArray[np.int64]:
        start = self._start(rows.features, rows.codes, seed)
        return adjustment_sweep(
            rows.judged_features, rows.judged_codes, start.weight, start.bias, log_shares, self.grid, device=self.device
        )


def adjustment_sweep(
    features: Features,
    codes: NDArray[np.int64],
    weight: NDArray[Any],
    bias: NDArray[Any],
    log_shares: NDArray[np.float64],
    grid: tuple[float, ...] = TAU_GRID,
    *,
    device: str = "cpu",
) -> NDArray[np.int64]:
    """Count how many images of each class every tau gets right; one matrix product serves all.

    Args:
        features: shape (N, D), memory-mapped or not.
        codes: class indices, shape (N,).
        weight: shape (C, D).
        bias: shape (C,).
        log_shares: log(n_c / N) of training, shape (C,).
        grid: the values of tau.
        device: where to compute.

    Returns:
        Images found, shape (len(grid), C).

    Example:
        >>> weight, bias, shares = np.array([[1.0], [-1.0]]), np.zeros(2), np.log([0.9, 0.1])
        >>> adjustment_sweep(np.array([[0.5], [0.9]]), np.array([1, 0]), weight, bias, shares, (0.0, 1.0))
        array([[1, 0],
               [0, 1]])
    """
    shifts = np.asarray(bias, dtype=np.float64) - np.outer(grid, log_shares)
    return grid_hits(features, codes, GridScores(weight, np.ones((1, len(weight))), shifts), device=device)
