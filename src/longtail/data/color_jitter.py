"""Random brightness, contrast, saturation and hue, batched where the images lie."""

from collections.abc import Callable

import torch
from torch import Tensor

__all__ = ["color_jitter", "greyscale", "random_color_jitter", "random_greyscale"]

GREY = (0.2989, 0.587, 0.114)  # of red, green and blue, as torchvision weighs them


def greyscale(images: Tensor) -> Tensor:
    """Return the brightness of images, shape (B, channels, H, W) in, (B, 1, H, W) out."""
    if images.shape[1] == 1:
        return images
    red, green, blue = images.unbind(1)
    return (GREY[0] * red + GREY[1] * green + GREY[2] * blue).unsqueeze(1)


def _brightness(images: Tensor, factor: Tensor) -> Tensor:
    return (images * factor).clamp_(0, 1)


def _contrast(images: Tensor, factor: Tensor) -> Tensor:
    return torch.lerp(greyscale(images).mean(dim=(1, 2, 3), keepdim=True), images, factor).clamp_(0, 1)


def _saturation(images: Tensor, factor: Tensor) -> Tensor:
    if images.shape[1] == 1:
        return images
    return torch.lerp(greyscale(images), images, factor).clamp_(0, 1)


def _hue(images: Tensor, shift: Tensor) -> Tensor:
    """Turn the hue by `shift` of a full circle: to hue, saturation and value, and back."""
    if images.shape[1] == 1:
        return images
    red, green, blue = images.unbind(1)
    value, smallest = images.amax(dim=1), images.amin(dim=1)
    spread = value - smallest
    divisor = torch.where(spread > 0, spread, 1.0)
    # in sixths of the circle; a grey pixel has any hue
    hue = torch.where(
        value == red,
        (green - blue) / divisor,
        torch.where(value == green, (blue - red) / divisor + 2, (red - green) / divisor + 4),
    )
    hue = hue + 6 * shift[:, :, :, 0]
    # channel n of the result is value - spread max(0, min(k, 4 - k, 1)), k = (n + hue) mod 6
    k = (hue.unsqueeze(1) + torch.tensor([5.0, 3.0, 1.0], device=images.device).view(1, 3, 1, 1)).remainder_(6)
    share = torch.minimum(k, 4 - k).clamp_(0, 1)
    return torch.addcmul(value.unsqueeze(1), share, spread.unsqueeze(1), value=-1).clamp_(0, 1)


_CHANGES: tuple[Callable[[Tensor, Tensor], Tensor], ...] = (_brightness, _contrast, _saturation, _hue)


def color_jitter(images: Tensor, factors: Tensor, orders: Tensor) -> Tensor:
    """Change brightness, contrast, saturation and hue of each image by its own factors, in its own order.

    Args:
        images: floating point on the scale 0 to 1, shape (B, channels, H, W); of one channel, saturation and hue stay.
        factors: of brightness, contrast and saturation (1 changes nothing), and the shift of the hue as a share of the
            circle (0 changes nothing), shape (B, 4).
        orders: a permutation of 0 .. 3 for each image, on the CPU, shape (B, 4).

    Returns:
        Images of the same shape.

    Example:
        >>> images = torch.full((1, 3, 2, 2), 0.5)
        >>> order = torch.tensor([[0, 1, 2, 3]])
        >>> color_jitter(images, torch.tensor([[0.5, 1.0, 1.0, 0.0]]), order).unique().tolist()
        [0.25]
    """
    images = images.clone()
    factors = factors.to(images.device)[:, :, None, None, None]
    for place in range(len(_CHANGES)):
        # each change takes the images that it is next for, so that the work is that of four changes of the whole batch
        for number, change in enumerate(_CHANGES):
            chosen = torch.nonzero(orders[:, place] == number).squeeze(1).to(images.device)
            if len(chosen):
                images[chosen] = change(images[chosen], factors[chosen, number])
    return images


def random_color_jitter(
    images: Tensor,
    generator: torch.Generator,
    *,
    strengths: tuple[float, float, float, float] = (0.4, 0.4, 0.4, 0.1),
    probability: float = 0.8,
) -> Tensor:
    """Change the colours of each image with a probability, as torchvision's ColorJitter does.

    Args:
        images: floating point on the scale 0 to 1, shape (B, channels, H, W).
        generator: on the CPU, so that every device draws the same.
        strengths: factors of brightness, contrast and saturation are uniform in 1 - s to 1 + s, the shift of the hue in
            -s to s.
        probability: that an image is changed at all.

    Returns:
        Images of the same shape.
    """
    B = len(images)
    center, strength = torch.tensor([1.0, 1.0, 1.0, 0.0]), torch.tensor(strengths)
    factors = center + strength * (2 * torch.rand(B, 4, generator=generator) - 1)
    orders = torch.rand(B, 4, generator=generator).argsort(dim=1)
    changed = torch.nonzero(torch.rand(B, generator=generator) < probability).squeeze(1)
    images = images.clone()
    there = changed.to(images.device)
    images[there] = color_jitter(images[there], factors[changed], orders[changed])
    return images


def random_greyscale(images: Tensor, generator: torch.Generator, *, probability: float = 0.2) -> Tensor:
    """Take the colour out of each image with a probability; shape (B, channels, H, W) in and out."""
    if images.shape[1] == 1:
        return images
    chosen = (torch.rand(len(images), generator=generator) < probability).to(images.device)
    return torch.where(chosen[:, None, None, None], greyscale(images), images)
