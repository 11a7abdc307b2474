"""Small images: all of them in memory as uint8, at the size that the network sees."""

from concurrent.futures import ThreadPoolExecutor

import torch
from torch import Tensor

from longtail.data.source import ImageSource
from longtail.data.transforms import Preprocessing, enough_pixels, image_transform

__all__ = ["channel_statistics", "load_resident"]


def load_resident(source: ImageSource, preprocessing: Preprocessing, *, threads: int = 2) -> Tensor:
    """Load, resize and crop every image of a source.

    Args:
        source: images on demand.
        preprocessing: sizes; images of that size already are taken as they are.
        threads: that decode at once.

    Returns:
        uint8, shape (N, channels, size, size).

    Raises:
        InputError: an image cannot be read.
    """
    size = preprocessing.size
    images = torch.empty((len(source), preprocessing.channels, size, size), dtype=torch.uint8)
    transform = None
    least = enough_pixels(preprocessing, train=False)

    def place(index: int) -> None:
        nonlocal transform
        image = source.load(index, least=least)
        if image.shape[1:] != (size, size):
            transform = transform or image_transform(preprocessing, train=False)
            image = transform(image)
        images[index] = image

    if len(source):
        place(0)  # the first one imports torchvision, which is not for several threads at once
    with ThreadPoolExecutor(threads) as pool:
        for _ in pool.map(place, range(1, len(source))):
            pass
    return images


def channel_statistics(images: Tensor) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return mean and standard deviation of each channel on the scale 0 to 1.

    Args:
        images: uint8, shape (N, channels, H, W).

    Example:
        >>> channel_statistics(torch.tensor([0, 255], dtype=torch.uint8).view(2, 1, 1, 1))
        ((0.5,), (0.5,))
    """
    # exact integer sums of values and squares, from how often each of the 256 values occurs
    values = torch.arange(256, dtype=torch.float64) / 255
    means, deviations = [], []
    for channel in range(images.shape[1]):
        shares = torch.bincount(images[:, channel].reshape(-1), minlength=256).double()
        shares /= shares.sum()
        mean = (shares * values).sum()
        means.append(float(mean))
        deviations.append(max(float((shares * (values - mean).square()).sum().sqrt()), 1e-6))
    return tuple(means), tuple(deviations)
