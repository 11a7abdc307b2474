"""Forward passes over a batch: on a processor few images at a time, so that what layers say stays in its caches."""

from collections.abc import Callable

import torch
from torch import Tensor

__all__ = ["images_a_pass", "in_passes", "padded_to"]

_PIXELS = 2**19  # of a pass; benchmarks/speed/passes.py shows how time an image rises on both sides
_FEWEST, _MOST = 4, 64


def images_a_pass(height: int, width: int) -> int:
    """Return how many images a processor computes at a time.

    2^19 / (height width), but 4 to 64

    Args:
        height: of an image, in pixels.
        width: of an image, in pixels.

    Example:
        >>> images_a_pass(224, 224), images_a_pass(32, 32), images_a_pass(1024, 768)
        (10, 64, 4)
    """
    return min(max(_PIXELS // max(height * width, 1), _FEWEST), _MOST)


def in_passes(compute: Callable[[Tensor], Tensor], images: Tensor) -> Tensor:
    """Compute something of each image of a batch; no image may have a say in what comes of another.

    A network's activations of 256 images of 224 pixels are gigabytes, that every layer writes to memory and the next
    one reads from there. A GPU hides that, and takes the batch as it is.

    Args:
        compute: maps images (B, channels, H, W) to B rows.
        images: shape (N, channels, H, W).

    Returns:
        N rows.

    Example:
        >>> in_passes(lambda images: images.mean(dim=(1, 2, 3)), torch.ones(9, 3, 512, 512)).shape
        torch.Size([9])
    """
    number = images_a_pass(*images.shape[-2:])
    if images.device.type != "cpu" or len(images) <= number:
        return compute(images)
    return torch.cat([compute(part) for part in torch.split(images, number)])


def padded_to(number: int, compute: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
    """Return a function for batches of any size, by one that takes so many images and no others.

    What is missing is made up of the last image, and what comes of that is left out. The images are copies whose
    channels lie innermost in memory: a program that is compiled for such ones is compiled again for any other.

    Args:
        number: of images that `compute` takes, at least 1.
        compute: maps images (number, channels, H, W) to as many rows.

    Returns:
        Maps images (B, channels, H, W) to B rows.

    Example:
        >>> padded_to(4, lambda images: images.flatten(1).sum(1))(torch.ones(6, 1, 2, 2))
        tensor([4., 4., 4., 4., 4., 4.])
    """

    def whole(images: Tensor) -> Tensor:
        missing = number - len(images)
        padded = torch.cat([images, images[-1:].expand(missing, *images.shape[1:])]) if missing else images
        return compute(padded.clone(memory_format=torch.channels_last))[: len(images)]

    return lambda images: torch.cat([whole(part) for part in torch.split(images, number)])
