"""Boxes of COCO-style files: pixels, or shares where the size of the image stands there."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from longtail.data.manifests.one_image import Box
from longtail.errors import InputError

__all__ = ["CocoBox", "box_of", "boxes_of_rows", "size_of"]

Size = tuple[float, float]


@dataclass(frozen=True)
class CocoBox:
    """A box of one annotation, cut to its image where the size of that is known.

    Attributes:
        edges: left edge, upper edge, width, height.
        size: width and height of the image; (1, 1) of a box in shares; None where nobody says so.
    """

    edges: Box
    size: Size | None


def size_of(image: dict[str, Any]) -> Size | None:
    """Return width and height of an image, where both stand there."""
    width, height = image.get("width"), image.get("height")
    if not isinstance(width, int | float) or not isinstance(height, int | float) or width <= 0 or height <= 0:
        return None
    return float(width), float(height)


def box_of(annotation: dict[str, Any], size: Size | None, origin: str) -> CocoBox | str | None:
    """Return the box of an annotation; None where it is of the whole image, and why not where it is none to learn from.

    Args:
        annotation: with `bbox` in pixels, `bbox_relative` in shares, or neither.
        size: of the image.
        origin: the file, for messages.

    Raises:
        InputError: it has not four numbers.
    """
    relative = annotation.get("bbox_relative")
    values = relative or annotation.get("bbox")
    if not values:
        return None
    if len(values) != 4:
        raise InputError(
            f"{origin}: the box {values} of image {annotation['image_id']!r} has {len(values)} numbers. Expected four: "
            "left edge, upper edge, width, height."
        )
    if annotation.get("iscrowd") == 1:
        return "boxes around crowds"
    size = (1.0, 1.0) if relative else size
    left, top, wide, high = map(float, values)
    right, lower = left + wide, top + high
    if size is not None:
        right, lower = min(right, size[0]), min(lower, size[1])
    left, top = max(left, 0.0), max(top, 0.0)
    if right <= left or lower <= top:
        return "boxes with nothing in them"
    return CocoBox((left, top, right - left, lower - top), size)


def boxes_of_rows(
    boxes: Sequence[CocoBox | None], origin: str
) -> tuple[NDArray[np.float64] | None, Literal["pixels", "shares"]]:
    """Return the boxes of all rows in one unit: in shares where the size of each image that has some is known.

    Args:
        boxes: of each row, None for the whole image.
        origin: the file, for messages.

    Returns:
        Left edge, upper edge, width, height, NaN for the whole image, shape (N, 4), or None; and the unit.

    Raises:
        InputError: some are in pixels of images whose size does not stand there, others in shares.
    """
    if not any(boxes):
        return None, "shares"
    edges = np.array([(np.nan,) * 4 if box is None else box.edges for box in boxes])
    sizes = [None if box is None else box.size for box in boxes]
    unknown = any(box is not None and box.size is None for box in boxes)
    if not unknown:
        return edges / np.array([(1, 1, 1, 1) if size is None else size * 2 for size in sizes]), "shares"
    if (1.0, 1.0) in sizes:
        raise InputError(
            f"{origin}: some boxes are shares (`bbox_relative`), others pixels (`bbox`) of images without `width` and "
            "`height`. Write width and height of each image into it."
        )
    return edges, "pixels"
