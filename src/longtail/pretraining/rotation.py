"""Rotation prediction: by how much was an image turned?"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from longtail.backbones import classifier_of, features_of
from longtail.errors import InputError

__all__ = ["RotationPrediction", "rotate"]

QUARTERS = 4


def rotate(images: Tensor, order: Tensor) -> tuple[Tensor, Tensor]:
    """Turn each image by 0, 90, 180 or 270 degrees, each angle as often as the others.

    The first, fifth, ... image of `order` stays, the second, sixth, ... is turned by 90 degrees to the left, and so on:
    how often two angles occur differs by at most one.

    Args:
        images: square ones, shape (B, channels, H, H).
        order: a permutation of 0 .. B - 1, on the CPU.

    Returns:
        Turned images of the same shape; quarter turns of each, int64, shape (B,).

    Raises:
        InputError: the images are not square.

    Example:
        >>> images = torch.arange(4.0).view(1, 1, 2, 2).expand(4, -1, -1, -1)
        >>> turned, quarters = rotate(images, torch.arange(4))
        >>> turned[1, 0].tolist(), quarters.tolist()
        ([[1.0, 3.0], [0.0, 2.0]], [0, 1, 2, 3])
    """
    height, width = images.shape[2:]
    if height != width:
        raise InputError(f"the images have {height} x {width} pixels; expected square ones, to turn them.")
    turned, targets = torch.empty_like(images), torch.empty(len(images), dtype=torch.int64)
    for quarter in range(QUARTERS):
        # known on the CPU: nothing here waits for a GPU
        rows = order[quarter::QUARTERS]
        targets[rows] = quarter
        there = rows.to(images.device, non_blocking=True)
        turned[there] = torch.rot90(images[there], quarter, (2, 3))
    return turned, targets.to(images.device, non_blocking=True)


class RotationPrediction(nn.Module):
    """Learn features by predicting, of each image, which of four quarter turns it was given.

    loss = mean_b -log softmax(x_b W^T + b)_{r_b}, x_b = features of image b turned by r_b x 90 degrees

    Every image is turned once; a random permutation shares four evenly frequent angles out within the batch, drawn from
    torch's global generator on the CPU. Its classifier `model` keeps, untrained, for what comes later.

    Args:
        model: a backbone that ends in a linear classifier, which takes no part.

    Reference:
        Gidaris, Singh, Komodakis, "Unsupervised Representation Learning by Predicting Image Rotations", ICLR 2018,
        arXiv 1803.07728; one turn an image as in Yang, Xu, "Rethinking the Value of Labels for Improving
        Class-Imbalanced Learning", NeurIPS 2020, arXiv 2006.07529, its released code.

    Example:
        >>> from longtail.backbones import create_backbone
        >>> task = RotationPrediction(create_backbone("digits_cnn", num_classes=10, in_chans=1))
        >>> loss, watched = task(torch.zeros(8, 1, 8, 8))
        >>> loss.shape, list(watched)
        (torch.Size([]), ['accuracy'])
    """

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model
        classifier = classifier_of(model).requires_grad_(False)
        self.rotation = nn.Linear(classifier.in_features, QUARTERS)

    def forward(self, images: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the loss of images (B, channels, H, H) and how many of their angles were found, in percent."""
        turned, targets = rotate(images, torch.randperm(len(images)))
        logits = self.rotation(features_of(self.model, turned))
        accuracy = (logits.argmax(dim=1) == targets).float().mean() * 100
        return functional.cross_entropy(logits, targets), {"accuracy": accuracy}
