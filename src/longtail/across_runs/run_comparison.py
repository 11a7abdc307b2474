"""What a comparison of runs gives: text for a terminal, a page, JSON."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from longtail.across_runs.answers import signed
from longtail.arguments import as_path
from longtail.comparison.method_table import aligned_text
from longtail.files.atomic import write_json, write_text
from longtail.files.text import printable
from longtail.files.unwritable import telling_why
from longtail.report import render_run_comparison
from longtail.report.run_comparison_page import METRICS, changed_classes

__all__ = ["SCHEMA", "RunComparison"]

SCHEMA = 1
MOST_SHOWN = 6  # classes that gained or lost most, in a terminal


@dataclass(frozen=True, repr=False)
class RunComparison:
    """Finished runs side by side.

    Attributes:
        content: what comparison.json holds; docs/results.md says what it means.
    """

    content: Mapping[str, Any]

    @property
    def differences(self) -> dict[str, dict[str, Any]]:
        """By letter of a run, its differences to the first by metric; runs of other data have none."""
        return {pair["method"]: pair["metrics"] for pair in self.content["differences"]}

    @telling_why()
    def write(self, folder: Path | str) -> Path:
        """Write comparison.json and comparison.html into a folder.

        Returns:
            Path of the page.

        Raises:
            InputError: the folder cannot be written.
        """
        place = as_path(folder, "folder")
        write_json(place / "comparison.json", dict(self.content))
        write_text(place / "comparison.html", self._repr_html_())
        return place / "comparison.html"

    def to_json(self) -> str:
        """Return the content as JSON."""
        return json.dumps(self.content, indent=1)

    def _repr_html_(self) -> str:
        return render_run_comparison(dict(self.content))

    def __repr__(self) -> str:
        content = self.content
        runs = [[one["letter"], printable(one["folder"]), one["method"], str(one["title"])] for one in content["runs"]]
        blocks = [aligned_text(runs, [True] * 4), *content["answers"], self._accuracies()]
        blocks += [self._differences(pair) for pair in content["differences"]]
        blocks += [self._settings(), *self._changes(), "\n".join(f"note: {note}" for note in content["notes"])]
        return "\n\n".join(block for block in blocks if block)

    def _letters(self) -> list[str]:
        return [one["letter"] for one in self.content["runs"]]

    def _accuracies(self) -> str:
        runs = self.content["runs"]
        lines = [["accuracy, %", *self._letters()]]
        lines += [[name, *(_cell(one["metrics"][name]) for one in runs)] for name in METRICS]
        if any(one["val_balanced"] is not None for one in runs):
            values = (one["val_balanced"] for one in runs)
            lines.append(["balanced, on val", *("-" if value is None else f"{value:.1f}" for value in values)])
        return aligned_text(lines, [True] + [False] * len(runs))

    def _differences(self, pair: Mapping[str, Any]) -> str:
        lines = [[f"{pair['method']} - {pair['baseline']}, points", "", "95 %", "p"]]
        for name in METRICS:
            if (cell := pair["metrics"][name]) is not None:
                low, high = cell["interval"]
                interval = f"{signed(low)} .. {signed(high)}"
                lines.append([name, signed(cell["difference"]), interval, f"{cell['p_corrected']:.2g}"])
        return aligned_text(lines, [True, False, False, False])

    def _settings(self) -> str:
        rows = self.content["settings"]
        if not rows:
            return "All settings are the same."
        lines = [["settings that differ", *self._letters()]]
        lines += [[row["name"], *(printable(row["values"][letter]) for letter in self._letters())] for row in rows]
        return aligned_text(lines, [True] * len(lines[0]))

    def _changes(self) -> list[str]:
        """Return a table for each compared run: the classes that gained and lost most."""
        tables = []
        for pair in self.content["differences"]:
            baseline, letter = pair["baseline"], pair["method"]
            rows = changed_classes(self.content["classes"], baseline, letter)
            shown = rows if len(rows) <= 2 * MOST_SHOWN else [*rows[:MOST_SHOWN], *rows[-MOST_SHOWN:]]
            lines = [[f"classes, {baseline} -> {letter}", "found", "of", "train"]]
            lines += [_class_line(row, baseline, letter) for row in shown]
            more = len(rows) - len(shown)
            tables.append(aligned_text(lines, [True, False, False, False]) if rows else "")
            if more:
                tables[-1] += f"\n(and {more:,} that changed less: comparison.json)"
        return tables


def _class_line(row: Mapping[str, Any], baseline: str, letter: str) -> list[str]:
    found = f"{row['found'][baseline]} -> {row['found'][letter]}"
    return [printable(row["name"]), found, str(row["rows"]), str(row["train"][baseline])]


def _cell(metric: Mapping[str, Any] | None) -> str:
    if metric is None:
        return "-"
    interval = metric["interval"]
    return f"{metric['value']:.1f}" + ("" if interval is None else f" [{interval[0]:.1f}, {interval[1]:.1f}]")
