"""Predictions by event: a CSV beside that of the inputs."""

import csv
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from longtail.files.atomic import atomic_path
from longtail.files.text import printable
from longtail.jobs.predicting.prediction_csv import most_likely
from longtail.jobs.predicting.units import pooled_units

__all__ = ["EventFile", "writing_events"]

Blocks = Iterator[tuple[list[str], NDArray[Any]]]


class EventFile:
    """A CSV with a row for each event: its name, the number of its images, the class, and probabilities.

    Args:
        writer: of the rows.
        events: name of each input's event, N of them.
        class_names: C names.
        top: classes a row, the most likely first; None: all, in their order.

    Attributes:
        number: events written so far.
    """

    def __init__(self, writer: Any, events: list[str], class_names: tuple[str, ...], top: int | None) -> None:
        self.number, self._writer, self._events, self._names, self._top = 0, writer, events, class_names, top
        places: dict[str, int] = {}
        self.codes = np.array([places.setdefault(event, len(places)) for event in events], dtype=np.int64)
        ranked = [f"{what}_{k + 1}" for k in range(top or 0) for what in ("class", "probability")]
        writer.writerow(["event", "images", *(ranked if top else ["prediction", *class_names])])

    def watch(self, blocks: Blocks) -> Blocks:
        """Walk over the predictions of inputs, and write those of events meanwhile."""
        seen: list[tuple[list[str], NDArray[Any]]] = []

        def passed() -> Blocks:
            for block in blocks:
                seen.append(block)
                yield block

        for rows, pooled in pooled_units(passed(), self.codes):
            yield from seen
            seen.clear()
            self._write(rows, pooled)
        yield from seen

    def _write(self, rows: NDArray[np.int64], pooled: NDArray[Any]) -> None:
        best = most_likely(pooled[None], self._top or 1)[0].tolist()
        values = (
            [text for c in best for text in (self._names[c], f"{pooled[c]:.6g}")]
            if self._top
            else [self._names[best[0]], *(f"{p:.6g}" for p in pooled.tolist())]
        )
        self._writer.writerow([printable(self._events[int(rows[0])]), len(rows), *values])
        self.number += 1


@contextmanager
def writing_events(
    path: Path, events: list[str], class_names: tuple[str, ...], top: int | None = None
) -> Iterator[EventFile]:
    """Write predictions by event, whole or not at all.

    Args:
        path: of the CSV.
        events: name of each input's event.
        class_names: C names.
        top: classes a row, the most likely first; None: all, in their order.
    """
    with (
        atomic_path(path) as temporary,
        temporary.open("w", encoding="utf-8", errors="backslashreplace", newline="") as file,
    ):
        yield EventFile(csv.writer(file), events, class_names, top)
