"""Sharpness-aware minimisation: the gradient of the worst point nearby."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn

__all__ = ["at_the_worst_point", "held_statistics"]


@contextmanager
def at_the_worst_point(parameters: Sequence[Tensor], radius: float) -> Iterator[None]:
    """Move parameters up their gradient while the context lasts; afterwards they are what they were, to the bit.

    w + rho g / ||g||,   the norm over all parameters

    Args:
        parameters: with the gradient of a batch; those without one stay.
        radius: rho, above 0.

    Reference:
        Foret, Kleiner, Mobahi, Neyshabur, "Sharpness-Aware Minimization for Efficiently Improving Generalization", ICLR
        2021, arXiv 2010.01412, eq. 2 and algorithm 1. On several devices the gradient is that of all their images.

    Example:
        >>> weight = torch.zeros(2)
        >>> weight.grad = torch.tensor([3.0, 4.0])
        >>> with at_the_worst_point([weight], 0.5):
        ...     weight.tolist()
        [0.30000001192092896, 0.4000000059604645]
        >>> weight.tolist()
        [0.0, 0.0]
    """
    moved = [parameter for parameter in parameters if parameter.grad is not None]
    if not moved:
        yield
        return
    gradients = [parameter.grad for parameter in moved if parameter.grad is not None]
    with torch.no_grad():
        before = [parameter.clone() for parameter in moved]
        length = torch.linalg.vector_norm(torch.stack(torch._foreach_norm(gradients)))
        torch._foreach_add_(moved, torch._foreach_mul(gradients, radius / (length + 1e-12)))
    try:
        yield
    finally:
        with torch.no_grad():
            torch._foreach_copy_(moved, before)


@contextmanager
def held_statistics(module: nn.Module) -> Iterator[None]:
    """Let batch norm normalise by each batch, as in training, but remember nothing of it while the context lasts.

    Args:
        module: in training mode, or in part.
    """
    norms = [
        part
        for part in module.modules()
        if isinstance(part, nn.modules.batchnorm._BatchNorm) and part.training and part.track_running_stats
    ]
    for norm in norms:
        norm.track_running_stats = False
    try:
        yield
    finally:
        for norm in norms:
            norm.track_running_stats = True
