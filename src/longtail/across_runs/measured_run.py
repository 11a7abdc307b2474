"""A finished run as it is compared with others: what one of its methods predicts for measured rows."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from longtail.comparison.method_table import measured_split
from longtail.comparison.predictions_file import PredictedRows, read_predicted_rows
from longtail.errors import InputError
from longtail.files.text import printable
from longtail.identity import RowIdentity, read_identities
from longtail.runs import ROWS, Run

__all__ = ["MeasuredRun", "open_run"]

IMAGES = "images.npz"  # the images that a run was made of


@dataclass(frozen=True)
class MeasuredRun:
    """What one method of a run predicts.

    Attributes:
        letter: what the run is called in tables.
        run: its folder.
        method: the one that the run is compared by.
        split: that it was measured on.
        rows: labels and predictions of that split.
    """

    letter: str
    run: Run
    method: str
    split: str
    rows: PredictedRows

    @property
    def data(self) -> dict[str, Any]:
        """The part `data` of its results."""
        return dict(self.run.results["data"])

    @property
    def predictions(self) -> NDArray[np.int64]:
        """Class indices, shape (N,)."""
        return self.rows.predictions[self.method]

    @cached_property
    def images(self) -> RowIdentity | None:
        """What the images of its rows are known by; None where the run is of features."""
        return self._identity(IMAGES)

    @cached_property
    def identity(self) -> RowIdentity | None:
        """What its rows are known by; None where that is not known."""
        return self.images or self._identity(ROWS)

    def _identity(self, name: str) -> RowIdentity | None:
        path = self.run.folder / name
        rows = read_identities(path).get(self.split) if path.is_file() else None
        return rows if rows is not None and len(rows) == len(self.rows.labels) else None


def open_run(folder: Run | Path | str, letter: str, method: str | None = None) -> MeasuredRun:
    """Open a run for a comparison.

    Args:
        folder: of the finished run.
        letter: what it is called.
        method: that it is compared by; default: the one that its report recommends.

    Raises:
        InputError: no finished run, one that measured nothing, no such method, or predictions that are missing or do
            not fit to its classes.
    """
    run = folder if isinstance(folder, Run) else Run(Path(folder))
    if run.is_published:
        raise InputError(
            f"{printable(run.folder)}: is a published model, without predictions row by row. Expected the run that it "
            "was published from."
        )
    head = run.head_path(method).stem
    split = measured_split(run.results)
    path = run.folder / "predictions" / f"{split}.csv"
    if split not in run.facts(head)["metrics"] or not path.is_file():
        raise InputError(
            f"{printable(path)}: no such file. Expected what the run's methods predict for each row, which `longtail "
            "run`, `fit` and `balance` write; carry out the run again."
        )
    rows = read_predicted_rows(path)
    if head not in rows.predictions:
        raise InputError(f"{printable(path)}: has no column {head!r}. It has {', '.join(rows.predictions)}.")
    highest = max(int(rows.labels.max()), int(rows.predictions[head].max()))
    if highest >= len(run.class_names):
        raise InputError(
            f"{printable(path)}: names class {highest}; the run has {len(run.class_names)} classes. Expected what the "
            "run wrote."
        )
    return MeasuredRun(letter, run, head, split, rows)
