"""What a training begins with: where an earlier call stopped, the images, and the network."""

import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from longtail.backbones import create_backbone
from longtail.backbones.arguments import read_arguments
from longtail.data.preprocessing_choice import stored_preprocessing
from longtail.data.resident import channel_statistics
from longtail.data.source import DataSplits
from longtail.data.transforms import Preprocessing
from longtail.jobs.flags import naming_flags
from longtail.jobs.options import StageOneOptions
from longtail.jobs.stage_one.images import Images, prepare, stage_preprocessing
from longtail.jobs.stage_one.optimisation import start_from
from longtail.jobs.stage_one.settings import check_same, read_about
from longtail.training.checkpoints import Checkpoint, load_checkpoint
from longtail.training.state import TrainingState

if TYPE_CHECKING:
    from lightning_fabric import Fabric

__all__ = ["TrainingSetup", "arguments_for", "backbone_for", "set_up", "stopped_at"]


@dataclass(frozen=True)
class TrainingSetup:
    """What a training begins with.

    Attributes:
        splits: the data, with the images that it learns from besides those with labels.
        images: to train on.
        preprocessing: with the mean and deviation of resident images.
        backbone: the network's name.
        arguments: that it is built with besides.
        model: the network, with the weights it starts from.
        checkpoint: of an earlier call, or None.
        multiplications: of one image in an average layer of the network.
    """

    splits: DataSplits
    images: Images
    preprocessing: Preprocessing
    backbone: str
    arguments: dict[str, Any]
    model: nn.Module
    checkpoint: Checkpoint | None
    multiplications: int

    @property
    def num_classes(self) -> int:
        """C."""
        return len(self.splits.class_names)

    def images_of_val(self, device: torch.device) -> Images | None:
        """Load the images to validate on, or return None where there are none."""
        val = self.splits.val
        return None if val is None or not len(val) else prepare(val, self.preprocessing, device)


def stopped_at(
    folder: Path, settings: dict[str, Any], num_epochs: int, *, quiet: bool
) -> tuple[Checkpoint | None, TrainingState]:
    """Return the last checkpoint of a run and where it stands; None and the very beginning where there is none.

    Args:
        folder: of the run.
        settings: of this call.
        num_epochs: T; a run that has them all is finished.
        quiet: do not say that an unfinished run goes on.

    Raises:
        InputError: the folder holds a run with other settings, or a damaged checkpoint.
    """
    last = folder / "checkpoints" / "last.pt"
    if not last.is_file():
        return None, TrainingState()
    checkpoint = load_checkpoint(last)
    check_same(read_about(checkpoint, last)["settings"], settings, folder, wherever=True)
    state = TrainingState.of(checkpoint, str(last))
    if state.epoch < num_epochs and not quiet:
        print(f"going on after epoch {state.epoch}, step {state.step}", file=sys.stderr)
    return checkpoint, state


def set_up(
    fabric: "Fabric", splits: DataSplits, stage: StageOneOptions, seed: int, checkpoint: Checkpoint | None
) -> TrainingSetup:
    """Load the images and build the network, as a checkpoint has them where there is one.

    Args:
        fabric: launched.
        splits: the data; all that is learnt from is loaded.
        stage: names the network and its first weights, and says how images become its input.
        seed: of what is drawn.
        checkpoint: of an earlier call; its weights are loaded later, by the training loop.
    """
    if checkpoint is not None:
        preprocessing = stored_preprocessing(checkpoint["about"]["preprocessing"])
    else:
        preprocessing = stage_preprocessing(splits, stage)
    images = prepare(splits.learnt, preprocessing, fabric.device)
    if checkpoint is None and images.pixels is not None:
        mean, std = channel_statistics(images.pixels.cpu())
        preprocessing = replace(preprocessing, mean=mean, std=std)
    torch.manual_seed(seed)
    backbone = backbone_for(stage, preprocessing) if checkpoint is None else checkpoint["about"]["backbone"]
    arguments = arguments_for(stage, backbone) if checkpoint is None else checkpoint["about"].get("arguments", {})
    with naming_flags():
        model = create_backbone(
            backbone,
            num_classes=len(splits.class_names),
            in_chans=preprocessing.channels,
            pretrained=stage.pretrained,
            arguments=arguments,
        )
    if stage.init is not None and checkpoint is None:
        start_from(model, stage.init, backbone)
    if checkpoint is None and (stage.adapter != "none" or stage.classifier == "class-means"):
        preprocessing = _scaled_as_before(preprocessing, stage, model)
    multiplications = _multiplications(model, preprocessing)
    arguments = getattr(model, "arguments", arguments)  # of Hugging Face: all of its settings
    return TrainingSetup(splits, images, preprocessing, backbone, arguments, model, checkpoint, multiplications)


def _scaled_as_before(preprocessing: Preprocessing, stage: StageOneOptions, model: Any) -> Preprocessing:
    """Scale images as they were when a network was trained that stays as it is, where that is known."""
    if stage.init is not None:
        before: Any = read_about(load_checkpoint(stage.init), stage.init)["preprocessing"]
    else:
        before = getattr(model, "pretrained_cfg", None) or {}
    if len(before.get("mean") or ()) != preprocessing.channels:
        return preprocessing
    return replace(preprocessing, mean=tuple(before["mean"]), std=tuple(before["std"]))


def _multiplications(model: nn.Module, preprocessing: Preprocessing) -> int:
    image = torch.zeros(1, preprocessing.channels, preprocessing.size, preprocessing.size)
    with FlopCounterMode(display=False) as counter, torch.inference_mode():
        model.eval()(image)
    model.train()
    layers = sum(isinstance(module, nn.Conv2d | nn.Linear) for module in model.modules())
    return int(counter.get_total_flops()) // (2 * max(layers, 1))


def arguments_for(stage: StageOneOptions, backbone: str) -> dict[str, Any]:
    """Return what a network is built with besides its name: as typed, on top of those of the checkpoint to start from.

    Args:
        stage: of the options.
        backbone: as `backbone_for` gives it.

    Raises:
        InputError: words that are no arguments, or a damaged checkpoint.
    """
    stored: dict[str, Any] = {}
    if stage.init is not None:
        about = read_about(load_checkpoint(stage.init), stage.init)
        stored = about.get("arguments", {}) if about["backbone"] == backbone else {}
    experts = {} if stage.experts == "none" else {"experts": stage.num_experts}
    with naming_flags():
        return {**stored, **read_arguments(stage.backbone_set), **experts}


def backbone_for(stage: StageOneOptions, preprocessing: Preprocessing) -> str:
    """Return which network "auto" means: that of the checkpoint to start from, else what is usual for such images."""
    if stage.backbone != "auto":
        return stage.backbone
    if stage.init is not None:
        return read_about(load_checkpoint(stage.init), stage.init)["backbone"]
    if preprocessing.size <= 16:
        return "digits_cnn"
    return "resnet32" if preprocessing.resident else "resnet18"
