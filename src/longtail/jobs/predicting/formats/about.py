"""What every format of predictions is written from."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from longtail.errors import InputError
from longtail.jobs.predicting.input_rows import InputRows
from longtail.jobs.predicting.prediction_csv import most_likely

__all__ = ["About", "Blocks", "OutputFormat", "needed_ids", "ranked"]

Blocks = Iterator[tuple[list[str], NDArray[Any]]]


@dataclass(frozen=True)
class About:
    """What is known beside the probabilities.

    Attributes:
        inputs: the rows that are predicted, N of them.
        path: of the inputs, as a person named it.
        detector: file that their boxes are of: the inputs, or another.
        class_names: C names.
        model: name and version of what predicts.
        when: the time of the predictions, in UTC.
        top: classes that are written of each row.
        by_event: write a row for each event in the place of one for each input, where the format knows events.
    """

    inputs: InputRows
    path: Path
    detector: Path
    class_names: tuple[str, ...]
    model: str
    when: datetime
    top: int
    by_event: bool = False


@dataclass(frozen=True)
class OutputFormat:
    """A format that predictions are written in.

    Attributes:
        title: in words, with its version.
        name: of the file, or folder, that is written where none is named.
        suffixes: that files of it may have.
        write: predictions into a file or folder; gives notes for people.
        source: where the layout is written down.
        knows_events: whether a row may stand for an event.
    """

    title: str
    name: str
    suffixes: tuple[str, ...]
    write: Callable[[Path, Blocks, About], tuple[str, ...]]
    source: str
    knows_events: bool = False


def ranked(probabilities: NDArray[Any], top: int) -> tuple[list[list[int]], list[list[float]]]:
    """Return the most likely classes of each row, the first of equals first, and their probabilities.

    Args:
        probabilities: shape (B, C).
        top: how many classes.

    Example:
        >>> ranked(np.array([[0.25, 0.5, 0.25]]), 2)
        ([[1, 0]], [[0.5, 0.25]])
    """
    best = most_likely(probabilities, top)
    values = np.take_along_axis(probabilities, best, axis=1).astype(np.float64)
    return best.tolist(), values.clip(0, 1).round(6).tolist()


def needed_ids(about: About, title: str, called: str) -> list[str]:
    """Return what the inputs are called where they came from.

    Raises:
        InputError: nobody said so, or an input has none.
    """
    ids = about.inputs.rows.ids
    if ids is None:
        raise InputError(
            f"{title} needs the {called} of each input, and these have none. Predict its own table, or name the column "
            "with it: `id_column`."
        )
    missing = next((row for row, word in enumerate(ids) if not word), None)
    if missing is not None:
        raise InputError(
            f"{about.path}: {about.inputs.rows.place(missing)} has no {called}, by which {title} knows it. Fill it in, "
            "or take the line out."
        )
    return list(ids)
