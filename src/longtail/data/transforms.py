"""From decoded images to a backbone's input: augmentation and normalisation."""

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import torch
from torch import Tensor

from longtail.data.color_jitter import random_color_jitter, random_greyscale
from longtail.data.growing_crop import FIRST_SHARE, GrowingCrop, least_share
from longtail.data.policies.batched import apply_operations
from longtail.data.policies.draws import draw_operations
from longtail.data.policies.erasing import hide_parts
from longtail.data.policies.policy import Policy
from longtail.data.policies.single import SingleImagePolicy
from longtail.data.resized_crop import crop_boxes, random_resized_crop, resize_boxes

if TYPE_CHECKING:
    from torchvision.transforms import v2

__all__ = [
    "Augmentation",
    "Decoding",
    "Preprocessing",
    "enough_pixels",
    "image_transform",
    "normalize",
    "random_crop",
    "random_flip",
]

Augmentation = Literal["none", "shift", "crop-flip", "growing-crop", "resized-crop", "resized-crop-jitter", "moco"]
Decoding = Literal["whole", "scaled"]

# areas that a random part has at least, as shares of the image; it is up to 4/3 as wide as high, or as high as wide
_SMALLEST_PART, _SMALLEST_VIEW = 0.08, 0.2
_SMALLEST_PARTS = {
    "growing-crop": FIRST_SHARE,
    "resized-crop": _SMALLEST_PART,
    "resized-crop-jitter": _SMALLEST_PART,
    "moco": _SMALLEST_VIEW,
}
_TIMES = 2  # a JPEG that is decoded smaller keeps so many pixels for each that it is resized to, in either direction


@dataclass(frozen=True)
class Preprocessing:
    """Everything that turns a decoded image into a network's input; it stands in the checkpoint.

    Attributes:
        size: height and width that the network sees, in pixels.
        resize: shorter side after resizing, before the centre is cropped to `size`, in pixels.
        channels: 1 or 3.
        mean: of each channel, on the scale 0 to 1.
        std: of each channel, on the scale 0 to 1.
        augmentation: what training adds: `shift` moves the image by up to an eighth of its size, `crop-flip` also
            mirrors it (the CIFAR literature), `resized-crop` takes a random part (8 to 100 %) and mirrors it
            (ImageNet), `resized-crop-jitter` also changes brightness, contrast and saturation (ImageNet-LT, Places-LT),
            `growing-crop` takes a random square, at first of 8 to 100 %, in the end the whole (LIFT+), `moco` is that
            of MoCo v2, as `moco_views` says.
        resident: whole data set on the device as uint8 images of `size`, augmented there in a batch; else each image is
            loaded and augmented by a worker when it is needed.
        decode: JPEGs "whole", or "scaled": at 1/2, 1/4 or 1/8 where that leaves twice the pixels, in either direction,
            that they are resized to.
        squeeze: the whole image is resized to `size` x `size`, whatever its shape, and nothing is cropped, where it is
            not augmented.
        policy: what training does besides, after `augmentation`: random operations, hidden parts.
    """

    size: int
    resize: int
    channels: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
    augmentation: Augmentation
    resident: bool
    decode: Decoding = "whole"
    squeeze: bool = False
    policy: Policy = field(default_factory=Policy)


def enough_pixels(preprocessing: Preprocessing, *, train: bool) -> int | None:
    """Return how many pixels a decoded image's shorter side needs; None where it is to be decoded whole.

    Twice as many as it is resized to, so that the resizing still averages; where random parts are taken, also as many
    as leave the smallest of them no smaller than what it becomes.

    Args:
        preprocessing: sizes and augmentation.
        train: augment.

    Example:
        >>> preprocessing = Preprocessing(224, 256, 3, (0.5,) * 3, (0.2,) * 3, "resized-crop", False, "scaled")
        >>> enough_pixels(preprocessing, train=False), enough_pixels(preprocessing, train=True)
        (512, 915)
    """
    if preprocessing.decode == "whole":
        return None
    enough = _TIMES * max(preprocessing.resize, preprocessing.size)
    share = _SMALLEST_PARTS.get(preprocessing.augmentation)
    if not train or share is None:
        return enough
    return max(enough, math.ceil(preprocessing.size / math.sqrt(0.75 * share)))


def normalize(images: Tensor, preprocessing: Preprocessing, *, channels_last: bool = True) -> Tensor:
    """Scale uint8 images to zero mean and unit variance.

    x = (image / 255 - mean) / std

    Args:
        images: uint8, or floating point on the same scale (which may be changed in place), shape (B, channels, H, W).
        preprocessing: holds mean and std.
        channels_last: lay the result out with the channels innermost, which convolutions prefer.

    Returns:
        float32, shape (B, channels, H, W).
    """
    mean = torch.tensor(preprocessing.mean, device=images.device).view(1, -1, 1, 1)
    std = torch.tensor(preprocessing.std, device=images.device).view(1, -1, 1, 1)
    layout = torch.channels_last if channels_last else torch.contiguous_format
    # one multiplication and one addition, in place: (x - 255 m) / (255 s)
    scaled = images.to(memory_format=layout, dtype=torch.float32)
    return scaled.mul_(1 / (255 * std)).add_(-mean / std)


