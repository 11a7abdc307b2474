"""The linear layer that ends a classifier: found by the names of the weights, taken off, and replaced."""

import copy
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from longtail.backbones.normalized_linear import NormalizedLinear
from longtail.errors import InputError

__all__ = ["LastLayer", "SplitNetwork", "find_last_layer", "replace_last_layer"]

_WRAPPERS = ("module.", "_orig_mod.", "model.", "backbone.", "network.", "net.", "timm_model.", "encoder_q.")
# of torchvision, timm, Hugging Face, CIFAR ResNets; a layer that is counted stands in a Sequential
_NAME = re.compile(
    r"(heads\.head|head(\.head)?\.l|head\.(proj|linear|fc2|fc\.fc2|classifier\.linear)|last_linear|classif"
    r"|(fc|head|classifier|linear|head\.fc|head\.classifier)(\.\d+)?)"
)
# their scores are added to those of the other head: one linear layer does not end the network
_SECOND_HEADS = ("head_dist", "heads_dist", "aux_head", "distillation_classifier")
_NAMES_IN_WORDS = "fc, head, classifier, linear, head.fc, heads.head, classifier.1 and the like"


@dataclass(frozen=True)
class LastLayer:
    """The linear layer that turns features into logits.

    Attributes:
        name: of the layer among the weights, such as "fc" or "head.fc"; empty where it is all there is.
        weight: shape (C, D), in the type that it is stored in.
        bias: shape (C,), or None.
    """

    name: str
    weight: Tensor
    bias: Tensor | None

    @property
    def weight_key(self) -> str:
        """Name of the weight."""
        return f"{self.name}.weight".lstrip(".")

    @property
    def bias_key(self) -> str:
        """Name of the bias, be there one or not."""
        return f"{self.name}.bias".lstrip(".")


def find_last_layer(weights: Mapping[str, Tensor], layer: str | None = None) -> LastLayer:
    """Find the linear layer that ends a network by the names and shapes of its weights.

    Args:
        weights: state dict, or the layer's `weight` and `bias` alone.
        layer: its name, where it has none of the usual ones.

    Raises:
        InputError: no such layer, none of a usual name, several of them, or two heads whose scores are added.

    Example:
        >>> from longtail.backbones import create_backbone
        >>> layer = find_last_layer(create_backbone("resnet20", num_classes=10).state_dict())
        >>> layer.name, tuple(layer.weight.shape)
        ('fc', (10, 64))
    """
    if layer is not None:
        if f"{layer}.weight" not in weights or not _is_linear(layer, weights[f"{layer}.weight"], named=True):
            raise InputError(f"no linear layer {layer!r}. {_candidates(weights)}")
        return _taken(weights, layer)
    if "weight" in weights and weights["weight"].ndim == 2 and weights.keys() <= {"weight", "bias"}:
        return _taken(weights, "")
    named = [name.removesuffix(".weight") for name in weights if name.endswith(".weight")]
    second = [name for name in named if any(part in _SECOND_HEADS for part in name.split("."))]
    found = [n for n in named if _NAME.fullmatch(_bare(n, weights)) and _is_linear(n, weights[f"{n}.weight"])]
    # of the layers of one Sequential the last counts
    numbers = {name: int(name.rpartition(".")[2]) for name in found if name.rpartition(".")[2].isdecimal()}
    if numbers and len({name.rpartition(".")[0] for name in found}) == 1 and len(numbers) == len(found):
        found = [max(numbers, key=lambda name: numbers[name])]
    if found and second:
        raise InputError(
            f"the scores of two heads ({found[0]}, {second[0]}) are added: no linear layer ends it. Expected one; "
            "where only one is used, name it with --layer."
        )
    if len(found) != 1:
        many = f"several layers could be the last ({', '.join(found)})" if found else "no linear last layer"
        raise InputError(f"{many}; expected one named {_NAMES_IN_WORDS}. {_candidates(weights)}")
    return _taken(weights, found[0])


def replace_last_layer(model: nn.Module, weight: Tensor, bias: Tensor | None, layer: str | None = None) -> nn.Module:
    """Give a copy of a network with other numbers in its last linear layer.

    Args:
        model: any network that ends in a linear layer; it stays as it is.
        weight: shape (C, D).
        bias: shape (C,); None, or zeros, where the layer has none.
        layer: its name, where it has none of the usual ones.

    Raises:
        InputError: no linear last layer, another shape, or a bias that the layer has no place for.

    Example:
        >>> from longtail.backbones import create_backbone
        >>> model = create_backbone("resnet20", num_classes=3)
        >>> same = replace_last_layer(model, torch.ones(3, 64), torch.zeros(3))
        >>> same.fc.weight.sum().item(), model.fc.weight.sum().item() == 192
        (192.0, False)
    """
    found = find_last_layer(model.state_dict(), layer)
    if isinstance(model.get_submodule(found.name), NormalizedLinear):
        raise InputError(f"{found.name} compares directions (a cosine classifier); expected a linear layer.")
    if tuple(found.weight.shape) != tuple(weight.shape):
        raise InputError(f"{found.name} has weights {tuple(found.weight.shape)}, the new ones {tuple(weight.shape)}.")
    if found.bias is None and bias is not None and bool(bias.any()):
        raise InputError(f"{found.name} has no bias. Expected a head without one, such as tau.")
    changed = copy.deepcopy(model)
    module: Any = changed.get_submodule(found.name)
    with torch.no_grad():
        module.weight.copy_(weight.view_as(module.weight))
        if module.bias is not None:
            module.bias.copy_(torch.zeros_like(module.bias) if bias is None else bias)
    return changed


