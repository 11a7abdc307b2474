"""The HTML page of a comparison of runs, made from its JSON alone."""

from typing import Any

from longtail.counts import GROUPS
from longtail.report.class_figures import accuracy_by_class
from longtail.report.evidence import decided
from longtail.report.page import page_environment
from longtail.report.study_figures import points_figure

__all__ = ["METRICS", "changed_classes", "render_run_comparison"]

METRICS = ("balanced", *reversed(GROUPS), "all")
MOST_CHANGES = 50  # classes that gained, and that lost, of two runs


def render_run_comparison(content: dict[str, Any]) -> str:
    """Put a comparison of runs into a page that needs no other file, no network and no script.

    Args:
        content: of comparison.json.

    Returns:
        HTML; the same content gives the same text.
    """
    from markupsafe import Markup

    pairs = [
        {
            **pair,
            "cells": {
                name: None if cell is None else {**cell, "word": decided(cell, content["level"])}
                for name, cell in pair["metrics"].items()
            },
            **_most_changed(changed_classes(content["classes"], pair["baseline"], pair["method"])),
        }
        for pair in content["differences"]
    ]
    return (
        page_environment()
        .get_template("comparison.html.j2")
        .render(
            content=content,
            runs={one["letter"]: one for one in content["runs"]},
            metrics=METRICS,
            pairs=pairs,
            figure_of_classes=Markup(_of_classes(content, pairs[0])) if len(pairs) == 1 else "",
            accuracies=Markup(_accuracies(content)),
        )
    )


def changed_classes(classes: list[dict[str, Any]], baseline: str, letter: str) -> list[dict[str, Any]]:
    """Return the classes of which two runs do not find as many, what gained most first, with `change` in points.

    Args:
        classes: of comparison.json.
        baseline: letter of the run that the other is compared with.
        letter: of the other.

    Example:
        >>> ant, bee = {"rows": 4, "found": {"A": 3, "B": 1}}, {"rows": 2, "found": {"A": 0, "B": 1}}
        >>> [row["change"] for row in changed_classes([ant, bee], "A", "B")]
        [50.0, -50.0]
    """
    rows = [
        {**row, "change": 100 * (row["found"][letter] - row["found"][baseline]) / row["rows"]}
        for row in classes
        if row["rows"]
    ]
    return sorted((row for row in rows if row["change"]), key=lambda row: -row["change"])


def _most_changed(changes: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the classes that changed, or of many those that changed most, and how many more there are."""
    more = max(len(changes) - 2 * MOST_CHANGES, 0)
    return {"changes": changes[:MOST_CHANGES] + changes[-MOST_CHANGES:] if more else changes, "more_changes": more}


def _accuracies(content: dict[str, Any]) -> str:
    """Draw what each run reaches, a panel a metric."""
    named = {f"{one['letter']}  {one['method']}": one["metrics"] for one in content["runs"]}
    shown = [name for name in METRICS if any(metrics[name] is not None for metrics in named.values())]

    def cell(metric: dict[str, Any] | None) -> dict[str, Any] | None:
        return None if metric is None else {"mean": metric["value"], "interval": metric["interval"]}

    panels = [
        {
            "name": name,
            "rows": list(named),
            "values": {"accuracy": {run: cell(metrics[name]) for run, metrics in named.items()}},
        }
        for name in shown
    ]
    return points_figure({"title": "Accuracy", "series": ["accuracy"], "panels": panels}, 0)


def _of_classes(content: dict[str, Any], pair: dict[str, Any]) -> str:
    """Draw the accuracy of each class in two runs."""
    classes, baseline = content["classes"], pair["baseline"]
    data = {
        "class_names": [row["name"] for row in classes],
        "train_counts": [row["train"][baseline] for row in classes],
        "group_of_class": [row["group"] for row in classes],
        "group_thresholds": content["group_thresholds"],
    }
    recalls: dict[str, list[float | None]] = {
        letter: [100 * row["found"][letter] / row["rows"] if row["rows"] else None for row in classes]
        for letter in (baseline, pair["method"])
    }
    return accuracy_by_class(data, recalls, content["split"])
