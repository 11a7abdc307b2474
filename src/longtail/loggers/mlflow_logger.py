"""A run in MLflow, by its client."""

import logging
import os
import time
from collections.abc import Mapping
from typing import Any

from longtail.loggers.logger import Logged, LoggedResults, LoggedRun, Status

__all__ = ["MLflowLogger"]

EXPERIMENT = "longtail"
PART = 100  # parameters that a server takes at once
LONGEST = 500  # letters of a parameter that every version takes


class MLflowLogger:
    """Write parameters, metrics and artefacts of a run, wherever MLFLOW_TRACKING_URI leads, or MLflow's usual place.

    The experiment is that of MLFLOW_EXPERIMENT_NAME, or "longtail". Runs with several seeds share the tag
    `longtail_group`.

    Args:
        run: that is logged.
        logged: of an earlier call, whose run goes on.
    """

    def __init__(self, run: LoggedRun, logged: Logged) -> None:
        # a server that is gone is given up in seconds, not in minutes
        os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
        os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "10")
        from mlflow import MlflowClient

        for name in ("alembic", "mlflow"):  # they tell of each table of a new store
            logging.getLogger(name).setLevel(logging.WARNING)
        self._client: Any = MlflowClient()
        if logged.key is not None:
            self.key = logged.key
            self._client.update_run(self.key, status="RUNNING")
            return
        name = os.environ.get("MLFLOW_EXPERIMENT_NAME", EXPERIMENT)
        experiment = self._client.get_experiment_by_name(name)
        number = self._client.create_experiment(name) if experiment is None else experiment.experiment_id
        tags = {} if run.group is None else {"longtail_group": run.group}
        self.key = str(self._client.create_run(number, tags=tags, run_name=run.name).info.run_id)
        self._log_settings(run)

    def _log_settings(self, run: LoggedRun) -> None:
        from mlflow.entities import Param

        params = [Param(name, str(value)[:LONGEST]) for name, value in run.settings.items()]
        for start in range(0, len(params), PART):
            self._client.log_batch(self.key, params=params[start : start + PART])

    def log_epoch(self, epoch: int, values: Mapping[str, float]) -> None:
        """Add a point to each curve."""
        from mlflow.entities import Metric

        now = int(time.time() * 1000)
        self._client.log_batch(self.key, metrics=[Metric(name, value, now, epoch) for name, value in values.items()])

    def log_results(self, results: LoggedResults) -> None:
        """Add accuracies and the files."""
        self.log_epoch(results.step, {**results.values, **results.best})
        for path in results.files:
            self._client.log_artifact(self.key, str(path))

    def close(self, status: Status) -> None:
        """Say how the run ended."""
        self._client.set_terminated(self.key, status="FINISHED" if status == "finished" else "FAILED")
