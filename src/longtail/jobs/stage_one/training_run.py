"""A training in a folder, with labels or without: opened, begun or gone on with, recorded, and brought to its end."""

import csv
import io
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch.optim import Optimizer

from longtail.data.source import DataSplits
from longtail.data.transforms import Augmentation
from longtail.files.atomic import write_json, write_text
from longtail.jobs.dry_run.forecast import Forecast
from longtail.jobs.dry_run.training import forecast_training
from longtail.jobs.options import RuntimeOptions, StageOneOptions
from longtail.jobs.pace import Work, go_on_with, settle_threads
from longtail.jobs.stage_one.foregrounds import with_foregrounds
from longtail.jobs.stage_one.image_batches import training_batches
from longtail.jobs.stage_one.known_images import remember_images
from longtail.jobs.stage_one.settings import about_network
from longtail.jobs.stage_one.setup import TrainingSetup, set_up, stopped_at
from longtail.loggers import RunLog
from longtail.schedules import Schedule
from longtail.threads import asked_threads, threads_for
from longtail.training.batches import TrainingBatches
from longtail.training.loop import train
from longtail.training.plan import TrainingPlan, TrainingRecord
from longtail.training.state import History, TrainingState
from longtail.training.task import Task

if TYPE_CHECKING:
    from lightning_fabric import Fabric

__all__ = ["ReadyTraining", "StageOneRun", "TrainingParts", "run_training"]


@dataclass(frozen=True)
class StageOneRun:
    """What is asked of a training, and where it stands.

    Attributes:
        record: JSON file in the run's folder for its settings: train.json or pretrain.json.
        settings: that it is known by: it goes on with these alone.
        stage: network, epochs, batches and rates.
        runtime: seed and progress.
        known: the data as they were divided when it began, which the folder notes down.
        log: of the run, that gets each epoch.
        forecast: takes what a training would take, which then is not done.
    """

    record: Path
    settings: dict[str, Any]
    stage: StageOneOptions
    runtime: RuntimeOptions
    known: DataSplits
    log: RunLog | None = None
    forecast: Forecast | None = None


@dataclass(frozen=True)
class TrainingParts:
    """What differs between trainings with labels and without.

    Attributes:
        task: around the network of the setup.
        optimizer: of what learns in it.
        views: None for batches with labels; else so many views of each image, without labels.
        further: augmentations of further views beside images with labels.
        before_epoch: as in `TrainingPlan`.
        validate: as in `TrainingPlan`.
        after_step: as in `TrainingPlan`.
        about: what its checkpoints note down beside network and settings.
    """

    task: Task
    optimizer: Optimizer
    views: int | None = None
    further: tuple[Augmentation, ...] = ()
    before_epoch: Callable[[int], None] | None = None
    validate: Callable[[], dict[str, float]] | None = None
    after_step: Callable[[], None] | None = None
    about: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class ReadyTraining:
    """A training of which no step has been taken."""

    setup: TrainingSetup
    parts: TrainingParts
    batches: TrainingBatches
    plan: TrainingPlan


