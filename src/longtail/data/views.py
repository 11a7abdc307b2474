"""Views of images: further ones of training images of rare classes, and those over which features are averaged."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from longtail.counts import class_counts
from longtail.data.resized_crop import resize_box, resize_boxes

__all__ = ["MOST_TEST_VIEWS", "ViewRows", "box_of_view", "number_of_views", "view_of_images"]

TARGET = 100  # rows of a class, towards which views bring it
SMALLEST = 0.7  # share of the area that a random part has at least
WIDEST = 1.2  # a random part's width over that of the image, by the same of its height
CLOSE = 7 / 8  # width of the parts that are averaged over, as a share of the image's
_PLACES = ((0.5, 0.5), (0.0, 0.0), (0.0, 1.0), (1.0, 0.0), (1.0, 1.0))  # of these parts: centre and corners
MOST_TEST_VIEWS = 2 + 2 * len(_PLACES)


def number_of_views(counts: ArrayLike, most: int) -> NDArray[np.int64]:
    """Return how many views each image of a class gets, the image itself among them.

    v_c = min(K, ceil(100 / n_c))

    Args:
        counts: n_c, images of each class, shape (C,).
        most: K, at least 1.

    Example:
        >>> number_of_views([600, 99, 40, 5], 4).tolist()
        [1, 2, 3, 4]
    """
    wanted: NDArray[np.int64] = -(-TARGET // np.maximum(np.asarray(counts, dtype=np.int64), 1))
    return wanted.clip(max=most)


@dataclass(frozen=True)
class ViewRows:
    """The rows of a feature file: all images as they are, and behind them further views of those of rare classes.

    Attributes:
        view_of: the image that each row shows, shape (N + M,); the first N are the images.
        boxes: top, left, height and width of the part that each further view shows, in pixels, shape (M, 4).
        mirrored: whether it is mirrored left to right, shape (M,).
    """

    view_of: NDArray[np.int64]
    boxes: Tensor
    mirrored: Tensor

    @classmethod
    def drawn(cls, labels: NDArray[np.int64], most: int, *, seed: int, size: int) -> "ViewRows":
        """Draw the further views of each image, by seed, image and number of the view alone.

        A view shows a part of 70 to 100 % of the area, up to 1.2 times as wide or as high as the image's shape makes
        it. The first further view is mirrored, others with probability 1/2.

        Args:
            labels: class indices, shape (N,).
            most: K, views of an image, as of `number_of_views`.
            seed: of the draws.
            size: height and width of the images, in pixels.

        Example:
            >>> rows = ViewRows.drawn(np.array([0] * 120 + [1, 1]), 3, seed=0, size=32)
            >>> rows.view_of[120:].tolist(), rows.mirrored.tolist()[:1]
            ([120, 121, 120, 120, 121, 121], [True])
        """
        further = number_of_views(class_counts(labels, int(labels.max(initial=0)) + 1), most)[labels] - 1
        images = np.repeat(np.arange(len(labels)), further)
        numbers = 1 + np.arange(len(images)) - np.repeat(np.cumsum(further) - further, further)
        drawn = [_drawn(seed, int(image), int(number), size) for image, number in zip(images, numbers, strict=True)]
        return cls(
            np.concatenate([np.arange(len(labels)), images]),
            torch.tensor([box for box, _ in drawn], dtype=torch.int64).reshape(-1, 4),
            torch.tensor([mirrored for _, mirrored in drawn], dtype=torch.bool),
        )

    def apply(self, rows: range, images: Tensor) -> Tensor:
        """Return what rows show.

        Args:
            rows: some that stand side by side.
            images: the image of each, shape (B, channels, size, size).
        """
        first = len(self.view_of) - len(self.boxes)  # number of images
        plain = min(max(first - rows.start, 0), len(rows))
        if plain == len(rows):
            return images
        places = slice(rows.start + plain - first, rows.stop - first)
        parts = resize_boxes(images[plain:], self.boxes[places], self.mirrored[places])
        return torch.cat([images[:plain], parts]).contiguous(memory_format=torch.channels_last)


def _drawn(seed: int, image: int, number: int, size: int) -> tuple[tuple[int, int, int, int], bool]:
    area, shape, top, left, side = np.random.default_rng((seed, image, number)).random(5)
    area, shape = SMALLEST + (1 - SMALLEST) * area, WIDEST ** (2 * shape - 1)
    height, width = (min(size, max(1, round(size * part))) for part in ((area / shape) ** 0.5, (area * shape) ** 0.5))
    return (int(top * (size - height + 1)), int(left * (size - width + 1)), height, width), number == 1 or side < 0.5


def box_of_view(number: int, size: int) -> tuple[tuple[int, int, int, int], bool]:
    """Return what a view shows over which features are averaged: the same part of every image.

    The first two are the whole image and its mirror image; then come the centre and the four corners, 7/8 as wide and
    high, each with its mirror image.

    Args:
        number: of the view, from 0 to 11.
        size: height and width of the images, in pixels.

    Returns:
        Top, left, height and width, in pixels, and whether it is mirrored.

    Example:
        >>> [box_of_view(number, 32) for number in (0, 1, 3, 10)]
        [((0, 0, 32, 32), False), ((0, 0, 32, 32), True), ((2, 2, 28, 28), True), ((4, 4, 28, 28), False)]
    """
    if number < 2:
        return (0, 0, size, size), number == 1
    part = round(CLOSE * size)
    top, left = (round(place * (size - part)) for place in _PLACES[number // 2 - 1])
    return (top, left, part, part), number % 2 == 1


def view_of_images(images: Tensor, number: int) -> Tensor:
    """Return the same view of all images, at full size; `box_of_view` says which.

    Args:
        images: shape (B, channels, size, size).
        number: of the view; 0 leaves the images as they are.
    """
    if not number:
        return images
    box, mirrored = box_of_view(number, images.shape[-1])
    return resize_box(images, box, mirrored=mirrored)
