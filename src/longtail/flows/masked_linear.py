"""Masked layers that are zero where they are masked, instead of being multiplied by the mask in every pass."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import torch
from torch import Tensor, nn

__all__ = ["MaskedLinear", "masked_gradients", "with_zeros_for_masks"]


class MaskedLinear(nn.Linear):
    """A linear layer some of whose weights are zero and stay so.

    zuko computes x (W * M)^T, which copies the weights in every pass, and again backward. Here W itself is zero where
    the mask is, and `masked_gradients` keeps it so: the same layer, at a third of the passes over the weights.

    Args:
        mask: True where a weight is, shape (outputs, inputs).
        weight: shape (outputs, inputs).
        bias: shape (outputs,).
    """

    mask: Tensor

    def __init__(self, mask: Tensor, weight: Tensor, bias: Tensor) -> None:
        super().__init__(mask.shape[1], mask.shape[0], device="meta")
        self.register_buffer("mask", mask)
        self.weight = nn.Parameter(weight.detach() * mask)
        self.bias = nn.Parameter(bias.detach())


def with_zeros_for_masks(transform: nn.Module) -> nn.Module:
    """Replace zuko's masked layers in a transform by ours, in place; they compute the same."""
    from zuko.nn import MaskedLinear as ZukoMaskedLinear

    for parent in list(transform.modules()):
        for name, layer in list(parent.named_children()):
            if isinstance(layer, ZukoMaskedLinear):
                setattr(parent, name, MaskedLinear(layer.mask, layer.weight, layer.bias))
    return transform


@contextmanager
def masked_gradients(model: nn.Module) -> Iterator[None]:
    """Keep the gradients of masked weights at zero inside the context, so that no optimizer moves them."""
    layers = [layer for layer in model.modules() if isinstance(layer, MaskedLinear)]
    handles = [
        layer.weight.register_post_accumulate_grad_hook(partial(_mask_gradient, mask=layer.mask))  # type: ignore[no-untyped-call]
        for layer in layers
    ]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


@torch.no_grad()
def _mask_gradient(weight: Tensor, mask: Tensor) -> None:
    if weight.grad is not None:
        weight.grad *= mask
