"""Rows of features in memory: a whole file, or a few thousand of its rows at a time."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from longtail.features.feature_file import FeatureFile
from longtail.features.labels import Labels
from longtail.features.views import Views

__all__ = ["Block", "ColumnTable", "Kind", "Table"]

Kind = Literal["features", "logits"]


@dataclass(frozen=True)
class Table:
    """Rows as they stand in a file.

    Attributes:
        path: of the file.
        values: features or logits, float, shape (N, D).
        labels: by name; None where none were asked for.
        kind: whether the file says that the values are logits.
        split: words such as "train", shape (N,), or None.
        ids: words that name the rows, shape (N,), or None.
        class_names: in the order that the file has them, or None.
        feature_names: of the columns, D of them, or None.
        attributes: plain values that stand in the file besides.
        notes: what a person should know of how it was read.
        rows: numbers of these rows in the file, from 0, shape (N,); None where they are 0 .. N - 1.
        groups: number of each row's group, shape (N,), or None: rows of one group stay on one side of any split.
        group_names: in the order of these numbers, empty for a row that is a group of its own; or None.
        events: the same of the event that a row belongs to.
        event_names: of the events.
        weights: how many rows each counts for where it is learnt from, shape (N,), or None: each for one.
        views: features of further views of the images, or None.
    """

    path: Path
    values: NDArray[Any]
    labels: Labels | None
    kind: Kind
    split: NDArray[np.str_] | None = None
    ids: NDArray[np.str_] | None = None
    class_names: tuple[str, ...] | None = None
    feature_names: tuple[str, ...] | None = None
    attributes: dict[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    rows: NDArray[np.int64] | None = None
    groups: NDArray[np.int64] | None = None
    group_names: tuple[str, ...] | None = None
    events: NDArray[np.int64] | None = None
    event_names: tuple[str, ...] | None = None
    weights: NDArray[np.float64] | None = None
    views: Views | None = None

    def numbered(self, labels: NDArray[np.int64]) -> FeatureFile:
        """Return the rows with the number of each one's class, shape (N,)."""
        return FeatureFile(
            self.path,
            self.values,
            labels,
            self.attributes,
            self.ids,
            self.rows,
            self.groups,
            self.group_names,
            self.events,
            self.event_names,
            self.weights,
            self.views,
        )


@dataclass(frozen=True)
class Block:
    """Rows that stand one after the other.

    Attributes:
        first_row: number of the first in the file, from 0.
        values: columns of numbers, shape (rows, columns).
        words: other columns by name, as strings, shape (rows,) each.
    """

    first_row: int
    values: NDArray[Any]
    words: dict[str, NDArray[np.str_]]


class ColumnTable(Protocol):
    """A file of named columns, which is read in blocks."""

    path: Path
    names: tuple[str, ...]
    numeric: frozenset[str]

    @property
    def notes(self) -> tuple[str, ...]:
        """What a person should know of how it was read."""
        ...

    def blocks(self, numbers: Sequence[str], words: Sequence[str], rows_at_once: int) -> Iterator[Block]:
        """Walk over the rows; `numbers` are columns of `numeric`, `words` any others, as they stand."""
        ...
