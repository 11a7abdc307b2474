"""`longtail export`: a checkpoint of ours in the layout of another system, as an exported program, or as ONNX."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import tyro

from longtail.errors import InputError

if TYPE_CHECKING:
    from torch import Tensor

    from longtail.jobs.model import TrainedModel

__all__ = ["ExportConfig", "run"]


@dataclass(frozen=True)
class ExportConfig:
    """Write a trained network, with its own classifier or with a fitted head, as another system reads it."""

    checkpoint: tyro.conf.Positional[Path]
    """Checkpoint file, or the folder of a run."""
    out: Path
    """File to write."""
    format: Literal["weights", "torch-export", "onnx"] = "weights"
    """weights: a checkpoint in another system's layout; torch-export (.pt2) and onnx (.onnx): a program that maps
    images at the network's size to logits and probabilities, with preprocessing and class names inside."""
    layout: Literal["classifier-balancing", "mmpretrain", "timm"] = "timm"
    """Of weights; timm's names are torchvision's too."""
    pixels: Literal["float32", "uint8"] = "float32"
    """What a program takes: float32 from 0 to 1, or uint8."""
    head: Path | None = None
    """A fitted linear head (heads/tau.npz of a run) in the place of the network's classifier."""


def run(config: ExportConfig) -> Path:
    """Write the file, whole or not at all."""
    from longtail.backbones import linear_parameters
    from longtail.heads import load_head
    from longtail.heads.linear import LinearHead
    from longtail.jobs.model import find_checkpoint, open_model

    path = find_checkpoint(config.checkpoint)
    if config.out.resolve() == path.resolve():
        raise InputError(f"--out {config.out}: is the checkpoint that is read. Expected another file.")
    opened = open_model(path)
    classifier = None
    if config.head is not None:
        import torch

        shape = tuple(linear_parameters(opened.model)[0].shape)
        head = load_head(config.head)
        if not isinstance(head, LinearHead) or head.weight_.shape != shape:
            raise InputError(
                f"{config.head}: {type(head).__name__} does not fit; expected a linear head with weights of shape "
                f"{shape}, such as crt, tau or lws of this network."
            )
        classifier = torch.from_numpy(head.weight_).float(), torch.from_numpy(head.bias_).float()
    if config.format == "weights":
        _write_weights(config, opened, classifier)
        print(config.out)
    else:
        print(f"{config.out}  (checked: differs by at most {_write_program(config, opened, classifier):.1e})")
    return config.out


def _write_weights(config: ExportConfig, opened: "TrainedModel", classifier: "tuple[Tensor, Tensor] | None") -> None:
    import torch

    from longtail.atomic import atomic_path
    from longtail.backbones import classifier_prefix, linear_parameters
    from longtail.backbones.layouts import to_layout

    model = opened.model
    prefix = classifier_prefix(model)
    weight, bias = classifier or linear_parameters(model)
    state = model.state_dict()
    backbone = {name: tensor.contiguous() for name, tensor in state.items() if not name.startswith(prefix)}
    content = to_layout(backbone, weight.contiguous(), bias.contiguous(), config.layout, classifier=prefix)
    with atomic_path(config.out) as temporary:
        torch.save(content, temporary)


def _write_program(config: ExportConfig, opened: "TrainedModel", classifier: "tuple[Tensor, Tensor] | None") -> float:
    import torch
    from torch import nn

    from longtail.backbones import classifier_of, classifier_prefix
    from longtail.deploy import Deployed, write_deployed

    if opened.about["settings"].get("classifier_is_drawn") and classifier is None:
        raise InputError(f"{opened.path}: its classifier is untrained. Give a fitted head with --head.")
    model = opened.model.to(memory_format=torch.contiguous_format)
    if classifier is not None:
        weight, bias = classifier
        layer = nn.Linear(classifier_of(model).in_features, len(weight))
        layer.weight.data, layer.bias.data = weight, bias
        where, _, name = classifier_prefix(model).rstrip(".").rpartition(".")
        setattr(model.get_submodule(where), name, layer)
    deployed = Deployed(model, opened.preprocessing).eval()
    names = opened.about["class_names"]
    return write_deployed(deployed, config.out, config.format, class_names=names, pixels=config.pixels)  # type: ignore[arg-type]
