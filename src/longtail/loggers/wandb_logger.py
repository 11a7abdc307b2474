"""A run in Weights & Biases, by its client."""

import os
from collections.abc import Mapping
from typing import Any
from uuid import uuid4

from longtail.loggers.logger import Logged, LoggedResults, LoggedRun, Status

__all__ = ["WandbLogger"]

PROJECT = "longtail"


class WandbLogger:
    """Write settings, curves, table and report of a run.

    The project is that of WANDB_PROJECT, or "longtail"; what else WANDB_... says holds too. Without a key nobody is
    asked for one: the run is written to logs/wandb for `wandb sync`. Runs with several seeds share their group.

    Args:
        run: that is logged.
        logged: of an earlier call, whose run goes on.
    """

    def __init__(self, run: LoggedRun, logged: Logged) -> None:
        import wandb

        self._wandb: Any = wandb
        self.key = logged.key or uuid4().hex[:12]
        folder = run.folder / "logs"
        folder.mkdir(parents=True, exist_ok=True)  # else it takes a temporary one
        mode: Any = os.environ.get("WANDB_MODE") or ("online" if wandb.login(prompt=False) else "offline")
        self._run: Any = wandb.init(
            project=os.environ.get("WANDB_PROJECT", PROJECT),
            id=self.key,
            name=run.name,
            group=run.group,
            config=dict(run.settings),
            dir=str(folder),
            mode=mode,
            resume=None if mode == "offline" else "allow",
            settings=wandb.Settings(console="off", silent=True, init_timeout=30.0),
        )

    def log_epoch(self, epoch: int, values: Mapping[str, float]) -> None:
        """Add a point to each curve."""
        self._run.log(dict(values), step=epoch)

    def log_results(self, results: LoggedResults) -> None:
        """Add accuracies, their table, and an artefact of the files."""
        columns = list(results.table[0])
        rows = [[row[name] for name in columns] for row in results.table]
        self._run.log({"results": self._wandb.Table(columns=columns, data=rows)})
        self._run.summary.update({**results.values, **results.best})
        report = self._wandb.Artifact(f"report-{self.key}", type="report")
        for path in results.files:
            report.add_file(str(path))
        self._run.log_artifact(report)

    def close(self, status: Status) -> None:
        """Send what is left, and say how the run ended."""
        self._run.finish(exit_code=0 if status == "finished" else 1)
