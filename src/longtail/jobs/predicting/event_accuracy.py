"""What is measured by event: which rows are of one, and the probabilities of a file of predictions."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from longtail.data.group_by import group_words
from longtail.data.manifests.columns import WordTable, read_word_table
from longtail.errors import InputError
from longtail.evaluation.event_labels import SeveralInEvent, labels_of_events
from longtail.evaluation.event_pooling import pooled_by_event
from longtail.features import FeatureFile, is_number
from longtail.files.text import printable
from longtail.jobs.predicting.input_rows import rows_of_names

__all__ = ["Pooled", "PredictedTable", "events_of_features", "holds_names", "read_predicted_table"]

_TABLES = (".csv", ".tsv", ".parquet")
_WORDS = ("row", "id", "label", "prediction", "input", "file", "event", "group", "set", "accepted", "split", "images")
_UNEVEN = 1e-3


@dataclass(frozen=True)
class PredictedTable:
    """Labels, events and probabilities of a file.

    Attributes:
        labels: class indices, shape (N,).
        probabilities: shape (N, C).
        class_names: of the columns, C of them.
        events: name of each row's event, N of them; None where nothing says so and nobody asked.
    """

    labels: NDArray[np.int64]
    probabilities: NDArray[np.float64]
    class_names: tuple[str, ...]
    events: list[str] | None


@dataclass(frozen=True)
class Pooled:
    """Probabilities that are pooled by event.

    Attributes:
        probabilities: of each method, shape (N, C).
        events: name of each row's event, N of them.
        class_names: C names.
    """

    probabilities: dict[str, NDArray[np.float64]]
    events: list[str]
    class_names: Sequence[str]

    def of_events(
        self, method: str, labels: NDArray[np.int64], class_counts: NDArray[np.int64], several: SeveralInEvent
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return the classes of the events, and those that a method says, both of shape (E,).

        Args:
            method: one of `probabilities`.
            labels: class indices of the rows, shape (N,).
            class_counts: training images of each class, shape (C,).
            several: as of `labels_of_events`.

        Raises:
            InputError: an event of several classes that is refused.
        """
        of_events, event = labels_of_events(labels, self.events, class_counts, self.class_names, several)
        pooled, _ = pooled_by_event(self.probabilities[method], event)
        return of_events, pooled.argmax(axis=1).astype(np.int64)

    def of_first(self, values: NDArray[np.int64] | None) -> NDArray[np.int64] | None:
        """Return what the first row of each event has, such as its group, in the order of the events, shape (E,)."""
        if values is None:
            return None
        first: dict[str, int] = {}
        for row, event in enumerate(self.events):
            first.setdefault(event, row)
        return values[list(first.values())]


def events_of_features(file: FeatureFile, event_column: str | None, event_by: str | None) -> list[str]:
    """Return the event of each row of features.

    Args:
        file: of the features.
        event_column: of the table that it was read from, or None.
        event_by: what says so by the ids of the rows, or None.

    Returns:
        N names.

    Raises:
        InputError: nothing says so, or not of all rows.
    """
    count = len(file.labels)
    if event_by is not None:
        if file.ids is None:
            raise InputError(
                f"`event_by` {event_by}: the rows of {printable(file.path)} have no names that could say their events."
            )
        return rows_of_names(iter(file.ids.tolist()), event_by).event_words()
    stored, names = getattr(file, "events", None), getattr(file, "event_names", None)
    if event_column is None and stored is not None:
        words = stored.astype(str).tolist() if names is None else [names[code] for code in stored.tolist()]
        return [word or f"row {row}" for row, word in enumerate(words)]
    if event_column is None or file.path.suffix.lower() not in _TABLES:
        raise InputError(
            f"`by_event`: the features in {printable(file.path)} do not say which rows are of one event. Make them "
            "with `event_column` (or an array `events`), or say it by their names: `event_by` folder:-1, a "
            "pattern, or a table of row and event."
        )
    words = read_word_table(file.path).column(event_column, "event_column")
    rows = np.arange(count) if file.rows is None else file.rows
    return [words[row] or f"row {row}" for row in rows.tolist()]


def holds_names(path: Path) -> bool:
    """Return whether a CSV is one as `longtail predict` writes it, which names inputs and classes."""
    with path.open(encoding="utf-8-sig", errors="replace") as file:
        return "input" in [name.strip() for name in file.readline().split(",")]


def read_predicted_table(
    path: Path, event_column: str | None = None, event_by: str | None = None, *, events: bool = True
) -> PredictedTable:
    """Read a file with a label, an event and the probability of each class in a row.

    Args:
        path: a CSV such as `longtail predict` writes, with the true class in a column `label`: its name or number.
        event_column: of the event; default: event.
        event_by: what says it by the names of the inputs, or None.
        events: whether they are needed.

    Raises:
        InputError: a column that is missing, a label that is no class, or probabilities that are none.
    """
    table = read_word_table(path)
    labels = table.column("label", "label")
    event = event_column or "event"
    beside = {*_WORDS, event}
    names = tuple(
        name for name, cells in table.columns.items() if name.lower() not in beside and all(map(is_number, cells))
    )
    if len(names) < 2:
        raise InputError(
            f"{printable(path)}: has no columns with the probability of each class. "
            "Expected a file as `longtail predict` writes it without --top, and the true class in a column label."
        )
    probabilities = np.array([table.columns[name] for name in names], dtype=np.float64).T
    wrong = np.flatnonzero((np.abs(probabilities.sum(axis=1) - 1) > _UNEVEN) | (probabilities < 0).any(axis=1))
    if len(wrong):
        raise InputError(
            f"{printable(path)}: line {table.lines[int(wrong[0])]}: {', '.join(names[:4])}"
            f"{', ...' if len(names) > 4 else ''} are no probabilities of a sum of 1 ({len(wrong):,} such lines)."
        )
    numbers = {str(number): number for number in range(len(names))} | {name: c for c, name in enumerate(names)}
    unknown = next((row for row, label in enumerate(labels) if label not in numbers), None)
    if unknown is not None:
        raise InputError(
            f"{printable(path)}: line {table.lines[unknown]}: the label {labels[unknown]!r} is none of the classes "
            f"{', '.join(names[:8])}."
        )
    codes = np.array([numbers[label] for label in labels], dtype=np.int64)
    return PredictedTable(codes, probabilities, names, _events(table, event, event_by) if events else None)


def _events(table: WordTable, event: str, event_by: str | None) -> list[str]:
    if event_by is None:
        words = table.column(event, "event_column")
    else:
        name = table.first_of("input", "file", "id")
        words = group_words(table.column(name or "input", "event_by"), event_by)
    return [word or f"row {row}" for row, word in enumerate(words)]
