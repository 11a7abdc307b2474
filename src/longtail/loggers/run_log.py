"""The loggers of a run, together: each epoch once, whatever was killed and resumed, and none that fails stops a run."""

import hashlib
import json
import math
import re
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

from longtail.errors import InputError
from longtail.files.atomic import write_json
from longtail.files.json_file import read_json
from longtail.files.text import printable
from longtail.loggers.logger import Logged, LoggedResults, LoggedRun, Logger, Status

__all__ = ["LoggerName", "RunLog", "check_loggers", "opened_log"]

LoggerName = Literal["csv", "tensorboard", "mlflow", "wandb"]

# where each is, and a package of which it needs one
LOGGERS: dict[str, tuple[str, str, tuple[str, ...]]] = {
    "csv": ("longtail.loggers.csv_logger", "CSVLogger", ()),
    "tensorboard": ("longtail.loggers.tensorboard_logger", "TensorBoardLogger", ("tensorboard", "tensorboardX")),
    "mlflow": ("longtail.loggers.mlflow_logger", "MLflowLogger", ("mlflow",)),
    "wandb": ("longtail.loggers.wandb_logger", "WandbLogger", ("wandb",)),
}
METRICS = ("all", "balanced", "many", "medium", "few")
# settings that change no result: a run with others is still the same one
HARMLESS = frozenset({"quiet", "out", "threads", "devices", "timeout", "workers", "save_every", "logger", "resume"})


def check_loggers(names: Sequence[str]) -> None:
    """Make sure that what loggers need is installed; nothing of it is loaded.

    Raises:
        InputError: it is not.
    """
    for name in names:
        packages = LOGGERS[name][2]
        if packages and not any(find_spec(package) for package in packages):
            raise InputError(
                f"`logger='{name}'`: {packages[0]} is not installed. Expected it: pip install 'longtail[{name}]', or "
                "leave that logger out."
            )


@contextmanager
def opened_log(run: LoggedRun, names: Sequence[str]) -> Iterator["RunLog"]:
    """Yield the loggers of a run, and close them, whether it ends well or not.

    Args:
        run: that is logged.
        names: of the loggers; none where another process logs.

    Raises:
        InputError: as `check_loggers`.
    """
    check_loggers(names)
    log = RunLog(run, names)
    status: Status = "failed"
    try:
        yield log
        status = "finished"
    finally:
        log.close(status)


class RunLog:
    """The loggers of one run.

    What they have been given is noted down in logs/logged.json of its folder: a run that goes on gives each epoch once.
    A run with other settings is another one, and begins anew.

    Args:
        run: that is logged.
        names: of the loggers.
    """

    def __init__(self, run: LoggedRun, names: Sequence[str]) -> None:
        self._run, self._state_file = run, run.folder / "logs" / "logged.json"
        self._loggers: dict[str, Logger] = {}
        if names:
            self._state = self._known_state()
        for name in dict.fromkeys(names):
            module, kind, _ = LOGGERS[name]
            known = self._state.setdefault(name, {"epochs": 0, "key": None, "results": None})
            with self._careful(name):
                logger: Logger = getattr(import_module(module), kind)(run, Logged(known["epochs"], known["key"]))
                self._loggers[name], known["key"] = logger, logger.key
        self._note_down()

    def epochs(self, history: Sequence[Mapping[str, Any]]) -> None:
        """Log the epochs that have not been logged.

        Args:
            history: a row for each finished epoch.
        """
        for name, logger in list(self._loggers.items()):
            known = self._state[name]
            with self._careful(name):
                for row in history[known["epochs"] :]:
                    logger.log_epoch(row["epoch"], _curves(row))
                    known["epochs"] = row["epoch"]
        self._note_down()

    def results(self, results: Mapping[str, Any], folder: Path) -> None:
        """Log what was measured, unless the same was logged before.

        Args:
            results: content of results.json.
            folder: with report.html and results.json.
        """
        if not self._loggers:
            return
        given = _results_of(results, folder)
        digest = hashlib.sha256(json.dumps(dict(given.values), sort_keys=True).encode()).hexdigest()
        for name, logger in list(self._loggers.items()):
            known = self._state[name]
            if known["results"] != digest:
                with self._careful(name):
                    logger.log_results(given)
                    known["results"] = digest
        self._note_down()

    def close(self, status: Status) -> None:
        """Close them all."""
        for name, logger in list(self._loggers.items()):
            with self._careful(name):
                logger.close(status)
        self._loggers = {}

    @contextmanager
    def _careful(self, name: str) -> Iterator[None]:
        """Say it once where a logger fails, and go on without it."""
        try:
            yield
        except Exception as error:  # whatever a service's client raises
            self._loggers.pop(name, None)
            reason = " ".join(f"{type(error).__name__}: {error}".split())[:160]
            _note(f"--logger {name} fails and is left out from here on: {reason}")

    def _known_state(self) -> dict[str, Any]:
        """Return what earlier calls of the same run have logged; remove what those of others left here."""
        settings = {name: value for name, value in self._run.settings.items() if name not in HARMLESS}
        try:
            state = read_json(self._state_file, dict[str, Any], expected="what loggers were given")
        except InputError:  # none, or damaged
            state = {}
        plain = json.loads(json.dumps(settings))
        if state.get("settings") == plain:
            return state
        for name in ("csv", "tensorboard"):
            shutil.rmtree(self._run.folder / "logs" / name, ignore_errors=True)
        return {"settings": plain}

    def _note_down(self) -> None:
        if self._loggers:
            try:
                write_json(self._state_file, self._state)
            except (OSError, InputError) as error:
                _note(f"{printable(self._state_file)}: {error}")


def _note(text: str) -> None:
    print(f"  note      {text}", file=sys.stderr, flush=True)


def _results_of(results: Mapping[str, Any], folder: Path) -> LoggedResults:
    values: dict[str, float] = {}
    best: dict[str, float] = {}
    table = []
    recommended = results["verdict"].get("best")
    for method, entry in results["methods"].items():
        for split, metrics in entry["metrics"].items():
            numbers = {f"{split}/{name}": float(metrics[name]) for name in METRICS if metrics[name] is not None}
            values |= {f"{split}/{method}/{key.split('/')[1]}": value for key, value in numbers.items()}
            table.append({"method": method, "split": split, **{name: metrics[name] for name in METRICS}})
            if method == recommended:
                best |= {f"best/{key}": value for key, value in numbers.items()}
    files = [folder / name for name in ("report.html", "results.json")]
    step = int((results.get("stage1") or {}).get("epochs") or 0)
    return LoggedResults(values, table, best, [path for path in files if path.is_file()], step)


def _curves(row: Mapping[str, Any]) -> dict[str, float]:
    """Return what an epoch measured, by the names that loggers group curves by.

    Example:
        >>> _curves({"epoch": 3, "learning_rate": 0.1, "val_balanced": 50.0, "val_few": None})
        {'learning_rate': 0.1, 'val/balanced': 50.0}
    """
    numbers = {name: value for name, value in row.items() if isinstance(value, int | float) and math.isfinite(value)}
    return {re.sub("^(train|val)_", r"\1/", name): value for name, value in numbers.items() if name != "epoch"}
