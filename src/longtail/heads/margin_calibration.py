"""MARC: learn for each class how far its margin is to be stretched and moved."""

from collections.abc import Callable
from typing import Any, ClassVar, Literal, Self

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import check_random_state
from torch import Tensor, nn

from longtail.heads.base import ImpliedPrior
from longtail.heads.choice import (
    RHO_GRID,
    choose_value,
    evidence_for,
    hits_by_fitting,
    linear_logits,
    prior_of_rho,
    remembered,
)
from longtail.heads.fixed_logits import FixedLogits
from longtail.heads.joint import linear_or_joint
from longtail.heads.learned_state import CURVE, LOSSES, NOT_NEGATIVE, Array, Learned
from longtail.heads.linear import LinearHead, LinearParameters
from longtail.heads.linear_training import SGD_CONSTRAINTS, enough_epochs, fit_by_sgd, plan_of
from longtail.heads.parameters import AUTO, Constraints, Each, real, whole
from longtail.heads.precision import Precision
from longtail.heads.rows import Features
from longtail.heads.standardisation import Standardisation
from longtail.losses import generalized_weights
from longtail.sampling import Sampler
from longtail.schedules import ScheduleKind

__all__ = ["MarginCalibration"]

EPOCHS = 5, 250  # usually, and the fewest steps in all

# the layer, its factors and shifts, and the losses
Fit = tuple[tuple[Tensor, Tensor], Tensor, Tensor, list[float]]


