"""MaxNorm: train the classifier on, with weights that may not grow beyond a length."""

from collections.abc import Callable
from dataclasses import replace
from itertools import product
from typing import Any, ClassVar, Literal, Self

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import check_random_state
from torch import Tensor, nn

from longtail.heads.choice import (
    Evidence,
    FitsOn,
    choose_from_hits,
    evidence_for,
    hits_by_fitting,
    linear_logits,
    remembered,
)
from longtail.heads.descent import descend
from longtail.heads.joint import linear_or_joint
from longtail.heads.learned_state import CURVE, LOSSES, NOT_NEGATIVE, POSITIVE, Array, Learned
from longtail.heads.linear import LinearHead, LinearParameters
from longtail.heads.linear_training import SGD_CONSTRAINTS, plan_of
from longtail.heads.parameters import AUTO, Constraints, Each, real, whole
from longtail.heads.precision import Precision
from longtail.heads.rows import Features, kept_rows
from longtail.heads.standardisation import Standardisation
from longtail.heads.trained_layers import LinearLayer
from longtail.losses import effective_number_weights
from longtail.sampling import Sampler
from longtail.schedules import ScheduleKind

__all__ = ["RADIUS_SHARES", "WEIGHT_DECAYS", "MaxNorm", "project"]

RADIUS_SHARES = (0.05, 0.3)
WEIGHT_DECAYS = (5e-3, 2e-2)

Linear = tuple[Tensor, Tensor]

Setting = tuple[float, float]  # share and weight decay
# the layer, the lengths of its rows on standardised features, the radius, and the losses
Fit = tuple[Linear, Tensor, float, list[float]]


