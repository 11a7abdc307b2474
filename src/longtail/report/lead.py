"""What the page begins with: how many test images of each group of classes are found now, and were before."""

from typing import Any

from longtail.counts import GROUP_WORDS, GROUPS

__all__ = ["lead"]


def lead(results: dict[str, Any]) -> dict[str, Any] | None:
    """Count what the plain classifier and the recommended method find on test.

    Args:
        results: content of results.json.

    Returns:
        `sentence`, and `bars`: `group`, `method`, `found`, `images`, the rarest group first. None where no other method
        than joint is recommended, or one of the two was not measured on test.
    """
    best = results["verdict"].get("best")
    measured = {name: results["methods"].get(name, {}).get("metrics", {}).get("test") for name in ("joint", best)}
    kept = (results["methods"].get(best, {}).get("choice") or {}).get("method") == "joint"
    if best in (None, "joint") or kept or any("per_class_images" not in (test or {}) for test in measured.values()):
        return None
    bars = []
    for group in reversed(GROUPS):
        members = [c for c, name in enumerate(results["data"]["group_of_class"]) if name == group]
        for name, test in measured.items():
            images = [test["per_class_images"][c] for c in members]
            found = [round((test["per_class"][c] or 0) * test["per_class_images"][c] / 100) for c in members]
            if sum(images):
                bars.append({"group": GROUP_WORDS[group], "method": name, "found": sum(found), "images": sum(images)})
    if not bars:
        return None
    before, now = bars[:2]
    return {
        "sentence": (
            f"Of {now['images']:,} test images of the {now['group']}, {best} finds {now['found']:,}. "
            f"The plain classifier (joint) found {before['found']:,}."
        ),
        "bars": bars,
    }
