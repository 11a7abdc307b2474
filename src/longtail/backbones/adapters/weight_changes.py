"""Changes of a layer's weight that few parameters describe, and that can be multiplied in when they are learnt."""

import torch
from torch import Tensor, nn

__all__ = ["CentreTap", "LowRank"]


class LowRank(nn.Module):
    """A change of low rank.

    W' = W + B A, with A (r, in x places) and B (out, r); B begins with 0, and so does the change.

    Args:
        weight: of a linear layer (out, in), or of a convolution (out, in, H, W).
        rank: r, at least 1; no more than either side of the weight.

    Source:
        Hu, Shen, Wallis, Allen-Zhu, Li, Wang, Wang, Chen, "LoRA: Low-Rank Adaptation of Large Language Models", ICLR
        2022, arXiv 2106.09685, section 4.1, with alpha = r.

    Example:
        >>> change = LowRank(torch.zeros(4, 6), rank=2)
        >>> sum(p.numel() for p in change.parameters()), change(torch.ones(4, 6)).equal(torch.ones(4, 6))
        (20, True)
    """

    def __init__(self, weight: Tensor, rank: int) -> None:
        super().__init__()
        rows, columns = len(weight), weight[0].numel()
        rank = min(rank, rows, columns)
        self.down = nn.Parameter(torch.empty(rank, columns, dtype=weight.dtype, device=weight.device))
        self.up = nn.Parameter(torch.zeros(rows, rank, dtype=weight.dtype, device=weight.device))
        nn.init.kaiming_uniform_(self.down, a=5**0.5)

    def forward(self, weight: Tensor) -> Tensor:
        """Return the changed weight, of the same shape."""
        return weight + (self.up @ self.down).view_as(weight)


class CentreTap(nn.Module):
    """A 1 x 1 convolution beside a larger one, with its stride: a change of the middle of the kernel.

    W'[:, :, h, w] = W[:, :, h, w] + A at the middle, W elsewhere; A begins with 0.

    Args:
        weight: of a convolution, shape (out, in / groups, H, W).

    Source:
        Rebuffi, Bilen, Vedaldi, "Efficient parametrization of multi-domain deep neural networks", CVPR 2018, arXiv
        1803.10082, section 3.1 (parallel adapters).

    Example:
        >>> change = CentreTap(torch.zeros(2, 3, 5, 5))
        >>> _ = nn.init.ones_(change.tap)
        >>> torch.nonzero(change(torch.zeros(2, 3, 5, 5))[0, 0]).tolist()
        [[2, 2]]
    """

    def __init__(self, weight: Tensor) -> None:
        super().__init__()
        self.tap = nn.Parameter(torch.zeros_like(weight[:, :, 0, 0]))

    def forward(self, weight: Tensor) -> Tensor:
        """Return the changed weight, of the same shape."""
        height, width = weight.shape[2:]
        above, left = (height - 1) // 2, (width - 1) // 2
        edges = (left, width - 1 - left, above, height - 1 - above)
        return weight + nn.functional.pad(self.tap[:, :, None, None], edges)
