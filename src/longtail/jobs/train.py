"""`longtail train`: learn a representation, stage 1."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import tyro

from longtail.data.source import DataSplits
from longtail.errors import InputError
from longtail.jobs.options import DataOptions, RuntimeOptions, StageOneOptions, UnlabelledOptions

if TYPE_CHECKING:
    from lightning.fabric import Fabric

    from longtail.training.loop import TrainingState

__all__ = ["TrainConfig", "run", "train_stage_one"]


@dataclass(frozen=True)
class TrainConfig:
    """Train a backbone with its linear classifier."""

    dataset: tyro.conf.Positional[str]
    """digits, cifar10, cifar100, imagenet-lt, places-lt, inat18, or the path of a folder, list file or image pack."""
    data: DataOptions = field(default_factory=DataOptions)
    stage: StageOneOptions = field(default_factory=StageOneOptions)
    unlabelled: UnlabelledOptions = field(default_factory=UnlabelledOptions)
    runtime: RuntimeOptions = field(default_factory=RuntimeOptions)
    resume: bool = False
    """Go on from the last checkpoint in --out."""


def run(config: TrainConfig) -> Path:
    """Train, and write checkpoints, metrics and splits to the run's folder."""
    from longtail.jobs.launch import launch
    from longtail.jobs.stage_one.images import open_splits
    from longtail.jobs.stage_one.known_images import as_known
    from longtail.jobs.stage_one.settings import check_begun, training_settings

    folder = config.runtime.out or Path("runs") / f"train-{Path(config.dataset).stem}"
    if config.stage.frozen or config.stage.weights is not None:
        raise InputError(
            "--frozen and --weights: are for `longtail run`, which fits classifiers on features as they are."
        )
    last = folder / "checkpoints" / "last.pt"
    if last.is_file() and not config.resume:
        raise InputError(f"{folder} holds a run already. Go on with --resume, or choose another --out.")
    settings = training_settings(config.dataset, config.data, config.stage, config.unlabelled, config.runtime.seed)
    check_begun(folder / "train.json", settings)
    splits = as_known(open_splits(config.dataset, config.data), folder, config.data.changed)
    fabric = launch(config.runtime)
    train_stage_one(
        fabric, splits, config.dataset, config.data, config.stage, config.runtime, folder, config.unlabelled
    )
    if fabric.is_global_zero and not config.runtime.quiet:
        print(f"{last}")
    return folder


def train_stage_one(
    fabric: "Fabric",
    splits: DataSplits,
    dataset: str,
    data: DataOptions,
    stage: StageOneOptions,
    runtime: RuntimeOptions,
    folder: Path,
    unlabelled: UnlabelledOptions | None = None,
) -> "TrainingState":
    """Train stage 1 in `folder`, from its last checkpoint where there is one; on pseudo-labelled images too if asked.

    Raises:
        InputError: the folder holds a run with other settings, or the data cannot be trained on.
    """
    import torch

    from longtail.backbones import hold_all_but, normalize_classifier
    from longtail.jobs.pace import go_on_with
    from longtail.jobs.stage_one.batches import training_batches
    from longtail.jobs.stage_one.course import carry_out
    from longtail.jobs.stage_one.images import choose_preprocessing, prepare
    from longtail.jobs.stage_one.known_images import remember_images
    from longtail.jobs.stage_one.objective import check_rebalanced_once, objective_of
    from longtail.jobs.stage_one.optimisation import parameter_groups, synchronised
    from longtail.jobs.stage_one.settings import training_settings
    from longtail.jobs.stage_one.start import begin, stopped_at
    from longtail.jobs.unlabelled import with_pseudo_labels
    from longtail.schedules import scaled_learning_rate
    from longtail.training.inference import validation_accuracy
    from longtail.training.loop import Classification

    check_rebalanced_once(stage)
    unlabelled = unlabelled or UnlabelledOptions()
    settings = training_settings(dataset, data, stage, unlabelled, runtime.seed)
    quiet = runtime.quiet or not fabric.is_global_zero
    checkpoint, done = stopped_at(folder, settings, stage.epochs, quiet=quiet)
    if checkpoint is not None and done.epoch >= stage.epochs:
        go_on_with(fabric, checkpoint["about"].get("threads", {}).get("command"))
        return done

    known = splits
    splits = with_pseudo_labels(fabric, splits, unlabelled, data, folder=folder, workers=stage.workers)
    num_classes = len(splits.class_names)
    start = begin(
        fabric,
        splits.learnt,
        choose_preprocessing(splits, stage),
        stage,
        num_classes=num_classes,
        seed=runtime.seed,
        checkpoint=checkpoint,
    )
    model = start.model
    if stage.loss == "ldam":
        normalize_classifier(model)
    still = hold_all_but(model, stage.train_part)
    model = model.to(memory_format=torch.channels_last)
    if stage.sync_bn:
        model = synchronised(model, fabric)
    if stage.compile:
        model.compile()  # in place: the names of its weights stay
    objective = objective_of(stage, start.images.labels, num_classes)
    task: Any = Classification(model, objective.loss, still=still if stage.hold_statistics else ())
    rate = scaled_learning_rate(stage.learning_rate, stage.batch_size, stage.published_batch)
    optimizer: Any = torch.optim.SGD(
        parameter_groups(model, rate, stage.backbone_rate),
        lr=rate,
        momentum=stage.momentum,
        weight_decay=stage.weight_decay,
    )
    validate = None
    if splits.val is not None and len(splits.val):
        val_images = prepare(splits.val, start.preprocessing, fabric.device)
        val_batches = val_images.batches(fabric, start.preprocessing, workers=stage.workers)

        def validate() -> dict[str, float]:
            return validation_accuracy(fabric, model, val_batches, val_images.labels, num_classes)

    task, optimizer = fabric.setup(task, optimizer)
    if checkpoint is None and fabric.is_global_zero:
        remember_images(known, folder)
    return carry_out(
        fabric,
        start,
        task,
        optimizer,
        training_batches(fabric, start.images, start.preprocessing, stage, runtime.seed, stage.representation),
        splits=splits,
        stage=stage,
        runtime=runtime,
        settings=settings,
        record=folder / "train.json",
        validate=validate,
        before_epoch=objective.before_epoch,
    )
