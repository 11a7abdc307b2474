"""`longtail pretrain`: learn a representation without labels."""

from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import tyro

from longtail.data.source import DataSplits
from longtail.errors import InputError
from longtail.jobs.options import DataOptions, RuntimeOptions, UnlabelledOptions
from longtail.jobs.stage_one.pretrain_options import PretrainOptions, resolve, stage_of

if TYPE_CHECKING:
    from lightning.fabric import Fabric
    from torch import nn

__all__ = ["PretrainConfig", "build_task", "parameter_groups_of", "pretrain", "run"]


@dataclass(frozen=True)
class PretrainConfig:
    """Train a backbone on images without their labels; `longtail train --init` goes on from it with labels."""

    dataset: tyro.conf.Positional[str]
    """digits, cifar10, cifar100, imagenet-lt, places-lt, inat18, or the path of a folder, list file or image pack."""
    data: DataOptions = field(default_factory=DataOptions)
    pretraining: PretrainOptions = field(default_factory=PretrainOptions)
    unlabelled: UnlabelledOptions = field(default_factory=UnlabelledOptions)
    runtime: RuntimeOptions = field(default_factory=RuntimeOptions)
    resume: bool = False
    """Go on from the last checkpoint in --out."""


def run(config: PretrainConfig) -> Path:
    """Train, and write checkpoints, metrics and splits to the run's folder."""
    from longtail.jobs.launch import launch
    from longtail.jobs.stage_one.images import open_splits

    name = f"pretrain-{config.pretraining.task}-{Path(config.dataset).stem}"
    folder = config.runtime.out or Path("runs") / name
    last = folder / "checkpoints" / "last.pt"
    if last.is_file() and not config.resume:
        raise InputError(f"{folder} holds a run already. Go on with --resume, or choose another --out.")
    splits = open_splits(config.dataset, config.data)
    fabric = launch(config.runtime)
    pretrain(fabric, splits, config.dataset, config.data, config.pretraining, config.runtime, folder, config.unlabelled)
    if fabric.is_global_zero and not config.runtime.quiet:
        print(f"{last}")
    return folder


