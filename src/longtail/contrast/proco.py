"""ProCo: logit adjustment on one view; on two others contrast with samples that each class could have."""

from typing import Any

import torch
from numpy.typing import ArrayLike
from torch import Tensor, nn

from longtail.backbones import classifier_of, features_of
from longtail.contrast.class_directions import ClassDirections
from longtail.contrast.projection import full_precision, projection_head, unit
from longtail.losses import LogitAdjusted, directional_logits
from longtail.pretraining.ranks import gathered
from longtail.ranges import Range

__all__ = ["ProCo"]

HIDDEN = 512  # least width of the projection's hidden layer; else that of the features


class ProCo(nn.Module):
    """Learn a network with its classifier by probabilistic contrastive learning.

    loss = CE(z_1 + log prior, y) + alpha / 2 sum over views 2 and 3 of CE(`directional_logits`(g(x_v)) + log prior, y)

    x_v = f(view v), z = the classifier's scores; the classes' directions and concentrations are those of
    `ClassDirections`, which takes in each view before it is compared, as in the released code. g, a linear layer, batch
    norm, ReLU and a linear layer, is thrown away afterwards. The published classifier compares directions
    (`NormalizedLinear` of scale 30); on CIFAR it is linear.

    All that it remembers is in the state dict. With several processes the directions are those of all their features.

    Args:
        model: f with its classifier, which is trained.
        class_counts: n_c of train, shape (C,).
        dimension: of what is compared, at least 2.
        temperature: T.
        weight: alpha, of the contrastive loss.

    Raises:
        InputError: a setting out of its range.

    Reference:
        Du, Wang, Song, Huang, "Probabilistic Contrastive Learning for Long-Tailed Visual Recognition", TPAMI 2024,
        arXiv 2403.06726.

    Example:
        >>> from longtail.backbones import create_backbone
        >>> task = ProCo(create_backbone("digits_cnn", num_classes=3, in_chans=1), [50, 9, 1], dimension=8)
        >>> views = torch.rand(3, 4, 1, 8, 8)
        >>> loss, watched = task(*views, torch.tensor([0, 0, 1, 2]))
        >>> loss.shape, list(watched)
        (torch.Size([]), ['contrast', 'accuracy'])
    """

    # every process takes in the same features: torch need not send the means around at each step
    _ddp_params_and_buffers_to_ignore = tuple(
        f"directions.{name}" for name in ("means", "sizes", "new_means", "new_sizes", "epoch")
    )

    def __init__(
        self,
        model: Any,
        class_counts: Tensor | ArrayLike,
        *,
        dimension: int = 1024,
        temperature: float = 0.07,
        weight: float = 1.0,
    ) -> None:
        super().__init__()
        Range(above=0).check(temperature, "temperature")
        Range(0).check(weight, "weight")
        classifier = classifier_of(model)
        width = classifier.in_features
        self.temperature, self.weight = temperature, weight
        self.model = model
        self.projection = projection_head(width, max(width, HIDDEN), dimension, batch_norm=True)
        self.directions = ClassDirections(classifier.out_features, dimension)
        self.adjusted = LogitAdjusted(class_counts)

    def begin_epoch(self, epoch: int) -> None:
        """Go on from the directions of the epoch before; to be called with the number of each epoch, from 0."""
        self.directions.begin_epoch(epoch)

    def forward(self, first: Tensor, second: Tensor, third: Tensor, labels: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the loss of three views (B, channels, H, W) with labels (B,); contrast, top-1 accuracy in percent."""
        # all at once, as published: batch norm sees three views of each image
        features = features_of(self.model, torch.cat([first, second, third]))
        logits = classifier_of(self.model)(features[: len(labels)]).float()
        compared = unit(self.projection(features[len(labels) :])).chunk(2)
        everyones = gathered(labels)
        with full_precision(labels.device):
            contrast = torch.stack([self._contrast(view, labels, everyones) for view in compared]).mean()
            loss = self.adjusted(logits, labels) + self.weight * contrast
        return loss, {"contrast": contrast, "accuracy": (logits.argmax(dim=1) == labels).float().mean() * 100}

    def _contrast(self, view: Tensor, labels: Tensor, everyones: Tensor) -> Tensor:
        self.directions.take_in(gathered(view), everyones)
        means, concentrations = self.directions.means, self.directions.concentrations
        logits = directional_logits(view, means, concentrations, temperature=self.temperature)
        loss: Tensor = self.adjusted(logits, labels)
        return loss
