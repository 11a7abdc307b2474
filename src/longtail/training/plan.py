"""What a training is to do, and what it leaves behind, each as one frozen object."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from longtail.ranges import Range
from longtail.schedules import Schedule
from longtail.training.checkpoints import Checkpoint
from longtail.training.state import History

__all__ = ["TrainingPlan", "TrainingRecord"]


@dataclass(frozen=True)
class TrainingPlan:
    """How long a task is trained, at which rates, and which epoch counts as the best.

    Args:
        num_epochs: T, at least 1.
        schedule: of the learning rate.
        seed: of everything random.
        save_every: seconds between checkpoints inside an epoch, at least 0.
        before_epoch: called with the number of each epoch, from 0, before its first step or the first after resuming.
        validate: called after each epoch; returns metrics in percent.
        best_by: the metric of `validate` whose highest value makes an epoch the best.
        after_step: called after each update of the weights.
        ema: decay of a moving average of the network's weights, which is validated and stored in their place; 0: none.
        sam: radius of sharpness-aware minimisation, which takes two passes a step; 0: none.

    Raises:
        InputError: a number out of its range.

    Example:
        >>> TrainingPlan(90, Schedule("cosine"), seed=0).best_by
        'balanced'
    """

    num_epochs: int
    schedule: Schedule
    seed: int
    save_every: float = 30.0
    before_epoch: Callable[[int], None] | None = None
    validate: Callable[[], dict[str, float]] | None = None
    best_by: str = "balanced"
    after_step: Callable[[], None] | None = None
    ema: float = 0.0
    sam: float = 0.0

    def __post_init__(self) -> None:
        Range(1).check(self.num_epochs, "num_epochs", whole=True)
        Range(0).check(self.save_every, "save_every")
        Range(0, below=1).check(self.ema, "ema")
        Range(0).check(self.sam, "sam")


@dataclass(frozen=True)
class TrainingRecord:
    """Where a training writes, what it writes about itself, and what it goes on from.

    Args:
        folder: for the checkpoints: `last.pt` and, with validation, `best.pt`.
        about: plain values that go into each checkpoint: backbone, classes, preprocessing, configuration.
        resume: a checkpoint of this training, to go on from.
        after_epoch: called in the first process with the history so far, before the epoch's checkpoint is written.
        quiet: show no progress.
    """

    folder: Path
    about: dict[str, Any]
    resume: Checkpoint | None = None
    after_epoch: Callable[[History], None] | None = None
    quiet: bool = False
