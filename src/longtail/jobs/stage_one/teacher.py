"""`--distill-from`: a network that is there already, whose answers stage 1 learns beside the labels."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from longtail.data.transforms import Preprocessing
from longtail.errors import InputError
from longtail.files.text import checksum_of, printable
from longtail.jobs.options import StageOneOptions
from longtail.jobs.stage_one.objective import trained_prior
from longtail.jobs.stage_one.settings import trained_stage
from longtail.jobs.stage_one.setup import TrainingSetup
from longtail.jobs.stage_one.switches import COSINES
from longtail.jobs.stage_one.trained_model import TrainedModel, open_model
from longtail.training.checkpoints import find_checkpoint
from longtail.training.teacher import Teacher

if TYPE_CHECKING:
    from lightning_fabric import Fabric

__all__ = ["about_teacher", "check_same_classes", "open_teacher"]


class _Rescaled(nn.Module):
    """A network on images that were normalised by another mean and deviation than its own."""

    factor: Tensor
    shift: Tensor

    def __init__(self, network: nn.Module, given: Preprocessing, wanted: Preprocessing) -> None:
        super().__init__()
        self.network = network
        shape = (1, -1, 1, 1)
        mean, std = (torch.tensor(part, dtype=torch.float64).view(shape) for part in (given.mean, given.std))
        own_mean, own_std = (torch.tensor(part, dtype=torch.float64).view(shape) for part in (wanted.mean, wanted.std))
        self.register_buffer("factor", (std / own_std).float())
        self.register_buffer("shift", ((mean - own_mean) / own_std).float())

    def forward(self, images: Tensor) -> Any:
        return self.network(images * self.factor + self.shift)


def open_teacher(fabric: "Fabric", stage: StageOneOptions, setup: TrainingSetup) -> Teacher | None:
    """Return the teacher that the options name, on the device of the training; None where they name none.

    Args:
        fabric: launched.
        stage: with `distill_from`.
        setup: of the training that learns from it.

    Raises:
        InputError: unreadable, without a trained classifier, other classes or images than those of the training,
            another prior, or another file than the one that the training began with.
    """
    if stage.distill_from is None:
        return None
    path = _checkpoint(stage.distill_from)
    model = open_model(path, fabric.device)
    if model.about["settings"].get("classifier_is_drawn"):
        raise InputError(
            f"--distill-from {printable(path)}: its network has no trained classifier, as after --frozen. "
            "Expected a network that was trained on labels."
        )
    given, wanted = setup.preprocessing, model.preprocessing
    check_same_classes("--distill-from", path, model.about["class_names"], setup.splits.class_names)
    if model.image_shape != (given.channels, given.size, given.size):
        raise InputError(
            f"--distill-from {printable(path)}: its images have {wanted.channels} channels and {wanted.size} pixels a "
            f"side, those of this training {given.channels} and {given.size}. Expected the same; --image-size "
            "sets them."
        )
    _check_same_world(model, stage, path)
    began = None if setup.checkpoint is None else setup.checkpoint["about"].get("teacher")
    if began is not None and began != about_teacher(stage)["teacher"]:
        raise InputError(
            f"--distill-from {printable(path)}: is another network than the one that this training began with. Put "
            "that one back, or begin anew in another --out."
        )
    network = model.model.requires_grad_(False)
    if (given.mean, given.std) != (wanted.mean, wanted.std):
        network = _Rescaled(network, given, wanted).eval().to(fabric.device)
    return Teacher(network, stage.distill_weight, stage.distill_temperature)


def about_teacher(stage: StageOneOptions) -> dict[str, Any]:
    """Return what a checkpoint notes down of a teacher: the checksum of its file; nothing where there is none."""
    if stage.distill_from is None:
        return {}
    return {"teacher": checksum_of(_checkpoint(stage.distill_from), expected="the network to learn from")}


def _checkpoint(teacher: Path) -> Path:
    path = find_checkpoint(teacher)
    if path.is_file():
        return path
    seeds = any(teacher.glob("seed-*/checkpoints/last.pt"))
    several = f" It holds a run for each seed: --distill-from {printable(teacher)}/seed-{{seed}}." if seeds else ""
    raise InputError(
        f"--distill-from {printable(teacher)}: no such checkpoint. Expected a run that was trained on labels, or its "
        f"checkpoints/last.pt.{several}"
    )


def check_same_classes(flag: str, path: Path, known: Sequence[str], wanted: Sequence[str]) -> None:
    """Refuse a network that knows other classes than the data have.

    Args:
        flag: that names it.
        path: of it.
        known: names of its classes.
        wanted: those of the data.

    Raises:
        InputError: they differ, or their order does.
    """
    if tuple(known) != tuple(wanted):
        raise InputError(
            f"{flag} {printable(path)} knows the classes {', '.join(known[:3])}, ... ({len(known)}); the data have "
            f"{', '.join(wanted[:3])}, ... ({len(wanted)}). Expected the same ones in the same order."
        )


def _check_same_world(model: TrainedModel, stage: StageOneOptions, path: Path) -> None:
    """Refuse a teacher whose probabilities mean another prior: their mean would be right in neither world."""
    if trained_stage(model.about["settings"]).loss == "ldam":
        raise InputError(f"--distill-from {printable(path)}: was trained by --loss ldam, {COSINES}. Take another.")
    words = {"train": "with classes as common as in train", "uniform": "with all classes equally common"}
    own, others = trained_prior({"stage": asdict(stage)}), trained_prior(model.about["settings"])
    if own != others:
        raise InputError(
            f"--distill-from {printable(path)}: its probabilities are those of a world {words[others]}, and this "
            f"training learns those of one {words[own]}. Expected a teacher of the same kind of loss and samples."
        )
