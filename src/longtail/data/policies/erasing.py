"""Hidden parts of images: random erasing and cutout, batched where the images lie."""

from collections.abc import Sequence

import torch
from torch import Tensor

from longtail.data.policies.policy import Policy
from longtail.data.resized_crop import crop_boxes

__all__ = ["cutout_boxes", "erase_boxes", "erasing_boxes", "hide_parts"]

SHARE, RATIO = (0.02, 0.33), (0.3, 3.3)


def erasing_boxes(count: int, size: int, probability: float, generator: torch.Generator | None) -> Tensor:
    """Draw the part to hide of each of `count` square images: 2 to 33 % of the area, up to 3.3 times as wide as high.

    Args:
        count: B.
        size: height and width of the images, in pixels.
        probability: that anything is hidden; else the box is empty.
        generator: on the CPU; None: torch's own.

    Returns:
        top, left, height, width of each box, int64, shape (B, 4).

    Example:
        >>> bool((erasing_boxes(5, 32, 0.0, None)[:, 2:] == 0).all())
        True
    """
    boxes = crop_boxes(count, size, generator, scale=SHARE, ratio=RATIO)
    hidden = torch.rand(count, generator=generator) < probability
    boxes[:, 2:] *= hidden[:, None]
    return boxes


def cutout_boxes(count: int, size: int, side: int, generator: torch.Generator | None) -> Tensor:
    """Draw a square for each of `count` square images, with its centre anywhere; beyond the border it is cut off.

    Args:
        count: B.
        size: height and width of the images, in pixels.
        side: of the square, in pixels.
        generator: on the CPU; None: torch's own.

    Returns:
        top, left, height, width of each box, int64, shape (B, 4).

    Example:
        >>> boxes = cutout_boxes(100, 32, 16, torch.Generator().manual_seed(0))
        >>> int(boxes[:, 2:].min()) >= 8, int(boxes[:, 2:].max())
        (True, 16)
    """
    centers = torch.randint(size, (count, 2), generator=generator)
    starts = (centers - side // 2).clamp(min=0)
    ends = (centers - side // 2 + side).clamp(max=size)
    return torch.cat([starts, ends - starts], dim=1)


def erase_boxes(images: Tensor, boxes: Tensor, color: Tensor) -> Tensor:
    """Paint a box of each image in one colour.

    Args:
        images: shape (B, channels, H, W).
        boxes: top, left, height, width, shape (B, 4).
        color: of each channel, shape (channels,).

    Returns:
        Images of the same shape and type.

    Example:
        >>> images = torch.zeros(1, 1, 3, 3)
        >>> erase_boxes(images, torch.tensor([[0, 1, 2, 2]]), torch.tensor([5.0]))[0, 0].tolist()
        [[0.0, 5.0, 5.0], [0.0, 5.0, 5.0], [0.0, 0.0, 0.0]]
    """
    H, W = images.shape[2:]
    top, left, height, width = boxes.to(images.device).T[:, :, None]
    down, across = torch.arange(H, device=images.device), torch.arange(W, device=images.device)
    rows, columns = (down >= top) & (down < top + height), (across >= left) & (across < left + width)
    inside = (rows[:, :, None] & columns[:, None, :])[:, None]
    return torch.where(inside, color.to(images)[:, None, None], images)


def hide_parts(images: Tensor, policy: Policy, mean: Sequence[float], generator: torch.Generator | None) -> Tensor:
    """Hide what a policy hides behind the mean colour.

    Args:
        images: square, on the scale 0 to 255, shape (B, channels, size, size).
        policy: random erasing, cutout, both or neither.
        mean: of each channel, on the scale 0 to 1.
        generator: on the CPU; None: torch's own.
    """
    count, size = len(images), images.shape[-1]
    color = (255 * torch.tensor(mean)).round()
    if policy.erasing > 0:
        images = erase_boxes(images, erasing_boxes(count, size, policy.erasing, generator), color)
    if policy.cutout > 0:
        images = erase_boxes(images, cutout_boxes(count, size, policy.cutout, generator), color)
    return images
