"""`longtail train`: learn a representation, stage 1."""

from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import tyro

from longtail.data.source import DataSplits
from longtail.errors import InputError
from longtail.files.text import printable
from longtail.jobs.options import DataOptions, RuntimeOptions, StageOneOptions, UnlabelledOptions
from longtail.jobs.run_logs import Loggers

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from lightning_fabric import Fabric
    from torch import nn

    from longtail.jobs.dry_run.forecast import Forecast
    from longtail.jobs.stage_one.setup import TrainingSetup
    from longtail.jobs.stage_one.training_run import TrainingParts
    from longtail.loggers import RunLog
    from longtail.training.state import TrainingState
    from longtail.training.task import Task

__all__ = ["TrainConfig", "run", "train_stage_one"]


@dataclass(frozen=True)
class TrainConfig:
    """Train a backbone with its linear classifier."""

    dataset: tyro.conf.Positional[str]
    """digits, cifar10, cifar100, imagenet-lt, places-lt, inat18, or a folder, list file or image pack."""
    data: DataOptions = field(default_factory=DataOptions)
    stage: StageOneOptions = field(default_factory=StageOneOptions)
    unlabelled: UnlabelledOptions = field(default_factory=UnlabelledOptions)
    runtime: RuntimeOptions = field(default_factory=RuntimeOptions)
    resume: bool = False
    """Go on from the last checkpoint in --out."""
    logger: Loggers = ()
    """Loggers to use."""
    dry_run: bool = False
    """What would be done and how long; nothing is written."""
    quick: bool = False
    """Two minutes to see that it works; no real run."""

    @property
    def record(self) -> Path:
        """JSON file for the settings, in the run's folder."""
        name = f"train-{Path(self.dataset).stem}{'-quick' if self.quick else ''}"
        return (self.runtime.out or Path("runs") / name) / "train.json"

    @property
    def settings(self) -> dict[str, Any]:
        """What the training is known by, in plain values."""
        from longtail.jobs.stage_one.settings import training_settings

        return training_settings(self.dataset, self.data, self.stage, self.unlabelled, self.runtime.seed)


def run(config: TrainConfig) -> Path:
    """Train, and write checkpoints, metrics and splits to the run's folder."""
    from longtail.jobs.quick import quick_stage
    from longtail.jobs.stage_one.training_call import call_training

    if config.stage.frozen or config.stage.weights is not None:
        raise InputError(
            "--frozen and --weights: are for `longtail run`, which fits classifiers on features as they are."
        )
    if config.quick:
        config = replace(config, stage=quick_stage(config.stage))
    folder = printable(config.record.parent)
    following = ["extract", folder], ["fit", f"{folder}/features", "--methods", "auto"]
    return call_training(config, config.settings, _divide, train_stage_one, following)


def _divide(splits: DataSplits, config: TrainConfig) -> DataSplits:
    from longtail.jobs.launch import resolve_device
    from longtail.jobs.quick import quick_splits
    from longtail.jobs.stage_one.known_images import as_known

    if config.quick:
        splits = quick_splits(splits, config.stage, resolve_device(config.runtime.device))
    return as_known(splits, config.record.parent, config.data.changed)


def train_stage_one(
    fabric: "Fabric",
    splits: DataSplits,
    config: TrainConfig,
    log: "RunLog | None" = None,
    forecast: "Forecast | None" = None,
    *,
    thresholds: tuple[int, int] = (100, 20),
) -> "TrainingState":
    """Train stage 1 in its folder, from the last checkpoint where there is one; on pseudo-labelled images too if asked.

    Args:
        fabric: launched.
        splits: the data, divided as the run in the folder has them.
        config: of the call; `resume` changes nothing here.
        log: that gets each epoch.
        forecast: takes what the training would take, which then is not done; without images without labels.
        thresholds: training images above which a class is many, and below which it is few, in the curves by group.

    Raises:
        InputError: the folder holds a run with other settings, or the data cannot be trained on.
    """
    from longtail.jobs.stage_one.adapter import check_adapter
    from longtail.jobs.stage_one.contrast import check_contrast
    from longtail.jobs.stage_one.objective import check_rebalanced_once
    from longtail.jobs.stage_one.switches import check_switches
    from longtail.jobs.stage_one.training_run import StageOneRun, run_training
    from longtail.jobs.unlabelled_images import with_pseudo_labels

    stage = config.stage
    check_rebalanced_once(stage)
    check_adapter(stage)
    check_contrast(stage)
    check_switches(stage)
    if forecast is not None and stage.classifier == "class-means":
        stage = replace(stage, classifier="cosine")  # where it begins costs next to nothing
    folder, workers = config.record.parent, stage.workers

    def open_images() -> DataSplits:
        if forecast is not None:  # a teacher's labels would be written
            return splits
        return with_pseudo_labels(fabric, splits, config.unlabelled, config.data, folder=folder, workers=workers)

    return run_training(
        fabric,
        StageOneRun(config.record, config.settings, stage, config.runtime, splits, log, forecast),
        open_images,
        partial(_supervised, fabric, stage, thresholds),
    )


