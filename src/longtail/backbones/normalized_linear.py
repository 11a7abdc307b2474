"""A classifier that compares directions: what LDAM, BCL and ProCo train."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from longtail.backbones.create import classifier_of, classifier_prefix

__all__ = ["NormalizedLinear", "linear_parameters", "normalize_classifier"]


class NormalizedLinear(nn.Linear):
    """Cosine similarities of features and class weights, times a scale.

    z_c = s x . w_c / (|x| |w_c|)

    Args:
        in_features: D.
        out_features: C.
        scale: s, above 0.

    Reference:
        Cao et al., "Learning Imbalanced Datasets with Label-Distribution-Aware Margin Loss", NeurIPS 2019, arXiv
        1906.07413, its released code.

    Example:
        >>> layer = NormalizedLinear(2, 2)
        >>> _ = layer.weight.data.copy_(torch.tensor([[2.0, 0.0], [0.0, 5.0]]))
        >>> layer(torch.tensor([[3.0, 0.0]])).tolist()
        [[1.0, 0.0]]
    """

    def __init__(self, in_features: int, out_features: int, *, scale: float = 1.0) -> None:
        super().__init__(in_features, out_features, bias=False)
        self.scale = scale

    def reset_parameters(self) -> None:
        """Draw directions that are uniform on the sphere."""
        nn.init.normal_(self.weight)
        with torch.no_grad():
            self.weight.copy_(functional.normalize(self.weight, dim=1))

    @property
    def linear_weight(self) -> Tensor:
        """Weights of a linear layer that predicts the same, shape (C, D)."""
        return functional.normalize(self.weight, dim=1)

    def forward(self, features: Tensor) -> Tensor:
        """Map features (B, D) to scaled cosines (B, C)."""
        cosines = functional.linear(functional.normalize(features, dim=1), self.linear_weight)
        return cosines if self.scale == 1 else self.scale * cosines


def normalize_classifier(model: Any, scale: float = 1.0) -> None:
    """Put a `NormalizedLinear` in the place of a network's last linear layer."""
    layer = classifier_of(model)
    path, _, name = classifier_prefix(model).rstrip(".").rpartition(".")
    setattr(model.get_submodule(path), name, NormalizedLinear(layer.in_features, layer.out_features, scale=scale))


def linear_parameters(model: Any) -> tuple[Tensor, Tensor]:
    """Return weight (C, D) and bias (C,) of a network's classifier as a linear layer that predicts the same.

    Of a normalised layer the weights have length 1: its scores are those times the scale and divided by the length of
    the features, which does not change their order.

    Example:
        >>> from longtail.backbones import create_backbone
        >>> weight, bias = linear_parameters(create_backbone("resnet20", num_classes=10))
        >>> weight.shape, bias.shape
        (torch.Size([10, 64]), torch.Size([10]))
    """
    layer = classifier_of(model)
    weight = (layer.linear_weight if isinstance(layer, NormalizedLinear) else layer.weight).detach()
    bias = torch.zeros_like(weight[:, 0]) if layer.bias is None else layer.bias.detach()
    return weight, bias
