"""Cosine classifier: classes are directions, and an image belongs to the nearest one."""

from typing import Any, ClassVar, Literal, Self

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import check_random_state
from torch import Tensor
from torch.nn import functional

from longtail.errors import InputError
from longtail.heads.balancing import check_balanced_once
from longtail.heads.base import Head, ImpliedPrior
from longtail.heads.convergence import learned_nothing
from longtail.heads.descent import descend
from longtail.heads.feature_transform import unit_length
from longtail.heads.learned_state import LOSSES, POSITIVE, Array, Learned
from longtail.heads.linear_fit import DRAWN
from longtail.heads.linear_training import (
    SAMPLING_CONSTRAINTS,
    SGD_CONSTRAINTS,
    enough_epochs,
    idle_for_sampling,
    initial_linear,
    plan_of,
    rows_sampler,
)
from longtail.heads.parameters import AUTO, Constraints, StrOptions, real, whole, words
from longtail.heads.precision import Precision
from longtail.heads.standardisation import AutoOrNot, Standardisation
from longtail.heads.trained_layers import SLOWNESS, CosineLayer, unit_rows
from longtail.losses import LossName, build_loss, prior_of_loss
from longtail.sampling import Strategy
from longtail.schedules import ScheduleKind

__all__ = ["CosineClassifier"]

FIRST_SCALE = 16.0
EPOCHS = 10, 500  # usually, and the fewest steps in all


