"""What the test images show: the recommended method against joint, and which classes gained and lost most."""

from typing import Any

__all__ = ["class_changes", "decided", "shown_differences"]

MOST_NAMED = 8
FEWEST_IMAGES = 5  # one image of fewer is more than 20 points


def shown_differences(results: dict[str, Any], best: str | None, metrics: tuple[str, ...]) -> dict[str, Any] | None:
    """Prepare the table of what this test set can and cannot show.

    Args:
        results: content of results.json.
        best: the recommended method.
        metrics: in the order in which they are shown.

    Returns:
        `rows` for the best method against joint, `pairs` of all that were compared; None where nothing was.
    """
    comparisons = results.get("comparisons")
    if not comparisons or not comparisons["pairs"]:
        return None
    pairs = comparisons["pairs"]
    shown = next((pair for pair in pairs if (pair["method"], pair["baseline"]) == (best, "joint")), pairs[0])
    return {
        "method": shown["method"],
        "baseline": shown["baseline"],
        "correction": {"holm": "Holm", "benjamini-hochberg": "Benjamini-Hochberg"}[comparisons["correction"]],
        "level": comparisons["level"],
        "power": comparisons["power"],
        "rows": [
            {"metric": metric, **result, "word": decided(result, comparisons["level"])}
            for metric, result in ((metric, shown["metrics"].get(metric)) for metric in metrics)
            if result is not None
        ],
        "pairs": [
            {
                "method": pair["method"],
                "baseline": pair["baseline"],
                "cells": [
                    None if result is None else {**result, "word": decided(result, comparisons["level"])}
                    for result in (pair["metrics"].get(metric) for metric in metrics)
                ],
            }
            for pair in pairs
        ],
    }


def decided(comparison: dict[str, Any], level: float = 0.05) -> str:
    """Say "better", "worse" or "not shown": by the corrected p-value where there is one, else by the interval.

    Example:
        >>> decided({"difference": 3.0, "interval": [1.0, 5.0]})
        'better'
        >>> decided({"difference": 3.0, "interval": [1.0, 5.0], "p_corrected": 0.2})
        'not shown'
    """
    low, high = comparison["interval"]
    p = comparison.get("p_corrected")
    is_shown = (low > 0 or high < 0) if p is None else p < level
    return "not shown" if not is_shown else "better" if comparison["difference"] > 0 else "worse"


def class_changes(data: dict[str, Any], measured: dict[str, Any], compared: list[str]) -> dict[str, Any] | None:
    """List the classes that gained and lost most from joint to the recommended method.

    Args:
        data: the part `data` of results.json.
        measured: metrics of each method on the split.
        compared: joint and the recommended method.

    Returns:
        `gained` and `lost`: rows by falling change of recall; numbers of classes that gained, lost and stayed; `small`,
        the number of classes that are not listed for having fewer than 5 test images. None without two methods.
    """
    if len(compared) < 2 or any("per_class_images" not in measured[name] for name in compared):
        return None
    before, after = (measured[name]["per_class"] for name in compared)
    images = measured[compared[0]]["per_class_images"]
    rows = [
        {
            "name": data["class_names"][c],
            "train": data["train_counts"][c],
            "images": images[c],
            "before": round(before[c] * images[c] / 100),
            "after": round(after[c] * images[c] / 100),
            "change": after[c] - before[c],
        }
        for c in range(len(images))
        if before[c] is not None and after[c] is not None
    ]
    listed = [row for row in rows if row["images"] >= FEWEST_IMAGES] or rows
    order = sorted(listed, key=lambda row: row["change"])
    return {
        "gained": [row for row in reversed(order) if row["change"] > 0][:MOST_NAMED],
        "lost": [row for row in order if row["change"] < 0][:MOST_NAMED],
        "numbers": [
            sum(row["change"] > 0 for row in rows),
            sum(row["change"] < 0 for row in rows),
            sum(row["change"] == 0 for row in rows),
        ],
        "small": len(rows) - len(listed),
    }
