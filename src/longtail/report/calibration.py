"""What the page says of probabilities, out of calibration.json and of the measures of each method."""

import json
from pathlib import Path
from typing import Any

from longtail.counts import GROUPS
from longtail.errors import InputError
from longtail.report.calibration_figures import coverage_by_group, reliability_diagram

__all__ = ["calibration_view"]

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
    heads = _read(folder / "calibration" / "calibration.json")
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
                if entry["probabilities"]["after"][part] is not None
            ],
            "reliability": Markup(reliability_diagram(name, entry["reliability"])),
            "coverage": Markup(coverage_by_group(entry["sets"], 100 * (1 - entry["alpha"]))),
        }
    return view


def _read(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    needed = ("method", "probabilities", "reliability", "sets", "reject", "rule", "sentences", "doubts", "alpha")
    try:
        heads: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))["heads"]
        for entry in heads.values():
            for key in needed:
                entry[key]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(
            f"{path}: cannot be used ({error!r}). Run `longtail calibrate` again, or delete it."
        ) from error
    return heads
