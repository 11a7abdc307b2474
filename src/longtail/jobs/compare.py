"""`longtail compare A B`: finished runs side by side."""

from dataclasses import dataclass
from pathlib import Path

import tyro

from longtail.evaluation.paired_tests import Correction

__all__ = ["CompareConfig", "run"]


@dataclass(frozen=True)
class CompareConfig:
    """Compare finished runs with the first of them."""

    runs: tyro.conf.Positional[tuple[Path, ...]]
    """Folders of two or more finished runs."""
    method: str | None = None
    """Method that all are compared by; default: each run's recommended one."""
    correction: Correction = "holm"
    """Correction of p for several comparisons."""
    out: Path | None = None
    """Folder for comparison.html and comparison.json; default: of their names, in runs."""
    quiet: bool = False
    """Print no path of the page."""


def run(config: CompareConfig) -> Path:
    """Print what the runs have in common and where they differ; write the page.

    Raises:
        InputError: fewer than two runs, a folder that holds no finished run, or no such method.
    """
    from longtail.across_runs import compare_runs
    from longtail.files.text import printable

    comparison = compare_runs(*config.runs, method=config.method, correction=config.correction)
    names = "-".join(_name(folder.resolve()) for folder in config.runs[:3])
    page = comparison.write(config.out or Path("runs") / f"compare-{names}")
    print(comparison)
    if not config.quiet:
        print(f"Open {printable(page)}")
    return page


def _name(folder: Path) -> str:
    """Return what a run is called; of the runs with several seeds all are called alike."""
    return f"{folder.parent.name}-{folder.name}" if folder.name.startswith("seed-") else folder.name
