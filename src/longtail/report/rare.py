"""What became of the rare classes: found, confused with what, and how they look."""

from pathlib import Path
from typing import Any

from longtail.report.embedded_images import inline_image

__all__ = ["MOST_CLASSES", "rare_classes"]

MOST_CLASSES = 12
_MOST_IMAGES = 6


def rare_classes(results: dict[str, Any], folder: Path, best: str) -> dict[str, Any] | None:
    """Prepare the section on rare classes.

    Args:
        results: content of results.json.
        folder: of results.json, which image paths are relative to.
        best: method that is put beside joint.

    Returns:
        `methods` that are compared, and `rows`, one a class; None where there are none.
    """
    rows = results["rare_classes"][:MOST_CLASSES]
    if not rows:
        return None
    present = [name for name in ("joint", best) if any(name in row["found"] for row in rows)]
    methods = list(dict.fromkeys(present))
    return {"methods": methods, "rows": [_row(results, folder, row, methods) for row in rows]}


def _row(results: dict[str, Any], folder: Path, row: dict[str, Any], methods: list[str]) -> dict[str, Any]:
    names = results["data"]["class_names"]
    return {
        "name": names[row["class"]],
        "train_count": row["train_count"],
        "test_count": row["test_count"],
        "found": {method: row["found"].get(method) for method in methods},
        "confused": {
            method: [(names[other["class"]], other["count"]) for other in row["confused_with"].get(method, [])]
            for method in methods
        },
        "train_image": inline_image(folder, row.get("train_example")),
        "train_name": row.get("train_name"),
        "tests": _tests(results, folder, row, methods),
        "others": _others(results, folder, row, methods),
    }


def _tests(results: dict[str, Any], folder: Path, row: dict[str, Any], methods: list[str]) -> list[dict[str, Any]]:
    """Test images with what the compared methods say; those that say the same are named together."""
    names = results["data"]["class_names"]
    shown = []
    for example in row.get("examples", [])[:_MOST_IMAGES]:
        image = inline_image(folder, example["file"])
        if image is not None:
            answers: dict[int, list[str]] = {}
            for method in methods:
                if method in example["predicted"]:
                    answers.setdefault(example["predicted"][method], []).append(method)
            shown_answers = [
                {"methods": ", ".join(who), "name": names[answer], "right": answer == row["class"]}
                for answer, who in answers.items()
            ]
            shown.append({"image": image, "name": example.get("name"), "said": shown_answers})
    return shown


def _others(results: dict[str, Any], folder: Path, row: dict[str, Any], methods: list[str]) -> list[dict[str, Any]]:
    """Training images of the classes that this one is taken for, most frequent first."""
    votes: dict[int, int] = {}
    for method in methods:
        for other in row["confused_with"].get(method, []):
            votes[other["class"]] = votes.get(other["class"], 0) + other["count"]
    shown = []
    for number in sorted(votes, key=lambda c: (-votes[c], c))[:2]:
        image = inline_image(folder, results["class_examples"].get(str(number)))
        if image is not None:
            shown.append({"name": results["data"]["class_names"][number], "image": image})
    return shown