class MaxNorm(LinearHead):
    """Weight balancing (MaxNorm): a trained head trained on, with weight decay and weights no longer than a radius.

    w_c <- min(1, d / ||w_c||) w_c after each step of class-balanced cross-entropy with weight decay

    Weights of common classes are long; the ball caps them and lets those of rare classes grow up to it, and weight
    decay keeps all small. Images are weighed by the inverse of the effective number of their class.

    Lengths are those of a layer on features of mean 0 and deviation 1, unless `standardise` is False: on plain features
    they would go by the units of the features.

    Args:
        radius: d, above 0; "auto" chooses among l + share (L - l), where l and L are the shortest and longest weight
            vector of the head it starts from.
        weight_decay: at least 0; "auto" chooses from `weight_decays`. What is "auto" is chosen together, by balanced
            accuracy on `validation`, or on a stratified fifth of training that is held out.
        head: weight (C, D) and bias (C,) of the trained head; None fits a `Joint` first.
        shares: the shares that "auto" tries; the released code's demonstration has 0.1.
        weight_decays: the values that "auto" tries.
        standardise: learn, and measure lengths, on features of mean 0 and deviation 1, and fold both into the result,
            so that neither size nor unit of a feature matters; False learns on them as they are.
        beta: of the effective number, 0 to below 1.
        epochs: passes over the data.
        batch_size: images a step.
        learning_rate: at the start.
        momentum: 0 to below 1.
        schedule: "cosine-epoch", "cosine-epoch-shifted", "cosine" or "constant".
        random_state: seed of the sampling, the `Joint` and the held-out fifth.
        device: where to compute, such as "cpu" or "cuda".
        precision: of the matrix products, "float32" or "bfloat16".

    Attributes:
        radius_: d in use.
        lengths_: length of each class's weight vector, at most d, shape (C,).
        weight_decay_: in use.
        curve_: None, or what was measured at each pair of share (or radius) and weight decay.
        weight_: shape (C, D).
        bias_: shape (C,).
        classes_: labels in the order of the logits, shape (C,).
        losses_: mean loss of each epoch.
        selected_on_: "val", "train-cv" (held out of training), "given", or "not selected" where every class has a
            single row.

    Raises:
        InputError: unusable features, labels, head or parameters.

    Reference:
        Alshammari, Wang, Ramanan, Kong, "Long-Tailed Recognition via Weight Balancing", CVPR 2022, arXiv 2203.14197,
        section 4. Its released code projects after each epoch, and weighs a binary cross-entropy of the softmax.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> labels = np.repeat([0, 1, 2], [80, 15, 5])
        >>> features = rng.normal(size=(100, 3)) + 2 * np.eye(3)[labels]
        >>> head = MaxNorm(radius=0.5, weight_decay=5e-3, random_state=0).fit(features, labels)
        >>> bool((head.lengths_ < 0.5 + 1e-6).all())
        True
    """

    _parameter_constraints: ClassVar[Constraints] = {
        **SGD_CONSTRAINTS,
        "radius": [real(above=0), AUTO],
        "weight_decay": [real(0), AUTO],
        "shares": [Each(real(0, most=1), "radius")],
        "weight_decays": [Each(real(0), "weight_decay")],
        "standardise": ["boolean"],
        "beta": [real(0, below=1)],
        "epochs": [whole(0)],
    }

    _learned: ClassVar[Learned] = {
        **LinearHead._learned,
        "radius_": POSITIVE,
        "weight_decay_": NOT_NEGATIVE,
        "curve_": CURVE,
        "losses_": LOSSES,
        "lengths_": Array(("C",), least=0, optional=True),
    }

    def __init__(
        self,
        radius: float | Literal["auto"] = "auto",
        weight_decay: float | Literal["auto"] = "auto",
        head: LinearParameters | None = None,
        *,
        shares: tuple[float, ...] = RADIUS_SHARES,
        weight_decays: tuple[float, ...] = WEIGHT_DECAYS,
        standardise: bool = True,
        beta: float = 0.9999,
        epochs: int = 10,
        batch_size: int = 512,
        learning_rate: float = 0.1,
        momentum: float = 0.9,
        schedule: ScheduleKind = "cosine-epoch",
        random_state: int | np.random.RandomState | None = None,
        device: str = "cpu",
        precision: Precision = "float32",
    ) -> None:
        self.radius = radius
        self.weight_decay = weight_decay
        self.head = head
        self.shares = shares
        self.weight_decays = weight_decays
        self.standardise = standardise
        self.beta = beta
        self.epochs = epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.momentum = momentum
        self.schedule = schedule
        self.random_state = random_state
        self.device = device
        self.precision = precision

    def fit(
        self,
        X: ArrayLike,
        y: ArrayLike,
        *,
        validation: tuple[ArrayLike, ArrayLike] | None = None,
    ) -> Self:
        """Train the head on; choose radius and weight decay where they are "auto".

        Args:
            X: features of the training images, shape (N, D).
            y: labels, shape (N,).
            validation: features and labels on which they are chosen.
        """
        array, codes, _ = self._begin(X, y)
        seed = int(check_random_state(self.random_state).randint(2**31 - 1))
        self.curve_: dict[str, Any] | None = None
        fits_on = remembered(lambda rows, of_rows: self._fits_on(rows, of_rows, seed))
        shares = self.shares if self.radius == "auto" else (0.0,)
        decays = self.weight_decays if self.weight_decay == "auto" else (float(self.weight_decay),)
        (share, decay), self.selected_on_ = (shares[0], decays[0]), "given"
        if "auto" in (self.radius, self.weight_decay):
            evidence = evidence_for(array, codes, self._judged(validation), seed)
            self.selected_on_ = "not selected"
            if len(evidence.judged_codes):
                (share, decay), self.curve_ = self._choose(list(product(shares, decays)), evidence, fits_on)
                self.selected_on_ = evidence.selected_on
        layer, lengths, self.radius_, self.losses_ = fits_on(array, codes)((share, decay))
        self.weight_decay_ = decay
        self.lengths_ = lengths.cpu().numpy()
        self._set_linear(*layer)
        return self

    def _choose(
        self, settings: list[Setting], evidence: Evidence, fits_on: FitsOn[Setting, Fit]
    ) -> tuple[Setting, dict[str, Any]]:
        fit = fits_on(evidence.features, evidence.codes)
        hits = hits_by_fitting(
            settings,
            lambda setting: linear_logits(*fit(setting)[0]),
            evidence,
            len(self.classes_),
            self.device,
        )
        totals = np.bincount(evidence.judged_codes, minlength=len(self.classes_))
        best, curve = choose_from_hits(settings, hits, totals)
        return best, curve | {"parameter": None}  # of two

    def _fits_on(self, features: Features, codes: NDArray[np.int64], seed: int) -> Callable[[Setting], Fit]:
        scaling, start = self._start(features, codes, seed)
        rows = kept_rows(scaling.rows(features))

        def fit(setting: Setting) -> Fit:
            radius = self._radius(start, setting[0])
            layer, losses = self._trained(start, rows, codes, radius, setting[1], seed)
            return scaling.folded(*layer), layer[0].norm(dim=1), radius, losses

        return fit

    def _start(self, features: Features, codes: NDArray[np.int64], seed: int) -> tuple[Standardisation, Linear]:
        """Return how features are standardised, and the trained head on them."""
        shared: dict[str, Any] = {"device": self.device, "precision": self.precision}
        start = linear_or_joint(self.head, features, codes, random_state=seed, **shared)
        self.notes_ = start.notes
        scaling = Standardisation.of(features, wanted=self.standardise, device=self.device)
        return scaling, scaling.unfolded(*start.tensors(features, self.device))

    def _radius(self, start: Linear, share: float) -> float:
        if self.radius != "auto":
            return float(self.radius)
        lengths = start[0].norm(dim=1)
        return float(lengths.min() + share * (lengths.max() - lengths.min()))

    def _trained(
        self,
        start: Linear,
        features: Features,
        codes: NDArray[np.int64],
        radius: float,
        weight_decay: float,
        seed: int,
    ) -> tuple[Linear, list[float]]:
        weight, bias = (part.clone() for part in start)
        project(weight, radius)
        counts = torch.bincount(torch.from_numpy(codes), minlength=len(weight)).to(weight)
        losses = descend(
            features,
            codes,
            LinearLayer(weight, bias, self.precision),
            plan=replace(plan_of(self, self.schedule), weight_decay=weight_decay),
            sampler=Sampler(codes, strategy="instance", num_epochs=self.epochs, seed=seed),
            device=self.device,
            loss=nn.CrossEntropyLoss(effective_number_weights(counts, self.beta)),
            after_step=lambda: project(weight, radius),
        )
        return (weight, bias), losses


def project(weight: Tensor, radius: float) -> None:
    """Shorten the rows that are longer than the radius to it, in place.

    w_c <- min(1, d / ||w_c||) w_c

    Args:
        weight: shape (C, D).
        radius: d, above 0.

    Example:
        >>> weight = torch.tensor([[3.0, 4.0], [0.3, 0.4]])
        >>> project(weight, 1.0)
        >>> weight
        tensor([[0.6000, 0.8000],
                [0.3000, 0.4000]])
    """
    lengths = weight.norm(dim=1, keepdim=True).clamp(min=torch.finfo(weight.dtype).tiny)
    weight.mul_((radius / lengths).clamp(max=1))
