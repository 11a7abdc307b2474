"""What is known of the inputs beside their features: names, ids, groups, events, boxes, and the sizes of images."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from longtail.data.group_by import group_words
from longtail.data.image_size import image_size
from longtail.data.manifests import Rows
from longtail.data.source import ImageSource, events_of, groups_of
from longtail.errors import InputError
from longtail.grouping import Grouping, grouping_of

__all__ = ["InputRows", "box_in_pixels", "box_in_shares", "rows_of_images", "rows_of_names"]


@dataclass(frozen=True)
class InputRows:
    """The inputs, N of them, in the order in which they are predicted.

    Attributes:
        rows: what their table says of them, or what their paths do.
        events: which of them are of one event, or None.
        source: the images, or None of features.
    """

    rows: Rows
    events: Grouping | None = None
    source: ImageSource | None = None

    def __len__(self) -> int:
        return len(self.rows)

    @cached_property
    def shares(self) -> list[list[float]] | None:
        """Boxes as their table has them; those that are shares of their images are cut off at its edges."""
        if self.rows.boxes is None:
            return None
        boxes = self.rows.boxes.astype(np.float64)
        shares: list[list[float]] = (_cut(boxes) if self.rows.box_unit == "shares" else boxes).tolist()
        return shares

    def event_words(self) -> list[str]:
        """Return the name of each row's event; an event without a name is called as its first input.

        Raises:
            InputError: there are no events.
        """
        if self.events is None:
            raise InputError(
                "`by_event`: nothing says which inputs are of one event. Name the column of a table, `event_column`, "
                "or say it by their names: `event_by` folder:-1, a pattern, or a table of input and event."
            )
        names = list(self.events.names)
        for row, code in enumerate(self.events.codes.tolist()):
            names[code] = names[code] or self.rows.images[row]
        return [names[code] for code in self.events.codes.tolist()]

    def size_of(self, row: int) -> tuple[int, int]:
        """Return the width and height in pixels of the whole upright image of a row.

        Raises:
            InputError: the inputs are no images, or this one cannot be read.
        """
        if self.source is None:
            raise InputError("the inputs are features, and the sizes of their images are not known here.")
        return image_size(self.source, row)


def rows_of_images(source: Any, event_by: str | None = None) -> InputRows:
    """Describe images.

    Args:
        source: as `open_unlabelled` opens it.
        event_by: what says which are of one event, as `group_words` takes it; None: what the source says.

    Raises:
        InputError: as of `group_words`, for `event_by`.
    """
    rows: Rows | None = source.table
    if rows is None:
        names = [source.identity(row) for row in range(len(source))]
        groups = groups_of(source)
        words = None if groups is None else [groups.names[code] for code in groups.codes.tolist()]
        rows = Rows(names, [""] * len(names), Path(), groups=words)
    return InputRows(rows, _events(rows.images, event_by) or events_of(source), source)


def rows_of_names(names: Iterator[str], event_by: str | None = None) -> InputRows:
    """Describe rows of features by their names, which stand for ids too.

    Args:
        names: of the rows.
        event_by: as of `rows_of_images`.

    Raises:
        InputError: as of `group_words`, for `event_by`.
    """
    words = list(names)
    return InputRows(Rows(words, [""] * len(words), Path(), ids=words), _events(words, event_by))


def _events(names: Sequence[str], event_by: str | None) -> Grouping | None:
    if event_by is None:
        return None
    try:
        return grouping_of(group_words(names, event_by), event_by)
    except InputError as error:
        raise InputError(str(error).replace("`group_by`", "`event_by`")) from error


def box_in_shares(inputs: InputRows, row: int) -> list[float] | None:
    """Return a row's box as shares of its image, cut off at the edges; None where it is the whole image."""
    shares = inputs.shares
    if shares is None or shares[row][0] != shares[row][0]:  # NaN
        return None
    if inputs.rows.box_unit == "shares":
        return shares[row]
    cut: list[float] = _cut(np.array([shares[row]]) / np.tile(inputs.size_of(row), 2))[0].tolist()
    return cut


def _cut(boxes: NDArray[np.float64]) -> NDArray[np.float64]:
    """Cut boxes off at the edges of their images, shape (N, 4)."""
    first, last = np.clip(boxes[:, :2], 0, 1), np.clip(boxes[:, :2] + boxes[:, 2:], 0, 1)
    cut: NDArray[np.float64] = np.concatenate([first, np.maximum(last - first, 1e-6)], axis=1).round(6)
    return cut


def box_in_pixels(inputs: InputRows, row: int, size_of: Callable[[int], tuple[int, int]]) -> NDArray[np.float64] | None:
    """Return a row's box in pixels of its upright image; None where it is the whole image.

    Args:
        inputs: all rows.
        row: of the box.
        size_of: width and height of a row's image.
    """
    boxes = inputs.rows.boxes
    if boxes is None or np.isnan(boxes[row]).any():
        return None
    box: NDArray[np.float64] = boxes[row].astype(np.float64)
    if inputs.rows.box_unit == "shares":
        box = box * np.tile(size_of(row), 2)
    return box.round(3)
