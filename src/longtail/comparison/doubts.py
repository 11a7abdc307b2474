"""What is to be doubted of a comparison, in sentences: rows in two splits, classes without images, unfinished heads."""

from typing import Any

__all__ = ["further_doubts", "leak"]

MOST_NAMED = 5
MOST_NEAR = 0.01  # of the rows of a split, up to which near ones are no matter for a headline


def leak(results: dict[str, Any], best: str) -> str | None:
    """Return which rows stand in two splits, and what the recommended method reaches without them.

    Args:
        results: content of results.json.
        best: the recommended method.

    Returns:
        Sentences, or None where no row does.
    """
    shared = results.get("shared_rows")
    if not shared:
        return None
    sentences = []
    pairs = shared["pairs"]
    if "test" in pairs and _matters(pairs["test"]):
        sentences.append(_of_test(results, shared, best))
    if "val" in pairs and _matters(pairs["val"]):
        sentences.append(f"{_counted('val', pairs['val'])}: what was chosen there looks better than it is.")
    return " ".join(sentences) or None


def further_doubts(results: dict[str, Any]) -> list[str]:
    """Return which heads are not to be trusted, and of which classes nothing is measured.

    Args:
        results: content of results.json.
    """
    of_note: dict[str, list[str]] = {}
    for name, entry in results["methods"].items():
        for note in entry.get("notes", ()):
            of_note.setdefault(note, []).append(name)
    doubts = [f"{', '.join(names)}: {note}" for note, names in of_note.items()]
    measured = [entry["metrics"]["test"] for entry in results["methods"].values() if "test" in entry["metrics"]]
    images = (measured[0].get("per_class_images") if measured else None) or []
    absent = [c for c, count in enumerate(images) if count == 0]
    if absent:
        names = [results["data"]["class_names"][c] for c in absent]
        more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
        verb, them = ("has", "it") if len(absent) == 1 else ("have", "them")
        doubts.append(
            f"{len(absent):,} of {len(images):,} classes {verb} no test image ({', '.join(names[:MOST_NAMED])}{more}): "
            f"nothing is measured of {them}, and no mean counts {them}."
        )
    return doubts


def _matters(pair: dict[str, Any]) -> bool:
    """Whether rows are the same, or more of them nearly so than chance and two photographs of one thing explain."""
    return bool(pair["identical"]) or pair["near"] >= MOST_NEAR * pair["rows"]


def _of_test(results: dict[str, Any], shared: dict[str, Any], best: str) -> str:
    warning = _counted("test", shared["pairs"]["test"])
    without = shared["without"]
    if without is None:
        return f"{warning}: this test split says nothing about new images."
    metrics, left = results["methods"][best]["metrics"]["test"], without[best]
    text = (
        f"{warning}. On the {left['images']:,} others {best} has a balanced accuracy of {left['balanced']:.1f} % "
        f"(on all {metrics['balanced']:.1f} %"
    )
    if best != "joint" and "joint" in without:
        text += f"; joint {without['joint']['balanced']:.1f} %"
    return f"{text})."


def _counted(split: str, pair: dict[str, Any]) -> str:
    of = " or ".join(pair["of"])
    identical, near, rows = pair["identical"], pair["near"], pair["rows"]
    parts = [f"{identical:,} of {rows:,} {split} rows stand in {of} too"] if identical else []
    if near:
        parts.append(
            f"{near:,} more are nearly the same as one there"
            if identical
            else f"{near:,} of {rows:,} {split} rows are nearly the same as one of {of}"
        )
    return ", and ".join(parts)
