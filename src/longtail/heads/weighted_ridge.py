"""Weighted ridge regression on one-hot targets: a linear head in closed form, chosen by leave-one-out."""

from typing import Any, ClassVar, Literal, Self

import torch
from numpy.typing import ArrayLike

from longtail.heads.base import ImpliedPrior
from longtail.heads.choice import choose_from_hits, tried_values
from longtail.heads.closed_form import ScoredRows, search
from longtail.heads.learned_state import CURVE, NOT_NEGATIVE, POSITIVE, Learned
from longtail.heads.linear import LinearHead
from longtail.heads.parameters import AUTO, DEVICE, Constraints, Each, real
from longtail.heads.ridge_solutions import RidgeSolutions, ridge_by_gamma
from longtail.heads.row_span import in_span
from longtail.heads.standardisation import scale_note

__all__ = ["GAMMA_GRID", "PENALTY_GRID", "RidgeSolutions", "WeightedRidge"]

GAMMA_GRID = (0.0, 0.5, 0.75, 1.0)
PENALTY_GRID = (1e-4, 1e-3, 1e-2, 0.1, 1.0, 10.0)
WITHOUT_EVIDENCE = (1.0, 0.1)  # gamma and penalty where every class has a single row, so that none can be left out


class WeightedRidge(LinearHead):
    """Ridge regression on one-hot targets, every row weighted by the size of its class; solved in closed form.

    W = (F' D F + l I)^-1 F' D Y,  D_ii = n_{y_i}^-gamma / mean,  logits = a (x W + b)

    F are the features less their weighted mean, Y the one-hot targets less theirs, so that the bias b is not penalised.
    l is `penalty` times the mean eigenvalue of F' D F. gamma = 0 counts every row alike, gamma = 1 every class.

    What is "auto" is chosen by leave-one-out, which has a closed form: with h_ii the part of row i in its own
    prediction, the prediction without it is off by e_i / (1 - h_ii), e_i the residual. One eigendecomposition for each
    gamma serves all penalties. The measure is the balanced accuracy of up to 8192 left-out rows, evenly spread over the
    classes. Scores of a regression are no log-probabilities: a is the number that makes softmax(logits) fit the labels
    of the same left-out rows (or of validation) best, each class counting the same where gamma is above 0.5. It changes
    no prediction.

    Args:
        penalty: relative to the mean eigenvalue, above 0; "auto" chooses.
        gamma: how much rarer classes weigh more, at least 0; "auto" chooses.
        penalties: the penalties that "auto" tries.
        gammas: the values of gamma that "auto" tries.
        device: where to compute, such as "cpu" or "cuda".

    Attributes:
        penalty_: the penalty in use.
        gamma_: the gamma in use.
        scale_: a.
        curve_: None, or what was measured: at each gamma with its best penalty, or at each penalty where gamma is
            given; `parameter` says which.
        weight_: a W, shape (C, D).
        bias_: a b, shape (C,).
        classes_: labels in the order of the logits, shape (C,).
        selected_on_: "val", "train-cv" (leave-one-out), "given", or "not selected" where every class has a single row.

    Raises:
        InputError: unusable features, labels, penalty or gamma.

    Reference:
        Allen, "The relationship between variable selection and data augmentation and a method for prediction",
        Technometrics 1974 (leave-one-out residuals); ridge on one-hot targets of frozen features as in McDonnell, Gong,
        Parvaneh, Abbasnejad, van den Hengel, "RanPAC", NeurIPS 2023, arXiv 2307.02251, equation 5. The weights are
        ours.

    Example:
        >>> import numpy as np
        >>> rng = np.random.default_rng(0)
        >>> labels = np.repeat([0, 1], [950, 50])
        >>> features = rng.normal(size=(1000, 2)) + 2 * labels[:, None]
        >>> plain, fair = (WeightedRidge(gamma=gamma).fit(features, labels) for gamma in (0.0, 1.0))
        >>> rare = labels == 1
        >>> plain.score(features[rare], labels[rare]) < 0.7, fair.score(features[rare], labels[rare]) > 0.8
        (True, True)
    """

    _parameter_constraints: ClassVar[Constraints] = {
        "penalty": [real(above=0), AUTO],
        "gamma": [real(0), AUTO],
        "penalties": [Each(real(above=0), "penalty")],
        "gammas": [Each(real(0), "gamma")],
        "device": [DEVICE],
    }

    _learned: ClassVar[Learned] = {
        **LinearHead._learned,
        "gamma_": NOT_NEGATIVE,
        "penalty_": NOT_NEGATIVE,
        "curve_": CURVE,
        "scale_": POSITIVE,
    }

    def __init__(
        self,
        penalty: float | Literal["auto"] = "auto",
        gamma: float | Literal["auto"] = "auto",
        *,
        penalties: tuple[float, ...] = PENALTY_GRID,
        gammas: tuple[float, ...] = GAMMA_GRID,
        device: str = "cpu",
    ) -> None:
        self.penalty = penalty
        self.gamma = gamma
        self.penalties = penalties
        self.gammas = gammas
        self.device = device

    @property
    def implied_prior(self) -> ImpliedPrior:
        """Return the world where softmax(logits) is a probability: by how much the weights even classes out."""
        return "uniform" if getattr(self, "gamma_", 1.0) > 0.5 else "train"

    def fit(
        self,
        X: ArrayLike,
        y: ArrayLike,
        *,
        validation: tuple[ArrayLike, ArrayLike] | None = None,
    ) -> Self:
        """Solve for the weights; choose what is "auto".

        Args:
            X: features of the training images, shape (N, D).
            y: labels, shape (N,).
            validation: features and labels on which to choose, and to fit the scale, instead of leave-one-out.
        """
        array, codes, dtype = self._begin(X, y)
        penalties, gammas = tried_values(self.penalty, self.penalties), tried_values(self.gamma, self.gammas)
        rows, judged, span = in_span(array, self._judged(validation), self.device)
        evidence = ScoredRows(rows, codes, judged, self.device)
        self.selected_on_ = evidence.name if len(penalties) * len(gammas) > 1 else "given"
        if self.selected_on_ == "not selected":
            gammas, penalties = (WITHOUT_EVIDENCE[0],), (WITHOUT_EVIDENCE[1],)
        solve = ridge_by_gamma(rows, codes, gammas, dimension=array.shape[1], device=self.device)
        result = search(gammas, penalties, solve, evidence)
        self.gamma_, self.penalty_ = result.key, result.value
        self.curve_: dict[str, Any] | None = None
        if result.best_hits is not None and len(gammas) > 1:
            self.curve_ = choose_from_hits(gammas, result.best_hits, evidence.totals)[1] | {"parameter": "gamma"}
        elif result.curve is not None:
            self.curve_ = result.curve | {"parameter": "penalty"}
        counts = torch.from_numpy(self.class_counts_).to(self.device)
        world = 1 / counts if self.implied_prior == "uniform" else torch.ones(len(counts), device=self.device)
        self.scale_ = evidence.scale(result.solutions, self.penalty_, world)
        weight, bias = result.solutions.at(self.penalty_)
        weight = weight if span is None else span.outward(weight)
        self._set_linear((self.scale_ * weight).to(dtype), (self.scale_ * bias).to(dtype))
        self.notes_ = scale_note(array, device=self.device)
        return self
