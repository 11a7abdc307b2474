"""Several seeds of one run: mean and interval of each method."""

import math
from pathlib import Path
from typing import Any

import numpy as np

from longtail.evaluation import corrected
from longtail.evaluation.paired_tests import Correction

__all__ = ["METRICS", "cell_text", "difference_text", "mean_and_interval", "spread_text", "summarize"]

METRICS = ("all", "balanced", "many", "medium", "few")


def summarize(runs: list[dict[str, Any]], folder: Path, correction: Correction = "holm") -> dict[str, Any]:
    """Write summary.json and summary.md over the runs' test results, and print the table.

    A method differs from joint by d_s points with seed s: p is that of the paired t test of the mean of d_s against 0,
    corrected over the methods of a metric. A rank test (Wilcoxon's) could not go below 0.05 with fewer than 6 seeds.

    Args:
        runs: the results of each seed, of the same methods.
        folder: of the runs.
        correction: of the p-values, for several methods.

    Returns:
        {"seeds", "methods": {name: {metric: {"mean", "interval", "values"}}}, "versus_joint": the same of differences,
        with "p" and "p_corrected", None where no seed changes anything}.
    """
    from longtail.files.atomic import write_json, write_text

    split = "test" if "test" in next(iter(runs[0]["methods"].values()))["metrics"] else "val"
    values = {
        name: {metric: [run["methods"][name]["metrics"][split][metric] for run in runs] for metric in METRICS}
        for name in runs[0]["methods"]
    }
    summary: dict[str, Any] = {
        "schema": 1,
        "title": runs[0]["title"],
        "command": runs[0]["command"],
        "split": split,
        "seeds": [run["seed"] for run in runs],
        "methods": {
            name: {metric: mean_and_interval(result) for metric, result in metrics.items()}
            for name, metrics in values.items()
        },
        "versus_joint": _differences(values, correction),
        "correction": correction,
        "environment": runs[0]["environment"],
    }
    quick = f"{runs[0]['quick']}\n\n" if runs[0].get("quick") else ""
    table = quick + _markdown(summary) + _difference_table(summary)
    write_json(folder / "summary.json", summary)
    write_text(folder / "summary.md", table)
    print(f"\n{table}\n{spread_text(len(runs))} (t distribution), on {split}")
    return summary


def mean_and_interval(values: list[float | None], level: float = 0.95) -> dict[str, Any] | None:
    """Return the mean over seeds and the t interval of that mean; None where a value is missing.

    Example:
        >>> found = mean_and_interval([1.0, 2.0, 3.0])
        >>> found["mean"], [round(edge, 2) for edge in found["interval"]]
        (2.0, [-0.48, 4.48])
    """
    from scipy.stats import t

    if any(value is None for value in values):
        return None
    known = np.array(values, dtype=np.float64)
    mean = float(known.mean())
    interval = None
    if len(known) > 1:
        half = float(t.ppf((1 + level) / 2, len(known) - 1) * known.std(ddof=1) / math.sqrt(len(known)))
        interval = [mean - half, mean + half]
    return {"mean": mean, "interval": interval, "values": [float(value) for value in known]}


def _differences(values: dict[str, dict[str, list[float | None]]], correction: Correction) -> dict[str, Any]:
    """Compare each method with joint, seed by seed."""
    result: dict[str, Any] = {
        name: {
            metric: _with_p(
                [
                    None if ours is None or base is None else ours - base
                    for ours, base in zip(series, values["joint"][metric], strict=True)
                ]
            )
            for metric, series in metrics.items()
        }
        for name, metrics in values.items()
        if "joint" in values and name != "joint"
    }
    for metric in METRICS:
        cells = [metrics[metric] for metrics in result.values()]
        for cell, p in zip(cells, corrected([c and c["p"] for c in cells], correction), strict=True):
            if cell is not None:
                cell["p_corrected"] = p
    return result


def _with_p(differences: list[float | None]) -> dict[str, Any] | None:
    from scipy.stats import ttest_1samp

    result = mean_and_interval(differences)
    if result is None:
        return None
    known = np.array(result["values"])
    # what comes out alike with every seed says nothing about seeds
    same = len(known) < 2 or float(np.ptp(known)) < 1e-9
    return {**result, "p": None if same else float(ttest_1samp(known, 0.0).pvalue)}


def _difference_table(summary: dict[str, Any]) -> str:
    if not summary["versus_joint"] or len(summary["seeds"]) < 2:
        return ""
    lines = ["", f"difference to joint, paired by seed (p corrected: {summary['correction']})", ""]
    lines += ["| | " + " | ".join(METRICS) + " |", "|---" * (len(METRICS) + 1) + "|"]
    for name, metrics in summary["versus_joint"].items():
        lines.append(f"| {name} | " + " | ".join(_difference_cell(metrics[metric]) for metric in METRICS) + " |")
    return "\n".join(lines) + "\n"


def _difference_cell(difference: dict[str, Any] | None) -> str:
    if difference is None:
        return "-"
    p = difference["p_corrected"]
    return f"{difference['mean']:+.1f} ({'no spread' if p is None else f'p = {p:.2g}'})"


def _markdown(summary: dict[str, Any]) -> str:
    lines = ["| | " + " | ".join(METRICS) + " |", "|---" * (len(METRICS) + 1) + "|"]
    for name, metrics in summary["methods"].items():
        lines.append(f"| {name} | " + " | ".join(cell_text(metrics[metric]) for metric in METRICS) + " |")
    return "\n".join(lines) + "\n"


def cell_text(summary: dict[str, Any] | None, digits: int = 1) -> str:
    """Write a mean with half the width of its interval, with both ends where they are not equally far, or a dash.

    Example:
        >>> cell_text({"mean": 56.25, "interval": [55.0, 57.5]})
        '56.2 ± 1.2'
        >>> cell_text({"mean": 98.0, "interval": [95.1, 99.5]})
        '98.0 [95.1, 99.5]'
    """
    if summary is None:
        return "-"
    mean = f"{summary['mean']:.{digits}f}"
    if summary["interval"] is None:
        return mean
    low, high = summary["interval"]
    below, above = summary["mean"] - low, high - summary["mean"]
    if abs(above - below) >= 10**-digits:
        return f"{mean} [{low:.{digits}f}, {high:.{digits}f}]"
    return f"{mean} ± {above:.{digits}f}"


def difference_text(difference: dict[str, Any] | None) -> str:
    """Write a difference with its interval, and a doubt where the interval includes zero.

    Example:
        >>> difference_text({"mean": 1.0, "interval": [-0.5, 2.5]})
        '+1.0 [-0.5, +2.5], may be chance'
    """
    if difference is None:
        return "-"
    if difference["interval"] is None:
        return f"{difference['mean']:+.1f}, one seed"
    low, high = difference["interval"]
    doubt = "" if low > 0 or high < 0 else ", may be chance"
    return f"{difference['mean']:+.1f} [{low:+.1f}, {high:+.1f}]{doubt}"


def spread_text(seeds: int) -> str:
    """Say over what a table's numbers are means.

    Example:
        >>> spread_text(3)
        'mean over 3 seeds and 95 % interval of that mean'
    """
    return (
        "one seed, so without an interval" if seeds == 1 else f"mean over {seeds} seeds and 95 % interval of that mean"
    )
