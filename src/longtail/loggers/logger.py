"""What every logger is: a thin adapter of one service or format."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

__all__ = ["Logged", "LoggedResults", "LoggedRun", "Logger", "Status"]

Status = Literal["finished", "failed"]


@dataclass(frozen=True)
class LoggedRun:
    """A run as loggers know it.

    Attributes:
        folder: of the run.
        settings: of it, by name, in plain values.
        group: that runs with several seeds share; None: it is alone.
    """

    folder: Path
    settings: Mapping[str, str | float | bool]
    group: str | None = None

    @property
    def name(self) -> str:
        """What it is called."""
        name = self.folder.resolve().name
        return name if self.group is None else f"{self.group}/{name}"


@dataclass(frozen=True)
class Logged:
    """What an earlier call has logged of the same run.

    Attributes:
        epochs: whose values are there.
        key: by which the service finds the run again.
    """

    epochs: int = 0
    key: str | None = None


@dataclass(frozen=True)
class LoggedResults:
    """What a finished run gives.

    Attributes:
        values: accuracies in percent, as "test/tau/balanced".
        table: a row a method, with equal keys.
        best: values of the recommended method, as "best/test/balanced".
        files: report.html and results.json.
        step: epochs that were trained.
    """

    values: Mapping[str, float]
    table: Sequence[Mapping[str, Any]]
    best: Mapping[str, float]
    files: Sequence[Path]
    step: int


class Logger(Protocol):
    """One place that a run's numbers go to; whatever it raises leaves it out from there on, and stops no training."""

    @property
    def key(self) -> str | None:
        """By which the run is found there again; None where its folder is enough."""
        ...

    def log_epoch(self, epoch: int, values: Mapping[str, float]) -> None:
        """Log what an epoch measured, as {"train/loss": ..., "val/balanced": ...}; epochs count from 1."""
        ...

    def log_results(self, results: LoggedResults) -> None:
        """Log what the finished run gives."""
        ...

    def close(self, status: Status) -> None:
        """Bring everything to where it belongs."""
        ...
