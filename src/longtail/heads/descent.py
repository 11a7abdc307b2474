"""Stochastic gradient descent on fixed features."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from longtail.errors import InputError
from longtail.heads.optimizers import SGD
from longtail.heads.precision import Precision
from longtail.heads.rows import RowSource, row_reader
from longtail.heads.trained_part import TrainedPart
from longtail.losses import LossOfLogits, loss_gradient
from longtail.sampling import Sampler
from longtail.schedules import Schedule
from longtail.threads import threads_for

__all__ = ["FEWEST_STEPS", "SGDPlan", "batch_rows", "descend"]

FEWEST_STEPS = 8


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
        rates: of each parameter, times the learning rate; none: 1.
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
    rates: tuple[float, ...] = ()


def batch_rows(wanted: int, num_rows: int, fewest_steps: int = FEWEST_STEPS) -> int:
    """Return how many rows a step has, so that an epoch has enough steps where there are as many rows.

    Example:
        >>> batch_rows(512, num_rows=10_000), batch_rows(512, num_rows=800), batch_rows(512, num_rows=3)
        (512, 100, 1)
    """
    return max(min(wanted, num_rows // fewest_steps), 1)


@torch.no_grad()
def descend(
    inputs: RowSource,
    codes: NDArray[np.int64],
    part: TrainedPart,
    *,
    plan: SGDPlan,
    sampler: Sampler,
    device: str = "cpu",
    loss: LossOfLogits = functional.cross_entropy,
    after_step: Callable[[], None] | None = None,
    after_epoch: Callable[[int], bool | None] | None = None,
) -> list[float]:
    """Minimise the cross-entropy, or another loss, of a part's logits over its parameters, in place.

    Args:
        inputs: features (N, D), or logits (N, C) that are only rescaled; memory-mapped or not.
        codes: class indices, shape (N,).
        part: what is trained.
        plan: length and rates; the precision is that of the part.
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
    optimizer = SGD(part.parameters, momentum=plan.momentum, weight_decay=plan.weight_decay, rates=plan.rates)
    batch_size = batch_rows(plan.batch_size, len(codes), plan.fewest_steps)
    losses: list[float] = []
    with threads_for(batch_size * sum(parameter.numel() for parameter in part.parameters)):
        read = row_reader(inputs, len(codes), readings=plan.epochs, dtype=part.rows_dtype, device=device)
        targets = torch.from_numpy(codes).to(device)
        for epoch in range(plan.epochs):
            stream = sampler.epoch_indices(epoch)
            labels = targets[torch.from_numpy(stream).to(device)]
            steps = max(len(stream) // batch_size if plan.drop_last else math.ceil(len(stream) / batch_size), 1)
            total = torch.zeros((), device=device)
            for step in range(steps):
                batch = slice(step * batch_size, (step + 1) * batch_size)
                rows = read(stream[batch])
                value, of_logits = loss_gradient(loss, part.logits(rows), labels[batch])
                part.differentiate(rows, of_logits)
                optimizer.step(plan.learning_rate * plan.schedule.factor(epoch, step, steps, plan.epochs))
                if after_step is not None:
                    after_step()
                total += value
            losses.append(float(total) / steps)
            _check(losses, plan)
            if after_epoch is not None and after_epoch(epoch + 1):
                break
    for parameter in part.parameters:
        parameter.grad = None
    return losses


def _check(losses: list[float], plan: SGDPlan) -> None:
    if not math.isfinite(losses[-1]):
        raise InputError(
            f"the loss became {losses[-1]} in epoch {len(losses)} of training a head, with learning_rate "
            f"{plan.learning_rate:g} and weight_decay {plan.weight_decay:g}. Lower learning_rate, or scale the "
            "features."
        )
