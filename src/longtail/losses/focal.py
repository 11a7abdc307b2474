"""Focal loss: images that are known well count less."""

import torch
from torch import Tensor, nn
from torch.nn import functional

__all__ = ["Focal"]


class Focal(nn.Module):
    """Cross-entropy, each image weighed by how far it is from being known.

    loss = mean_b w_y (1 - p_y)^gamma (-log p_y)

    Its probabilities mean the training distribution, but are less sure than those of cross-entropy.

    Args:
        gamma: at least 0; 0 is cross-entropy. The unified-perspective code takes 1, the paper 2.
        weight: w_c, shape (C,); None weighs all classes alike.

    Reference:
        Lin, Goyal, Girshick, He, Dollar, "Focal Loss for Dense Object Detection", ICCV 2017, arXiv 1708.02002, eq. 4.

    Example:
        >>> logits, labels = torch.tensor([[2.0, 0.0], [0.0, 0.5]]), torch.tensor([0, 1])
        >>> torch.equal(Focal(gamma=0.0)(logits, labels), functional.cross_entropy(logits, labels))
        True
    """

    weight: Tensor | None

    def __init__(self, gamma: float = 2.0, weight: Tensor | None = None) -> None:
        super().__init__()
        self.gamma = gamma
        self.register_buffer("weight", weight, persistent=False)

    def forward(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Return the loss of logits (B, C) and labels (B,)."""
        negative_log = functional.cross_entropy(logits, labels, reduction="none")
        # 1 - p from the logarithm: exact where p is close to 1, and above 0, where a root has no slope
        doubt = (-torch.expm1(-negative_log)).clamp(min=torch.finfo(negative_log.dtype).tiny)
        losses = doubt**self.gamma * negative_log
        return losses.mean() if self.weight is None else (self.weight[labels] * losses).mean()
