"""`longtail report RUN`: the page again from results.json."""

from dataclasses import dataclass
from pathlib import Path

import tyro

__all__ = ["ReportConfig", "run"]


@dataclass(frozen=True)
class ReportConfig:
    """Make the page of a finished run again."""

    run: tyro.conf.Positional[Path]
    """Folder of the run, or its results.json."""
    quiet: bool = False
    """Silence about where the page is."""


def run(config: ReportConfig) -> Path:
    """Write report.html into the run's folder.

    Raises:
        InputError: the folder holds no results.json, or one that cannot be used.
    """
    from longtail.report import write_report

    folder = config.run.parent if config.run.name == "results.json" else config.run
    page = write_report(folder)
    if not config.quiet:
        print(page)
    return page
