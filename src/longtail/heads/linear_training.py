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
from longtail.heads.feature_transform import unit_length
from longtail.heads.optimizers import SGD
from longtail.heads.parameters import DEVICE, RANDOM_STATE, Constraints, real, whole, words
from longtail.heads.precision import Precision, computing_in
from longtail.heads.rows import RowSource, torch_rows
from longtail.losses import Deferred, LossName, build_loss, effective_number_weights
from longtail.sampling import Sampler, Strategy
from longtail.schedules import Schedule, ScheduleKind
from longtail.threads import threads_for

__all__ = [
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

FEWEST_STEPS = 8

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
class SGDPlan:
    """How long and how fast to train.

    Attributes:
        epochs: T.
        batch_size: B; made smaller where an epoch would have fewer steps than `fewest_steps`.
        learning_rate: at the start.
        momentum: of the gradient, 0 to 1.
        weight_decay: added to the gradient as weight_decay x parameter.
        schedule: of the learning rate.
        precision: of the matrix products.
        fewest_steps: of an epoch, where there are as many rows.
        drop_last: leave out the rows at the end of an epoch that fill no batch.
    """

    epochs: int
    batch_size: int
    learning_rate: float
    momentum: float
    weight_decay: float
    schedule: Schedule
    precision: Precision = "float32"
    fewest_steps: int = FEWEST_STEPS
    drop_last: bool = True


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
    steps = max(num_rows // _batch_size(head.batch_size, num_rows, FEWEST_STEPS), 1)
    return max(usual, math.ceil(fewest_steps / steps))


def _batch_size(wanted: int, num_rows: int, fewest_steps: int) -> int:
    return max(min(wanted, num_rows // fewest_steps), 1)


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
    inputs: RowSource,
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
        return fit_by_sgd(inputs, codes, [weight, bias], lambda rows: torch.addmm(bias, rows, weight.T), **shared)

    def cosines(rows: Tensor) -> Tensor:
        return unit_length(rows) @ unit_length(weight).T

    losses = fit_by_sgd(inputs, codes, [weight], cosines, **shared)
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
    sampler: Sampler,
    device: str = "cpu",
    loss: Callable[[Tensor, Tensor], Tensor] = functional.cross_entropy,
    after_step: Callable[[], None] | None = None,
    after_epoch: Callable[[int], bool | None] | None = None,
) -> list[float]:
    """Minimise the cross-entropy, or another loss, of `logits_of(inputs)` over `parameters`, in place.

    Args:
        inputs: features (N, D), or logits (N, C) that are only rescaled; memory-mapped or not.
        codes: class indices, shape (N,).
        parameters: what is trained.
        logits_of: maps a batch of inputs to logits (B, C), using the parameters.
        plan: length, rates, and the precision of the products; parameters and loss keep that of the parameters.
        sampler: draws the rows of each epoch.
        device: where the batches are computed.
        loss: maps logits (B, C) and labels (B,) to a scalar.
        after_step: called after each step, without gradients; may change the parameters in place.
        after_epoch: called with the number of each finished epoch, from 1; ends the training where it gives True.

    Returns:
        The mean loss of each epoch.

    Raises:
        InputError: the loss is not finite.
    """
    for parameter in parameters:
        parameter.requires_grad_(True)
    optimizer = SGD(parameters, momentum=plan.momentum, weight_decay=plan.weight_decay)
    targets = torch.from_numpy(codes).to(device)
    batch_size = _batch_size(plan.batch_size, len(codes), plan.fewest_steps)
    losses: list[float] = []
    with threads_for(batch_size * sum(parameter.numel() for parameter in parameters)):
        for epoch in range(plan.epochs):
            stream = sampler.epoch_indices(epoch)
            steps = max(len(stream) // batch_size if plan.drop_last else math.ceil(len(stream) / batch_size), 1)
            total = torch.zeros((), device=device)
            for step in range(steps):
                rows = stream[step * batch_size : (step + 1) * batch_size]
                with computing_in(plan.precision, device):
                    logits = logits_of(torch_rows(inputs, rows, device))
                result = loss(logits.to(parameters[0]), targets[torch.from_numpy(rows).to(device)])
                optimizer.zero_grad()
                result.backward()  # type: ignore[no-untyped-call]
                optimizer.step(plan.learning_rate * plan.schedule.factor(epoch, step, steps, plan.epochs))
                if after_step is not None:
                    with torch.no_grad():
                        after_step()
                total += result.detach()
            losses.append(float(total) / steps)
            if not math.isfinite(losses[-1]):
                raise InputError(
                    f"the loss became {losses[-1]} in epoch {epoch + 1} of training a head, with learning_rate "
                    f"{plan.learning_rate:g} and weight_decay {plan.weight_decay:g}. Lower learning_rate, or scale the "
                    "features."
                )
            if after_epoch is not None and after_epoch(epoch + 1):
                break
    for parameter in parameters:
        parameter.requires_grad_(False)
    return losses
