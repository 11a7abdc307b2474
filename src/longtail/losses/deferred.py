"""A loss that changes once: as the data are first, then rebalanced."""

from torch import Tensor, nn

__all__ = ["Deferred"]


class Deferred(nn.Module):
    """Compute one loss in the first epochs and another from some epoch on (deferred re-weighting, DRW).

    The representation is learned from the data as they are; the last epochs, at a low learning rate, rebalance.

    Args:
        before: maps logits (B, C) and labels (B,) to a scalar.
        after: the same.
        first_epoch: of the second, from 0.

    Reference:
        Cao et al., "Learning Imbalanced Datasets with Label-Distribution-Aware Margin Loss", NeurIPS 2019, arXiv
        1906.07413, algorithm 1; there, and in the unified-perspective code, from epoch 160 of 200.

    Example:
        >>> import torch
        >>> loss = Deferred(nn.CrossEntropyLoss(), nn.CrossEntropyLoss(torch.tensor([0.0, 1.0])), first_epoch=160)
        >>> logits, labels = torch.tensor([[0.0, 0.0], [0.0, 9.0]]), torch.tensor([0, 1])
        >>> loss.set_epoch(159)
        >>> early = loss(logits, labels)
        >>> loss.set_epoch(160)
        >>> bool(loss(logits, labels) < early)
        True
    """

    def __init__(self, before: nn.Module, after: nn.Module, first_epoch: int) -> None:
        super().__init__()
        self.before, self.after, self.first_epoch = before, after, first_epoch
        self._epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Say which epoch it is, from 0."""
        self._epoch = epoch

    @property
    def present(self) -> nn.Module:
        """The loss of the present epoch."""
        return self.before if self._epoch < self.first_epoch else self.after

    def forward(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Return the loss of logits (B, C) and labels (B,) in the present epoch."""
        loss: Tensor = self.present(logits, labels)
        return loss
