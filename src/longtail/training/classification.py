"""The supervised task: a network with its classifier, and a loss of its logits."""

from collections.abc import Sequence

from torch import Tensor, nn

from longtail.training.task import Measured

__all__ = ["Classification"]


class Classification(nn.Module):
    """Learn by cross-entropy, or another loss, of a network that ends in a classifier.

    Args:
        model: maps images (B, channels, H, W) to logits (B, C).
        loss: maps logits (B, C) and labels (B,) to a scalar.
        frozen: modules of the model that stay in evaluation mode, so that their batch-norm statistics do not change.

    Example:
        >>> import torch
        >>> task = Classification(nn.Linear(3, 2))
        >>> loss, metrics = task(torch.zeros(4, 3), torch.tensor([0, 1, 0, 1]))
        >>> loss.shape, list(metrics)
        (torch.Size([]), ['accuracy'])
    """

    def __init__(self, model: nn.Module, loss: nn.Module | None = None, *, frozen: Sequence[nn.Module] = ()) -> None:
        super().__init__()
        self.model = model
        self.loss = loss if loss is not None else nn.CrossEntropyLoss()
        self._frozen = tuple(frozen)  # a tuple is no submodule: the state dict holds each weight once

    def train(self, mode: bool = True) -> "Classification":
        """Switch to training; the frozen modules do not follow."""
        super().train(mode)
        for module in self._frozen:
            module.eval()
        return self

    def forward(self, images: Tensor, labels: Tensor) -> Measured:
        """Compute the loss of a batch and its top-1 accuracy in percent."""
        logits = self.model(images)
        accuracy = (logits.argmax(dim=1) == labels).float().mean() * 100
        return self.loss(logits, labels), {"accuracy": accuracy}
