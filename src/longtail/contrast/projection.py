"""Small networks between features and the sphere on which they are compared."""

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

__all__ = ["full_precision", "projection_head", "unit"]


def projection_head(*widths: int, batch_norm: bool) -> nn.Sequential:
    """Return linear layers of the given widths with ReLU between them, after batch norm or not.

    Example:
        >>> len(projection_head(64, 64, 32, batch_norm=True)), len(projection_head(64, 64, 64, 32, batch_norm=False))
        (4, 5)
    """
    layers: list[nn.Module] = []
    for inputs, outputs in pairwise(widths[:-1]):
        layers += [nn.Linear(inputs, outputs), *([nn.BatchNorm1d(outputs)] if batch_norm else []), nn.ReLU()]
    return nn.Sequential(*layers, nn.Linear(widths[-2], widths[-1]))


def unit(rows: Tensor) -> Tensor:
    """Return rows (B, D) at length 1, in single precision at least."""
    return functional.normalize(rows.float() if rows.dtype in (torch.float16, torch.bfloat16) else rows, dim=1)


@contextmanager
def full_precision(device: torch.device) -> Iterator[None]:
    """Compute in the types of the tensors: a cosine over a small temperature bears no rounding to eight bits."""
    with torch.autocast(device.type, enabled=False):
        yield
