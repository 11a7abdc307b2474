"""SimSiam: predict one view of an image from another, without negatives, queue or momentum."""

from typing import Any

from torch import Tensor, nn
from torch.nn import functional

from longtail.backbones import classifier_of, features_of
from longtail.ranges import Range

__all__ = ["SimSiam"]


def _layer(inputs: int, outputs: int) -> list[nn.Module]:
    # batch norm has a bias of its own
    return [nn.Linear(inputs, outputs, bias=False), nn.BatchNorm1d(outputs), nn.ReLU(inplace=True)]


class SimSiam(nn.Module):
    """Learn features by making two views of one image predict each other.

    loss = -(cos(h(z_1), stop(z_2)) + cos(h(z_2), stop(z_1))) / 2, z_i = g(f(view i))

    `stop` lets no gradient pass: without it all images end in one point. g has three layers with batch norm, h a
    bottleneck of two. Whether the features have collapsed shows in `spread`, the standard deviation of z / |z| over the
    batch times the root of its dimension: about 1 for spread directions, 0 for one point.

    Args:
        model: f, a backbone that ends in a linear classifier, which takes no part.
        dimension: of z and of the layers of g.
        bottleneck: of h; at least 1.

    Raises:
        InputError: a dimension below 1.

    Reference:
        Chen, He, "Exploring Simple Siamese Representation Learning", CVPR 2021, arXiv 2011.10566.

    Example:
        >>> import torch
        >>> from longtail.backbones import create_backbone
        >>> task = SimSiam(create_backbone("digits_cnn", num_classes=10, in_chans=1), dimension=32, bottleneck=8)
        >>> loss, watched = task(torch.rand(8, 1, 8, 8), torch.rand(8, 1, 8, 8))
        >>> -1 <= loss.item() <= 1, list(watched)
        (True, ['spread'])
    """

    def __init__(self, model: Any, *, dimension: int = 2048, bottleneck: int = 512) -> None:
        super().__init__()
        Range(1).check(dimension, "dimension", whole=True)
        Range(1).check(bottleneck, "bottleneck", whole=True)
        classifier = classifier_of(model).requires_grad_(False)
        self.model = model
        self.projection = nn.Sequential(
            *_layer(classifier.in_features, dimension),
            *_layer(dimension, dimension),
            nn.Linear(dimension, dimension, bias=False),
            nn.BatchNorm1d(dimension, affine=False),
        )
        self.prediction = nn.Sequential(*_layer(dimension, bottleneck), nn.Linear(bottleneck, dimension))

    def forward(self, first: Tensor, second: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the loss of two views (B, channels, H, W) and the spread of their projections."""
        # one after the other: each view has the batch-norm statistics of its own batch
        z1 = self.projection(features_of(self.model, first))
        z2 = self.projection(features_of(self.model, second))
        loss = -(_cosine(self.prediction(z1), z2.detach()) + _cosine(self.prediction(z2), z1.detach())) / 2
        directions = functional.normalize(z1.detach().float(), dim=1)
        spread = directions.std(dim=0, correction=0).mean() * directions.shape[1] ** 0.5
        return loss, {"spread": spread}


def _cosine(predicted: Tensor, wanted: Tensor) -> Tensor:
    return functional.cosine_similarity(predicted.float(), wanted.float(), dim=1).mean()
