"""Begin a study of networks that it trains."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from longtail.errors import InputError
from longtail.jobs.run import RunConfig, data_of, run_folder
from longtail.jobs.run_checks import checked

if TYPE_CHECKING:
    from lightning_fabric import Fabric

    from longtail.data.source import DataSplits

__all__ = ["OpenStudy", "open_study"]


@dataclass(frozen=True)
class OpenStudy:
    """What a study of runs needs.

    Attributes:
        name: of the study.
        fabric: the launched processes.
        config: of its runs, checked.
        splits: the opened data.
        folder: for all that it writes.
    """

    name: str
    fabric: "Fabric"
    config: RunConfig
    splits: "DataSplits"
    folder: Path


def open_study(name: str, config: RunConfig) -> OpenStudy:
    """Check the settings of a study's runs, open the data and launch the processes.

    Args:
        name: of the study.
        config: of its runs.

    Raises:
        InputError: settings that do not go together, or data that cannot be read.
    """
    from longtail.jobs.launch import launch
    from longtail.jobs.stage_one.images import open_splits

    if config.quick:
        raise InputError("--quick: is for `longtail run`. A study of quick runs says nothing; leave it out.")
    config = checked(config)
    folder = config.runtime.out or Path("runs") / f"study-{name}-{run_folder(config).name}"
    splits = open_splits(*data_of(config), quiet=config.runtime.quiet)
    return OpenStudy(name, launch(config.runtime), config, splits, folder)
