"""`longtail train`: learn a representation, stage 1."""

import json
import sys
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import tyro

from longtail.data.source import DataSplits
from longtail.errors import InputError
from longtail.jobs.options import DataOptions, RuntimeOptions, StageOneOptions, UnlabelledOptions

if TYPE_CHECKING:
    from lightning.fabric import Fabric

    from longtail.data.transforms import Preprocessing
    from longtail.sampling import Strategy
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
    from longtail.jobs.images import open_splits
    from longtail.jobs.launch import launch

    folder = config.runtime.out or Path("runs") / f"train-{Path(config.dataset).stem}"
    if config.stage.frozen or config.stage.weights is not None:
        raise InputError(
            "--frozen and --weights: are for `longtail run`, which fits classifiers on features as they are."
        )
    last = folder / "checkpoints" / "last.pt"
    if last.is_file() and not config.resume:
        raise InputError(f"{folder} holds a run already. Go on with --resume, or choose another --out.")
    splits = open_splits(config.dataset, config.data)
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

    from longtail.atomic import write_json
    from longtail.backbones import create_backbone, hold_all_but, normalize_classifier
    from longtail.jobs.images import choose_preprocessing, plain_preprocessing, prepare
    from longtail.jobs.model import preprocessing_of
    from longtail.jobs.objective import objective_of
    from longtail.jobs.optimisation import parameter_groups, start_from, synchronised
    from longtail.jobs.unlabelled import with_pseudo_labels
    from longtail.schedules import scaled_learning_rate
    from longtail.training.checkpoints import load_checkpoint
    from longtail.training.inference import validation_accuracy
    from longtail.training.loop import Classification, TrainingState, train

    unlabelled = unlabelled or UnlabelledOptions()
    settings = plain(
        {
            "dataset": dataset,
            "data": asdict(data),
            "stage": asdict(stage),
            "unlabelled": asdict(unlabelled),
            "seed": runtime.seed,
        }
    )
    last = folder / "checkpoints" / "last.pt"
    checkpoint = load_checkpoint(last) if last.is_file() else None
    if checkpoint is not None:
        check_same(checkpoint["about"]["settings"], settings, folder, usual_settings())
        done = TrainingState(**checkpoint["state"])
        if done.epoch >= stage.epochs:
            return done
        if fabric.is_global_zero and not runtime.quiet:
            print(f"going on after epoch {done.epoch}, step {done.step}", file=sys.stderr)

    splits = with_pseudo_labels(fabric, splits, unlabelled, seed=data.split_seed, folder=folder, workers=stage.workers)
    preprocessing = choose_preprocessing(splits, stage) if checkpoint is None else preprocessing_of(checkpoint["about"])
    train_images = prepare(splits.learnt, preprocessing, fabric.device)
    if checkpoint is None and train_images.pixels is not None:
        preprocessing = measured(preprocessing, train_images.pixels)
    num_classes = len(splits.class_names)
    torch.manual_seed(runtime.seed)
    backbone = backbone_for(stage.backbone, preprocessing)
    model = create_backbone(
        backbone, num_classes=num_classes, in_chans=preprocessing.channels, pretrained=stage.pretrained
    )
    if stage.init is not None and checkpoint is None:
        start_from(model, stage.init)
    if stage.loss == "ldam":
        normalize_classifier(model)
    still = hold_all_but(model, stage.train_part)
    model = model.to(memory_format=torch.channels_last)
    if stage.sync_bn:
        model = synchronised(model, fabric)
    if stage.compile:
        model.compile()  # in place: the names of its weights stay
    objective = objective_of(stage, train_images.labels, num_classes)
    task = Classification(model, objective.loss, still=still if stage.hold_statistics else ())
    rate = scaled_learning_rate(stage.learning_rate, stage.batch_size, stage.published_batch)
    optimizer = torch.optim.SGD(
        parameter_groups(model, rate, stage.backbone_rate),
        lr=rate,
        momentum=stage.momentum,
        weight_decay=stage.weight_decay,
    )
    task, optimizer = fabric.setup(task, optimizer)
    batches = training_batches(fabric, train_images, preprocessing, stage, runtime.seed, stage.representation)
    validate = None
    if splits.val is not None and len(splits.val):
        val_images = prepare(splits.val, preprocessing, fabric.device)
        val_batches = val_images.batches(fabric, preprocessing, workers=stage.workers)

        def validate() -> dict[str, float]:
            return validation_accuracy(fabric, model, val_batches, val_images.labels, num_classes)

    about = {
        "backbone": backbone,
        "class_names": list(splits.class_names),
        "preprocessing": plain_preprocessing(preprocessing),
        "settings": settings,
    }
    if fabric.is_global_zero:
        write_json(folder / "splits.json", {"notes": list(splits.notes), **splits.record})
        write_json(folder / "train.json", settings)
    state = train(
        fabric,
        task,
        optimizer,
        batches,
        num_epochs=stage.epochs,
        schedule=schedule_of(stage),
        seed=runtime.seed,
        folder=folder / "checkpoints",
        about=plain(about),
        validate=validate,
        before_epoch=objective.before_epoch,
        resume=checkpoint,
        save_every=stage.save_every,
        quiet=runtime.quiet,
    )
    if fabric.is_global_zero:
        write_metrics(folder / "metrics.csv", state.history)
    return state


