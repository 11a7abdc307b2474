"""Logit adjustment: the loss is told how common each class is, so that the logits need not learn it."""

import torch
from numpy.typing import ArrayLike
from torch import Tensor, nn
from torch.nn import functional

from longtail.losses.balanced_softmax import log_counts
from longtail.losses.counted import counts_tensor

__all__ = ["LogitAdjusted"]


class LogitAdjusted(nn.Module):
    """Cross-entropy of logits to which a multiple of the log class shares is added.

    loss = cross-entropy(z + tau log(n_c / N), y)

    tau = 1 is balanced softmax: softmax(z) then means a world in which all classes are equally common, and softmax(z +
    log prior) one with that prior. tau = 0 is cross-entropy, whose probabilities mean the training distribution.

    Args:
        class_counts: n_c, shape (C,); a class without an image takes no part.
        tau: strength.
        weight: of each class, shape (C,); None weighs all alike.

    Raises:
        InputError: class_counts that are no numbers of images.

    Reference:
        Menon et al., "Long-Tail Learning via Logit Adjustment", ICLR 2021, arXiv 2007.07314, eq. 10; for tau = 1 Ren et
        al., "Balanced Meta-Softmax for Long-Tailed Visual Recognition", NeurIPS 2020, arXiv 2007.10740, eq. 3.

    Example:
        >>> logits, labels = torch.tensor([[1.0, 0.0]]), torch.tensor([1])
        >>> plain = LogitAdjusted(torch.tensor([50.0, 50.0]))(logits, labels)
        >>> torch.allclose(plain, functional.cross_entropy(logits, labels))  # equal counts change nothing
        True
    """

    offset: Tensor
    weight: Tensor | None

    def __init__(self, class_counts: Tensor | ArrayLike, *, tau: float = 1.0, weight: Tensor | None = None) -> None:
        super().__init__()
        counts = counts_tensor(class_counts)
        share = counts / counts.sum()
        # 0 times -inf is no number: without adjustment an absent class is like any other
        offset = tau * log_counts(share) if tau else torch.zeros_like(share)
        self.register_buffer("offset", offset, persistent=False)
        self.register_buffer("weight", weight, persistent=False)

    def forward(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Return the loss of logits (B, C) and labels (B,)."""
        return functional.cross_entropy(logits + self.offset, labels, weight=self.weight)
