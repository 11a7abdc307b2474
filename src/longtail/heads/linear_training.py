"""Train a few parameters on fixed features by stochastic gradient descent: the core of the heads that are trained."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from longtail.errors import InputError
from longtail.heads.descent import FEWEST_STEPS, SGDPlan, batch_rows, descend
from longtail.heads.parameters import DEVICE, RANDOM_STATE, Constraints, real, whole, words
from longtail.heads.precision import Precision
from longtail.heads.rows import Features, RowSource
from longtail.heads.trained_layers import CosineLayer, LinearLayer, unit_rows
from longtail.heads.trained_part import AnyLayer
from longtail.losses import Deferred, LossName, build_loss, effective_number_weights
from longtail.sampling import Sampler, Strategy
from longtail.schedules import Schedule, ScheduleKind

__all__ = [
    "FEWEST_STEPS",
    "SAMPLING_CONSTRAINTS",
    "SGD_CONSTRAINTS",
    "Reweighting",
    "SGDPlan",
    "enough_epochs",
    "fit_by_sgd",
    "fit_linear",
    "idle_for_sampling",
    "initial_linear",
    "plan_of",
    "rows_sampler",
]

# what the parameters may be that estimators share
SGD_CONSTRAINTS: Constraints = {
    "epochs": [whole()],
    "batch_size": [whole()],
    "learning_rate": [real(above=0)],
    "momentum": [real(0, below=1)],
    "weight_decay": [real(0)],
    "schedule": [words(ScheduleKind)],
    "precision": [words(Precision)],
    "random_state": [RANDOM_STATE],
    "device": [DEVICE],
}
SAMPLING_CONSTRAINTS: Constraints = {
    "sampling": [words(Strategy)],
    "repeat_threshold": [real(above=0, most=1)],
    "run_length": [whole(most=10_000)],
}


@dataclass(frozen=True)
class Reweighting:
    """Whether classes are weighed in the loss, and from when on.

    Attributes:
        beta: of the effective number, 0 to below 1; None weighs all classes alike.
        start: share of the epochs before which all classes weigh alike, 0 to below 1.

    Raises:
        InputError: the share is out of range, or there are no weights to defer.
    """

    beta: float | None = None
    start: float = 0.0

    def __post_init__(self) -> None:
        if not 0 <= self.start < 1:
            raise InputError(f"rebalance_from is {self.start}; expected a share of the epochs, 0 to below 1.")
        if self.start > 0 and self.beta is None:
            raise InputError(f"rebalance_from is {self.start}, but nothing is rebalanced. Add reweight=True.")


def plan_of(head: Any, schedule: ScheduleKind, epochs: int | None = None) -> SGDPlan:
    """Read the plan from an estimator's parameters, which scikit-learn wants one by one in its constructor.

    Args:
        head: the estimator.
        schedule: of the learning rate.
        epochs: None reads them too.
    """
    return SGDPlan(
        head.epochs if epochs is None else epochs,
        head.batch_size,
        head.learning_rate,
        head.momentum,
        head.weight_decay,
        Schedule(schedule),
        head.precision,
    )


def enough_epochs(head: Any, num_rows: int, usual: int, fewest_steps: int) -> int:
    """Return the epochs of an estimator; "auto" is the usual number, or as many as give the fewest steps in all.

    Args:
        head: the estimator.
        num_rows: N; of few rows an epoch has few steps.
        usual: of many rows.
        fewest_steps: in all epochs together.
    """
    if head.epochs != "auto":
        return int(head.epochs)
    steps = max(num_rows // batch_rows(head.batch_size, num_rows), 1)
    return max(usual, math.ceil(fewest_steps / steps))


def rows_sampler(head: Any, codes: NDArray[np.int64], epochs: int, seed: int) -> Sampler:
    """Build the sampler that an estimator's parameters ask for."""
    return Sampler(
        codes,
        strategy=head.sampling,
        num_epochs=epochs,
        run_length=head.run_length if head.sampling == "class" else 1,
        repeat_threshold=head.repeat_threshold,
        seed=seed,
    )


def idle_for_sampling(head: Any) -> dict[str, str]:
    """Return the parameters of an estimator that its sampling of rows does not use, each with the reason.

    Example:
        >>> from longtail.heads import CosineClassifier
        >>> idle_for_sampling(CosineClassifier(sampling="class"))
        {'repeat_threshold': "sampling is 'class', not 'repeat-factor'"}
    """
    of = {"repeat_threshold": "repeat-factor", "run_length": "class"}
    return {
        name: f"sampling is {head.sampling!r}, not {strategy!r}"
        for name, strategy in of.items()
        if head.sampling != strategy
    }


