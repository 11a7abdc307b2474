"""Begin a study: of networks that it trains, or of features that are there."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from longtail.jobs.run import RunConfig, checked, data_of, run_folder

if TYPE_CHECKING:
    from lightning.fabric import Fabric

    from longtail.data.source import DataSplits
    from longtail.jobs.fitting.head_options import HeadOptions
    from longtail.jobs.fitting.problem import FeatureProblem

__all__ = ["OpenStudy", "open_problem", "open_study"]


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

    config = checked(config)
    folder = config.runtime.out or Path("runs") / f"study-{name}-{run_folder(config).name}"
    splits = open_splits(*data_of(config))
    return OpenStudy(name, launch(config.runtime), config, splits, folder)


def open_problem(path: Path, heads: "HeadOptions") -> "FeatureProblem":
    """Open the features that a study measures.

    Args:
        path: a folder of features, or that of a run or a fit.
        heads: their network's own classifier, and whether rows with NaN or infinity are left out.

    Raises:
        InputError: no features there, or some that do not fit together.
    """
    from longtail.features import open_feature_folder
    from longtail.jobs.fitting.problem import check_problem
    from longtail.jobs.predicting.predictor import feature_folder

    inside = feature_folder(path)
    splits = open_feature_folder(inside if inside.is_dir() else path)
    return check_problem(splits, head=heads.head, drop_nonfinite=heads.drop_nonfinite)
