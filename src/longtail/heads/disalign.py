"""DisAlign: correct a trained head's scores, more for some images than for others."""

from collections.abc import Callable
from typing import Any, ClassVar, Literal, Self

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import check_random_state
from torch import Tensor, nn

from longtail.heads.base import Head, ImpliedPrior, check_features
from longtail.heads.choice import (
    RHO_GRID,
    LogitsOf,
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
from longtail.heads.linear import LinearParameters
from longtail.heads.linear_training import SGD_CONSTRAINTS, enough_epochs, fit_by_sgd, plan_of
from longtail.heads.parameters import AUTO, Constraints, Each, real, whole
from longtail.heads.precision import Precision
from longtail.heads.rows import Features, chunks
from longtail.heads.standardisation import Standardisation
from longtail.losses import generalized_weights
from longtail.sampling import Sampler
from longtail.schedules import ScheduleKind

__all__ = ["DisAlign", "aligned_logits"]

EPOCHS = 5, 250  # usually, and the fewest steps in all

Correction = tuple[Tensor, Tensor, Tensor, Tensor]
# the correction, the head that it corrects, and the losses
Fit = tuple[Correction, tuple[Tensor, Tensor], list[float]]


class DisAlign(Head):
    """Distribution alignment (DisAlign): a learned correction of each class's score, in the share that an image needs.

    z'_c = s(x) (a_c z_c + b_c) + (1 - s(x)) z_c,   s(x) = sigmoid(v . x + c),   z_c = w_c . x + bias_c

    The trained head stays; a, b, v and c are learned by cross-entropy with each image weighed by (n_c / N)^-rho, on
    logits that are computed once. It starts as the trained head: a = 1, b = 0, s = 1/2. Since s(x) multiplies the
    score, the result is no linear layer and does not fold into the network's last one.

    Args:
        head: weight (C, D) and bias (C,) of the trained head; None fits a `Joint` first.
        standardise: learn s on features of mean 0 and deviation 1, and fold both into the result, so that neither size
            nor unit of a feature matters; False learns on them as they are.
        rho: how far the loss makes up for the counts: 0 not at all, 1 as if all classes were equally common; more where
            the head knows its training images too well for the loss to say much; "auto" chooses as `TauNormalized`
            does: on `validation`, or on a stratified fifth of train that is held out.
        epochs: passes over the data; "auto": 5, or as many as give 250 steps; 0 leaves the trained head.
        batch_size: images a step.
        learning_rate: at the start.
        momentum: 0 to below 1.
        weight_decay: at least 0; it pulls to the trained head.
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
        confidence_weight_: v, shape (D,).
        confidence_bias_: c, shape (1,).
        head_weight_: of the trained head, shape (C, D).
        head_bias_: of the trained head, shape (C,).
        classes_: labels in the order of the logits, shape (C,).
        losses_: mean loss of each epoch.
        selected_on_: "val", "train-cv" (held out of training), "given", or "not selected" where every class has a
            single row.

    Raises:
        InputError: unusable features, labels, head or parameters.

    Reference:
        Zhang, Li, Yan, He, Sun, "Distribution Alignment: A Unified Framework for Long-tail Visual Recognition", CVPR
        2021, arXiv 2103.16370, sections 3.3 and 3.4. Its released code has 1 + s(x) a_c where the paper has
        1 + s(x) (a_c - 1), starts at a = 1 there, that is a = 2 here, and at v = 0.1; the functions that can be learned
        are the same.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> labels = np.repeat([0, 1, 2], [80, 15, 5])
        >>> features = rng.normal(size=(100, 3)) + 2 * np.eye(3)[labels]
        >>> head = DisAlign(random_state=0).fit(features, labels)
        >>> head.scales_.shape, head.confidence(features).shape
        ((3,), (100,))
    """

    _parameter_constraints: ClassVar[Constraints] = {
        **SGD_CONSTRAINTS,
        "standardise": ["boolean"],
        "rho": [real(0, 100), AUTO],
        "grid": [Each(real(0, 100), "rho")],
        "epochs": [whole(0), AUTO],
    }

    _learned: ClassVar[Learned] = {
        **Head._learned,
        "rho_": NOT_NEGATIVE,
        "curve_": CURVE,
        "losses_": LOSSES,
        "scales_": Array(("C",)),
        "shifts_": Array(("C",)),
        "confidence_weight_": Array(("D",)),
        "confidence_bias_": Array(("1",)),
        "head_weight_": Array(("C", "D")),
        "head_bias_": Array(("C",)),
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
        learning_rate: float = 0.1,
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
        """Learn the correction; choose rho where it is "auto".

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
                lambda rho: _corrected(*fits_on(rows.features, rows.codes)(rho)[:2]),
                rows,
                num_classes,
                self.device,
            ),
            num_classes,
        )
        correction, start, self.losses_ = fits_on(array, codes)(self.rho_)
        arrays = [part.cpu().numpy() for part in (*correction, *start)]
        self.scales_, self.shifts_, self.confidence_weight_, self.confidence_bias_ = arrays[:4]
        self.head_weight_, self.head_bias_ = arrays[4:]
        return self

    def _fits_on(self, features: Features, codes: NDArray[np.int64], seed: int) -> Callable[[float], Fit]:
        scaling, rows_of = self._rows(features, codes, seed)
        return lambda rho: self._trained(scaling, rows_of, codes, rho, seed)

    def _rows(self, features: Features, codes: NDArray[np.int64], seed: int) -> tuple[Standardisation, FixedLogits]:
        """Return how features are standardised, and with them so the logits of the head and the features."""
        shared: dict[str, Any] = {"device": self.device, "precision": self.precision}
        start = linear_or_joint(self.head, features, codes, random_state=seed, **shared)
        self.notes_ = start.notes
        scaling = Standardisation.of(features, wanted=self.standardise, device=self.device)
        head = scaling.unfolded(*start.tensors(features, self.device))
        return scaling, FixedLogits(scaling.rows(features), *head, with_features=True, **shared)

    def _trained(
        self, scaling: Standardisation, rows_of: FixedLogits, codes: NDArray[np.int64], rho: float, seed: int
    ) -> Fit:
        bias = rows_of.bias
        stretch, shifts, offset = torch.zeros_like(bias), torch.zeros_like(bias), torch.zeros_like(bias[:1])
        direction = torch.zeros_like(rows_of.weight[0])
        # steps for features of length 1: long ones would throw s to 0 or 1 at the first steps, where nothing is learned
        unit = 1 / _usual_length(rows_of.features, self.device)
        num_classes = len(bias)

        def aligned(rows: Tensor) -> Tensor:
            logits, features = rows[:, :num_classes], rows[:, num_classes:]
            return aligned_logits(logits, features, 1 + stretch, shifts, unit * direction, offset)

        counts = torch.bincount(torch.from_numpy(codes), minlength=num_classes).to(bias)
        losses = fit_by_sgd(
            rows_of,
            codes,
            [stretch, shifts, direction, offset],
            aligned,
            plan=plan_of(self, self.schedule, enough_epochs(self, len(codes), *EPOCHS)),
            sampler=Sampler(codes, strategy="instance", seed=seed),
            device=self.device,
            loss=nn.CrossEntropyLoss(generalized_weights(counts, rho)),
        )
        confidence, offset = scaling.folded(unit * direction[None], offset)
        head = scaling.folded(rows_of.weight, rows_of.bias)
        return (1 + stretch, shifts, confidence[0], offset), head, losses

    def _chunk_logits(self, features: Tensor) -> Tensor:
        def of(array: NDArray[Any]) -> Tensor:
            return torch.from_numpy(array).to(features)

        logits = torch.addmm(of(self.head_bias_), features, of(self.head_weight_).T)
        correction = (self.scales_, self.shifts_, self.confidence_weight_, self.confidence_bias_)
        return aligned_logits(logits, features, *(of(part) for part in correction))

    def confidence(self, X: ArrayLike) -> NDArray[Any]:
        """Return s(x): how much of the correction each image gets, 0 to 1.

        Args:
            X: features, shape (N, D).

        Returns:
            Shape (N,).
        """
        rows = check_features(X)
        return np.concatenate(
            [
                torch.sigmoid(
                    block @ torch.from_numpy(self.confidence_weight_).to(block)
                    + torch.from_numpy(self.confidence_bias_).to(block)
                )
                .cpu()
                .numpy()
                for _, block in chunks(rows, self._device)
            ]
        )


def _usual_length(features: Features, device: str) -> float:
    squares = sum(float(block.square().sum()) for _, block in chunks(features, device))
    return float(np.sqrt(squares / len(features))) or 1.0


def _corrected(correction: Correction, head: tuple[Tensor, Tensor]) -> LogitsOf:
    logits_of = linear_logits(*head)
    return lambda rows: aligned_logits(logits_of(rows), rows, *(part.to(rows) for part in correction))


def aligned_logits(
    logits: Tensor, features: Tensor, scales: Tensor, shifts: Tensor, direction: Tensor, offset: Tensor
) -> Tensor:
    """Correct a head's logits, each image's by its own share.

    s (a_c z_c + b_c) + (1 - s) z_c,   s = sigmoid(v . x + c)

    Args:
        logits: z, shape (B, C).
        features: x, shape (B, D).
        scales: a, shape (C,).
        shifts: b, shape (C,).
        direction: v, shape (D,).
        offset: c, shape (1,).

    Returns:
        Shape (B, C).

    Example:
        >>> one = torch.ones(1)
        >>> aligned_logits(torch.tensor([[2.0]]), torch.zeros(1, 1), 3 * one, 4 * one, one, 0 * one)  # s is 1/2
        tensor([[6.]])
    """
    share = torch.sigmoid(features @ direction + offset)[:, None]
    return share * (scales * logits + shifts) + (1 - share) * logits
