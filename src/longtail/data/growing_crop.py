"""Square parts of images that grow from epoch to epoch: the augmentation of LIFT+."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from longtail.ranges import Range

__all__ = ["FIRST_SHARE", "GrowingCrop", "least_share"]

FIRST_SHARE = 0.08  # of the area, that a part has at least when training begins


def least_share(progress: float) -> float:
    """Return the smallest share of the area that a part has.

    a(t) = 0.08 + 0.92 (1 - sqrt(1 - t^2))

    Small parts for most of the training, whole images towards its end.

    Args:
        progress: t, the epochs that are done over all there will be, 0 to 1.

    Raises:
        InputError: `progress` is out of its range.

    Reference:
        Shi, Wei, Li, "LIFT+: Lightweight Fine-Tuning for Long-Tail Learning", 2025, arXiv 2504.13282 ("minimalist data
        augmentation", its convex schedule).

    Example:
        >>> [round(least_share(progress), 3) for progress in (0.0, 0.4, 0.8, 1.0)]
        [0.08, 0.157, 0.448, 1.0]
    """
    Range(0, most=1).check(progress, "progress")
    return FIRST_SHARE + (1 - FIRST_SHARE) * (1 - math.sqrt(1 - progress**2))


@dataclass(frozen=True)
class GrowingCrop:
    """Take a random square of one image and resize it: no other shape, nothing mirrored, no colours.

    Its area is uniform between the smallest share and the whole of the largest square that the image holds, its place
    uniform over the image; drawn from torch's own generator.

    Attributes:
        size: height and width that come out, in pixels.
        least: smallest share of the area, 0 to 1.
    """

    size: int
    least: float

    def __call__(self, image: Tensor) -> Tensor:
        """Return the part of a uint8 image of shape (channels, H, W) as (channels, size, size)."""
        from torchvision.transforms.v2 import functional

        height, width = image.shape[-2:]
        share, down, across = torch.rand(3, dtype=torch.float64).tolist()
        side = max(round(min(height, width) * math.sqrt(self.least + (1 - self.least) * share)), 1)
        top, left = int(down * (height - side + 1)), int(across * (width - side + 1))
        result: Tensor = functional.resized_crop(image, top, left, side, side, [self.size, self.size], antialias=True)
        return result
