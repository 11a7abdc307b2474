"""Which classes to collect next, and labels worth a look."""

from pathlib import Path
from typing import Any

from longtail.report.embedded_images import inline_image

__all__ = ["collect_next", "label_problems"]

MOST_CLASSES = 15
OWN_SHARE = 0.5  # of an estimate, from which it counts as the class's own


def collect_next(results: dict[str, Any]) -> dict[str, Any] | None:
    """Prepare the section on which classes gain from more images.

    Args:
        results: content of results.json.

    Returns:
        `rows` of the classes that gain, most first; how many more do, and of how many it cannot be said; None where no
        learning curve was measured.
    """
    curve = results.get("learning_curve")
    if not curve:
        return None
    names = results["data"]["class_names"]
    gains = sorted(
        (row for row in curve["classes"] if row["verdict"] == "gains"), key=lambda row: (-row["doubling"], row["class"])
    )
    return {
        **curve,
        "rows": [
            {**row, "name": names[row["class"]], "own": row["own_share"] >= OWN_SHARE} for row in gains[:MOST_CLASSES]
        ],
        "more": max(len(gains) - MOST_CLASSES, 0),
        "gains": len(gains),
        "own": sum(row["own_share"] >= OWN_SHARE for row in gains),
        "loses": sum(row["verdict"] == "loses" for row in curve["classes"]),
        "unknown": sum(row["verdict"] == "cannot say" for row in curve["classes"]),
        "groups": [(group, gain) for group, gain in curve["group_doubling"].items() if gain is not None],
    }


def label_problems(results: dict[str, Any], folder: Path) -> dict[str, Any] | None:
    """Prepare the section on labels worth a look.

    Args:
        results: content of results.json.
        folder: of results.json, which image paths are relative to.

    Returns:
        `totals` by kind, `rows` with images where there are, and what was not looked for; None where nothing is known.
    """
    problems = results.get("label_problems")
    if not problems:
        return None
    rows = [
        {
            "name": f"row {row['row']}",
            "other_name": f"row {row['other_row']}",
            **row,
            "picture": inline_image(folder, row.get("image")),
            "other_picture": inline_image(folder, row.get("other_image")),
        }
        for row in problems["found"]
    ]
    return {**problems, "rows": rows, "pictures": any(row["picture"] for row in rows)}