class MarginCalibration(LinearHead):
    """Margin calibration (MARC): the margins of a trained head, stretched and moved class by class.

    z'_c = a_c z_c + b_c l_c,   z_c = w_c . x + bias_c,   l_c = C ||w_c|| / sum_j ||w_j||

    The margin of an image to class c's boundary is z_c / ||w_c||; a_c stretches it and b_c moves it. Lengths are those
    of a layer on features of deviation 1, relative to their mean: the units of the features change nothing. Only these
    2 C numbers are trained, on logits that are computed once, by cross-entropy with each image weighed by
    (n_c / N)^-rho. The result is one linear layer: weight a_c w_c, bias a_c bias_c + b_c l_c.

    On logits alone (W the identity) it is vector scaling with weights.

    Args:
        head: weight (C, D) and bias (C,) of the trained head; None fits a `Joint` first.
        standardise: False takes lengths as they are on the features as they are, relative to their mean.
        rho: how far the loss makes up for the counts: 0 not at all, 1 as if all classes were equally common; more where
            the head knows its training images too well for the loss to say much; "auto" chooses as `TauNormalized`
            does: on `validation`, or on a stratified fifth of train that is held out.
        epochs: passes over the data; "auto": 5, or as many as give 250 steps; 0 leaves the trained head.
        batch_size: images a step.
        learning_rate: at the start.
        momentum: 0 to below 1.
        weight_decay: at least 0; it pulls a towards 1 and b towards 0, which is the trained head.
        schedule: "cosine-epoch", "cosine-epoch-shifted", "cosine" or "constant".
        grid: the values that "auto" tries.
        random_state: seed of the sampling, the `Joint` and the held-out fifth.
        device: where to compute, such as "cpu" or "cuda".
        precision: of the matrix products, "float32" or "bfloat16".

    Attributes:
        rho_: the value in use.
        curve_: None, or what was measured at each value of the grid.
        scales_: a, shape (C,).
        shifts_: b, shape (C,).
        weight_: a_c w_c, shape (C, D).
        bias_: a_c bias_c + b_c l_c, shape (C,).
        classes_: labels in the order of the logits, shape (C,).
        losses_: mean loss of each epoch.
        selected_on_: "val", "train-cv" (held out of training), "given", or "not selected" where every class has a
            single row.

    Raises:
        InputError: unusable features, labels, head or parameters.

    Reference:
        Wang, Zhang, Hou, Wu, Wang, Shinozaki, "Margin Calibration for Long-Tailed Visual Recognition", ACML 2022, arXiv
        2112.07225.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> labels = np.repeat([0, 1, 2], [80, 15, 5])
        >>> features = rng.normal(size=(100, 3)) + 2 * np.eye(3)[labels]
        >>> MarginCalibration(random_state=0).fit(features, labels).scales_.shape
        (3,)
    """

    _parameter_constraints: ClassVar[Constraints] = {
        **SGD_CONSTRAINTS,
        "standardise": ["boolean"],
        "rho": [real(0, 100), AUTO],
        "grid": [Each(real(0, 100), "rho")],
        "epochs": [whole(0), AUTO],
    }

    _learned: ClassVar[Learned] = {
        **LinearHead._learned,
        "rho_": NOT_NEGATIVE,
        "curve_": CURVE,
        "losses_": LOSSES,
        "scales_": Array(("C",)),
        "shifts_": Array(("C",)),
    }

    def __init__(
        self,
        head: LinearParameters | None = None,
        *,
        standardise: bool = True,
        rho: float | Literal["auto"] = "auto",
        grid: tuple[float, ...] = RHO_GRID,
        epochs: int | Literal["auto"] = "auto",
        batch_size: int = 512,
        learning_rate: float = 0.05,
        momentum: float = 0.9,
        weight_decay: float = 5e-4,
        schedule: ScheduleKind = "cosine-epoch",
        random_state: int | np.random.RandomState | None = None,
        device: str = "cpu",
        precision: Precision = "float32",
    ) -> None:
        self.head = head
        self.standardise = standardise
        self.rho = rho
        self.grid = grid
        self.epochs = epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.momentum = momentum
        self.weight_decay = weight_decay
        self.schedule = schedule
        self.random_state = random_state
        self.device = device
        self.precision = precision

    @property
    def implied_prior(self) -> ImpliedPrior:
        """Return the world where softmax(logits) is a probability: by the weights of the loss."""
        return prior_of_rho(getattr(self, "rho_", 1.0))

    def fit(
        self,
        X: ArrayLike,
        y: ArrayLike,
        *,
        validation: tuple[ArrayLike, ArrayLike] | None = None,
    ) -> Self:
        """Learn a and b; choose rho where it is "auto".

        Args:
            X: features of the training images, shape (N, D).
            y: labels, shape (N,).
            validation: features and labels on which rho is chosen.
        """
        array, codes, _ = self._begin(X, y)
        seed = int(check_random_state(self.random_state).randint(2**31 - 1))
        judged, num_classes = self._judged(validation), len(self.classes_)
        fits_on = remembered(lambda rows, of_rows: self._fits_on(rows, of_rows, seed))
        self.rho_, self.curve_, self.selected_on_ = choose_value(
            "rho",
            self.rho,
            self.grid,
            lambda: evidence_for(array, codes, judged, seed),
            lambda rows: hits_by_fitting(
                self.grid,
                lambda rho: linear_logits(*fits_on(rows.features, rows.codes)(rho)[0]),
                rows,
                num_classes,
                self.device,
            ),
            num_classes,
        )
        linear, scales, shifts, self.losses_ = fits_on(array, codes)(self.rho_)
        self.scales_, self.shifts_ = scales.cpu().numpy(), shifts.cpu().numpy()
        self._set_linear(*linear)
        return self

    def _fits_on(self, features: Features, codes: NDArray[np.int64], seed: int) -> Callable[[float], Fit]:
        logits, lengths = self._logits_of_head(features, codes, seed)
        return lambda rho: self._trained(logits, lengths, codes, rho, seed)

    def _logits_of_head(self, features: Features, codes: NDArray[np.int64], seed: int) -> tuple[FixedLogits, Tensor]:
        """Return the logits of the trained head, and l."""
        shared: dict[str, Any] = {"device": self.device, "precision": self.precision}
        start = linear_or_joint(self.head, features, codes, random_state=seed, **shared)
        self.notes_ = start.notes
        weight, bias = start.tensors(features, self.device)
        scaling = Standardisation.of(features, wanted=self.standardise, device=self.device)
        lengths = scaling.unfolded(weight, bias)[0].norm(dim=1)
        relative = lengths / lengths.mean().clamp(min=torch.finfo(lengths.dtype).tiny)
        return FixedLogits(features, weight, bias, **shared), relative

    def _trained(self, logits: FixedLogits, lengths: Tensor, codes: NDArray[np.int64], rho: float, seed: int) -> Fit:
        weight, bias = logits.weight, logits.bias
        # a is 1 plus what is trained, so that weight decay pulls to the trained head and not to none
        stretch, shifts = torch.zeros_like(bias), torch.zeros_like(bias)
        counts = torch.bincount(torch.from_numpy(codes), minlength=len(bias)).to(bias)
        losses = fit_by_sgd(
            logits,
            codes,
            [stretch, shifts],
            lambda rows: (1 + stretch) * rows + shifts * lengths,
            plan=plan_of(self, self.schedule, enough_epochs(self, len(codes), *EPOCHS)),
            sampler=Sampler(codes, strategy="instance", seed=seed),
            device=self.device,
            loss=nn.CrossEntropyLoss(generalized_weights(counts, rho)),
        )
        scales = 1 + stretch
        return (scales[:, None] * weight, scales * bias + shifts * lengths), scales, shifts, losses
