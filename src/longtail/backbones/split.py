"""A network in two parts, in memory: cut before its last layer, or with other numbers in it."""

import copy
from typing import Any

import torch
from torch import Tensor, nn

from longtail.backbones.last_layer import LastLayer
from longtail.backbones.measured_layer import last_layer_of, measure_last_layer
from longtail.backbones.running import call, in_places
from longtail.errors import InputError

__all__ = ["SplitNetwork", "check_replaceable", "put_in", "replace_last_layer"]


class SplitNetwork(nn.Module):
    """A network in two parts, what makes the features and the linear layer, under timm's backbone protocol.

    The features are what enters the last layer; of several layers whose scores are added, what enters them laid side by
    side. At the first images of each size it is made sure that this layer alone turns them into the logits.

    Args:
        model: a network that ends in a linear layer; it stays as it is.
        layer: name of that layer; default: whatever ends the network.
        images: a few images, shape (B, channels, H, W), to look at it at once; default: at the first images that come.

    Raises:
        InputError: what ends the network is no linear layer, or another one than `layer`: here with `images`, else when
            the first come.

    Example:
        >>> from longtail.backbones import create_backbone
        >>> split = SplitNetwork(create_backbone("resnet20", num_classes=3))
        >>> split.forward_features(torch.zeros(2, 3, 32, 32)).shape, split(torch.zeros(2, 3, 32, 32)).shape
        (torch.Size([2, 64]), torch.Size([2, 3]))
    """

    def __init__(self, model: nn.Module, layer: str | None = None, images: Tensor | None = None) -> None:
        super().__init__()
        self.network = copy.deepcopy(model)
        self.layer = layer
        self.classifier: nn.Linear | None = None
        self._endings: dict[tuple[int, ...], LastLayer] = {}
        if images is not None:
            self.ending(images)

    def ending(self, images: Tensor) -> LastLayer:
        """Return the last layer, as it is seen on images of this size, shape (B, channels, H, W)."""
        shape = tuple(images.shape[1:])
        if shape not in self._endings:
            self._endings[shape] = ending = measure_last_layer(self.network, images, self.layer)
            if self.classifier is None:
                self.layer = ending.name if len(ending.terms) == 1 else self.layer
                self.classifier = _linear(ending)
        return self._endings[shape]

    def get_classifier(self) -> nn.Linear:
        """Return the last layer.

        Raises:
            InputError: no images came yet, and the names of the weights do not tell which it is.
        """
        if self.classifier is None:
            self.classifier = _linear(last_layer_of(self.network, self.layer))
        return self.classifier

    def forward_features(self, images: Tensor) -> Tensor:
        """Map images (B, channels, H, W) to what the last layer sees, (B, D)."""
        ending = self.ending(images)
        entered: dict[str, Tensor] = {}
        handles = [
            self.network.get_submodule(term.name).register_forward_pre_hook(
                lambda module, arguments, settings, name=term.name: entered.update(
                    {name: in_places(arguments[0] if arguments else next(iter(settings.values())), module)}
                ),
                with_kwargs=True,
            )
            for term in ending.terms
        ]
        try:
            call(self.network, images)
        finally:
            for handle in handles:
                handle.remove()
        parts: dict[int, Tensor] = {}
        for term in ending.terms:
            seen = entered[term.name]
            one = seen[:, 0] if seen.shape[1] == 1 else seen.mean(dim=1)
            parts.setdefault(term.start, one if term.place is None else seen[:, term.place])
        return torch.cat([parts[start] for start in sorted(parts)], dim=1)

    def forward_head(self, features: Tensor, pre_logits: bool = False) -> Tensor:
        """Map features (B, D) to logits (B, C); with `pre_logits` give them back."""
        return features if pre_logits else self.get_classifier()(features)

    def forward(self, images: Tensor) -> Tensor:
        """Map images (B, channels, H, W) to logits (B, C)."""
        return self.forward_head(self.forward_features(images))


def replace_last_layer(
    model: nn.Module, weight: Tensor, bias: Tensor | None, layer: str | None = None, images: Any = None
) -> nn.Module:
    """Return a copy of a network with other numbers in its last linear layer.

    Of several layers whose scores are added, each gets its part, so that the sum is the new layer.

    Args:
        model: any network that ends in a linear layer; it stays as it is.
        weight: shape (C, D).
        bias: shape (C,); None, or zeros, where the layer has none.
        layer: its name; default: whatever ends the network.
        images: a few inputs to see that by, as `measure_last_layer` takes them; default: noise, where the network can
            be run on noise.

    Raises:
        InputError: what ends the network is no linear layer; another shape; a bias that the layer has no place for; or
            `images` are needed.

    Example:
        >>> from longtail.backbones import create_backbone
        >>> model = create_backbone("resnet20", num_classes=3)
        >>> same = replace_last_layer(model, torch.ones(3, 64), torch.zeros(3))
        >>> same.fc.weight.sum().item(), model.fc.weight.sum().item() == 192
        (192.0, False)
    """
    return put_in(model, last_layer_of(model, layer, images), weight, bias)


def put_in(model: nn.Module, last: LastLayer, weight: Tensor, bias: Tensor | None) -> nn.Module:
    """Return a copy of a network with other numbers in the layers that end it, found before.

    Raises:
        InputError: another shape, no place for a bias, or weights that a norm makes of others.
    """
    check_replaceable(model, last)
    parts = last.divided(weight, bias)
    changed = copy.deepcopy(model)
    stored = changed.state_dict(keep_vars=True)
    with torch.no_grad():
        for key, part in parts.items():
            stored[key].copy_(part.view_as(stored[key]))
    return changed


def check_replaceable(model: nn.Module, last: LastLayer) -> None:
    """Make sure that the weights of the layers that end a network are weights of their own.

    Raises:
        InputError: a norm makes them of others.
    """
    stored = model.state_dict()
    absent = next((term.weight_key for term in last.terms if term.weight_key not in stored), None)
    if absent is not None:
        raise InputError(
            f"{absent} is made of other weights by a norm (weight norm, spectral norm), so nothing can be put there. "
            "Multiply the norm in first: torch.nn.utils.parametrize.remove_parametrizations, or remove_weight_norm."
        )


def _linear(ending: LastLayer) -> nn.Linear:
    weight, bias = ending.weight, ending.bias
    layer = nn.Linear(weight.shape[1], len(weight), device=weight.device, dtype=weight.dtype)
    with torch.no_grad():
        layer.weight.copy_(weight)
        layer.bias.copy_(torch.zeros_like(layer.bias) if bias is None else bias)
    return layer
