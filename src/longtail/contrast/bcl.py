"""BCL: logit adjustment on one view, balanced supervised contrast between two others."""

from typing import Any

import torch
from numpy.typing import ArrayLike
from torch import Tensor, nn

from longtail.backbones import classifier_of, features_of
from longtail.contrast.projection import full_precision, projection_head, unit
from longtail.losses import LogitAdjusted, balanced_contrast
from longtail.ranges import Range

__all__ = ["BCL"]

HIDDEN = 512  # least width of a projection's hidden layer; else that of the features


class BCL(nn.Module):
    """Learn a network with its classifier by balanced contrastive learning.

    loss = CE(z_1 + log prior, y) + lambda `balanced_contrast`([g(x_2); g(x_3)], y, h(W), T)

    x_v = f(view v), z = the classifier's scores, W its weights (C, D); g and h, of one linear layer, batch norm, ReLU
    and a linear layer each, are thrown away afterwards. h(W) gives every class a prototype in every batch. The
    published classifier compares directions: a `NormalizedLinear` of scale 30.

    With several processes a feature is compared with those of its own process's batch, and with all prototypes.

    Args:
        model: f with its classifier, which is trained.
        class_counts: n_c of train, shape (C,).
        dimension: of what is compared.
        temperature: T.
        weight: lambda, of the contrastive loss.

    Raises:
        InputError: a setting out of its range.

    Reference:
        Zhu, Wang, Chen, Chen, Jiang, "Balanced Contrastive Learning for Long-Tailed Visual Recognition", CVPR 2022,
        arXiv 2207.09052.

    Example:
        >>> from longtail.backbones import create_backbone, normalize_classifier
        >>> model = create_backbone("digits_cnn", num_classes=3, in_chans=1)
        >>> normalize_classifier(model, scale=30.0)
        >>> task = BCL(model, [50, 9, 1], dimension=8)
        >>> views = torch.rand(3, 4, 1, 8, 8)
        >>> loss, watched = task(*views, torch.tensor([0, 0, 1, 2]))
        >>> loss.shape, list(watched)
        (torch.Size([]), ['contrast', 'accuracy'])
    """

    def __init__(
        self,
        model: Any,
        class_counts: Tensor | ArrayLike,
        *,
        dimension: int = 1024,
        temperature: float = 0.07,
        weight: float = 0.35,
    ) -> None:
        super().__init__()
        Range(1).check(dimension, "dimension", whole=True)
        Range(above=0).check(temperature, "temperature")
        Range(0).check(weight, "weight")
        width = classifier_of(model).in_features
        hidden = max(width, HIDDEN)
        self.temperature, self.weight = temperature, weight
        self.model = model
        self.projection = projection_head(width, hidden, dimension, batch_norm=True)
        self.prototypes = projection_head(width, hidden, dimension, batch_norm=True)
        self.adjusted = LogitAdjusted(class_counts)

    def forward(self, first: Tensor, second: Tensor, third: Tensor, labels: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the loss of three views (B, channels, H, W) with labels (B,); contrast, top-1 accuracy in percent."""
        # all at once, as published: batch norm sees three views of each image
        features = features_of(self.model, torch.cat([first, second, third]))
        classifier = classifier_of(self.model)
        logits = classifier(features[: len(labels)]).float()
        compared = unit(self.projection(features[len(labels) :]))
        prototypes = unit(self.prototypes(classifier.weight))
        with full_precision(compared.device):
            classes = torch.cat([labels, labels])
            contrast = balanced_contrast(compared, classes, prototypes, temperature=self.temperature)
            loss = self.adjusted(logits, labels) + self.weight * contrast
        return loss, {"contrast": contrast, "accuracy": (logits.argmax(dim=1) == labels).float().mean() * 100}
