"""The course of a training once its task stands: the records in its folder, the loop, the history."""

import csv
import io
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from longtail.data.source import DataSplits
from longtail.files.atomic import write_json, write_text
from longtail.jobs.options import RuntimeOptions, StageOneOptions
from longtail.jobs.pace import settle_threads
from longtail.jobs.stage_one.images import plain_preprocessing
from longtail.jobs.stage_one.settings import plain
from longtail.jobs.stage_one.start import Start
from longtail.schedules import Schedule
from longtail.threads import asked_threads, threads_for
from longtail.training.batches import TrainingBatches
from longtail.training.loop import TrainingState, train

if TYPE_CHECKING:
    from lightning.fabric import Fabric

__all__ = ["carry_out"]


def carry_out(
    fabric: "Fabric",
    start: Start,
    task: Any,
    optimizer: Any,
    batches: TrainingBatches,
    *,
    splits: DataSplits,
    stage: StageOneOptions,
    runtime: RuntimeOptions,
    settings: dict[str, Any],
    record: Path,
    validate: Callable[[], dict[str, float]] | None,
    before_epoch: Callable[[int], None] | None = None,
) -> TrainingState:
    """Train to the last epoch; the folder holds settings and splits from the start, and metrics from each epoch on.

    Args:
        fabric: launched.
        start: what the training begins with.
        task: after `fabric.setup`.
        optimizer: after `fabric.setup`.
        batches: of the training.
        splits: the opened data.
        stage: epochs, schedule, and how often is saved.
        runtime: seed and progress.
        settings: that the folder and each checkpoint remember.
        record: JSON file for them, in the run's folder.
        validate: as in `train`.
        before_epoch: as in `train`.
    """
    folder = record.parent
    about = {
        "backbone": start.backbone,
        "class_names": list(splits.class_names),
        "preprocessing": plain_preprocessing(start.preprocessing),
        "settings": settings,
    }
    if fabric.is_global_zero:
        if start.checkpoint is None:  # else it was divided before, whatever lies there by now
            write_json(folder / "splits.json", {"notes": list(splits.notes), **splits.record})
        write_json(record, settings)
    with _threads(fabric, start, stage, quiet=runtime.quiet) as threads:
        return train(
            fabric,
            task,
            optimizer,
            batches,
            num_epochs=stage.epochs,
            schedule=Schedule(stage.schedule, warmup_epochs=stage.warmup_epochs, gamma=stage.step_gamma),
            seed=runtime.seed,
            folder=folder / "checkpoints",
            about=plain({**about, "threads": threads}),
            validate=validate,
            before_epoch=before_epoch,
            after_epoch=partial(_write_metrics, folder / "metrics.csv"),
            resume=start.checkpoint,
            save_every=stage.save_every,
            quiet=runtime.quiet,
        )


@contextmanager
def _threads(fabric: "Fabric", start: Start, stage: StageOneOptions, *, quiet: bool) -> Iterator[dict[str, int]]:
    """Settle with how many threads the command computes, and its training: small steps with one."""
    began = {} if start.checkpoint is None else start.checkpoint["about"].get("threads", {})
    images_at_once = stage.batch_size // (fabric.world_size * stage.accumulate)
    command = settle_threads(
        fabric,
        start.model,
        start.preprocessing,
        images_at_once=images_at_once,
        images=stage.epochs * len(start.images.source),
        learns=True,
        began_with=began.get("command"),
        quiet=quiet,
    )
    with threads_for(images_at_once * start.multiplications):
        if began and asked_threads(os.environ) is None:
            torch.set_num_threads(began["training"])
        yield {"command": command, "training": torch.get_num_threads()}
    torch.set_num_threads(command)


def _write_metrics(path: Path, history: list[dict[str, Any]]) -> None:
    names = list(dict.fromkeys(name for row in history for name in row))
    text = io.StringIO()
    writer = csv.DictWriter(text, names, lineterminator="\n")
    writer.writeheader()
    writer.writerows(history)
    write_text(path, text.getvalue())
