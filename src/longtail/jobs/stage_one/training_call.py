"""What `longtail train` and `pretrain` do alike around their training: folder, images, processes, and its end."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from longtail.data.source import DataSplits
from longtail.errors import InputError
from longtail.jobs.dry_run.forecast import Forecast
from longtail.jobs.options import DataOptions, RuntimeOptions
from longtail.jobs.run_logs import Loggers, log_of
from longtail.loggers import RunLog, check_loggers
from longtail.typed_command import say_next

if TYPE_CHECKING:
    from lightning_fabric import Fabric

__all__ = ["TrainingConfig", "call_training"]


class TrainingConfig(Protocol):
    """What both verbs are called with."""

    @property
    def dataset(self) -> str:
        """Name or path."""
        ...

    @property
    def data(self) -> DataOptions:
        """How it is opened."""
        ...

    @property
    def runtime(self) -> RuntimeOptions:
        """Where and how to compute."""
        ...

    @property
    def resume(self) -> bool:
        """Whether to go on with what the folder holds."""
        ...

    @property
    def dry_run(self) -> bool:
        """Whether only to say what would be done."""
        ...

    @property
    def logger(self) -> Loggers:
        """Where curves go besides."""
        ...

    @property
    def record(self) -> Path:
        """JSON file for the settings, in the run's folder."""
        ...


Config = TypeVar("Config", bound=TrainingConfig)


def call_training(
    config: Config,
    settings: dict[str, Any],
    divide: Callable[[DataSplits, Config], DataSplits],
    learn: Callable[["Fabric", DataSplits, Config, RunLog | None, Forecast | None], object],
    following: Sequence[Sequence[str]],
) -> Path:
    """Train in the folder that a call names, and print where the last checkpoint is, and what can be typed next.

    Args:
        config: of the call.
        settings: of the training, or those groups of them that are known before the images are.
        divide: takes the opened data; returns them divided as the run in the folder has them.
        learn: trains.
        following: commands that go on from the folder.

    Returns:
        The folder.

    Raises:
        InputError: the folder holds a run already, or one with other settings.
    """
    from longtail.jobs.launch import launch
    from longtail.jobs.stage_one.images import described, open_splits
    from longtail.jobs.stage_one.settings import check_begun

    folder = config.record.parent
    last = folder / "checkpoints" / "last.pt"
    if last.is_file() and not config.resume:
        raise InputError(f"{folder} holds a run already. Go on with --resume, or choose another --out.")
    check_begun(config.record, settings)
    check_loggers(config.logger)
    splits = divide(open_splits(config.dataset, config.data, quiet=config.runtime.quiet), config)
    fabric = launch(config.runtime)
    if config.dry_run:
        forecast = Forecast()
        forecast.say("reads", described(splits))
        learn(fabric, splits, config, None, forecast)
        if fabric.is_global_zero:
            print(forecast.text())
        return folder
    with log_of(config, folder, is_first=fabric.is_global_zero) as log:
        learn(fabric, splits, config, log, None)
    if fabric.is_global_zero and not config.runtime.quiet:
        print(f"{last}")
        say_next(*following)
    return folder