class SplitNetwork(nn.Module):
    """A network in two parts, what makes the features and the linear layer, under timm's backbone protocol.

    Args:
        model: a network that ends in a linear layer; it stays as it is, a copy is cut.
        layer: name of that layer; default: the one that `find_last_layer` finds.

    Example:
        >>> from longtail.backbones import create_backbone
        >>> split = SplitNetwork(create_backbone("resnet20", num_classes=3))
        >>> split.forward_features(torch.zeros(2, 3, 32, 32)).shape, split(torch.zeros(2, 3, 32, 32)).shape
        (torch.Size([2, 64]), torch.Size([2, 3]))
    """

    def __init__(self, model: nn.Module, layer: str | None = None) -> None:
        super().__init__()
        found = find_last_layer(model.state_dict(), layer)
        path, _, name = found.name.rpartition(".")
        self.trunk = copy.deepcopy(model)
        module = self.trunk.get_submodule(found.name)
        num_classes, dimension = found.weight.shape
        self.classifier: nn.Linear = module if isinstance(module, nn.Linear) else nn.Linear(dimension, num_classes)
        if self.classifier is not module:  # a 1 x 1 convolution of pooled features
            self.classifier.weight.data, self.classifier.bias.data = found.weight.clone(), _bias(found).clone()
        setattr(self.trunk.get_submodule(path), name, nn.Identity())

    def get_classifier(self) -> nn.Linear:
        """Give the last layer."""
        return self.classifier

    def forward_features(self, images: Tensor) -> Tensor:
        """Map images (B, channels, H, W) to what the last layer sees, (B, D)."""
        found = self.trunk(images)
        # Hugging Face wraps the scores
        return getattr(found, "logits", found).flatten(1)  # type: ignore[no-any-return]

    def forward_head(self, features: Tensor, pre_logits: bool = False) -> Tensor:
        """Map features (B, D) to logits (B, C); with `pre_logits` give them back."""
        return features if pre_logits else self.classifier(features)

    def forward(self, images: Tensor) -> Tensor:
        """Map images (B, channels, H, W) to logits (B, C)."""
        return self.forward_head(self.forward_features(images))


def _bias(layer: LastLayer) -> Tensor:
    return torch.zeros_like(layer.weight[:, 0]) if layer.bias is None else layer.bias


def _taken(weights: Mapping[str, Tensor], name: str) -> LastLayer:
    layer = LastLayer(name, weights[f"{name}.weight".lstrip(".")].flatten(1), None)
    bias = weights.get(layer.bias_key)
    if bias is not None and bias.shape != layer.weight.shape[:1]:
        raise InputError(
            f"{layer.bias_key} has shape {tuple(bias.shape)}; expected {tuple(layer.weight.shape[:1])} for weights of "
            f"shape {tuple(layer.weight.shape)}."
        )
    if not layer.weight.is_floating_point():
        raise InputError(f"{layer.weight_key} is of {layer.weight.dtype}; expected floating-point weights.")
    return LastLayer(name, layer.weight, bias)


def _is_linear(name: str, weight: Tensor, *, named: bool = False) -> bool:
    if weight.ndim == 2:
        return True
    # timm's BiT networks end in a 1 x 1 convolution of pooled features; SqueezeNet pools behind its own
    pooled_before = named or name.endswith("head.fc")
    return pooled_before and weight.ndim == 4 and weight.shape[2:] == (1, 1)


def _bare(name: str, weights: Mapping[str, Tensor]) -> str:
    """Take off what wraps a network, be it known or common to all names."""
    tops = {key.split(".")[0] for key in weights}
    if len(tops) == 1 and name.count("."):
        name = name.partition(".")[2]
    while prefix := next((prefix for prefix in _WRAPPERS if name.startswith(prefix)), None):
        name = name.removeprefix(prefix)
    return name


def _candidates(weights: Mapping[str, Tensor]) -> str:
    linear = [
        f"{name.removesuffix('.weight')} {tuple(weight.shape)}"
        for name, weight in weights.items()
        if name.endswith(".weight") and weight.ndim == 2
    ]
    if linear:
        return f"Linear layers in it, the last ones: {', '.join(linear[-5:])}; name one with --layer."
    last = next((f"{n} {tuple(w.shape)}" for n, w in reversed(list(weights.items())) if w.ndim > 1), "nothing")
    return f"It holds no linear layer at all (its last weights: {last}), so it cannot be balanced."
