"""Learning-rate schedules as pure functions of the step."""

import math
from dataclasses import dataclass
from typing import Literal, get_args

from longtail.errors import InputError
from longtail.ranges import Range

__all__ = ["Schedule", "one_cycle", "scaled_learning_rate"]

ScheduleKind = Literal["cosine", "cosine-epoch", "cosine-epoch-shifted", "step", "constant"]


@dataclass(frozen=True)
class Schedule:
    """Say by which factor the base learning rate is multiplied at each step.

    With epoch k of T (from 0) and s steps of S done in it:

    - cosine: (1 + cos(pi (k + s/S) / T)) / 2, changing at every iteration;
    - cosine-epoch: (1 + cos(pi k / T)) / 2, changing at every epoch, as the decoupling paper trains;
    - cosine-epoch-shifted: (1 + cos(pi (k + 1) / T)) / 2: what the released code of that paper does under torch >= 1.1,
      where its scheduler steps before the optimizer; the last epoch has rate 0;
    - step: gamma to the power of the milestones passed;
    - constant: 1.

    During the first `warmup_epochs` the factor also rises linearly from 1 / (warm-up steps) to 1.

    Args:
        kind: one of the above.
        warmup_epochs: length of the linear warm-up, in epochs.
        milestones: for `step`: the epochs at which the rate falls, or shares of the training where all are below 1.
        gamma: for `step`: the factor at each milestone.

    Raises:
        InputError: no such schedule, or a number out of its range.

    Example:
        >>> schedule = Schedule("cosine-epoch")
        >>> [round(schedule.factor(epoch, 0, 10, 4), 3) for epoch in range(4)]
        [1.0, 0.854, 0.5, 0.146]
    """

    kind: ScheduleKind = "cosine"
    warmup_epochs: float = 0.0
    milestones: tuple[float, ...] = (0.8, 0.9)
    gamma: float = 0.1

    def __post_init__(self) -> None:
        if self.kind not in get_args(ScheduleKind):
            raise InputError(f"no schedule {self.kind!r}. Schedules: {', '.join(get_args(ScheduleKind))}.")
        Range(0).check(self.warmup_epochs, "warmup_epochs")
        Range(above=0).check(self.gamma, "gamma")
        for milestone in self.milestones:
            Range(0).check(milestone, "a milestone")

    def factor(self, epoch: int, step: int, steps_per_epoch: int, num_epochs: int) -> float:
        """Return the factor of the base learning rate at one step.

        Args:
            epoch: from 0.
            step: of the epoch, from 0.
            steps_per_epoch: S.
            num_epochs: T.
        """
        warmup_steps = self.warmup_epochs * steps_per_epoch
        done = epoch * steps_per_epoch + step
        warmup = min((done + 1) / warmup_steps, 1.0) if warmup_steps > 0 else 1.0
        return warmup * self._decay(epoch, step / steps_per_epoch, num_epochs)

    def _decay(self, epoch: int, fraction: float, num_epochs: int) -> float:
        match self.kind:
            case "cosine":
                return _half_cosine((epoch + fraction) / num_epochs)
            case "cosine-epoch":
                return _half_cosine(epoch / num_epochs)
            case "cosine-epoch-shifted":
                return _half_cosine((epoch + 1) / num_epochs)
            case "step":
                is_share = all(milestone < 1 for milestone in self.milestones)
                scale = num_epochs if is_share else 1
                # 1e-9: 0.55 x 100 comes out as 55.000...1
                return self.gamma ** sum(epoch >= milestone * scale - 1e-9 for milestone in self.milestones)
            case _:  # constant
                return 1.0


def _half_cosine(progress: float) -> float:
    return 0.5 * (1 + math.cos(math.pi * min(progress, 1.0)))


def one_cycle(step: int, total_steps: int, highest: float, rise: float) -> tuple[float, float]:
    """Return the learning rate and the momentum at one step of the one-cycle schedule.

    The rate rises from highest / 25 to the highest along half a cosine, while the momentum falls from 0.95 to 0.85;
    then the rate falls to highest / 250,000, and the momentum rises again.

    Args:
        step: from 0.
        total_steps: the last one has the lowest rate; at least 2.
        highest: learning rate.
        rise: share of the steps before the highest rate; at least two steps.

    Reference:
        Smith and Topin, "Super-Convergence: Very Fast Training of Neural Networks Using Large Learning Rates", 2017,
        arXiv 1708.07120; with the numbers of torch's `OneCycleLR`, equal to them in the last bit.

    Example:
        >>> [round(one_cycle(step, 11, 1.0, 0.3)[0], 3) for step in range(0, 11, 2)]
        [0.04, 0.96, 0.884, 0.531, 0.157, 0.0]
    """
    lowest_first, lowest_last = highest / 25.0, highest / 25.0 / 1e4
    top = float(rise * total_steps) - 1
    if step <= top:
        share = step / top
        return _cosine_between(lowest_first, highest, share), _cosine_between(0.95, 0.85, share)
    share = (step - top) / (total_steps - 1 - top)
    return _cosine_between(highest, lowest_last, share), _cosine_between(0.85, 0.95, share)


def _cosine_between(start: float, end: float, share: float) -> float:
    return end + (start - end) / 2.0 * (math.cos(math.pi * share) + 1)


def scaled_learning_rate(learning_rate: float, batch_size: int, published_batch: int | None) -> float:
    """Scale a published learning rate to another batch size in proportion.

    rate = learning_rate x batch_size / published_batch

    Args:
        learning_rate: as published.
        batch_size: of one optimizer step over all processes and accumulated parts.
        published_batch: the batch size it was published for; None leaves the rate alone.

    Raises:
        InputError: published_batch is below 1.

    Reference:
        Goyal et al., "Accurate, Large Minibatch SGD: Training ImageNet in 1 Hour", 2017, arXiv 1706.02677, section 2.1;
        the authors of the decoupling paper advise it for their settings too.

    Example:
        >>> scaled_learning_rate(0.2, 256, 512)
        0.1
    """
    if published_batch is None:
        return learning_rate
    Range(1).check(published_batch, "the published batch size")
    return learning_rate * batch_size / published_batch
