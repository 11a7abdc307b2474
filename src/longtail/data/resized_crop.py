"""Random parts of images, brought back to full size, batched where the images lie."""

import math

import torch
from torch import Tensor

__all__ = ["crop_boxes", "random_resized_crop", "resize_box", "resize_boxes"]

TRIES = 10


def crop_boxes(
    count: int,
    size: int,
    generator: torch.Generator | None,
    *,
    scale: tuple[float, float] = (0.2, 1.0),
    ratio: tuple[float, float] = (3 / 4, 4 / 3),
) -> Tensor:
    """Draw a part of a square image for each of `count` images, as torchvision's RandomResizedCrop does.

    The area is uniform in `scale`, the logarithm of width / height in that of `ratio`; of ten draws the first that fits
    counts, and where none does it is the whole image.

    Args:
        count: B.
        size: height and width of the images, in pixels.
        generator: on the CPU, so that every device draws the same; None: torch's own.
        scale: bounds of the share of the area.
        ratio: bounds of width / height.

    Returns:
        top, left, height, width of each box, int64, shape (B, 4).

    Example:
        >>> boxes = crop_boxes(100, 32, torch.Generator().manual_seed(0))
        >>> bool((boxes[:, :2] + boxes[:, 2:] <= 32).all())
        True
    """
    low, high = (math.log(bound) for bound in ratio)
    draws = torch.rand(4, count, TRIES, generator=generator, dtype=torch.float64)
    area = size * size * (scale[0] + (scale[1] - scale[0]) * draws[0])
    aspect = torch.exp(low + (high - low) * draws[1])
    height, width = ((area / aspect).sqrt().round().long(), (area * aspect).sqrt().round().long())
    fits = (height >= 1) & (height <= size) & (width >= 1) & (width <= size)
    # the whole image stands behind the ten draws, so that argmax finds the first that fits
    first = torch.cat([fits, torch.ones(count, 1, dtype=torch.bool)], dim=1).int().argmax(dim=1, keepdim=True)
    whole = torch.full((count, 1), size)
    height = torch.cat([height, whole], dim=1).gather(1, first).squeeze(1)
    width = torch.cat([width, whole], dim=1).gather(1, first).squeeze(1)
    top = (draws[2, :, 0] * (size - height + 1)).long()
    left = (draws[3, :, 0] * (size - width + 1)).long()
    return torch.stack([top, left, height, width], dim=1)


def resize_boxes(images: Tensor, boxes: Tensor, mirrored: Tensor | None = None) -> Tensor:
    """Cut a box out of each image and resize it to the size of the image, bilinearly.

    out = R image C^T, with one small interpolation matrix for the rows and one for the columns of each image: exactly
    what cutting out and then resizing gives, as two batched matrix products.

    Args:
        images: uint8 or floating point, shape (B, channels, size, size).
        boxes: top, left, height, width, at most `size`, shape (B, 4).
        mirrored: which images to mirror left to right too, bool, shape (B,).

    Returns:
        float32, shape (B, channels, size, size), on the scale of `images`.
    """
    B, channels, size, _ = images.shape
    boxes = boxes.to(images.device)
    rows = _interpolation(boxes[:, 0], boxes[:, 2], size)
    columns = _interpolation(boxes[:, 1], boxes[:, 3], size)
    if mirrored is not None:
        columns = torch.where(mirrored.to(images.device)[:, None, None], columns.flip(1), columns)
    narrow = torch.bmm(images.float().reshape(B, channels * size, size), columns.transpose(1, 2))
    return torch.matmul(rows[:, None], narrow.view(B, channels, size, size))


def resize_box(images: Tensor, box: tuple[int, int, int, int], *, mirrored: bool = False) -> Tensor:
    """Cut the same box out of all images and resize it to their size: two matrix products, which programs can hold.

    Args:
        images: floating point, shape (B, channels, size, size).
        box: top, left, height, width.
        mirrored: whether to mirror left to right too.

    Example:
        >>> images = torch.arange(4.0).reshape(1, 1, 2, 2)
        >>> resize_box(images, (0, 0, 2, 2), mirrored=True).flatten().tolist()
        [1.0, 0.0, 3.0, 2.0]
    """
    edges = torch.tensor(box, device=images.device)[:, None]
    rows, columns = (
        _interpolation(edges[axis], edges[axis + 2], images.shape[-1])[0].to(images.dtype) for axis in (0, 1)
    )
    columns = columns.flip(0) if mirrored else columns
    return rows @ images @ columns.T


def _interpolation(start: Tensor, length: Tensor, size: int) -> Tensor:
    """Return for each box the matrix (size, size) that reads `size` values out of `length` of them from `start` on."""
    places = torch.arange(size, device=start.device, dtype=torch.float32)
    wanted = (places + 0.5) * (length[:, None] / size) - 0.5
    # beyond the box's edge its outermost pixel goes on; the image around it is not seen
    wanted = start[:, None] + wanted.clamp(min=0).minimum(length[:, None] - 1.0)
    return (1 - (wanted[:, :, None] - places).abs()).clamp(min=0)


def random_resized_crop(
    images: Tensor, generator: torch.Generator, *, scale: tuple[float, float] = (0.2, 1.0), mirror: bool = True
) -> Tensor:
    """Take a random part of each image at full size, mirrored with probability 1/2 unless `mirror` is False.

    Args:
        images: shape (B, channels, size, size).
        generator: on the CPU.
        scale: bounds of the part's share of the area.
        mirror: whether left and right may be exchanged.

    Returns:
        float32, shape (B, channels, size, size), on the scale of `images`.

    Example:
        >>> images = torch.full((2, 1, 8, 8), 7, dtype=torch.uint8)
        >>> random_resized_crop(images, torch.Generator().manual_seed(0)).unique().tolist()
        [7.0]
    """
    boxes = crop_boxes(len(images), images.shape[-1], generator, scale=scale)
    mirrored = torch.rand(len(images), generator=generator) < 0.5 if mirror else None
    return resize_boxes(images, boxes, mirrored)
