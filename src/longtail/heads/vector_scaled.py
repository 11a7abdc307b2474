"""Vector scaling by class counts: the scores of a trained head, stretched and shifted the more the rarer the class."""

from typing import Any, ClassVar, Literal, Self

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import check_random_state
from torch import Tensor

from longtail.heads.balanced_log_loss import JudgedRows
from longtail.heads.base import ImpliedPrior
from longtail.heads.choice import Evidence, choose_from_hits, evidence_for
from longtail.heads.joint import LinearStart, linear_or_joint
from longtail.heads.learned_state import CURVE, NOT_NEGATIVE, Learned, Plain
from longtail.heads.left_out import hits_of
from longtail.heads.linear import LinearHead, LinearParameters
from longtail.heads.parameters import AUTO, DEVICE, RANDOM_STATE, Constraints, Each, real
from longtail.heads.rows import Features
from longtail.priors import prior_of_counts

__all__ = ["GAMMAS", "TAUS", "VectorScaled"]

GAMMAS = (0.0, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5)
TAUS = (0.0, 0.25, 0.5, 0.75, 1.0, 1.25, 1.5, 1.75, 2.0)
WITHOUT_EVIDENCE = 0.0, 1.0  # gamma and tau where every class has a single row


class VectorScaled(LinearHead):
    """Vector scaling after training: the scores of a trained head, multiplied and moved by what its class counts say.

    logits_c = (n_c / n_max)^-gamma z_c - tau log(n_c / N),  z_c = w_c . x + b_c less its mean over the classes

    gamma = 0 is logit adjustment; tau = 0 is multiplicative logit adjustment (MLA): where z_c is positive a rare class
    gains, where it is negative it loses, so that it is held more likely of images that look like it, and not of all. A
    number that is added to all scores changes nothing of a head and much of such products; less their mean, scores are
    free of it. The mean changes no prediction of the trained head.

    The loss of Kini et al. trains z with softmax((n_c / n_max)^gamma z_c + tau log(n_c / N)), and predicts by z. Here
    the head exists already, and both are taken out of it: hence the sign of gamma.

    What is "auto" is chosen together, by the log loss of rows that were not learnt from, each class counting the same,
    after the best single factor.

    Args:
        gamma: how much the scores of rarer classes are stretched; below 0 they shrink, as in the loss; "auto" chooses.
        tau: how much of the log share is taken out, at least 0; "auto" chooses.
        head: weight (C, D) and bias (C,) of the trained head; None fits a `Joint` first.
        gammas: the values of gamma that "auto" tries.
        taus: the values of tau that "auto" tries.
        random_state: seed, of the `Joint` and the held-out fifth.
        device: where to compute, such as "cpu" or "cuda".

    Attributes:
        gamma_: the gamma in use.
        tau_: the tau in use.
        curve_: None, or what was measured at each gamma with its best tau, or at each tau where gamma is given;
            `parameter` says which.
        weight_: shape (C, D).
        bias_: shape (C,).
        classes_: labels in the order of the logits, shape (C,).
        selected_on_: "val", "train-cv" (held out of training), "given", or "not selected" where every class has a
            single row.

    Raises:
        InputError: unusable features, labels, head or parameters.

    Reference:
        Kini, Paraskevas, Oymak, Thrampoulidis, "Label-Imbalanced and Group-Sensitive Classification under
        Overparameterization", NeurIPS 2021, arXiv 2103.01550 (the loss). MLA: Hasegawa, Sato, "Exploring Weight
        Balancing on Long-Tailed Recognition Problem", ICLR 2024, arXiv 2305.16573, and "Multiplicative Logit Adjustment
        Approximates Neural-Collapse-Aware Decision Boundary Adjustment", ICLR 2025, arXiv 2409.17582. That both are
        chosen together, and the mean, are ours.

    Example:
        >>> weight, bias = np.array([[1.0], [-1.0]]), np.zeros(2)
        >>> features, labels = np.array([[1.0], [0.5], [0.2], [-0.5]]), np.array([0, 0, 0, 1])
        >>> head = VectorScaled(gamma=0.5, tau=1.0, head=(weight, bias)).fit(features, labels)
        >>> head.weight_.round(2).tolist(), head.bias_.round(2).tolist()  # (1/3)^-1/2 = 1.73, -log 3/4 and -log 1/4
        ([[1.0], [-1.73]], [0.29, 1.39])
    """

    _parameter_constraints: ClassVar[Constraints] = {
        "gamma": [real(-10, most=10), AUTO],
        "tau": [real(0, most=100), AUTO],
        "gammas": [Each(real(-10, most=10))],
        "taus": [Each(real(0, most=100))],
        "random_state": [RANDOM_STATE],
        "device": [DEVICE],
    }

    _learned: ClassVar[Learned] = {
        **LinearHead._learned,
        "gamma_": Plain(float),
        "tau_": NOT_NEGATIVE,
        "curve_": CURVE,
    }

    def __init__(
        self,
        gamma: float | Literal["auto"] = "auto",
        tau: float | Literal["auto"] = "auto",
        head: LinearParameters | None = None,
        *,
        gammas: tuple[float, ...] = GAMMAS,
        taus: tuple[float, ...] = TAUS,
        random_state: int | np.random.RandomState | None = None,
        device: str = "cpu",
    ) -> None:
        self.gamma = gamma
        self.tau = tau
        self.head = head
        self.gammas = gammas
        self.taus = taus
        self.random_state = random_state
        self.device = device

    @property
    def implied_prior(self) -> ImpliedPrior:
        """Return the world where softmax(logits) is a probability: as in train where the head is left as it is."""
        return "uniform" if getattr(self, "tau_", 1.0) > 0 or getattr(self, "gamma_", 0.0) != 0 else "train"

    def fit(
        self,
        X: ArrayLike,
        y: ArrayLike,
        *,
        validation: tuple[ArrayLike, ArrayLike] | None = None,
    ) -> Self:
        """Count the classes; choose gamma and tau where they are "auto".

        Args:
            X: features of the training images, shape (N, D).
            y: labels, shape (N,).
            validation: features and labels on which to choose.
        """
        array, codes, _ = self._begin(X, y)
        seed = int(check_random_state(self.random_state).randint(2**31 - 1))
        judged = self._judged(validation)
        gammas = tuple(dict.fromkeys(map(float, self.gammas if self.gamma == "auto" else (self.gamma,))))
        taus = tuple(dict.fromkeys(map(float, self.taus if self.tau == "auto" else (self.tau,))))
        self.gamma_, self.tau_, self.selected_on_ = gammas[0], taus[0], "given"
        self.curve_: dict[str, Any] | None = None
        if len(gammas) * len(taus) > 1:
            self._choose(evidence_for(array, codes, judged, seed), gammas, taus, seed)
        start = self._start(array, codes, seed)
        self.notes_ = start.notes
        weight, bias = (torch.from_numpy(part).double() for part in (start.weight, start.bias))
        stretch, shift = _stretch(self.class_counts_, self.gamma_), np.log(prior_of_counts(self.class_counts_))
        centred = weight - weight.mean(dim=0), bias - bias.mean()
        bias = stretch * centred[1] - self.tau_ * torch.from_numpy(shift)
        kind = torch.from_numpy(start.weight)
        self._set_linear((stretch[:, None] * centred[0]).to(kind), bias.to(kind))
        return self

    def _start(self, features: Features, codes: NDArray[np.int64], seed: int) -> LinearStart:
        return linear_or_joint(self.head, features, codes, random_state=seed, device=self.device)

    def _choose(self, evidence: Evidence, gammas: tuple[float, ...], taus: tuple[float, ...], seed: int) -> None:
        if not len(evidence.judged_codes):
            self.gamma_ = WITHOUT_EVIDENCE[0] if self.gamma == "auto" else self.gamma_
            self.tau_ = WITHOUT_EVIDENCE[1] if self.tau == "auto" else self.tau_
            self.selected_on_ = "not selected"
            return
        rows = JudgedRows(evidence, self.class_counts_, self.device)
        scores = rows.scores(
            *self._start(evidence.features, evidence.codes, seed).tensors(evidence.features, self.device)
        )
        measured = _measured(rows, scores, self.class_counts_, gammas, taus)
        losses = [[loss for loss, _ in line] for line in measured]
        place = int(np.argmin(losses))
        self.gamma_, self.tau_ = gammas[place // len(taus)], taus[place % len(taus)]
        self.selected_on_ = evidence.selected_on
        best, grid, parameter = measured[0], taus, "tau"
        if len(gammas) > 1:
            best = [min(line, key=lambda one: one[0]) for line in measured]
            grid, parameter = gammas, "gamma"
        curve = choose_from_hits(grid, np.stack([hits for _, hits in best]), rows.totals)[1]
        self.curve_ = curve | {"parameter": parameter, "log_loss": [loss for loss, _ in best]}


def _stretch(class_counts: NDArray[np.int64], gamma: float) -> Tensor:
    return torch.from_numpy((class_counts / class_counts.max()) ** -gamma)


def _measured(
    rows: JudgedRows,
    scores: Tensor,
    class_counts: NDArray[np.int64],
    gammas: tuple[float, ...],
    taus: tuple[float, ...],
) -> list[list[tuple[float, NDArray[np.int64]]]]:
    """Return log loss and hits at each gamma and tau."""
    centred = scores - scores.mean(dim=1, keepdim=True)
    shares, result, scale = rows.log_shares.to(scores), [], 1.0
    for gamma in gammas:
        stretched, line = centred * _stretch(class_counts, gamma).to(scores), []
        for tau in taus:
            logits = stretched - tau * shares
            loss, scale = rows.log_loss(logits, start=scale)
            line.append((loss, hits_of(logits, rows.codes, len(rows.totals))))
        result.append(line)
    return result
