"""Operations of policies on a batch, each image by its own operation and strength, where the images lie."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

from longtail.data.color_jitter import greyscale
from longtail.data.policies.operations import (
    AFFINE,
    Operation,
    enhancement,
    inverse_matrices,
    kept_bits,
    solarize_threshold,
)

__all__ = ["apply_operations"]


def apply_operations(images: Tensor, operations: Tensor, strengths: Tensor) -> Tensor:
    """Do to each image its own operation, as torchvision's functions do it to one image.

    Each operation is one batched computation for all the images that drew it; shears, shifts and rotations share one.

    Args:
        images: uint8, shape (B, channels, H, W).
        operations: numbers of `Operation`, on the CPU, shape (B,).
        strengths: -1 to 1, on the CPU, shape (B,).

    Returns:
        uint8, shape (B, channels, H, W).

    Example:
        >>> images = torch.full((2, 1, 4, 4), 7, dtype=torch.uint8)
        >>> operations = torch.tensor([Operation.INVERT, Operation.IDENTITY])
        >>> apply_operations(images, operations, torch.zeros(2))[:, 0, 0, 0].tolist()
        [248, 7]
    """
    images, affine = images.clone(), torch.isin(operations, torch.tensor(AFFINE))
    if affine.any():
        rows = torch.nonzero(affine).squeeze(1)
        there = rows.to(images.device)
        images[there] = _moved(images[there], operations[rows], strengths[rows])
    for operation, change in _CHANGES.items():
        rows = torch.nonzero(operations == operation).squeeze(1)
        if len(rows):
            there = rows.to(images.device)
            images[there] = change(images[there], strengths[rows].to(images.device).view(-1, 1, 1, 1))
    return images


def _moved(images: Tensor, operations: Tensor, strengths: Tensor) -> Tensor:
    """Shear, shift or turn each image; what comes in from outside is black."""
    B, _, H, W = images.shape
    matrices = inverse_matrices(operations, strengths, H, W).to(images.device, torch.float32)
    across = torch.linspace((1.0 - W) * 0.5, (W - 1.0) * 0.5, W, device=images.device)
    down = torch.linspace((1.0 - H) * 0.5, (H - 1.0) * 0.5, H, device=images.device)
    places = torch.stack([across.expand(H, W), down[:, None].expand(H, W), torch.ones_like(across).expand(H, W)], dim=2)
    # grid_sample counts from -1 to 1
    scaled = matrices.transpose(1, 2) / torch.tensor([0.5 * W, 0.5 * H], device=images.device)
    grid = places.reshape(1, H * W, 3).expand(B, -1, -1).bmm(scaled).view(B, H, W, 2)
    moved = functional.grid_sample(images.float(), grid, mode="nearest", padding_mode="zeros", align_corners=False)
    return moved.round_().to(torch.uint8)


def _blended(images: Tensor, other: Tensor, factor: Tensor) -> Tensor:
    return (images * factor + other * (1 - factor)).clamp_(0, 255).to(torch.uint8)


def _brightness(images: Tensor, strengths: Tensor) -> Tensor:
    return (images * enhancement(strengths)).clamp_(0, 255).to(torch.uint8)


def _color(images: Tensor, strengths: Tensor) -> Tensor:
    if images.shape[1] == 1:
        return images
    return _blended(images, greyscale(images).floor_(), enhancement(strengths))


def _contrast(images: Tensor, strengths: Tensor) -> Tensor:
    mean = greyscale(images).float().floor_().mean(dim=(1, 2, 3), keepdim=True)
    return _blended(images, mean, enhancement(strengths))


def _sharpness(images: Tensor, strengths: Tensor) -> Tensor:
    channels, height, width = images.shape[1:]
    if height <= 2 or width <= 2:
        return images
    result = images.float()
    kernel = torch.full((channels, 1, 3, 3), 1 / 13, device=images.device)
    kernel[:, :, 1, 1] = 5 / 13
    blurred = functional.conv2d(result, kernel, groups=channels).round_()
    inner = result[:, :, 1:-1, 1:-1]  # the border stays as it is
    inner += (blurred - inner) * (1 - enhancement(strengths))
    return result.clamp_(0, 255).to(torch.uint8)


def _posterize(images: Tensor, strengths: Tensor) -> Tensor:
    dropped = 8 - kept_bits(strengths)
    return images & (255 >> dropped << dropped).to(torch.uint8)


def _solarize(images: Tensor, strengths: Tensor) -> Tensor:
    return torch.where(images >= solarize_threshold(strengths), 255 - images, images)


def _auto_contrast(images: Tensor, _strengths: Tensor) -> Tensor:
    least, most = (bound.float() for bound in torch.aminmax(images.flatten(2), dim=2, keepdim=True))
    flat = most == least
    scale = torch.where(flat, 1.0, (most - least) * (1 / 255))
    spread = (images.flatten(2) - torch.where(flat, 0.0, least)) / scale
    return spread.clamp_(0, 255).to(torch.uint8).view_as(images)


def _equalize(images: Tensor, _strengths: Tensor) -> Tensor:
    """Make the values of each channel equally common, by Pillow's table: (how many lie below + step / 2) // step."""
    values = images.flatten(2).long()
    counts = torch.zeros(*values.shape[:2], 256, dtype=torch.int64, device=images.device)
    counts.scatter_add_(2, values, torch.ones_like(values))
    up_to = counts.cumsum(2)
    # the images' highest value, of which the step takes no account
    step = (values.shape[2] - counts.gather(2, up_to.argmax(2, keepdim=True))) // 255
    table = ((up_to - counts + step // 2) // step.clamp(min=1)).clamp_(0, 255)
    return torch.where(step > 0, table.gather(2, values), values).to(torch.uint8).view_as(images)


def _invert(images: Tensor, _strengths: Tensor) -> Tensor:
    return 255 - images


_CHANGES: dict[Operation, Callable[[Tensor, Tensor], Tensor]] = {
    Operation.BRIGHTNESS: _brightness,
    Operation.COLOR: _color,
    Operation.CONTRAST: _contrast,
    Operation.SHARPNESS: _sharpness,
    Operation.POSTERIZE: _posterize,
    Operation.SOLARIZE: _solarize,
    Operation.AUTO_CONTRAST: _auto_contrast,
    Operation.EQUALIZE: _equalize,
    Operation.INVERT: _invert,
}
