"""MiSLAS, its second stage: the trained classifier learns on slowly, times a factor a class, on smoothed targets."""

from dataclasses import replace
from typing import ClassVar, Self

import numpy as np
import torch
from numpy.typing import ArrayLike
from sklearn.utils import check_random_state

from longtail.heads.base import ImpliedPrior
from longtail.heads.joint import linear_or_joint
from longtail.heads.learned_state import LOSSES, Array, Learned
from longtail.heads.linear import LinearHead, LinearParameters
from longtail.heads.linear_training import (
    SAMPLING_CONSTRAINTS,
    SGD_CONSTRAINTS,
    fit_by_sgd,
    idle_for_sampling,
    plan_of,
    rows_sampler,
)
from longtail.heads.parameters import Constraints, real, whole
from longtail.heads.precision import Precision
from longtail.heads.standardisation import Standardisation
from longtail.losses import LabelAware, prior_of_loss
from longtail.sampling import Strategy
from longtail.schedules import ScheduleKind

__all__ = ["MiSLAS"]


class MiSLAS(LinearHead):
    """Second stage of MiSLAS: a trained head learns on slowly, times a learned factor a class, on smoothed targets.

    logits_c = f_c (w_c . x + b_c); f, w and b are trained on class-balanced samples by
    loss = -sum_c t_c log softmax(logits)_c,  t_y = 1 - e_y + e_y / C,  t_c = e_y / C for the others,
    e_y = tail + (head - tail) sin(pi / 2 (n_y - n_min) / (n_max - n_min))

    Targets of common classes, of which networks are too sure, are smoothed most. With `classifier_rate=0` and no
    smoothing it is `LearnableWeightScaling`.

    Args:
        head: weight (C, D) and bias (C,) of the trained head; None fits a `Joint` first.
        standardise: learn on features of mean 0 and deviation 1, and fold both into the result, so that neither size
            nor unit of a feature matters; False learns on them as they are, as the released code does.
        classifier_rate: learning rate of w and b, times `learning_rate`, at least 0; published are 0.05 for ImageNet-LT
            and 0.2 for CIFAR-100-LT.
        head_smoothing: e of the most common class, 0 to below 1; there 0.3 and 0.4.
        tail_smoothing: e of the rarest, 0 to `head_smoothing`; there 0 and 0.1.
        epochs: passes of N draws; 0 leaves the trained head.
        batch_size: images a step.
        learning_rate: of f, at the start.
        momentum: 0 to below 1.
        weight_decay: at least 0; it pulls f, w and b towards 0.
        schedule: "cosine-epoch" (the paper), "cosine-epoch-shifted", "cosine" or "constant".
        sampling: of the training rows, as in `longtail.sampling.Sampler`; "class" is the paper's.
        repeat_threshold: of "repeat-factor" sampling.
        run_length: consecutive images each time a class is visited.
        random_state: seed of the sampling.
        device: where to compute, such as "cpu" or "cuda".
        precision: of the matrix products, "float32" or "bfloat16".

    Attributes:
        scales_: f, shape (C,).
        weight_: f_c w_c, shape (C, D).
        bias_: f_c b_c, shape (C,).
        classes_: labels in the order of the logits, shape (C,).
        losses_: mean loss of each epoch.
        selected_on_: "not selected".

    Raises:
        InputError: unusable features, labels, head or parameters.

    Reference:
        Zhong, Cui, Liu, Jia, "Improving Calibration for Long-Tailed Recognition", CVPR 2021, arXiv 2104.00466, section
        4.2. Its first stage is mixup, and the statistics of its batch norm are taken anew besides.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> labels = np.repeat([0, 1, 2], [80, 15, 5])
        >>> features = rng.normal(size=(100, 3)) + 2 * np.eye(3)[labels]
        >>> MiSLAS(random_state=0).fit(features, labels).scales_.shape
        (3,)
    """

    _parameter_constraints: ClassVar[Constraints] = {
        **SGD_CONSTRAINTS,
        **SAMPLING_CONSTRAINTS,
        "standardise": ["boolean"],
        "classifier_rate": [real(0, most=1e6)],
        "head_smoothing": [real(0, below=1)],
        "tail_smoothing": [real(0, below=1)],
        "epochs": [whole(0)],
    }

    _learned: ClassVar[Learned] = {
        **LinearHead._learned,
        "losses_": LOSSES,
        "scales_": Array(("C",)),
    }

    def __init__(
        self,
        head: LinearParameters | None = None,
        *,
        standardise: bool = True,
        classifier_rate: float = 0.05,
        head_smoothing: float = 0.3,
        tail_smoothing: float = 0.0,
        epochs: int = 10,
        batch_size: int = 512,
        learning_rate: float = 0.1,
        momentum: float = 0.9,
        weight_decay: float = 5e-4,
        schedule: ScheduleKind = "cosine-epoch",
        sampling: Strategy = "class",
        repeat_threshold: float = 0.01,
        run_length: int = 4,
        random_state: int | np.random.RandomState | None = None,
        device: str = "cpu",
        precision: Precision = "float32",
    ) -> None:
        self.head = head
        self.standardise = standardise
        self.classifier_rate = classifier_rate
        self.head_smoothing = head_smoothing
        self.tail_smoothing = tail_smoothing
        self.epochs = epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.momentum = momentum
        self.weight_decay = weight_decay
        self.schedule = schedule
        self.sampling = sampling
        self.repeat_threshold = repeat_threshold
        self.run_length = run_length
        self.random_state = random_state
        self.device = device
        self.precision = precision

    @property
    def implied_prior(self) -> ImpliedPrior:
        """Return the world where softmax(logits) is a probability: by sampling."""
        return prior_of_loss("label-aware", "train" if self.sampling == "instance" else "uniform")

    def idle_parameters(self, num_classes: int, num_features: int) -> dict[str, str]:
        """Return the parameters that have no part: of other samplings."""
        return idle_for_sampling(self)

    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:
        """Learn factors, weights and bias from features X (N, D) and labels y (N,)."""
        array, codes, _ = self._begin(X, y)
        seed = int(check_random_state(self.random_state).randint(2**31 - 1))
        start = linear_or_joint(
            self.head, array, codes, random_state=seed, device=self.device, precision=self.precision
        )
        self.notes_ = start.notes
        scaling = Standardisation.of(array, wanted=self.standardise, device=self.device)
        weight, bias = scaling.unfolded(*start.tensors(array, self.device))
        scales = torch.ones_like(bias)
        counts = torch.from_numpy(self.class_counts_).to(scales)
        self.losses_ = fit_by_sgd(
            scaling.rows(array),
            codes,
            [weight, bias, scales],
            lambda rows: torch.addmm(bias, rows, weight.T) * scales,
            plan=replace(plan_of(self, self.schedule), rates=(self.classifier_rate, self.classifier_rate, 1.0)),
            sampler=rows_sampler(self, codes, self.epochs, seed),
            device=self.device,
            loss=LabelAware(counts, head=self.head_smoothing, tail=self.tail_smoothing),
        )
        self.scales_ = scales.cpu().numpy()
        self._set_linear(*scaling.folded(scales[:, None] * weight, scales * bias))
        self.selected_on_ = "not selected"
        return self
