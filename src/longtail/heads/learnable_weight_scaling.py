"""LWS: learn one factor a class, on class-balanced samples."""

from typing import ClassVar, Literal, Self

import numpy as np
import torch
from numpy.typing import ArrayLike
from sklearn.utils import check_random_state
from torch import Tensor

from longtail.heads.fixed_logits import MOST_CACHED_LOGITS, fixed_products
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
from longtail.heads.parameters import Constraints, real, whole, words
from longtail.heads.precision import Precision, computing_in
from longtail.sampling import Strategy
from longtail.schedules import ScheduleKind

__all__ = ["LearnableWeightScaling"]

Initial = Literal["ones", "tau"]


class LearnableWeightScaling(LinearHead):
    """Learnable weight scaling (LWS): each class's weight vector of a trained head gets a learned length.

    logits_c = f_c (w_c . x + b_c), or f_c w_c . x + b_c; only f is trained, by cross-entropy on class-balanced samples.

    Args:
        head: weight (C, D) and bias (C,) of the trained head; None fits a `Joint` first.
        initial: "ones" starts at f_c = 1, as the released code does; "tau" at 1 / ||w_c||^tau, as the paper's
            equation 4.
        tau: exponent of that start, at least 0.
        scale_bias: multiply the bias too, as the released code does.
        epochs: passes of N draws; 0 leaves the start.
        batch_size: images a step.
        learning_rate: at the start.
        momentum: 0 to below 1.
        weight_decay: at least 0; it pulls f towards 0.
        schedule: "cosine-epoch" (the paper), "cosine-epoch-shifted" (its code on a recent torch), "cosine", "constant".
        sampling: of the training rows, as in `longtail.sampling.Sampler`; "class" is the paper's.
        repeat_threshold: of "repeat-factor" sampling.
        run_length: consecutive images each time a class is visited.
        random_state: seed of the sampling.
        device: where to compute, such as "cpu" or "cuda".
        precision: of the matrix products, "float32" or "bfloat16": 8 significant bits, faster where the processor or
            GPU computes in it. Weights and loss stay float32; float64 features are computed in float64 in any case.

    Attributes:
        scales_: f, shape (C,).
        weight_: f_c w_c, shape (C, D).
        bias_: shape (C,).
        classes_: labels in the order of the logits, shape (C,).
        losses_: mean loss of each epoch.
        selected_on_: "not selected".

    Raises:
        InputError: unusable features, labels, head or parameters.

    Reference:
        Kang et al., "Decoupling Representation and Classifier for Long-Tailed Recognition", ICLR 2020, arXiv
        1910.09217, section 4.3, equation 4.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> labels = np.repeat([0, 1, 2], [80, 15, 5])
        >>> features = rng.normal(size=(100, 3)) + 2 * np.eye(3)[labels]
        >>> LearnableWeightScaling(random_state=0).fit(features, labels).scales_.shape
        (3,)
    """

    _parameter_constraints: ClassVar[Constraints] = {
        **SGD_CONSTRAINTS,
        **SAMPLING_CONSTRAINTS,
        "initial": [words(Initial)],
        "tau": [real(0, most=100)],
        "scale_bias": ["boolean"],
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
        initial: Initial = "ones",
        tau: float = 1.0,
        scale_bias: bool = True,
        epochs: int = 5,
        batch_size: int = 512,
        learning_rate: float = 0.2,
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
        self.initial = initial
        self.tau = tau
        self.scale_bias = scale_bias
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

    def idle_parameters(self, num_classes: int, num_features: int) -> dict[str, str]:
        """Return the parameters that have no part: of other samplings, and tau where no factor begins with it."""
        tau = {"tau": "initial is 'ones'"} if self.initial == "ones" else {}
        return tau | idle_for_sampling(self)

    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:
        """Learn the factors from features X (N, D) and labels y (N,)."""
        array, codes, dtype = self._begin(X, y)
        seed = int(check_random_state(self.random_state).randint(2**31 - 1))
        plan = plan_of(self, self.schedule)
        start = linear_or_joint(
            self.head, array, codes, random_state=seed, device=self.device, precision=self.precision
        )
        self.notes_ = start.notes
        weight, bias = start.tensors(array, self.device)
        scales = torch.ones_like(bias)
        if self.initial == "tau":
            scales = weight.norm(dim=1).clamp(min=torch.finfo(dtype).tiny) ** -self.tau

        def scaled(products: Tensor) -> Tensor:
            return (products + bias) * scales if self.scale_bias else products * scales + bias

        # the weights never change: they are rounded once instead of at every batch
        fixed = weight.bfloat16() if plan.precision == "bfloat16" and dtype == torch.float32 else weight
        # nor does w_c . x: where N x C fits, it is computed once instead of once an epoch
        inputs, logits_of = array, lambda rows: scaled(rows @ fixed.T)
        if len(array) * len(bias) <= MOST_CACHED_LOGITS:
            with computing_in(plan.precision, self.device):
                inputs, logits_of = fixed_products(array, fixed, self.device), scaled
        sampler = rows_sampler(self, codes, self.epochs, seed)
        self.losses_ = fit_by_sgd(inputs, codes, [scales], logits_of, plan=plan, sampler=sampler, device=self.device)
        self.scales_ = scales.cpu().numpy()
        self._set_linear(scales[:, None] * weight, scales * bias if self.scale_bias else bias)
        self.selected_on_ = "not selected"
        return self