class CosineClassifier(Head):
    """Cosine classifier: the logit of a class is the cosine of its direction and the features, times a scale.

    logits_c = s (w_c . t(x)) / (||w_c|| ||t(x)||),   t(x) = x,   or (x - m) / d, feature by feature

    No class can win by a long weight vector or a large bias, and bright or blurred images by no long feature vector.
    Since t(x) is divided by its length the logits are not linear in x. Their order is: the linear layer w_c . t(x)
    makes the same decisions.

    Cosines of features in unlike units go by the largest of them alone, and those of features far from 0 are nearly all
    the same. m is the mean of the class means, d the deviation over the training rows.

    By default the loss makes up for the counts (balanced softmax) and every image is drawn alike. With sampling="class"
    take loss="cross-entropy".

    Args:
        scale: s, above 0; "learned" trains it, starting at 16. On features that a network knows by heart it then grows
            and grows.
        standardise: True subtracts m and divides by d, False does not; "auto" does where the deviation of some feature
            is more than 10 times the median one, or the mean more than 10 times as long, squared, as rows typically
            are around it.
        loss: "balanced-softmax", "cross-entropy", "focal" or "logit-adjusted", as in `longtail.losses`.
        sampling: of the training rows, as in `longtail.sampling.Sampler`.
        epochs: passes of N draws; "auto": 10, or as many as give 500 steps.
        batch_size: images a step.
        learning_rate: at the start.
        momentum: 0 to below 1.
        weight_decay: at least 0; it shortens w, which turns faster then, and pulls a learned s to 16.
        schedule: "cosine-epoch", "cosine-epoch-shifted", "cosine" or "constant".
        repeat_threshold: of "repeat-factor" sampling.
        run_length: consecutive images each time a class is visited, with sampling="class".
        random_state: seed of initialisation and sampling.
        device: where to compute, such as "cpu" or "cuda".
        precision: of the matrix products, "float32" or "bfloat16".
        balance_twice: allow class-balanced sampling with a loss that knows the counts, which together overshoot.

    Attributes:
        directions_: w_c / ||w_c||, shape (C, D).
        mean_: m, shape (D,); 0 where features are taken as they are.
        deviation_: d, shape (D,); 1 there.
        scale_: s.
        classes_: labels in the order of the logits, shape (C,).
        losses_: mean loss of each epoch.
        selected_on_: "not selected".

    Raises:
        InputError: unusable features, labels or parameters, or classes that are balanced twice.

    Reference:
        Gidaris, Komodakis, "Dynamic Few-Shot Visual Learning without Forgetting", CVPR 2018, arXiv 1804.09458,
        section 3.1 (the classifier); Ren et al., "Balanced Meta-Softmax for Long-Tailed Visual Recognition", NeurIPS
        2020, arXiv 2007.10740, equation 3 (the loss).

    Example:
        >>> rng = np.random.default_rng(0)
        >>> labels = np.repeat([0, 1], [90, 10])
        >>> features = rng.normal(size=(100, 4)) + 3 * np.eye(4)[labels]
        >>> head = CosineClassifier(random_state=0).fit(features, labels)
        >>> bool((head.predict(7 * features) == head.predict(features)).all())
        True
    """

    _parameter_constraints: ClassVar[Constraints] = {
        **SGD_CONSTRAINTS,
        **SAMPLING_CONSTRAINTS,
        "epochs": [whole(), AUTO],
        "scale": [real(above=0), StrOptions({"learned"})],
        "standardise": ["boolean", AUTO],
        "loss": [words(LossName)],
        "balance_twice": ["boolean"],
    }

    _learned: ClassVar[Learned] = {
        **Head._learned,
        "losses_": LOSSES,
        "directions_": Array(("C", "D")),
        "mean_": Array(("D",), before=0.0),
        "deviation_": Array(("D",), above=0, before=1.0),
        "scale_": POSITIVE,
    }

    def __init__(
        self,
        scale: float | Literal["learned"] = 25.0,
        *,
        standardise: AutoOrNot = "auto",
        loss: LossName = "balanced-softmax",
        sampling: Strategy = "instance",
        epochs: int | Literal["auto"] = "auto",
        batch_size: int = 512,
        learning_rate: float = 0.2,
        momentum: float = 0.9,
        weight_decay: float = 5e-4,
        schedule: ScheduleKind = "cosine-epoch",
        repeat_threshold: float = 0.01,
        run_length: int = 4,
        random_state: int | np.random.RandomState | None = None,
        device: str = "cpu",
        precision: Precision = "float32",
        balance_twice: bool = False,
    ) -> None:
        self.scale = scale
        self.standardise = standardise
        self.loss = loss
        self.sampling = sampling
        self.epochs = epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.momentum = momentum
        self.weight_decay = weight_decay
        self.schedule = schedule
        self.repeat_threshold = repeat_threshold
        self.run_length = run_length
        self.random_state = random_state
        self.device = device
        self.precision = precision
        self.balance_twice = balance_twice

    @property
    def implied_prior(self) -> ImpliedPrior:
        """Return the world where softmax(logits) is a probability: by loss and sampling."""
        return prior_of_loss(self.loss, "train" if self.sampling == "instance" else "uniform")

    def parameters_in_use(self) -> dict[str, Any]:
        """Return the parameters that had a part, with the scale that was learnt."""
        return {**super().parameters_in_use(), "scale": self.scale_}

    def idle_parameters(self, num_classes: int, num_features: int) -> dict[str, str]:
        """Return the parameters that have no part: of other samplings."""
        return idle_for_sampling(self)

    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:
        """Learn directions and scale from features X (N, D) and labels y (N,)."""
        array, codes, dtype = self._begin(X, y)
        if self.loss == "ldam":
            raise InputError(
                "loss is 'ldam', which has a scale of its own. Use ClassifierRetraining(loss='ldam'), which trains "
                "cosines."
            )
        check_balanced_once(self.loss, self.sampling, reweight=False, balance_twice=self.balance_twice)
        scaling = Standardisation.for_angles(array, codes, wanted=self.standardise, device=self.device)
        seed = int(check_random_state(self.random_state).randint(2**31 - 1))
        epochs = enough_epochs(self, len(codes), *EPOCHS)
        weight, bias = initial_linear(len(self.classes_), array.shape[1], seed, dtype, self.device)
        weight = functional.normalize(weight, dim=1)
        # the scale is this times an exponential: it stays above 0, and weight decay pulls it to the start
        first = FIRST_SCALE if self.scale == "learned" else float(self.scale)
        growth = torch.zeros_like(bias[:1])
        counts = torch.from_numpy(self.class_counts_).to(weight)
        self.losses_ = descend(
            unit_rows(scaling.rows(array)),
            codes,
            CosineLayer(weight, self.precision, first, growth if self.scale == "learned" else None),
            plan=plan_of(self, self.schedule, epochs),
            sampler=rows_sampler(self, codes, epochs, seed),
            device=self.device,
            loss=build_loss(self.loss, counts),
        )
        self.directions_: NDArray[Any] = functional.normalize(weight, dim=1).cpu().numpy()
        self.mean_, self.deviation_ = scaling.mean.numpy(), scaling.deviation.numpy()
        self.scale_ = float(first * (SLOWNESS * growth).exp())
        self.selected_on_ = "not selected"
        if self.sampling in DRAWN:
            drawn = counts.double() ** (1 + DRAWN[self.sampling])
            note = learned_nothing(self.losses_[-1], drawn / drawn.sum())
            self.notes_ = () if note is None else (note,)
        return self

    def _chunk_logits(self, features: Tensor) -> Tensor:
        scaling = Standardisation(torch.from_numpy(self.mean_), torch.from_numpy(self.deviation_))
        return self.scale_ * _cosines(scaling.apply(features), torch.from_numpy(self.directions_).to(features))


def _cosines(features: Tensor, weight: Tensor) -> Tensor:
    return unit_length(features) @ unit_length(weight).T