def _supervised(
    fabric: "Fabric", stage: StageOneOptions, thresholds: tuple[int, int], setup: "TrainingSetup"
) -> "TrainingParts":
    """Build task and optimizer of a training with labels."""
    import torch

    from longtail.backbones import hold_all_but, normalize_classifier
    from longtail.backbones.adapters import add_adapters, hold_all_but_adapters
    from longtail.counts import class_counts, group_of_class
    from longtail.jobs.stage_one.class_means import start_at_class_means
    from longtail.jobs.stage_one.contrast import further_views
    from longtail.jobs.stage_one.cosines import cosine_scale
    from longtail.jobs.stage_one.optimisation import groups_beside, parameter_groups, synchronised
    from longtail.jobs.stage_one.switches import cap_classifier
    from longtail.jobs.stage_one.teacher import about_teacher
    from longtail.jobs.stage_one.training_run import TrainingParts
    from longtail.schedules import scaled_learning_rate
    from longtail.training.inference import validation_accuracy

    model = setup.model
    scale = cosine_scale(stage)
    if scale is not None:
        normalize_classifier(model, scale)
    if stage.classifier == "class-means" and setup.checkpoint is None:
        start_at_class_means(fabric, setup, workers=stage.workers)
    hold_statistics = stage.hold_statistics or stage.adapter != "none"
    if stage.adapter == "none":
        frozen = hold_all_but(model, stage.train_part)
    else:
        add_adapters(model, stage.adapter, stage.adapter_width)
        frozen = hold_all_but_adapters(model)
    model = model.to(memory_format=torch.channels_last)
    if stage.sync_bn:
        model = synchronised(model, fabric)
    if stage.compile:
        model.compile()  # in place: the names of its weights stay
    task, before_epoch = _task(fabric, stage, setup, frozen if hold_statistics else ())
    rate = scaled_learning_rate(stage.learning_rate, stage.batch_size, stage.published_batch)
    optimizer = torch.optim.SGD(
        [*parameter_groups(model, rate, stage.backbone_rate), *groups_beside(task, rate)],
        lr=rate,
        momentum=stage.momentum,
        weight_decay=stage.weight_decay,
        nesterov=stage.nesterov,
    )
    validate = None
    if (val := setup.images_of_val(fabric.device)) is not None:
        batches = val.batches(fabric, setup.preprocessing, workers=stage.workers)
        groups = group_of_class(class_counts(setup.splits.train.labels, setup.num_classes), *thresholds)
        validate = partial(validation_accuracy, fabric, model, batches, val.labels, groups)
    return TrainingParts(
        task,
        optimizer,
        further=further_views(stage),
        before_epoch=before_epoch,
        validate=validate,
        after_step=None if stage.classifier_radius is None else partial(cap_classifier, model, stage.classifier_radius),
        about=about_teacher(stage),
    )


def _task(
    fabric: "Fabric", stage: StageOneOptions, setup: "TrainingSetup", frozen: "Sequence[nn.Module]"
) -> tuple["Task", "Callable[[int], None] | None"]:
    """Return what a training with labels learns by, and what tells it which epoch it is."""
    import torch

    from longtail.counts import class_counts
    from longtail.jobs.stage_one.contrast import contrast_task
    from longtail.jobs.stage_one.experts import experts_objective
    from longtail.jobs.stage_one.objective import objective_of
    from longtail.jobs.stage_one.switches import mixing_of
    from longtail.jobs.stage_one.teacher import open_teacher
    from longtail.training.classification import Classification

    if stage.contrast == "none":
        counts = torch.from_numpy(class_counts(setup.images.labels, setup.num_classes))
        has_experts = stage.experts != "none"
        if has_experts:
            objective = experts_objective(stage, counts, is_small=setup.preprocessing.resident)
        else:
            objective = objective_of(stage, setup.images.labels, setup.num_classes)
        task = Classification(
            setup.model,
            objective.loss,
            frozen=frozen,
            mixing=mixing_of(stage, counts),
            each_expert=has_experts,
            teacher=open_teacher(fabric, stage, setup),
        )
        return task, objective.before_epoch
    contrast = contrast_task(setup, stage)
    return contrast, getattr(contrast, "begin_epoch", None)
