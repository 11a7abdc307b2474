"""GPaCo: parametric contrast without a momentum encoder."""

from typing import Any

import torch
from numpy.typing import ArrayLike
from torch import Tensor

from longtail.backbones import classifier_of, features_of
from longtail.contrast.centres_and_samples import CentresAndSamples
from longtail.contrast.projection import projection_head, unit
from longtail.pretraining.ranks import gathered

__all__ = ["GPaCo"]


class GPaCo(CentresAndSamples):
    """Learn a network with its classifier by parametric contrast, both views as queries of the one network.

    q = g(f(view)), of length 1, of either view; loss: `parametric_contrast` of all of them with the class scores of
    their view (log prior added), each other and a queue of the last K second views. g is three linear layers with ReLU
    between them; it is thrown away afterwards.

    All that it remembers is in the state dict. With several processes the queue takes the second views of all; a query
    meets those of its own process's batch besides, as in the released code.

    Args:
        model: f with its classifier, which is trained.
        class_counts: n_c of train, shape (C,).
        queue: K, at least the images of a step over all processes.
        dimension: of q.
        temperature: T.
        sample_weight: alpha, of each sample of the own class where its centre weighs 1.

    Raises:
        InputError: a setting out of its range.

    Reference:
        Cui, Zhong, Tian, Liu, Yu, Jia, "Generalized Parametric Contrastive Learning", 2022, arXiv 2209.12400.

    Example:
        >>> from longtail.backbones import create_backbone
        >>> model = create_backbone("digits_cnn", num_classes=3, in_chans=1)
        >>> task = GPaCo(model, [50, 9, 1], queue=16, dimension=8)
        >>> loss, watched = task(torch.rand(4, 1, 8, 8), torch.rand(4, 1, 8, 8), torch.tensor([0, 0, 1, 2]))
        >>> loss.shape, list(watched), int(task.queue.position)
        (torch.Size([]), ['accuracy'], 4)
    """

    def __init__(
        self,
        model: Any,
        class_counts: Tensor | ArrayLike,
        *,
        queue: int = 8192,
        dimension: int = 128,
        temperature: float = 0.2,
        sample_weight: float = 0.05,
    ) -> None:
        remembered: dict[str, Any] = {"queue": queue, "dimension": dimension}
        super().__init__(class_counts, temperature=temperature, sample_weight=sample_weight, **remembered)
        width = classifier_of(model).in_features
        self.model = model
        self.projection = projection_head(width, width, width, dimension, batch_norm=False)

    def forward(self, first: Tensor, second: Tensor, labels: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the loss of two views (B, channels, H, W) with labels (B,), and the top-1 accuracy in percent."""
        # one after the other: each view has the batch-norm statistics of its own batch
        features = [features_of(self.model, view) for view in (first, second)]
        logits = classifier_of(self.model)(torch.cat(features)).float()
        queries = unit(self.projection(torch.cat(features)))
        loss = self.compared(logits, [queries], labels)
        self.queue.put(gathered(queries[len(labels) :]), gathered(labels))
        return loss, {"accuracy": (logits[: len(labels)].argmax(dim=1) == labels).float().mean() * 100}