def training_batches(
    fabric: "Fabric",
    images: Any,
    preprocessing: Any,
    stage: StageOneOptions,
    seed: int,
    strategy: "Strategy",
    views: int | None = None,
) -> Any:
    """Build the batches of a training from resident or loaded images; with `views`, of that many, without labels."""
    import torch

    from longtail.jobs.objective import sampler_of
    from longtail.training.batches import LoaderBatches, ResidentBatches

    sampler = sampler_of(stage, images.labels, strategy, seed)
    shared = {
        "batch_size": stage.batch_size,
        "accumulate": stage.accumulate,
        "seed": seed,
        "rank": fabric.global_rank,
        "num_ranks": fabric.world_size,
    }
    if images.pixels is None:
        return LoaderBatches(
            images.source, sampler, preprocessing, device=fabric.device, workers=stage.workers, views=views, **shared
        )
    labels = torch.from_numpy(images.labels).to(fabric.device)
    return ResidentBatches(images.pixels, labels, sampler, preprocessing, views=views, **shared)


def backbone_for(wanted: str, preprocessing: "Preprocessing") -> str:
    """Say which network "auto" means for images of this kind."""
    if wanted != "auto":
        return wanted
    if preprocessing.size <= 16:
        return "digits_cnn"
    return "resnet32" if preprocessing.resident else "resnet18"


def schedule_of(stage: StageOneOptions) -> Any:
    """Build the learning-rate schedule of stage 1."""
    from longtail.schedules import Schedule

    return Schedule(stage.schedule, warmup_epochs=stage.warmup_epochs, gamma=stage.step_gamma)


def write_metrics(path: Path, history: list[dict[str, Any]]) -> None:
    """Write the rows of a training's history as CSV, whole or not at all."""
    import csv
    import io

    from longtail.atomic import write_text

    names = list(dict.fromkeys(name for row in history for name in row))
    text = io.StringIO()
    writer = csv.DictWriter(text, names, lineterminator="\n")
    writer.writeheader()
    writer.writerows(history)
    write_text(path, text.getvalue())


def plain(value: Any) -> Any:
    """Turn settings into what JSON and a checkpoint can hold: paths become strings, tuples lists."""
    return json.loads(json.dumps(value, default=str))


def measured(preprocessing: Any, pixels: Any) -> Any:
    """Put the mean and deviation of resident images into their preprocessing."""
    from dataclasses import replace

    from longtail.data.resident import channel_statistics

    mean, std = channel_statistics(pixels.cpu())
    return replace(preprocessing, mean=mean, std=std)


def usual_settings() -> dict[str, Any]:
    """Give the defaults of stage 1: what a run of an earlier version had in place of settings that were added since."""
    usual = {
        "data": asdict(DataOptions()),
        "stage": asdict(StageOneOptions()),
        "unlabelled": asdict(UnlabelledOptions()),
    }
    return plain(usual)  # type: ignore[no-any-return]


def check_same(before: dict[str, Any], now: dict[str, Any], folder: Path, usual: dict[str, Any]) -> None:
    """Refuse to go on with other settings; how often is saved and how many workers load changes no result.

    Args:
        before: settings of the run in `folder`.
        now: settings that were given.
        folder: of the run.
        usual: what counts where `before` says nothing.

    Raises:
        InputError: they differ.
    """
    old, new = _flat(usual) | _flat(before), _flat(now)
    harmless = {"save_every", "workers", "use", "download"}
    other = [name for name in old if name.split(".")[-1] not in harmless and old[name] != new.get(name)]
    if other:
        first = other[0]
        raise InputError(
            f"{folder} holds a run with other settings: {first.split('.')[-1].replace('_', '-')} {old[first]}, not "
            f"{new.get(first)}{f' (and {len(other) - 1} more)' if len(other) > 1 else ''}. "
            "Choose another --out, delete that folder, or call with its settings."
        )


def _flat(nested: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in nested.items():
        if isinstance(value, dict):
            flat |= _flat(value, f"{prefix}{name}.")
        else:
            flat[prefix + name] = value
    return flat
