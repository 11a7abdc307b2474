"""The columns of a table that say which part of its image each row is."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from longtail.data.manifests.columns import WordTable
from longtail.errors import InputError
from longtail.files.text import printable

__all__ = ["OUR_BOXES", "boxes_of", "in_pixels"]

_ROUNDED = 0.001
OUR_BOXES = ("x", "y", "width", "height")  # as `longtail convert` writes them


def boxes_of(table: WordTable, names: Sequence[str]) -> tuple[NDArray[np.float64] | None, tuple[str, ...]]:
    """Read the boxes of a table.

    Args:
        table: of N rows.
        names: of the columns of left edge, upper edge, width and height; "none" alone takes none. Empty takes
            x, y, width and height where all of them are shares of an image.

    Returns:
        Shape (N, 4), NaN for a whole image, or None; and notes for people.

    Raises:
        InputError: a column that is not there, another number of them, or a cell that is no number.
    """
    if tuple(names) == ("none",):
        return None, ()
    if names:
        if len(names) != 4:
            raise InputError(
                f"`box_columns` names {len(names)} columns; expected four: left edge, upper edge, width, height."
            )
        return _numbers(table, names), ()
    if not set(OUR_BOXES) <= set(table.names):
        return None, ()
    try:
        boxes = _numbers(table, OUR_BOXES)
    except InputError:
        return None, ()
    place = printable(table.path.name)
    if np.isnan(boxes).all() or not _are_shares(boxes):
        return None, (
            f"{place}: x, y, width and height may be boxes, and are not looked at: `box_columns` x y width height "
            "cuts them out",
        )
    return boxes, (
        f"{place}: x, y, width and height are boxes, which are cut out; `box_columns` none takes whole images",
    )


def in_pixels(table: WordTable, boxes: NDArray[np.float64]) -> bool:
    """Return whether boxes are in pixels, and not in shares of their images; edges of shares may be rounded.

    Args:
        table: that they stand in.
        boxes: shape (N, 4), NaN for a whole image.

    Raises:
        InputError: most are shares, and some are not.
    """
    rows = np.flatnonzero(~np.isnan(boxes).any(axis=1))
    beyond = (boxes[rows] > 1 + _ROUNDED).any(axis=1)
    if beyond.any() and 2 * beyond.sum() < len(rows):
        row, origin = int(rows[beyond][0]), printable(table.path)
        raise InputError(
            f"{origin}: line {table.lines[row]}: the box {boxes[row].tolist()} is in pixels, as it seems, and "
            f"most others are shares of their images ({int(beyond.sum()):,} of {len(rows):,} are above 1). Write all "
            "of them in one way."
        )
    return bool(beyond.any())


def _are_shares(boxes: NDArray[np.float64]) -> bool:
    """Return whether all boxes lie in an image of width and height 1; edges may be rounded."""
    there = boxes[~np.isnan(boxes).any(axis=1)]
    ends = there[:, :2] + there[:, 2:]
    return bool((there >= 0).all() and (there[:, 2:] > 0).all() and (ends <= 1 + _ROUNDED).all())


def _numbers(table: WordTable, names: Sequence[str]) -> NDArray[np.float64]:
    boxes = np.full((len(table), 4), np.nan)
    for at, name in enumerate(names):
        for row, cell in enumerate(table.column(name, "box_columns")):
            try:
                boxes[row, at] = float(cell) if cell else np.nan
            except ValueError:
                raise InputError(
                    f"{printable(table.path)}: line {table.lines[row]}: {cell[:40]!r} in the column {name!r} is no "
                    "number. Expected the edge or size of a box."
                ) from None
    return boxes
