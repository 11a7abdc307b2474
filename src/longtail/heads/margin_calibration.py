"""MARC: learn for each class how far its margin is to be stretched and moved."""

from typing import Self

import numpy as np
import torch
from numpy.typing import ArrayLike
from sklearn.utils import check_random_state
from torch import Tensor, nn

from longtail.heads.base import ImpliedPrior
from longtail.heads.fixed_logits import FixedLogits
from longtail.heads.joint import linear_or_joint
from longtail.heads.linear import LinearHead, LinearParameters
from longtail.heads.linear_training import Precision, fit_by_sgd, plan_of
from longtail.losses import generalized_weights
from longtail.sampling import Sampler
from longtail.schedules import ScheduleKind

__all__ = ["MarginCalibration"]


class MarginCalibration(LinearHead):
    """Margin calibration (MARC): the margins of a trained head, stretched and moved class by class.

    z'_c = a_c z_c + b_c ||w_c||,   z_c = w_c . x + bias_c

    The margin of an image to class c's boundary is z_c / ||w_c||; a_c stretches it and b_c moves it. Only these 2 C
    numbers are trained, on logits that are computed once, by cross-entropy with each image weighed by
    (n_c / N)^-rho. The result is one linear layer: weight a_c w_c, bias a_c bias_c + b_c ||w_c||.

    On logits alone (W the identity) all ||w_c|| are 1: it is vector scaling with weights.

    Args:
        head: weight (C, D) and bias (C,) of the trained head; None fits a `Joint` first.
        rho: how far the loss makes up for the counts: 0 not at all, 1 as if all classes were equally common.
        epochs: passes over the data.
        batch_size: images a step.
        learning_rate: at the start.
        momentum: 0 to 1.
        weight_decay: at least 0; it pulls a towards 1 and b towards 0, which is the trained head.
        schedule: "cosine-epoch", "cosine-epoch-shifted", "cosine" or "constant".
        random_state: seed of the sampling.
        device: where to compute, such as "cpu" or "cuda".
        precision: of the matrix products, "float32" or "bfloat16".

    Attributes:
        scales_: a, shape (C,).
        shifts_: b, shape (C,).
        weight_: a_c w_c, shape (C, D).
        bias_: a_c bias_c + b_c ||w_c||, shape (C,).
        classes_: labels in the order of the logits, shape (C,).
        losses_: mean loss of each epoch.
        selected_on_: "not selected".

    Raises:
        InputError: unusable features, labels, head, rho or precision.

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

    def __init__(
        self,
        head: LinearParameters | None = None,
        *,
        rho: float = 1.0,
        epochs: int = 10,
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
        self.rho = rho
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
        """Say in which world softmax(logits) would be a probability: by the weights of the loss."""
        return "uniform" if self.rho > 0 else "train"

    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:
        """Learn a and b from features X (N, D) and labels y (N,)."""
        array, codes, dtype = self._begin(X, y)
        weights = generalized_weights(torch.from_numpy(self.class_counts_).to(dtype), self.rho)
        plan = plan_of(self, self.schedule)
        seed = int(check_random_state(self.random_state).randint(2**31 - 1))
        head = linear_or_joint(self.head, array, codes, random_state=seed, device=self.device, precision=self.precision)
        weight, bias = (torch.from_numpy(np.array(part)).to(self.device, dtype) for part in head)
        lengths = weight.norm(dim=1)
        # a is 1 plus what is trained, so that weight decay pulls to the trained head and not to none
        stretch, shifts = torch.zeros_like(bias), torch.zeros_like(bias)

        def calibrated(logits: Tensor) -> Tensor:
            return logits + stretch * logits + shifts * lengths

        self.losses_ = fit_by_sgd(
            FixedLogits(array, weight, bias, precision=self.precision, device=self.device),
            codes,
            [stretch, shifts],
            calibrated,
            plan=plan,
            sampler=Sampler(codes, strategy="instance", num_epochs=self.epochs, seed=seed),
            device=self.device,
            loss=nn.CrossEntropyLoss(weights.to(self.device)),
        )
        scales = 1 + stretch
        self.scales_, self.shifts_ = scales.cpu().numpy(), shifts.cpu().numpy()
        self._set_linear(scales[:, None] * weight, scales * bias + shifts * lengths)
        self.selected_on_ = "not selected"
        return self
