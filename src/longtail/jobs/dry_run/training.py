"""Some steps of a training, timed; nothing of it is kept."""

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from longtail.files.text import counted, printable
from longtail.jobs.dry_run.forecast import Forecast, duration

if TYPE_CHECKING:
    from lightning_fabric import Fabric

    from longtail.jobs.stage_one.training_run import ReadyTraining, StageOneRun
    from longtail.training.plan import TrainingPlan

__all__ = ["forecast_training"]

MOST_STEPS = 12
ENOUGH_SECONDS = 10.0  # of steps, where at least one was timed behind the first


class _Enough(Exception):
    """Steps enough are timed."""


class _Clock:
    """Counts and times the steps of a training, and ends it before it would write anything.

    Args:
        steps: of an epoch.
        after_step: of the training itself.
    """

    def __init__(self, steps: int, after_step: Callable[[], None] | None) -> None:
        self._most, self._after_step = min(steps, MOST_STEPS), after_step
        self.moments = [time.perf_counter()]

    def __call__(self) -> None:
        if self._after_step is not None:
            self._after_step()
        self.moments.append(time.perf_counter())
        steps = len(self.moments) - 1
        if steps >= self._most or (steps > 1 and self.moments[-1] - self.moments[0] > ENOUGH_SECONDS):
            raise _Enough

    @property
    def seconds(self) -> float:
        """Of a step; the first, which prepares much, counts where there is no other."""
        first = 1 if len(self.moments) > 2 else 0
        return (self.moments[-1] - self.moments[first]) / (len(self.moments) - 1 - first)


def forecast_training(fabric: "Fabric", forecast: Forecast, run: "StageOneRun", ready: "ReadyTraining") -> None:
    """Time some steps, as they would be taken, and say how long all of them take.

    Args:
        fabric: launched.
        forecast: that it is added to.
        run: what is asked for.
        ready: task, optimizer and batches.
    """
    from longtail.backbones.costs import network_cost
    from longtail.jobs.dry_run.inference import seconds_of_images
    from longtail.training.loop import train
    from longtail.training.plan import TrainingRecord

    setup, batches, stage = ready.setup, ready.batches, run.stage
    for beginning in (stage.init, stage.distill_from):
        if beginning is not None:
            forecast.say("reads", printable(beginning))
    size = setup.preprocessing.size
    parameters = network_cost(setup.model, (setup.preprocessing.channels, size, size)).parameters
    clock = _Clock(batches.steps_per_epoch, ready.plan.after_step)
    plan: TrainingPlan = replace(ready.plan, after_step=clock, save_every=1e9)
    record = TrainingRecord(run.record.parent / "checkpoints", {}, quiet=True)
    with suppress(_Enough):
        train(fabric, ready.parts.task, ready.parts.optimizer, batches, plan, record)
    done = 0 if setup.checkpoint is None else setup.checkpoint["state"]["epoch"]
    epochs, images = stage.epochs - done, batches.steps_per_epoch * batches.images_per_step
    seconds = epochs * batches.steps_per_epoch * clock.seconds
    pace = f"{batches.images_per_step / clock.seconds:,.0f} images/s in {counted(len(clock.moments) - 1, 'step')}"
    forecast.say(
        "trains",
        f"{setup.backbone} ({parameters / 1e6:,.1f} million parameters) on {images:,} images an epoch at {size} "
        f"pixels, {counted(epochs, 'epoch')}{' that are left' if done else ''}: {pace} of {batches.images_per_step}, "
        f"about {duration(seconds)}",
        seconds,
    )
    val = setup.splits.val
    if ready.parts.validate is not None and val is not None:
        model: Any = setup.model.eval()
        one = seconds_of_images(fabric, model, val, setup.preprocessing, workers=stage.workers)
        seconds = epochs * one * len(val)
        forecast.say("validates", f"{len(val):,} images after each epoch: about {duration(seconds)}", seconds)
    forecast.writes(run.record.parent / "checkpoints", {"last.pt": 8.0 * parameters, "best.pt": 8.0 * parameters})