def pretrain(
    fabric: "Fabric",
    splits: DataSplits,
    dataset: str,
    data: DataOptions,
    options: PretrainOptions,
    runtime: RuntimeOptions,
    folder: Path,
    unlabelled: UnlabelledOptions | None = None,
) -> None:
    """Learn without labels in `folder`, from its last checkpoint where there is one; from unlabelled images too.

    Raises:
        InputError: the folder holds a run with other settings, or the data cannot be trained on.
    """
    import torch

    from longtail.jobs.stage_one.batches import training_batches
    from longtail.jobs.stage_one.course import carry_out
    from longtail.jobs.stage_one.feature_monitor import knn_monitor, some_of
    from longtail.jobs.stage_one.images import Images, choose_preprocessing, prepare
    from longtail.jobs.stage_one.known_images import as_known, remember_images
    from longtail.jobs.stage_one.optimisation import synchronised
    from longtail.jobs.stage_one.settings import check_begun, plain
    from longtail.jobs.stage_one.start import begin, stopped_at
    from longtail.jobs.unlabelled import HELD_BACK, open_extra

    unlabelled = unlabelled or UnlabelledOptions()
    if unlabelled.teacher is not None or unlabelled.confidence > 0:
        raise InputError("--teacher and --confidence: pre-training looks at no labels. Leave them out.")
    if unlabelled.unlabelled != HELD_BACK:
        splits = replace(splits, extra=open_extra(splits, unlabelled, data.split_seed))
    check_begun(folder / "pretrain.json", plain({"dataset": dataset, "data": asdict(data)}))
    splits = opened = as_known(splits, folder, data.changed)
    if unlabelled.unlabelled == HELD_BACK:
        splits = replace(splits, extra=open_extra(splits, unlabelled, data.split_seed))
    learnt = splits.learnt
    preprocessing = choose_preprocessing(splits, stage_of(options))
    options = resolve(options, is_small=preprocessing.resident, num_images=len(learnt))
    stage = stage_of(options)
    if options.task == "simsiam" and stage.batch_size < 2 * fabric.world_size:
        raise InputError(f"--batch-size {stage.batch_size}: simsiam needs at least 2 images on each process.")
    settings = plain(
        {
            "dataset": dataset,
            "data": asdict(data),
            "pretraining": asdict(options),
            "unlabelled": asdict(unlabelled),
            "seed": runtime.seed,
            "classifier_is_drawn": True,
        }
    )
    quiet = runtime.quiet or not fabric.is_global_zero
    checkpoint, done = stopped_at(folder, settings, options.epochs, quiet=quiet)
    if checkpoint is not None and done.epoch >= options.epochs:
        return
    num_classes = len(splits.class_names)
    start = begin(
        fabric, learnt, preprocessing, stage, num_classes=num_classes, seed=runtime.seed, checkpoint=checkpoint
    )
    task: Any = build_task(start.model.to(memory_format=torch.channels_last), options)
    if options.sync_bn:
        task = synchronised(task, fabric)
    optimizer: Any = torch.optim.SGD(
        parameter_groups_of(task, constant=() if options.predictor_decays else ("prediction",)),
        lr=stage.learning_rate,
        momentum=stage.momentum,
        weight_decay=stage.weight_decay,
    )
    validate = None
    if options.monitor == "knn" and splits.val is not None and len(splits.val):
        val_images = prepare(splits.val, start.preprocessing, fabric.device)
        # the labelled images come first
        pixels = None if start.images.pixels is None else start.images.pixels[: len(splits.train)]
        known = some_of(Images(splits.train, pixels), options.monitor_images)
        validate = knn_monitor(
            fabric, start.model, start.preprocessing, known, val_images, num_classes, options.neighbours, stage.workers
        )
    if checkpoint is None and fabric.is_global_zero:
        remember_images(opened, folder)
    views = 1 if options.task == "rotation" else 2
    task, optimizer = fabric.setup(task, optimizer)
    carry_out(
        fabric,
        start,
        task,
        optimizer,
        training_batches(fabric, start.images, start.preprocessing, stage, runtime.seed, "instance", views),
        splits=splits,
        stage=stage,
        runtime=runtime,
        settings=settings,
        record=folder / "pretrain.json",
        validate=validate,
    )


def build_task(model: "nn.Module", options: PretrainOptions) -> "nn.Module":
    """Build the self-supervised task of resolved options around a backbone.

    Raises:
        InputError: a setting is out of range.
    """
    from longtail.pretraining import MoCo, RotationPrediction, SimSiam

    def given(**names: str) -> dict[str, Any]:
        values = {argument: getattr(options, name) for argument, name in names.items()}
        return {argument: value for argument, value in values.items() if value is not None}

    if options.task == "rotation":
        return RotationPrediction(model)
    if options.task == "simsiam":
        return SimSiam(model, **given(dimension="dimension", bottleneck="bottleneck"))
    shared = {"dimension": "dimension", "momentum": "key_momentum", "temperature": "temperature"}
    return MoCo(model, **given(queue="queue", batch_size="batch_size", **shared))


def parameter_groups_of(task: "nn.Module", *, constant: tuple[str, ...]) -> list[dict[str, Any]]:
    """Share what learns in a task into groups for an optimizer.

    Args:
        task: a self-supervised task.
        constant: its modules whose learning rate the schedule leaves alone.

    Returns:
        The group that follows the schedule, and one that does not where there is something in it.
    """
    learning = [(name, parameter) for name, parameter in task.named_parameters() if parameter.requires_grad]
    still = [parameter for name, parameter in learning if name.split(".")[0] in constant]
    follows = [parameter for name, parameter in learning if name.split(".")[0] not in constant]
    return [{"params": follows}, *([{"params": still, "constant_rate": True}] if still else [])]
