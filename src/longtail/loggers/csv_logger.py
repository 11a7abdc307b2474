"""Settings, curves and results as three CSV files."""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from longtail.files.atomic import write_text
from longtail.loggers.logger import Logged, LoggedResults, LoggedRun, Status

__all__ = ["CSVLogger"]


class CSVLogger:
    """Write logs/csv/settings.csv, curves.csv (a row a value: epoch, name, value) and results.csv (a row a method).

    Fabric's own logger removes what lies in its folder when a training goes on; this one adds to it.

    Args:
        run: whose folder they go to.
        logged: of an earlier call.
    """

    key = None

    def __init__(self, run: LoggedRun, logged: Logged) -> None:
        self._folder = run.folder / "logs" / "csv"
        write_text(self._folder / "settings.csv", _table(["name", "value"], run.settings.items()))
        path: Path = self._folder / "curves.csv"
        before = path.read_text(encoding="utf-8").splitlines()[1:] if logged.epochs else []
        # what was written and not noted down any more comes again
        kept = [line for line in before if int(line.partition(",")[0]) <= logged.epochs]
        write_text(path, "\n".join(["epoch,name,value", *kept, ""]))

    def log_epoch(self, epoch: int, values: Mapping[str, float]) -> None:
        """Add a row for each value."""
        path: Path = self._folder / "curves.csv"
        before = path.read_text(encoding="utf-8")
        rows = _table([], ((epoch, name, repr(value)) for name, value in values.items()))
        write_text(path, before + rows)

    def log_results(self, results: LoggedResults) -> None:
        """Write the table of methods."""
        names = list(results.table[0])
        write_text(self._folder / "results.csv", _table(names, (row.values() for row in results.table)))

    def close(self, status: Status) -> None:
        """Do nothing: every file is whole."""


def _table(names: Sequence[str], rows: Iterable[Iterable[Any]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerows([*([names] if names else []), *rows])
    return text.getvalue()
