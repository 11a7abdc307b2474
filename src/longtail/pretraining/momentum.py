"""A second network that follows a first one slowly, and the queue of what it made of earlier batches."""

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn

__all__ = ["follow", "replace_oldest"]


@torch.no_grad()
def follow(average: Callable[..., Any], pairs: Iterable[tuple[nn.Module, nn.Module]]) -> None:
    """Move the weights of each follower towards those of its leader.

    Args:
        average: as `torch.optim.swa_utils.get_ema_multi_avg_fn` returns it: w' <- m w' + (1 - m) w.
        pairs: leaders and their followers, of the same architecture.
    """
    for leader, follower in pairs:
        average(list(follower.parameters()), list(leader.parameters()), 0)


@torch.no_grad()
def replace_oldest(queue: Tensor, position: Tensor, rows: Tensor) -> None:
    """Put rows into the places of a ring from `position` on; the position itself stays.

    Args:
        queue: K places, of the shape of a row each, changed in place.
        position: of the oldest row, int64, a scalar on the same device: no step waits for it.
        rows: at most K.

    Example:
        >>> ring = torch.zeros(4)
        >>> replace_oldest(ring, torch.tensor(3), torch.tensor([1.0, 2.0]))
        >>> ring.tolist()
        [2.0, 0.0, 0.0, 1.0]
    """
    places = (position + torch.arange(len(rows), device=rows.device)).remainder(len(queue))
    queue.index_copy_(0, places, rows.to(queue.dtype))
