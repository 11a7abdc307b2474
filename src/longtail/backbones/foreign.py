"""Weights from other people's checkpoints: which layout, which network, what was taken and what was not."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from longtail.backbones.torch_file import read_torch_file
from longtail.errors import InputError

__all__ = ["ForeignWeights", "read_foreign"]

EXPECTED = (
    "a checkpoint of classifier-balancing, MMPretrain, torchvision or timm, or a state dict of a CIFAR ResNet, "
    "saved by torch"
)
_CONTAINERS = ("state_dict", "model_state_dict", "state_dict_ema", "model", "net")
_PREFIXES = ("module.", "_orig_mod.", "model.", "encoder_q.", "backbone.")
_CLASSIFIERS = ("fc", "linear", "classifier", "head")


@dataclass
class ForeignWeights:
    """The weights of a checkpoint under torchvision's names.

    Attributes:
        layout: "classifier-balancing", "mmpretrain" or "state dict".
        backbone: weights of all but the classifier.
        classifier: weight (C, D) and bias (C,), or None where there is none.
        ignored: what was left, and why.
        notes: what was changed on the way.
    """

    layout: str
    backbone: dict[str, Tensor]
    classifier: tuple[Tensor, Tensor] | None
    ignored: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def read_foreign(path: Path) -> ForeignWeights:
    """Read a checkpoint of another system.

    Args:
        path: file that `torch.save` wrote.

    Raises:
        InputError: unreadable, a checkpoint of ours, or without weights.
    """
    content = read_torch_file(path, expected=EXPECTED)
    if not isinstance(content, Mapping):
        raise InputError(f"{path}: holds a {type(content).__name__}. Expected {EXPECTED}.")
    if "longtail_checkpoint" in content:
        raise InputError(f"{path}: is a checkpoint of longtail already. Use it as it is.")
    for key in ("state_dict_best", "state_dict"):
        if isinstance(content.get(key), Mapping) and "feat_model" in content[key]:
            return _classifier_balancing(content, key, path)
    inside = next((key for key in _CONTAINERS if isinstance(content.get(key), Mapping)), None)
    weights = {str(name): tensor for name, tensor in (content[inside] if inside else content).items()}
    others = {name: "no weights" for name in content if inside and name != inside}
    if not any(isinstance(value, Tensor) for value in weights.values()):
        raise InputError(f"{path}: holds no weights ({', '.join(list(weights)[:5])}). Expected {EXPECTED}.")
    if any(name.startswith("backbone.") for name in weights) and any(name.startswith("head.") for name in weights):
        return _mmpretrain(weights, others)
    return _plain(weights, others, path)


def _classifier_balancing(content: Mapping[str, Any], key: str, path: Path) -> ForeignWeights:
    parts = content[key]
    backbone = {name.removeprefix("module."): tensor for name, tensor in parts["feat_model"].items()}
    head = {name.removeprefix("module."): tensor for name, tensor in parts.get("classifier", {}).items()}
    found = ForeignWeights("classifier-balancing", backbone, None)
    found.ignored = {name: "no weights" for name in content if name not in (key, "state_dict")}
    if key == "state_dict_best":
        found.notes.append("weights of the epoch best on validation")
    for name in [name for name in backbone if name.startswith(("fc_add.", "modulatedatt."))]:
        found.ignored[name] = "of OLTR, which no published configuration uses"
        del backbone[name]
    if "fc.weight" in head:
        found.classifier = _linear(head.pop("fc.weight"), head.pop("fc.bias", None), found)
    elif not head:
        found.notes.append("no classifier in it (nearest class means are not stored there)")
    if "scales" in head and found.classifier is not None:
        _fold(head.pop("scales"), found)
    found.ignored |= dict.fromkeys(head, "no part of a linear classifier")
    return _completed(found)


def _mmpretrain(weights: dict[str, Any], others: dict[str, str]) -> ForeignWeights:
    backbone = {
        name.removeprefix("backbone."): weights.pop(name) for name in list(weights) if name.startswith("backbone.")
    }
    found = ForeignWeights("mmpretrain", backbone, None, ignored=others)
    if "head.fc.weight" in weights:
        found.classifier = _linear(weights.pop("head.fc.weight"), weights.pop("head.fc.bias", None), found)
    if "head.scales" in weights and found.classifier is not None:
        _fold(weights.pop("head.scales"), found)
    found.ignored |= dict.fromkeys(weights, "no part of backbone or linear classifier")
    return _completed(found)


def _plain(weights: dict[str, Any], others: dict[str, str], path: Path) -> ForeignWeights:
    found = ForeignWeights("state dict", {}, None, ignored=others)
    momentum = [name for name in weights if "encoder_q." in name]
    kept = {}
    for name, tensor in weights.items():
        if momentum and name not in momentum:
            found.ignored[name] = "MoCo's momentum encoder or queue, needed for its training alone"
        elif not isinstance(tensor, Tensor):
            found.ignored[name] = "no tensor"
        else:
            kept[_bare(name)] = tensor
    for name in _CLASSIFIERS:
        if f"{name}.weight" in kept and kept[f"{name}.weight"].ndim == 2:
            found.classifier = _linear(kept.pop(f"{name}.weight"), kept.pop(f"{name}.bias", None), found)
            break
    for name in [name for name in kept if name.split(".")[0] in _CLASSIFIERS]:
        found.ignored[name] = "of a projection or another head, not a linear classifier"
        del kept[name]
    found.backbone = kept
    if not kept:
        raise InputError(f"{path}: no backbone in it. Expected {EXPECTED}.")
    return _completed(found)


def _bare(name: str) -> str:
    """Take prefixes off, however they are nested: `module.encoder_q.conv1.weight` is `conv1.weight`."""
    while prefix := next((p for p in _PREFIXES if name.startswith(p)), None):
        name = name.removeprefix(prefix)
    return name


def _linear(weight: Tensor, bias: Tensor | None, found: ForeignWeights) -> tuple[Tensor, Tensor]:
    if bias is None:
        found.notes.append("the classifier has no bias: zeros")
        bias = torch.zeros(len(weight))
    return weight.float(), bias.float()


def _fold(scales: Tensor, found: ForeignWeights) -> None:
    """Fold LWS: f (W x + b) is (f W) x + f b, exactly."""
    if found.classifier is not None:
        weight, bias = found.classifier
        found.classifier = scales[:, None] * weight, scales * bias
        found.notes.append("LWS: the learned scales were multiplied into weight and bias")


def _completed(found: ForeignWeights) -> ForeignWeights:
    norms = [name.removesuffix("running_mean") for name in found.backbone if name.endswith("running_mean")]
    absent = [norm for norm in norms if f"{norm}num_batches_tracked" not in found.backbone]
    for norm in absent:
        found.backbone[f"{norm}num_batches_tracked"] = torch.zeros((), dtype=torch.int64)
    if absent:
        found.notes.append(f"num_batches_tracked of {len(absent)} batch norms was not stored: 0")
    return found
