"""Several processes as one batch: gathered rows, and batches shuffled across processes for batch norm."""

from collections.abc import Callable

import torch
import torch.distributed as dist
from torch import Tensor

__all__ = ["encode_shuffled", "gathered", "num_ranks"]


def num_ranks() -> int:
    """Return the number of processes that train together."""
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def gathered(rows: Tensor) -> Tensor:
    """Return the rows of all processes, in the order of the processes; no gradient passes.

    Args:
        rows: of this process, shape (B, ...), the same on each.

    Returns:
        Shape (processes x B, ...).
    """
    if num_ranks() == 1:
        return rows.detach()
    rows = rows.detach().contiguous()
    parts = [torch.empty_like(rows) for _ in range(num_ranks())]
    dist.all_gather(parts, rows)
    return torch.cat(parts)


@torch.no_grad()
def encode_shuffled(encode: Callable[[Tensor], Tensor], images: Tensor) -> tuple[Tensor, Tensor]:
    """Encode images in batches that are shuffled across processes, and bring the results back into order.

    Batch norm of the key encoder then sees other images than that of the query encoder; else the two could tell by
    their common statistics which key belongs to which query. Of a single process nothing is shuffled.

    Args:
        encode: maps images (B, channels, H, W) to keys (B, D).
        images: of this process, the same number on each.

    Returns:
        Keys of this process's images (B, D); keys of all processes' images, in the order of the processes.

    Reference:
        He, Fan, Wu, Xie, Girshick, "Momentum Contrast for Unsupervised Visual Representation Learning", CVPR 2020,
        arXiv 1911.05722, section 3.3.
    """
    ranks = num_ranks()
    if ranks == 1:
        keys = encode(images)
        return keys, keys
    everyones = gathered(images)
    order = torch.randperm(len(everyones)).to(images.device)
    dist.broadcast(order, src=0)
    layout = torch.channels_last if images.is_contiguous(memory_format=torch.channels_last) else torch.contiguous_format
    mine = everyones[order.view(ranks, -1)[dist.get_rank()]].contiguous(memory_format=layout)
    shuffled = gathered(encode(mine))
    keys = torch.empty_like(shuffled)
    keys[order] = shuffled
    return keys.view(ranks, len(images), -1)[dist.get_rank()], keys