def random_crop(images: Tensor, padding: int, generator: torch.Generator) -> Tensor:
    """Shift each image by up to `padding` pixels in both directions; what comes in from outside is black.

    Args:
        images: shape (B, channels, H, W).
        padding: largest shift, in pixels.
        generator: on the CPU, so that every device draws the same shifts.

    Returns:
        Images of the same shape.

    Example:
        >>> images = torch.arange(16, dtype=torch.uint8).view(1, 1, 4, 4)
        >>> random_crop(images, 1, torch.Generator().manual_seed(0)).shape
        torch.Size([1, 1, 4, 4])
    """
    B, _, H, W = images.shape
    offsets = torch.randint(0, 2 * padding + 1, (2, B), generator=generator).to(images.device)
    padded = torch.nn.functional.pad(images, (padding,) * 4)
    # every window is a view; only the chosen ones are copied
    windows = padded.unfold(2, H, 1).unfold(3, W, 1)
    return windows[torch.arange(B, device=images.device), :, offsets[0], offsets[1]]


def random_flip(images: Tensor, generator: torch.Generator) -> Tensor:
    """Mirror each image left to right with probability 1/2; shape (B, channels, H, W) in and out."""
    flip = torch.rand(len(images), generator=generator).to(images.device) < 0.5
    return torch.where(flip[:, None, None, None], images.flip(3), images)


def moco_views(images: Tensor, generator: torch.Generator) -> Tensor:
    """Augment small images as MoCo v2 does, each by its own draws.

    A random part (20 to 100 % of the area) at full size, mirrored with probability 1/2; with probability 0.8
    brightness, contrast, saturation and hue changed by up to 0.4, 0.4, 0.4 and 0.1; with probability 0.2 no colour.
    Small images are not blurred. Those of one channel are not mirrored (a mirrored digit is no digit).

    Args:
        images: uint8, shape (B, channels, size, size).
        generator: on the CPU, so that every device draws the same.

    Returns:
        float32 on the scale 0 to 255, shape (B, channels, size, size).

    Reference:
        Chen, Fan, Girshick, He, "Improved Baselines with Momentum Contrastive Learning", 2020, arXiv 2003.04297, and
        its released code.
    """
    parts = random_resized_crop(images, generator, mirror=images.shape[1] > 1) / 255
    return random_greyscale(random_color_jitter(parts, generator), generator) * 255


def augment_batch(
    images: Tensor, preprocessing: Preprocessing, generator: torch.Generator, progress: float = 0.0
) -> Tensor:
    """Augment a batch of resident images where it lies; the scale stays 0 to 255.

    Args:
        images: uint8, shape (B, channels, size, size).
        preprocessing: says how.
        generator: on the CPU, so that every device draws the same.
        progress: of the training, 0 to 1, for what changes with it.
    """
    images, policy = _cut(images, preprocessing, generator, progress), preprocessing.policy
    if policy.name != "none":
        images = images if images.dtype == torch.uint8 else images.round().clamp(0, 255).to(torch.uint8)
        drawn = draw_operations(policy, len(images), generator)
        for operations, strengths in zip(drawn.operations, drawn.strengths, strict=True):
            images = apply_operations(images, operations, strengths)
    return hide_parts(images, policy, preprocessing.mean, generator)


def _cut(images: Tensor, preprocessing: Preprocessing, generator: torch.Generator, progress: float) -> Tensor:
    """Take the random part of each image that `augmentation` says, with its colours where it changes them."""
    if preprocessing.augmentation == "none":
        return images
    if preprocessing.augmentation == "moco":
        return moco_views(images, generator)
    if preprocessing.augmentation == "growing-crop":
        scale, square = (least_share(progress), 1.0), (1.0, 1.0)
        return resize_boxes(images, crop_boxes(len(images), images.shape[-1], generator, scale=scale, ratio=square))
    images = random_crop(images, max(preprocessing.size // 8, 1), generator)
    return images if preprocessing.augmentation == "shift" else random_flip(images, generator)


def image_transform(preprocessing: Preprocessing, *, train: bool, progress: float = 0.0) -> "v2.Compose":
    """Return the torchvision transform of one image: uint8 (channels, H, W) of any size in, `size` x `size` out.

    Args:
        preprocessing: sizes and augmentation.
        train: augment; else resize and take the centre.
        progress: of the training, 0 to 1, for what changes with it.
    """
    from torchvision.transforms import v2

    size = preprocessing.size
    augmentation = preprocessing.augmentation if train else "none"
    if augmentation == "moco":
        steps = [
            v2.RandomResizedCrop(size, scale=(_SMALLEST_VIEW, 1.0), antialias=True),
            v2.RandomApply([v2.ColorJitter(0.4, 0.4, 0.4, 0.1)], p=0.8),
            v2.RandomGrayscale(0.2),
            v2.RandomApply([v2.GaussianBlur(max(size // 10, 1) | 1, (0.1, 2.0))], p=0.5),
            v2.RandomHorizontalFlip(),
        ]
    elif augmentation == "growing-crop":
        steps = [GrowingCrop(size, least_share(progress))]
    elif augmentation.startswith("resized-crop"):
        steps = [v2.RandomResizedCrop(size, scale=(_SMALLEST_PART, 1.0), antialias=True), v2.RandomHorizontalFlip()]
        if augmentation == "resized-crop-jitter":
            steps.append(v2.ColorJitter(0.4, 0.4, 0.4))
    else:
        shape: int | list[int] = [size, size] if preprocessing.squeeze else preprocessing.resize
        steps = [v2.Resize(shape, antialias=True), v2.CenterCrop(size)]
        if augmentation != "none":
            steps.append(v2.RandomCrop(size, padding=max(size // 8, 1)))
        if augmentation == "crop-flip":
            steps.append(v2.RandomHorizontalFlip())
    if train and preprocessing.policy.changes:
        steps.append(SingleImagePolicy(preprocessing.policy, preprocessing.mean))
    return v2.Compose(steps)
