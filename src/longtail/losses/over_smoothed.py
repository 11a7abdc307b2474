"""Label over-smoothing (LOS): targets that are hardly above the others for the class itself."""

import torch
from torch import Tensor, nn
from torch.nn import functional

__all__ = ["OverSmoothed"]


class OverSmoothed(nn.Module):
    """Cross-entropy with targets that are nearly the same for all classes.

    loss = -mean_b w_y sum_c t_c log softmax(z)_c,  t_y = 1 - d + d / C,  t_c = d / C for the others

    d near 1 leaves the true class a little more than 1 / C. It is label smoothing, which usually has d = 0.1: there it
    calibrates, here it keeps the logits of all classes small, so that common ones cannot grow long weights. Their order
    is what says something: softmax(z) is near 1 / C for every image, in no world a probability.

    Args:
        smoothing: d, 0 to below 1; 0 is cross-entropy. The released code takes 0.98.
        weight: w_c, shape (C,); None weighs all classes alike.

    Reference:
        Sun, Lu, Li, Xie, Li, Yang, Zhang, Yan, "Rethinking Classifier Re-Training in Long-Tailed Recognition: Label
        Over-Smooth Can Balance", ICLR 2025, arXiv 2403.00250.

    Example:
        >>> logits, labels = torch.tensor([[2.0, 0.0], [0.0, 0.5]]), torch.tensor([0, 1])
        >>> torch.allclose(OverSmoothed(0.0)(logits, labels), functional.cross_entropy(logits, labels))
        True
    """

    weight: Tensor | None

    def __init__(self, smoothing: float = 0.98, weight: Tensor | None = None) -> None:
        super().__init__()
        self.smoothing = smoothing
        self.register_buffer("weight", weight, persistent=False)

    def forward(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Return the loss of logits (B, C) and labels (B,)."""
        logs = torch.log_softmax(logits, dim=1)
        own = functional.nll_loss(logs, labels, reduction="none")
        losses = (1 - self.smoothing) * own - self.smoothing * logs.mean(dim=1)
        return losses.mean() if self.weight is None else (self.weight[labels] * losses).mean()
