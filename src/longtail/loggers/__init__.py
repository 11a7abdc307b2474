"""Where curves and results of a run go besides its folder: CSV, TensorBoard, MLflow, Weights & Biases."""

from longtail.loggers.logger import Logged, LoggedRun, Logger
from longtail.loggers.run_log import LoggerName, RunLog, check_loggers, opened_log

__all__ = ["Logged", "LoggedRun", "Logger", "LoggerName", "RunLog", "check_loggers", "opened_log"]
