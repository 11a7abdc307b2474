"""How other systems name the weights of a network: each layout brought to torchvision's names."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from longtail.backbones.architecture import feature_dimension
from longtail.errors import InputError

__all__ = ["ForeignWeights", "classifier_balancing", "mmpretrain", "state_dict"]

_WRAPPERS = ("module.", "_orig_mod.")
_PREFIXES = (*_WRAPPERS, "model.", "encoder_q.", "backbone.")
_CLASSIFIERS = ("fc", "linear", "classifier", "head.fc", "head")
# layers that are counted stand in a Sequential: a projection, or a head of several layers
_SEQUENTIAL = re.compile(r"(fc|linear|classifier|head|head_fc)\.\d+\.")


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


def classifier_balancing(parts: Mapping[str, Any]) -> ForeignWeights:
    """Read {"feat_model": ..., "classifier": ...}, as the decoupling paper's code writes them.

    Raises:
        InputError: a part is no state dict, or its classifier does not fit together.
    """
    result = ForeignWeights("classifier-balancing", {}, None)
    result.backbone = _tensors(parts["feat_model"], "feat_model", result, _WRAPPERS)
    head = _tensors(parts.get("classifier") or {}, "classifier", result, _WRAPPERS)
    for name in [name for name in result.backbone if name.startswith(("fc_add.", "modulatedatt."))]:
        result.ignored[name] = "of OLTR, which no published configuration uses"
        del result.backbone[name]
    if not head:
        result.notes.append("no classifier in it (nearest class means are not stored there)")
    _take_classifier(result, head, ("fc",), scales="scales")
    result.ignored |= dict.fromkeys(head, "no part of a linear classifier")
    return _completed(result)


def mmpretrain(weights: Mapping[str, Any]) -> ForeignWeights:
    """Read `backbone.*`, `head.fc.*` and, of learnable weight scaling, `head.scales`.

    Raises:
        InputError: its classifier does not fit together.
    """
    result = ForeignWeights("mmpretrain", {}, None)
    tensors = _tensors(weights, "state_dict", result, _WRAPPERS)
    for name in [name for name in tensors if name.startswith("backbone.")]:
        result.backbone[name.removeprefix("backbone.")] = tensors.pop(name)
    _take_classifier(result, tensors, ("head.fc", "head"), scales="head.scales")
    result.ignored |= dict.fromkeys(tensors, "no part of backbone or linear classifier")
    return _completed(result)


def state_dict(weights: Mapping[str, Any]) -> ForeignWeights:
    """Read a plain state dict: torchvision, timm, CIFAR ResNets, and what MoCo, PaCo, GPaCo, BCL and ProCo train.

    Raises:
        InputError: its classifier does not fit together.
    """
    result = ForeignWeights("state dict", {}, None)
    queries = [name for name in weights if "encoder_q." in str(name)]
    momentum = [name for name in weights if queries and name not in queries and not _is_linear(_bare(name))]
    result.ignored |= dict.fromkeys(map(str, momentum), "beside MoCo's encoder_q, needed for its training alone")
    # encoder_q ends in a projection, be it of one layer or of two; PaCo's classifier stands beside it
    projection = [name for name in weights if _SEQUENTIAL.match(_bare(name))]
    projection += [name for name in queries if _is_linear(_bare(name))]
    result.ignored |= dict.fromkeys(map(_bare, projection), "of a projection, not a linear classifier")
    left = {*momentum, *projection}
    # a vision transformer of torchvision has an encoder too, but no convolution of that name
    is_bcl = any(_bare(name) == "encoder.conv1.weight" for name in weights)
    prefixes = (*_PREFIXES, "encoder.") if is_bcl else _PREFIXES
    tensors = _tensors({name: weights[name] for name in weights if name not in left}, "state_dict", result, prefixes)
    result.backbone = {name: tensor for name, tensor in tensors.items() if not _is_linear(name)}
    heads = {name: tensor for name, tensor in tensors.items() if _is_linear(name)}
    _take_classifier(result, heads, _CLASSIFIERS)
    result.ignored |= dict.fromkeys(heads, "of another head than the classifier")
    if result.classifier is not None and queries:
        result.notes.append("PaCo: where it was trained with normalize=True, its classifier saw features of length 1")
    return _completed(result)


def _is_linear(name: str) -> bool:
    return name.rpartition(".")[0] in _CLASSIFIERS


def _bare(key: Any, prefixes: tuple[str, ...] = _PREFIXES) -> str:
    """Take prefixes off, however they are nested: `module.encoder_q.conv1.weight` is `conv1.weight`."""
    name = str(key)
    while prefix := next((p for p in prefixes if name.startswith(p)), None):
        name = name.removeprefix(prefix)
    return name


def _tensors(weights: Any, where: str, foreign: ForeignWeights, prefixes: tuple[str, ...]) -> dict[str, Tensor]:
    """Keep what is a tensor, under its name without prefixes."""
    if not isinstance(weights, Mapping):
        raise InputError(f"{where} is a {type(weights).__name__}; expected a state dict.")
    tensors = {}
    for key, tensor in weights.items():
        name = _bare(key, prefixes)
        if not isinstance(tensor, Tensor):
            foreign.ignored[name] = "no tensor"
        elif name in tensors:
            raise InputError(f"two tensors are called {name} ({key} is the second); expected one network.")
        else:
            tensors[name] = tensor
    return tensors


def _take_classifier(
    foreign: ForeignWeights, heads: dict[str, Tensor], names: Iterable[str], scales: str | None = None
) -> None:
    """Move the first linear classifier from `heads` to `foreign`."""
    dimension = feature_dimension(foreign.backbone)
    for name in [name for name in names if f"{name}.weight" in heads]:
        weight, bias = heads.pop(f"{name}.weight"), heads.pop(f"{name}.bias", None)
        if bias is None and weight.ndim == 2 and dimension in weight.shape[:1] and weight.shape[1] != dimension:
            foreign.ignored[f"{name}.weight"] = "a cosine classifier (D x C), not a linear one"
            continue
        if bias is None:
            foreign.notes.append("the classifier has no bias: zeros")
            bias = torch.zeros(weight.shape[:1])
        factors = heads.pop(scales, None) if scales else None
        if factors is None:
            factors = torch.ones_like(bias)
        else:
            foreign.notes.append("LWS: the learned scales were multiplied into weight and bias")
        if weight.ndim != 2 or not bias.shape == factors.shape == weight.shape[:1]:
            raise InputError(
                f"its classifier has weights of shape {tuple(weight.shape)}, a bias of {tuple(bias.shape)} and scales "
                f"of {tuple(factors.shape)}; expected (C, D), (C,) and (C,)."
            )
        # f (W x + b) is (f W) x + f b
        foreign.classifier = factors.float()[:, None] * weight.float(), factors.float() * bias.float()
        return


def _completed(foreign: ForeignWeights) -> ForeignWeights:
    norms = [name.removesuffix("running_mean") for name in foreign.backbone if name.endswith("running_mean")]
    absent = [norm for norm in norms if f"{norm}num_batches_tracked" not in foreign.backbone]
    for norm in absent:
        foreign.backbone[f"{norm}num_batches_tracked"] = torch.zeros((), dtype=torch.int64)
    if absent:
        foreign.notes.append(f"num_batches_tracked of {len(absent)} batch norms was not stored: 0")
    return foreign
