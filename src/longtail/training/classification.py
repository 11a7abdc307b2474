"""The supervised task: a network with its classifier, and a loss of its logits."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from longtail.training.mixing import Mixed, Mixing
from longtail.training.task import Measured
from longtail.training.teacher import Teacher

__all__ = ["Classification"]


class Classification(nn.Module):
    """Learn by cross-entropy, or another loss, of a network that ends in a classifier.

    Args:
        model: maps images (B, channels, H, W) to logits (B, C).
        loss: maps logits (B, C) and labels (B,) to a scalar; with `each_expert` logits (B, E, C).
        frozen: modules of the model that stay in evaluation mode, so that their batch-norm statistics do not change.
        mixing: how images are mixed in training; None: not at all.
        each_expert: the model is an `ExpertNetwork`, and the loss looks at the logits of each expert.
        teacher: another network, whose answers are learnt beside the labels.

    Example:
        >>> import torch
        >>> task = Classification(nn.Linear(3, 2))
        >>> loss, metrics = task(torch.zeros(4, 3), torch.tensor([0, 1, 0, 1]))
        >>> loss.shape, list(metrics)
        (torch.Size([]), ['accuracy'])
    """

    def __init__(
        self,
        model: nn.Module,
        loss: nn.Module | None = None,
        *,
        frozen: Sequence[nn.Module] = (),
        mixing: Mixing | None = None,
        each_expert: bool = False,
        teacher: Teacher | None = None,
    ) -> None:
        super().__init__()
        self.model = model
        self.loss = loss if loss is not None else nn.CrossEntropyLoss()
        self._frozen = tuple(frozen)  # a tuple is no submodule: the state dict holds each weight once
        self._mixing = mixing
        self._each_expert = each_expert
        self._teacher = teacher  # no submodule: it learns nothing, stays in evaluation mode, and is in no checkpoint

    def train(self, mode: bool = True) -> "Classification":
        """Switch to training; the frozen modules do not follow."""
        super().train(mode)
        for module in self._frozen:
            module.eval()
        return self

    def forward(self, images: Tensor, labels: Tensor, *others: Tensor) -> Measured:
        """Compute the loss of a batch and its top-1 accuracy in percent.

        Args:
            images: shape (B, channels, H, W).
            labels: shape (B,).
            others: images and labels of a second batch, for cmo.
        """
        mixed = self._mixed(images, labels, others)
        model: Any = self.model
        logits = model.expert_logits(mixed.images) if self._each_expert else model(mixed.images)
        loss, hits = self._of_labels(logits, mixed.first)
        if mixed.share < 1:
            second_loss, second_hits = self._of_labels(logits, mixed.second)
            loss = mixed.share * loss + (1 - mixed.share) * second_loss
            hits = mixed.share * hits + (1 - mixed.share) * second_hits
        if self._teacher is not None:
            loss = loss + self._teacher.loss(mixed.images, self._scores(logits))
        return loss, {"accuracy": hits * 100}

    def _mixed(self, images: Tensor, labels: Tensor, others: tuple[Tensor, ...]) -> Mixed:
        if self._mixing is None or not self.training:
            return Mixed(images, labels, labels, 1.0)
        # of torch's own generator, which the training loop seeds for each step
        rng = np.random.default_rng(int(torch.randint(2**62, ())))
        second = (others[0], others[1]) if others else None
        return self._mixing.mix(images, labels, rng, second)

    def _of_labels(self, logits: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        hits = (self._scores(logits).argmax(dim=1) == labels).float().mean()
        return self.loss(logits, labels), hits

    def _scores(self, logits: Tensor) -> Tensor:
        return logits.mean(dim=1) if self._each_expert else logits
