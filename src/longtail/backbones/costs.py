"""What a network costs: its parameters, and the multiply-adds of an image."""

from typing import Any, NamedTuple

__all__ = ["NetworkCost", "network_cost"]


class NetworkCost(NamedTuple):
    """Parameters, and the work of one image.

    Attributes:
        parameters: numbers that are learnt, those of the classifier included.
        multiply_adds: of the convolutions, matrix products and attention of one image; a multiplication with its
            addition counts once, as fvcore and MMPretrain print it under "FLOPs". torch counts two.
    """

    parameters: int
    multiply_adds: int


def network_cost(model: Any, shape: tuple[int, int, int]) -> NetworkCost:
    """Count the parameters of a network and the multiply-adds of one image.

    Args:
        model: maps images to logits; it stays as it is.
        shape: of an image: channels, height, width.

    Example:
        >>> from longtail.backbones import create_backbone
        >>> network_cost(create_backbone("resnet20", num_classes=10), (3, 32, 32))
        NetworkCost(parameters=269722, multiply_adds=40551040)
    """
    import torch
    from torch.nn.attention import SDPBackend, sdpa_kernel
    from torch.utils.flop_counter import FlopCounterMode

    from longtail.backbones.running import evaluating

    first = next(model.parameters())
    images = torch.zeros((1, *shape), device=first.device, dtype=first.dtype)
    # fused attention is counted on some devices alone, its plain steps on all
    plain = sdpa_kernel(SDPBackend.MATH)
    with evaluating(model), torch.no_grad(), plain, FlopCounterMode(display=False) as counter:
        model(images)
    parameters = sum(parameter.numel() for parameter in model.parameters())
    return NetworkCost(parameters, int(counter.get_total_flops()) // 2)