def initial_linear(
    num_classes: int, dimension: int, seed: int, dtype: torch.dtype, device: str = "cpu"
) -> tuple[Tensor, Tensor]:
    """Draw a linear layer as torch does: weight (C, D) and bias (C,) uniform in +- 1 / sqrt(D)."""
    generator = torch.Generator().manual_seed(seed)
    bound = 1 / math.sqrt(dimension)
    weight = torch.rand(num_classes, dimension, generator=generator, dtype=torch.float64)
    bias = torch.rand(num_classes, generator=generator, dtype=torch.float64)
    return tuple(((2 * bound) * p - bound).to(device, dtype) for p in (weight, bias))  # type: ignore[return-value]


def fit_linear(
    inputs: Features,
    codes: NDArray[np.int64],
    weight: Tensor,
    bias: Tensor,
    *,
    loss: LossName,
    plan: SGDPlan,
    sampler: Sampler,
    reweighting: Reweighting = Reweighting(),
    device: str = "cpu",
) -> list[float]:
    """Train a linear layer by a loss, in place; it then gives the scores that the loss is about.

    For "ldam" these are cosines, up to the length of the features, which does not change their order: the weights end
    with length 1, the bias with 0.

    Args:
        inputs: features (N, D).
        codes: class indices, shape (N,).
        weight: shape (C, D).
        bias: shape (C,).
        loss: by name; it counts the classes in `codes`.
        plan: length and rates.
        sampler: draws the rows of each epoch.
        reweighting: of the classes in the loss.
        device: where the batches are computed.

    Returns:
        The mean loss of each epoch.

    Raises:
        InputError: no such loss, or beta out of range.
    """
    counts = torch.bincount(torch.from_numpy(codes), minlength=len(weight)).to(weight)
    objective = _objective(loss, counts, reweighting, plan.epochs).to(device)
    shared: dict[str, Any] = {"plan": plan, "sampler": sampler, "device": device, "loss": objective}
    if isinstance(objective, Deferred):
        shared["after_epoch"] = objective.set_epoch  # the n-th of 1, 2, ... is over: the next is n of 0, 1, ...
    if loss != "ldam":
        return descend(inputs, codes, LinearLayer(weight, bias, plan.precision), **shared)
    losses = descend(unit_rows(inputs), codes, CosineLayer(weight, plan.precision), **shared)
    with torch.no_grad():
        weight.copy_(functional.normalize(weight, dim=1))
        bias.zero_()
    return losses


def _objective(loss: LossName, class_counts: Tensor, reweighting: Reweighting, epochs: int) -> nn.Module:
    if reweighting.beta is None:
        return build_loss(loss, class_counts)
    weighted = build_loss(loss, class_counts, weight=effective_number_weights(class_counts, reweighting.beta))
    first = math.floor(reweighting.start * epochs)
    return Deferred(build_loss(loss, class_counts), weighted, first) if first else weighted


def fit_by_sgd(
    inputs: RowSource,
    codes: NDArray[np.int64],
    parameters: list[Tensor],
    logits_of: Callable[[Tensor], Tensor],
    *,
    plan: SGDPlan,
    device: str = "cpu",
    **others: Any,
) -> list[float]:
    """Train parameters by what any function of rows gives as logits, in place: `descend`, differentiated by autograd.

    Args:
        inputs: as of `descend`, as are `codes`, `plan`, `device` and all others.
        codes: class indices, shape (N,).
        parameters: what is trained.
        logits_of: maps a batch of inputs to logits (B, C), using the parameters.
        plan: length, rates, and the precision of the products; parameters and loss keep that of the parameters.
        device: where the batches are computed.
        others: further arguments of `descend`.

    Returns:
        The mean loss of each epoch.

    Raises:
        InputError: the loss is not finite.
    """
    for parameter in parameters:
        parameter.requires_grad_(True)
    layer = AnyLayer(parameters, logits_of, plan.precision, device)
    losses = descend(inputs, codes, layer, plan=plan, device=device, **others)
    for parameter in parameters:
        parameter.requires_grad_(False)
    return losses
