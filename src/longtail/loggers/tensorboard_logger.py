"""Event files of TensorBoard, written by Fabric's logger."""

from collections.abc import Mapping, Sequence
from typing import Any

from longtail.loggers.logger import Logged, LoggedResults, LoggedRun, Status

__all__ = ["TensorBoardLogger"]


class TensorBoardLogger:
    """Write logs/tensorboard: curves as scalars; settings, table and the report's place as text; hyper-parameters.

    Args:
        run: whose folder they go to.
        logged: of an earlier call; TensorBoard forgets what it had of later epochs.
    """

    key = None

    def __init__(self, run: LoggedRun, logged: Logged) -> None:
        from lightning_fabric.loggers.tensorboard import TensorBoardLogger as OfFabric

        self._settings = dict(run.settings)
        folder = run.folder / "logs" / "tensorboard"
        purge: dict[str, Any] = {"purge_step": logged.epochs + 1} if logged.epochs else {}
        self._logger = OfFabric(folder.parent, name="", version=folder.name, default_hp_metric=False, **purge)
        self._writer: Any = self._logger.experiment
        if not logged.epochs:
            rows = [{"setting": name, "value": value} for name, value in self._settings.items()]
            self._writer.add_text("settings", _markdown(rows))
        self._writer.flush()

    def log_epoch(self, epoch: int, values: Mapping[str, float]) -> None:
        """Add a point to each curve."""
        self._logger.log_metrics(values, step=epoch)
        self._writer.flush()

    def log_results(self, results: LoggedResults) -> None:
        """Add accuracies, their table, and hyper-parameters with what the recommended method reaches."""
        self._logger.log_metrics(results.values, step=results.step)
        self._writer.add_text("results", _markdown(results.table), results.step)
        self._writer.add_text("report", "\n\n".join(str(path.resolve()) for path in results.files), results.step)
        self._logger.log_hyperparams(self._settings, dict(results.best), step=results.step)

    def close(self, status: Status) -> None:
        """Write what is still in memory."""
        self._logger.finalize(status)


def _markdown(rows: Sequence[Mapping[str, Any]]) -> str:
    lines = [list(rows[0]), ["---"] * len(rows[0]), *(row.values() for row in rows)] if rows else []
    return "\n".join("| " + " | ".join(str(cell).replace("|", "\\|") for cell in line) + " |" for line in lines)
