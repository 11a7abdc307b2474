"""`longtail pretrain`: learn a representation without labels."""

from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import tyro

from longtail.data.source import DataSplits
from longtail.errors import InputError
from longtail.files.text import printable
from longtail.jobs.options import DataOptions, RuntimeOptions, UnlabelledOptions
from longtail.jobs.run_logs import Loggers
from longtail.jobs.stage_one.pretrain_options import PretrainOptions, resolve, stage_of

if TYPE_CHECKING:
    from lightning_fabric import Fabric
    from torch import nn

    from longtail.jobs.dry_run.forecast import Forecast
    from longtail.jobs.stage_one.setup import TrainingSetup
    from longtail.jobs.stage_one.training_run import TrainingParts
    from longtail.loggers import RunLog
    from longtail.training.state import TrainingState
    from longtail.training.task import Task

__all__ = ["PretrainConfig", "build_task", "divide_for_pretraining", "parameter_groups_of", "pretrain", "run"]


@dataclass(frozen=True)
class PretrainConfig:
    """Train a backbone on images without their labels; `longtail train --init` goes on from it with labels."""

    dataset: tyro.conf.Positional[str]
    """digits, cifar10, cifar100, imagenet-lt, places-lt, inat18, or a folder, list file or image pack."""
    data: DataOptions = field(default_factory=DataOptions)
    pretraining: PretrainOptions = field(default_factory=PretrainOptions)
    unlabelled: UnlabelledOptions = field(default_factory=UnlabelledOptions)
    runtime: RuntimeOptions = field(default_factory=RuntimeOptions)
    resume: bool = False
    """Go on from the last checkpoint in --out."""
    logger: Loggers = ()
    """Loggers to use."""
    dry_run: bool = False
    """What would be done and how long; nothing is written."""

    @property
    def record(self) -> Path:
        """JSON file for the settings, in the run's folder."""
        name = f"pretrain-{self.pretraining.task}-{Path(self.dataset).stem}"
        return (self.runtime.out or Path("runs") / name) / "pretrain.json"

    @property
    def settings_of_data(self) -> dict[str, Any]:
        """Those settings that it is known by before its images are looked at, in plain values."""
        from longtail.jobs.stage_one.settings import plain

        return plain({"dataset": self.dataset, "data": asdict(self.data)})  # type: ignore[no-any-return]


def run(config: PretrainConfig) -> Path:
    """Train, and write checkpoints, metrics and splits to the run's folder."""
    from longtail.data.open import DATA_NAMES
    from longtail.jobs.stage_one.training_call import call_training

    is_named = config.dataset in DATA_NAMES
    words = ["train", config.dataset] if is_named else ["run", "folder", "--data", config.dataset]
    following = [*words, "--init", printable(config.record.parent)]
    # of data that was read by other settings, these words would take other images
    is_plain = config.data == DataOptions()
    return call_training(
        config, config.settings_of_data, divide_for_pretraining, pretrain, [following] if is_plain else []
    )


def divide_for_pretraining(splits: DataSplits, config: PretrainConfig) -> DataSplits:
    """Divide the data as the run in the folder has them, images without labels included.

    Raises:
        InputError: images that are new, gone or changed, or settings of labels.
    """
    from longtail.jobs.stage_one.known_images import as_known
    from longtail.jobs.unlabelled_images import HELD_BACK, open_extra

    unlabelled = config.unlabelled
    if unlabelled.teacher is not None or unlabelled.confidence > 0:
        raise InputError("--teacher and --confidence: pre-training looks at no labels. Leave them out.")
    if unlabelled.unlabelled != HELD_BACK:
        splits = replace(splits, extra=open_extra(splits, unlabelled, config.data))
    return as_known(splits, config.record.parent, config.data.changed)


def pretrain(
    fabric: "Fabric",
    splits: DataSplits,
    config: PretrainConfig,
    log: "RunLog | None" = None,
    forecast: "Forecast | None" = None,
) -> "TrainingState":
    """Learn without labels in its folder, from the last checkpoint where there is one; from unlabelled images too.

    Args:
        fabric: launched.
        splits: the data, as `divide_for_pretraining` returns them.
        config: of the call; `resume` changes nothing here.
        log: that gets each epoch.
        forecast: takes what the training would take, which then is not done.

    Raises:
        InputError: the folder holds a run with other settings, or the data cannot be trained on.
    """
    from longtail.jobs.stage_one.images import stage_preprocessing
    from longtail.jobs.stage_one.settings import plain
    from longtail.jobs.stage_one.switches import check_switches
    from longtail.jobs.stage_one.training_run import StageOneRun, run_training
    from longtail.jobs.unlabelled_images import HELD_BACK, open_extra

    check_switches(stage_of(config.pretraining))
    known, unlabelled = splits, config.unlabelled
    if unlabelled.unlabelled == HELD_BACK:
        splits = replace(splits, extra=open_extra(splits, unlabelled, config.data))
    is_small = stage_preprocessing(splits, stage_of(config.pretraining)).resident
    options = resolve(config.pretraining, is_small=is_small, num_images=len(splits.learnt))
    stage = stage_of(options)
    if options.task == "simsiam" and stage.batch_size < 2 * fabric.world_size:
        raise InputError(f"--batch-size {stage.batch_size}: simsiam needs at least 2 images on each process.")
    others = {"pretraining": asdict(options), "unlabelled": asdict(unlabelled), "seed": config.runtime.seed}
    settings = plain({**config.settings_of_data, **others, "classifier_is_drawn": True})
    return run_training(
        fabric,
        StageOneRun(config.record, settings, stage, config.runtime, known, log, forecast),
        lambda: splits,
        partial(_self_supervised, fabric, options),
    )


def _self_supervised(fabric: "Fabric", options: PretrainOptions, setup: "TrainingSetup") -> "TrainingParts":
    """Build task and optimizer of a training without labels."""
    import torch

    from longtail.jobs.stage_one.feature_monitor import knn_monitor
    from longtail.jobs.stage_one.optimisation import synchronised
    from longtail.jobs.stage_one.training_run import TrainingParts
    from longtail.training.task import module_of

    stage = stage_of(options)
    task = build_task(setup.model.to(memory_format=torch.channels_last), options)
    if options.sync_bn:
        synchronised(module_of(task), fabric)
    optimizer = torch.optim.SGD(
        parameter_groups_of(module_of(task), constant=() if options.predictor_decays else ("prediction",)),
        lr=stage.learning_rate,
        momentum=stage.momentum,
        weight_decay=stage.weight_decay,
    )
    views = 1 if options.task == "rotation" else 2
    return TrainingParts(task, optimizer, views, validate=knn_monitor(fabric, setup, options))


def build_task(model: "nn.Module", options: PretrainOptions) -> "Task":
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
    constant_rate = [parameter for name, parameter in learning if name.split(".")[0] in constant]
    scheduled = [parameter for name, parameter in learning if name.split(".")[0] not in constant]
    return [{"params": scheduled}, *([{"params": constant_rate, "constant_rate": True}] if constant_rate else [])]
