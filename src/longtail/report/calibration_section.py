"""What the page says of probabilities, out of calibration.json and of the measures of each method."""

from pathlib import Path
from typing import Any

from longtail.counts import GROUPS
from longtail.errors import InputError
from longtail.files.json_file import read_json
from longtail.report.calibration_figures import coverage_by_group, reliability_diagram
from longtail.report.calibration_schema import Calibrations

__all__ = ["calibration_view", "read_calibrations"]

EXPECTED = "what `longtail calibrate` wrote; run it again, or delete it"
PARTS = ("all", "balanced", *GROUPS)


def calibration_view(folder: Path, measured: dict[str, dict[str, Any]], best: str | None) -> dict[str, Any] | None:
    """Gather tables, sentences and figures of the section on probabilities.

    Args:
        folder: of the run.
        measured: metrics of each method on the split that is shown.
        best: method of the verdict.

    Returns:
        None where nothing is known of probabilities.

    Raises:
        InputError: calibration.json cannot be used.
    """
    from markupsafe import Markup

    plain = {name: metrics["calibration"] for name, metrics in measured.items() if metrics.get("calibration")}
    heads = read_calibrations(folder)
    if not plain and not heads:
        return None
    view: dict[str, Any] = {"plain": plain, "heads": heads, "shown": None}
    if heads:
        name = best if best in heads else next(iter(heads))
        entry = heads[name]
        view |= {
            "shown": name,
            "entry": entry,
            "rows": [
                (part, entry["probabilities"]["before"][part], entry["probabilities"]["after"][part])
                for part in PARTS
                if entry["probabilities"]["before"][part] and entry["probabilities"]["after"][part]
            ],
            "reliability": Markup(reliability_diagram(name, entry["reliability"])),
            "coverage": Markup(coverage_by_group(entry["sets"], 100 * (1 - entry["alpha"]))),
        }
    return view


def read_calibrations(folder: Path) -> dict[str, Any]:
    """Read what `longtail calibrate` measured of a run's heads.

    Args:
        folder: of the run.

    Returns:
        By head; empty where nothing was calibrated.

    Raises:
        InputError: calibration.json cannot be used.
    """
    path = folder / "calibration" / "calibration.json"
    if not path.is_file():
        return {}
    heads: dict[str, Any] = read_json(path, Calibrations, expected=EXPECTED)["heads"]
    for name, entry in heads.items():
        for when, bins in entry["reliability"].items():
            if not len(bins["confidence"]) == len(bins["accuracy"]) == len(bins["images"]):
                raise InputError(
                    f"{path}: 'heads.{name}.reliability.{when}' holds lists of other lengths. Expected {EXPECTED}."
                )
        if not any(parts[group] for parts in entry["sets"].values() for group in GROUPS):
            raise InputError(f"{path}: 'heads.{name}.sets' is of no group. Expected {EXPECTED}.")
    return heads