def run_training(
    fabric: "Fabric",
    run: StageOneRun,
    open_images: Callable[[], DataSplits],
    build: Callable[[TrainingSetup], TrainingParts],
) -> TrainingState:
    """Train to the last epoch, from the folder's last checkpoint where there is one.

    The folder holds settings and splits from the start, and metrics from each epoch on.

    Args:
        fabric: launched.
        run: what is asked for.
        open_images: returns the data with all that is learnt from; called where there is something left to train.
        build: makes task and optimizer around the network.

    Raises:
        InputError: the folder holds a run with other settings, or the data cannot be trained on.
    """
    stage, runtime, folder = run.stage, run.runtime, run.record.parent
    quiet = runtime.quiet or not fabric.is_global_zero
    checkpoint, state = stopped_at(folder, run.settings, stage.epochs, quiet=quiet)
    if checkpoint is not None and state.epoch >= stage.epochs:
        go_on_with(fabric, checkpoint["about"].get("threads", {}).get("command"))
        if run.log is not None:
            run.log.epochs(state.history)
        if run.forecast is not None:
            run.forecast.say("trains", f"nothing: {folder} holds all epochs")
        return state
    if run.forecast is not None:
        stage = replace(stage, pretrained=False)  # which weights it begins with costs nothing
    ready = _ready(fabric, stage, runtime, build, set_up(fabric, open_images(), stage, runtime.seed, checkpoint))
    setup = ready.setup
    if run.forecast is not None:
        with _settled_threads(fabric, setup, stage, quiet=True):
            forecast_training(fabric, run.forecast, run, ready)
        return state
    if fabric.is_global_zero:
        _write_beginning(run, setup)
    names = setup.splits.class_names
    about = about_network(setup.backbone, names, setup.preprocessing, run.settings, setup.arguments)
    with _settled_threads(fabric, setup, stage, quiet=runtime.quiet) as threads:
        record = TrainingRecord(
            folder / "checkpoints",
            {**about, **ready.parts.about, "threads": threads},
            resume=checkpoint,
            after_epoch=partial(_after_epoch, folder / "metrics.csv", run.log),
            quiet=runtime.quiet,
        )
        return train(fabric, ready.parts.task, ready.parts.optimizer, ready.batches, ready.plan, record)


def _ready(
    fabric: "Fabric",
    stage: StageOneOptions,
    runtime: RuntimeOptions,
    build: Callable[[TrainingSetup], TrainingParts],
    setup: TrainingSetup,
) -> ReadyTraining:
    """Build all that a training is made of."""
    parts = build(setup)
    batches: TrainingBatches
    if stage.mix == "cmo":
        batches = with_foregrounds(fabric, setup.images, setup.preprocessing, stage, runtime.seed)
    else:
        batches = training_batches(
            fabric, setup.images, setup.preprocessing, stage, runtime.seed, parts.views, parts.further
        )
    plan = TrainingPlan(
        num_epochs=stage.epochs,
        schedule=Schedule(stage.schedule, stage.warmup_epochs, milestones=stage.step_at, gamma=stage.step_gamma),
        seed=runtime.seed,
        save_every=stage.save_every,
        before_epoch=parts.before_epoch,
        validate=parts.validate,
        after_step=parts.after_step,
        ema=stage.ema,
        sam=stage.sam,
    )
    return ReadyTraining(setup, parts, batches, plan)


def _write_beginning(run: StageOneRun, setup: TrainingSetup) -> None:
    folder = run.record.parent
    if setup.checkpoint is None:  # else it was divided before, whatever lies there by now
        remember_images(run.known, folder)
        write_json(folder / "splits.json", {"notes": list(setup.splits.notes), **setup.splits.record})
    write_json(run.record, run.settings)


@contextmanager
def _settled_threads(
    fabric: "Fabric", setup: TrainingSetup, stage: StageOneOptions, *, quiet: bool
) -> Iterator[dict[str, int]]:
    """Settle with how many threads the command computes, and its training: small steps with one."""
    began = {} if setup.checkpoint is None else setup.checkpoint["about"].get("threads", {})
    images_at_once = stage.batch_size // (fabric.world_size * stage.accumulate)
    images = stage.epochs * len(setup.images.source)
    work = Work(setup.model, setup.preprocessing, images_at_once, images, learns=True)
    command = settle_threads(fabric, work, began_with=began.get("command"), quiet=quiet)
    with threads_for(images_at_once * setup.multiplications):
        if began and asked_threads(os.environ) is None:
            torch.set_num_threads(began["training"])
        yield {"command": command, "training": torch.get_num_threads()}
    torch.set_num_threads(command)


def _after_epoch(metrics: Path, log: RunLog | None, history: History) -> None:
    _write_metrics(metrics, history)
    if log is not None:
        log.epochs(history)


def _write_metrics(path: Path, history: History) -> None:
    names = list(dict.fromkeys(name for row in history for name in row))
    text = io.StringIO()
    writer = csv.DictWriter(text, names, lineterminator="\n")
    writer.writeheader()
    writer.writerows(history)
    write_text(path, text.getvalue())
