"""What a training job does to a network before it trains: initial weights, learning rates, synchronised batch norm."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from longtail.backbones import classifier_of, classifier_prefix
from longtail.errors import InputError

if TYPE_CHECKING:
    from lightning_fabric import Fabric
    from torch import nn

__all__ = ["groups_beside", "parameter_groups", "start_from", "synchronised"]


def parameter_groups(model: Any, learning_rate: float, backbone_rate: float) -> list[dict[str, Any]]:
    """Share the parameters that learn into groups for an optimizer.

    Args:
        model: a backbone with its linear classifier.
        learning_rate: of the classifier.
        backbone_rate: that of all else, as a multiple of it; at least 0.

    Returns:
        One group, or the classifier's and that of all else where their rates differ.
    """
    learning = [parameter for parameter in model.parameters() if parameter.requires_grad]
    if backbone_rate == 1:
        return [{"params": learning, "lr": learning_rate}]
    classifier = {id(parameter) for parameter in classifier_of(model).parameters()}
    groups = [
        {"params": [p for p in learning if id(p) in classifier], "lr": learning_rate},
        {"params": [p for p in learning if id(p) not in classifier], "lr": learning_rate * backbone_rate},
    ]
    return [group for group in groups if group["params"]]


def groups_beside(task: Any, learning_rate: float) -> list[dict[str, Any]]:
    """Return what learns in a task beside its network, such as a projection, as groups for an optimizer: one or none.

    Args:
        task: with the network as its attribute `model`.
        learning_rate: of it.
    """
    inside = {id(parameter) for parameter in task.model.parameters()}
    beside = [p for p in task.parameters() if p.requires_grad and id(p) not in inside]
    return [{"params": beside, "lr": learning_rate}] if beside else []


def start_from(model: "nn.Module", path: Path, backbone: str) -> None:
    """Load the backbone of a checkpoint of ours into `model`; the classifier stays as it was drawn.

    Args:
        model: to load into.
        path: of the checkpoint.
        backbone: the name that `model` was built by, for the message.

    Raises:
        InputError: unreadable file, or weights of another architecture.
    """
    from longtail.jobs.stage_one.adapter import merged_weights
    from longtail.jobs.stage_one.settings import read_about
    from longtail.training.checkpoints import load_checkpoint, load_weights

    prefix = classifier_prefix(model)
    drawn = {name: tensor for name, tensor in model.state_dict().items() if name.startswith(prefix)}
    checkpoint = load_checkpoint(path)
    about = read_about(checkpoint, path)
    weights = merged_weights(about["settings"], checkpoint, path)
    stored = {name: tensor for name, tensor in weights.items() if not name.startswith(prefix)}
    try:
        load_weights(model, stored | drawn, str(path))
    except InputError as error:
        trained = about["backbone"]
        if trained == backbone:
            raise
        raise InputError(f"{path}: holds a {trained}, not a {backbone}. Say --backbone {trained}.") from error


def synchronised(model: "nn.Module", fabric: "Fabric") -> "nn.Module":
    """Let batch norm take its statistics over the batches of all processes.

    Raises:
        InputError: the processes compute on a CPU, where torch cannot do it.
    """
    from timm.layers.norm_act import convert_sync_batchnorm

    if fabric.world_size > 1 and fabric.device.type != "cuda":
        raise InputError("--sync-bn needs GPUs: torch synchronises batch norm on them alone. Leave it out on a CPU.")
    return convert_sync_batchnorm(model) if fabric.world_size > 1 else model  # type: ignore[no-untyped-call]
