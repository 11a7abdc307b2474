"""`longtail export`: a checkpoint of ours in the layout of another system."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import tyro

from longtail.errors import InputError

__all__ = ["ExportConfig", "run"]


@dataclass(frozen=True)
class ExportConfig:
    """Write a trained network, with its own classifier or with a fitted head, as another system reads it."""

    checkpoint: tyro.conf.Positional[Path]
    """Checkpoint file, or the folder of a run."""
    out: Path
    """File to write."""
    layout: Literal["classifier-balancing", "mmpretrain", "timm"] = "timm"
    """timm's names are torchvision's too."""
    head: Path | None = None
    """A fitted linear head (heads/tau.npz of a run) in the place of the network's classifier."""


def run(config: ExportConfig) -> Path:
    """Write the file, whole or not at all."""
    import torch

    from longtail.atomic import atomic_path
    from longtail.backbones import classifier_prefix, linear_parameters
    from longtail.backbones.layouts import to_layout
    from longtail.heads import load_head
    from longtail.heads.linear import LinearHead
    from longtail.jobs.model import find_checkpoint, open_model

    path = find_checkpoint(config.checkpoint)
    if config.out.resolve() == path.resolve():
        raise InputError(f"--out {config.out}: is the checkpoint that is read. Expected another file.")
    model = open_model(path).model
    prefix = classifier_prefix(model)
    weight, bias = linear_parameters(model)
    if config.head is not None:
        head = load_head(config.head)
        if not isinstance(head, LinearHead) or head.weight_.shape != tuple(weight.shape):
            raise InputError(
                f"{config.head}: {type(head).__name__} does not fit; expected a linear head with weights of shape "
                f"{tuple(weight.shape)}, such as crt, tau or lws of this network."
            )
        weight, bias = (torch.from_numpy(part).float() for part in (head.weight_, head.bias_))
    state = model.state_dict()
    backbone = {name: tensor.contiguous() for name, tensor in state.items() if not name.startswith(prefix)}
    content = to_layout(backbone, weight.contiguous(), bias.contiguous(), config.layout, classifier=prefix)
    with atomic_path(config.out) as temporary:
        torch.save(content, temporary)
    print(config.out)
    return config.out
