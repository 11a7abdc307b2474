"""Begin a study that trains: checked settings, data, folder and processes."""

from pathlib import Path
from typing import TYPE_CHECKING

from longtail.jobs.run import RunConfig, checked, data_of, run_folder

if TYPE_CHECKING:
    from lightning.fabric import Fabric

    from longtail.data.source import DataSplits

__all__ = ["open_study"]


def open_study(name: str, config: RunConfig) -> tuple["Fabric", RunConfig, "DataSplits", Path]:
    """Open what a study of runs needs.

    Args:
        name: of the study.
        config: of its runs.

    Returns:
        The launched processes, the checked settings, the opened data, and the folder of the study.

    Raises:
        InputError: settings that do not go together, or data that cannot be read.
    """
    from longtail.jobs.images import open_splits
    from longtail.jobs.launch import launch

    config = checked(config)
    folder = config.runtime.out or Path("runs") / f"study-{name}-{run_folder(config).name}"
    splits = open_splits(*data_of(config))
    return launch(config.runtime), config, splits, folder
