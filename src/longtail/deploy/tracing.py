"""A network as it has to be for programs of other systems to be made of it."""

from collections.abc import Iterator
from contextlib import contextmanager

from torch import nn

__all__ = ["learning_off", "traceable"]


@contextmanager
def traceable(kind: str) -> Iterator[None]:
    """Let networks of timm that are built meanwhile compute attention in plain steps, where ONNX has to express it.

    ONNX knows fused attention of 4 axes alone; Hiera, Twins, NesT and SAM have others.

    Args:
        kind: "onnx", or any other, for which nothing is changed.
    """
    if kind != "onnx":
        yield
        return
    from timm.layers.config import set_fused_attn, use_fused_attn

    before, experimental = use_fused_attn(), use_fused_attn(experimental=True)
    set_fused_attn(False)
    try:
        yield
    finally:
        set_fused_attn(before, experimental)


@contextmanager
def learning_off(model: nn.Module) -> Iterator[None]:
    """Switch learning off: with it, attention whose mask is made of weights (BEiT, Swin) cannot be traced."""
    learning = [parameter for parameter in model.parameters() if parameter.requires_grad]
    for parameter in learning:
        parameter.requires_grad_(False)
    try:
        yield
    finally:
        for parameter in learning:
            parameter.requires_grad_(True)
