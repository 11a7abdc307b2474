"""Adapters as they are typed: what they cannot be said with, and the network of a checkpoint that has them."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from longtail.errors import InputError
from longtail.jobs.options import StageOneOptions

__all__ = ["check_adapter", "has_first_weights", "merged_weights", "with_stored_adapters"]

_WEIGHTS = "weights: --pretrained, --backbone hf:FOLDER, or --init CHECKPOINT."


def check_adapter(stage: StageOneOptions) -> None:
    """Refuse what contradicts adapters, and class means of a network that was drawn.

    Raises:
        InputError: a part of the network that is to learn besides, or no weights that adapters could change.
    """
    if stage.classifier == "class-means" and not has_first_weights(stage):
        raise InputError(
            "--classifier class-means: the features of a backbone that was drawn by chance say nothing. Start from "
            f"{_WEIGHTS}"
        )
    if stage.adapter == "none":
        return
    if stage.frozen:
        raise InputError(f"--frozen trains no backbone, and --adapter {stage.adapter} would. Leave one of them out.")
    if stage.train_part != "all":
        raise InputError(
            f"--train-part {stage.train_part} and --adapter {stage.adapter}: the one says which of its weights learn, "
            "the other that none does. Leave one of them out."
        )
    if not has_first_weights(stage):
        raise InputError(
            f"--adapter {stage.adapter} leaves the backbone as it is, and it was drawn by chance. Start from {_WEIGHTS}"
        )


def has_first_weights(stage: StageOneOptions) -> bool:
    """Return whether the network that a training begins with has learnt something elsewhere."""
    from longtail.backbones.hugging_face_network import PREFIX, has_weights

    brings_weights = stage.backbone.startswith(PREFIX) and has_weights(stage.backbone)
    return stage.pretrained or brings_weights or stage.init is not None


def with_stored_adapters(model: Any, settings: Mapping[str, Any]) -> None:
    """Put adapters into a network as a training did, so that the weights of its checkpoint fit.

    Args:
        model: as it was built, changed in place.
        settings: of the training, as its checkpoint has them.
    """
    from longtail.backbones.adapters import add_adapters

    stage = settings.get("stage", {})
    kind = stage.get("adapter", "none")
    if kind != "none":
        add_adapters(model, kind, stage["adapter_width"])


def merged_weights(settings: Mapping[str, Any], checkpoint: Mapping[str, Any], path: Path) -> dict[str, Any]:
    """Return the weights of a checkpoint's network by name, adapters multiplied in where it has any.

    Args:
        settings: of its training.
        checkpoint: as it was loaded.
        path: of its file.

    Raises:
        InputError: adapters that cannot be multiplied in.
    """
    from longtail.backbones.adapters import merge_adapters
    from longtail.jobs.stage_one.trained_model import open_model

    kind = settings.get("stage", {}).get("adapter", "none")
    if kind == "none":
        stored = checkpoint["task"].items()
        return {name.removeprefix("model."): tensor for name, tensor in stored if name.startswith("model.")}
    model = open_model(path).model
    if not merge_adapters(model):
        raise InputError(
            f"{path}: its adapters ({kind}) are no change of the network's weights, so no other network can start "
            "from them. Start from the weights that it started from, or train lora."
        )
    return dict(model.state_dict())
