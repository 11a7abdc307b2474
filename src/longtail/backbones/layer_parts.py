"""Features of several layers of a network, side by side, in one forward pass."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Self

import torch
from torch import Tensor

from longtail.backbones.create import features_of

__all__ = ["LAST", "LayerPart", "Layout", "Pool", "features_of_layers", "pooled", "scaled_part", "tensor_in"]

LAST = "last"  # the features before the classifier
Pool = Literal["mean", "max", "token"]
Layout = Literal["features", "channels-first", "channels-last", "tokens"]


@dataclass(frozen=True)
class LayerPart:
    """Where one part of the features is taken, and how it becomes a vector.

    Attributes:
        layer: name of the module; "last": the features before the classifier, as they are.
        pool: over what of its output: the mean or the maximum of all places (of an image's patches, where there are
            tokens), or the class token.
        layout: of its output: (B, D, H, W), (B, H, W, D) or (B, T, D); "features": (B, D).
        prefix: tokens before those of the patches, the class token the first of them.
        norm: name of the module that is applied to the tokens first; "": none.
        width: D.
    """

    layer: str
    pool: Pool
    layout: Layout
    prefix: int
    norm: str
    width: int

    @property
    def name(self) -> str:
        """What it is called in a feature file, such as "last" or "layer4.0:mean"."""
        return LAST if self.layer == LAST else f"{self.layer}:{self.pool}"

    @classmethod
    def stored(cls, facts: Iterable[Mapping[str, Any]] | None) -> tuple[Self, ...]:
        """Return the parts that a checkpoint holds, as `dataclasses.asdict` makes them; none: no parts."""
        return tuple(cls(**one) for one in facts or ())


def features_of_layers(model: Any, images: Tensor, parts: Sequence[LayerPart]) -> Tensor:
    """Map images to the features of several layers, computed in one forward pass.

    Args:
        model: a backbone, in evaluation mode.
        images: shape (B, channels, H, W).
        parts: in the order in which they stand side by side; `scaled_part` says what is done to each.

    Returns:
        Shape (B, D), D the sum of the widths.

    Source:
        Oquab et al., "DINOv2: Learning Robust Visual Features without Supervision", 2023, arXiv 2304.07193, appendix B:
        linear classifiers on the class tokens of the last four blocks, and the mean of the patches, side by side.

    Example:
        >>> from longtail.backbones import create_backbone
        >>> model = create_backbone("resnet20", num_classes=2).eval()
        >>> part = LayerPart("layer2", "mean", "channels-first", 0, "", 32)
        >>> features_of_layers(model, torch.zeros(3, 3, 32, 32), [part]).shape
        torch.Size([3, 32])
    """
    vectors: dict[LayerPart, Tensor] = {}

    def take(layer: str) -> Any:
        mine = [part for part in parts if part.layer == layer]

        def hook(_module: Any, _inputs: Any, output: Any) -> None:
            # at once: what follows may change it in place
            vectors.update({part: pooled(model, tensor_in(output), part) for part in mine})

        return hook

    layers = dict.fromkeys(part.layer for part in parts if part.layer != LAST)
    handles = [model.get_submodule(layer).register_forward_hook(take(layer)) for layer in layers]
    try:
        last = features_of(model, images)
    finally:
        for handle in handles:
            handle.remove()
    return torch.cat([scaled_part(vectors.get(part, last)) for part in parts], dim=1)


def pooled(model: Any, output: Tensor, part: LayerPart) -> Tensor:
    """Turn what a layer gives, a feature map or tokens, into a vector an image, shape (B, D)."""
    places = output.flatten(2).transpose(1, 2) if part.layout == "channels-first" else output.flatten(1, -2)
    if part.norm:
        places = model.get_submodule(part.norm).forward(places)  # its own hook is for its own turn
    patches: Tensor = places[:, part.prefix :]
    if part.pool == "token":
        return places[:, 0]
    return patches.amax(dim=1) if part.pool == "max" else patches.mean(dim=1)


def scaled_part(features: Tensor) -> Tensor:
    """Bring a part to a size at which it drowns no other one, and none drowns it.

    t(x) = sqrt(D) r / |r|,  r = sign(x) sqrt(|x|)

    Rows get the length sqrt(D), so that a feature is of the size 1 whatever the layer: rows of length 1 would be so
    short that heads which learn at usual rates hardly move. The root keeps a few large features from being all that
    counts.

    Args:
        features: shape (B, D).

    Returns:
        float32, shape (B, D).

    Example:
        >>> scaled_part(torch.tensor([[4.0, -4.0], [9.0, 0.0]])).round(decimals=3)
        tensor([[ 1.0000, -1.0000],
                [ 1.4140,  0.0000]])
    """
    x = features.float()
    roots = x.sign() * x.abs().sqrt()
    lengths: Tensor = roots.norm(dim=1, keepdim=True).clamp(min=1e-12)
    return roots * (math.sqrt(x.shape[1]) / lengths)


def tensor_in(output: Any) -> Any:
    """Return the tensor in what a module gives: itself, the first of a tuple, or the last hidden state; else None."""
    if isinstance(output, Mapping):
        output = output.get("last_hidden_state", next(iter(output.values()), None))
    if isinstance(output, tuple | list):
        output = output[0] if output else None
    return output if isinstance(output, Tensor) else None
