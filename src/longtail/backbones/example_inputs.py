"""What a network could take, where nobody says it: noise in the shapes that its layers and settings tell of."""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

__all__ = ["example_inputs", "noise"]

_SIZES = (224, 32, 299, 64, 96, 384, 28)  # pixels


def example_inputs(network: nn.Module) -> Iterator[Tensor]:
    """Yield noise that the network may take, the likeliest first, a batch of two.

    Args:
        network: of any library.

    Example:
        >>> [tuple(images.shape) for images in example_inputs(nn.Sequential(nn.Linear(4, 3)))]
        [(2, 4)]
    """
    conv = next((module for module in network.modules() if isinstance(module, nn.Conv2d)), None)
    linear = next((module for module in network.modules() if isinstance(module, nn.Linear)), None)
    parameter = next((p for p in network.parameters() if p.is_floating_point()), None)
    if parameter is None:
        return
    shapes = list(_configured_shapes(network))
    if conv is not None:
        # settings may still tell the channels of the weights that were published
        shapes = [(conv.in_channels, *shape[1:]) for shape in shapes]
        shapes += [(conv.in_channels, size, size) for size in _SIZES]
    if linear is not None:
        shapes.append((linear.in_features,))
    for shape in dict.fromkeys(shapes):
        yield noise(shape).to(parameter)


def noise(shape: tuple[int, ...], count: int = 2) -> Tensor:
    """Draw noise, the same each time, without touching torch's own generator; shape (count, *shape)."""
    return torch.randn((count, *shape), generator=torch.Generator().manual_seed(0))


def _configured_shapes(network: nn.Module) -> Iterator[tuple[int, ...]]:
    """Yield the shape of an image that a network of timm or Hugging Face says it takes."""
    for module in network.modules():
        known: Any = getattr(module, "pretrained_cfg", None)
        size = known.get("input_size") if isinstance(known, dict) else None
        if isinstance(size, tuple | list) and len(size) == 3:
            yield tuple(size)
        config: Any = getattr(module, "config", None)
        pixels, channels = getattr(config, "image_size", None), getattr(config, "num_channels", 3)
        if isinstance(pixels, int):
            yield (channels, pixels, pixels)
        elif isinstance(pixels, tuple | list) and len(pixels) == 2:
            yield (channels, *pixels)
