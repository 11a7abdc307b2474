"""Boxes, and the parts of images that they cut out."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from longtail.errors import InputError

__all__ = ["Crops"]

BoxUnit = Literal["pixels", "shares"]


@dataclass(frozen=True)
class Crops:
    """Which part of its image each row is.

    A box is widened by `padding` of its longer side at each edge, then made square by adding to the shorter side where
    that is asked for; a square that sticks out of the image is moved inside, and what still sticks out is cut off.

    Attributes:
        boxes: left edge, upper edge, width, height; NaN for the whole image; shape (N, 4).
        unit: "pixels" of the upright image, or "shares" of its width and height.
        padding: share of the longer side, at least 0.
        square: whether crops are made square.

    Example:
        >>> import torch
        >>> crops = Crops(np.array([[0.0, 0.5, 0.5, 0.25]]), "shares")
        >>> crops.cut(0, torch.zeros(3, 8, 8, dtype=torch.uint8)).shape
        torch.Size([3, 2, 4])
    """

    boxes: NDArray[np.float64]
    unit: BoxUnit = "shares"
    padding: float = 0.0
    square: bool = False

    def is_whole(self, row: int) -> bool:
        """Return whether a row is all of its image."""
        return bool(np.isnan(self.boxes[row, 0]))

    def smallest_share(self, image: NDArray[np.int64], images: int) -> NDArray[np.float64]:
        """Return how small the crops of each image are: the least share of width or height that one has.

        Args:
            image: number of each row's image, shape (N,).
            images: M.

        Returns:
            Shape (M,); 1 where all is whole, 0 where that is known of the decoded image alone: of boxes in pixels.
        """
        result = np.ones(images)
        shares = self.boxes[:, 2:].min(axis=1)
        is_part = ~np.isnan(shares)
        if self.unit == "pixels":
            result[image[is_part]] = 0
        else:
            np.minimum.at(result, image[is_part], np.clip(shares[is_part], 1e-3, 1))
        return result

    def cut(self, row: int, image: Tensor, size: tuple[int, int] | None = None) -> Tensor:
        """Cut a row's part out of its image.

        Args:
            row: of the crop.
            image: upright, shape (channels, H, W).
            size: width and height of the image's file, where it was decoded smaller: what pixels of boxes are of.

        Returns:
            Shape (channels, h, w), at least one pixel each way; a copy.

        Raises:
            InputError: the box has nothing of the image in it.
        """
        if self.is_whole(row):
            return image.clone()
        height, width = image.shape[1:]
        whole = size or (width, height)
        scale = (width / whole[0], height / whole[1]) if self.unit == "pixels" else (width, height)
        left, top, wide, high = self.boxes[row] * np.array(scale * 2)
        if left >= width or top >= height or left + wide <= 0 or top + high <= 0:
            raise InputError(
                f"the box {self.words(row)} has nothing of the image in it, which has {whole[0]} x {whole[1]} pixels. "
                "Expected left edge, upper edge, width and height within it."
            )
        added = self.padding * max(wide, high)
        left, top, wide, high = left - added, top - added, wide + 2 * added, high + 2 * added
        if self.square:
            side = max(wide, high)
            left, top = left - (side - wide) / 2, top - (side - high) / 2
            left, wide = _moved_inside(left, side, width)
            top, high = _moved_inside(top, side, height)
        first, last = _pixels(left, wide, width)
        upper, lower = _pixels(top, high, height)
        return image[:, upper:lower, first:last].clone(memory_format=torch.contiguous_format)

    def take(self, rows: NDArray[np.int64]) -> "Crops":
        """Return the crops of some rows."""
        return Crops(self.boxes[rows], self.unit, self.padding, self.square)

    def words(self, row: int) -> str:
        """Return a row's box as messages and names have it; nothing for a whole image."""
        if self.is_whole(row):
            return ""
        left, top, wide, high = (f"{value:.6g}" for value in self.boxes[row])
        return f"[{left},{top},{wide}x{high}]"


def _moved_inside(start: float, length: float, whole: int) -> tuple[float, float]:
    """Move a stretch that is no longer than the whole to where it lies inside; a longer one is the whole."""
    if length >= whole:
        return 0.0, float(whole)
    return min(max(start, 0.0), whole - length), length


def _pixels(start: float, length: float, whole: int) -> tuple[int, int]:
    first = min(max(round(start), 0), whole - 1)
    return first, max(min(round(start + length), whole), first + 1)
