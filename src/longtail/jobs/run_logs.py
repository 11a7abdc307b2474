"""The loggers that a verb was asked for, and what they are told of its run."""

from contextlib import AbstractContextManager
from dataclasses import asdict
from pathlib import Path
from typing import Any, Protocol

from longtail.loggers import LoggedRun, LoggerName, RunLog, check_loggers, opened_log

__all__ = ["Loggers", "log_of", "log_results"]

Loggers = tuple[LoggerName, ...]


class _Logging(Protocol):
    """The settings of a verb that has loggers."""

    @property
    def logger(self) -> Loggers:
        """Which."""
        ...


def log_of(
    config: _Logging, folder: Path, *, is_first: bool = True, group: str | None = None
) -> AbstractContextManager[RunLog]:
    """Open the loggers of a run, to be used in a `with` statement.

    Args:
        config: of the verb.
        folder: of the run.
        is_first: whether this is the process that logs.
        group: that runs with several seeds share.

    Raises:
        InputError: what they need is not installed.
    """
    from longtail.jobs.stage_one.settings import plain

    run = LoggedRun(folder, _flat(plain(asdict(config))), group)  # type: ignore[call-overload]
    check_loggers(config.logger)
    return opened_log(run, config.logger if is_first else ())


def log_results(config: _Logging, folder: Path, results: dict[str, Any], *, group: str | None = None) -> None:
    """Log a run that has no epochs.

    Args:
        config: of the verb.
        folder: of the run, finished.
        results: content of results.json.
        group: that runs with several seeds share.
    """
    if config.logger:
        with log_of(config, folder, group=group) as log:
            log.results(results, folder)


def _flat(settings: dict[str, Any]) -> dict[str, str | float | bool]:
    """Return settings of all groups by name; lists as words, and none where nothing is set."""
    flat: dict[str, str | float | bool] = {}
    for name, value in settings.items():
        if isinstance(value, dict):
            flat |= _flat(value)
        elif isinstance(value, list):
            flat[name] = " ".join(map(str, value))
        else:
            flat[name] = "none" if value is None else value
    return flat
