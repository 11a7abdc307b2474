"""What several rows of one image mean: labels that say the same twice, and crops that belong together."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from longtail.data.manifests.rows import ManifestChoice, Rows
from longtail.grouping import grouping_of, joined_groups

__all__ = ["Box", "crops_together", "distinct_labels", "note_of_nothing"]

Box = tuple[float, float, float, float]
_NOTHING = frozenset({"empty", "blank", "nothing", "none", "no animal", "background", "unknown", "unclassified"})


def distinct_labels(labels: Sequence[str], boxes: Sequence[Box | None]) -> list[int]:
    """Return which annotations of one image say something that no other one says.

    Two animals of a kind without boxes are one label of the image; a label of the whole image says nothing new beside
    a box of that label; and no label says nothing beside one.

    Args:
        labels: of one image's annotations; "" for one that names no class.
        boxes: of each; None for the whole image.

    Returns:
        Places among them, rising.

    Example:
        >>> distinct_labels(["deer", "deer", "fox", "fox", ""], [None, None, (0, 0, 1, 1), None, None])
        [0, 2]
    """
    if len(labels) == 1:
        return [0]
    boxed = {label for label, box in zip(labels, boxes, strict=True) if box is not None}
    seen: set[tuple[str, Box | None]] = set()
    result = []
    for place, key in enumerate(zip(labels, boxes, strict=True)):
        label, box = key
        if key in seen or (box is None and (label in boxed or (not label and any(labels)))):
            continue
        seen.add(key)
        result.append(place)
    return result


def crops_together(rows: Rows, choice: ManifestChoice) -> Rows:
    """Put the crops of an image into one group: groups that hold crops of one image become one.

    Args:
        rows: as a format's reader reads them.
        choice: what a person said; where that is that rows are apart, they stay so.
    """
    if rows.boxes is None or choice.group_column == "none":
        return rows
    several = {image for image, number in Counter(rows.images).items() if number > 1}
    if not several:
        return rows
    if rows.groups is None:
        return replace(rows, groups=list(rows.images), grouped_by="image")
    images = grouping_of(rows.images)
    together = joined_groups(grouping_of(rows.groups).codes, images.codes)
    # each is called as the first of its groups that has a name, or else as its image
    names: dict[int, str] = {}
    for code, group in zip(together.tolist(), rows.groups, strict=True):
        if group:
            names.setdefault(code, group)
    words = [
        names.get(code) or (image if image in several else "")
        for code, image in zip(together.tolist(), rows.images, strict=True)
    ]
    joined = len({group for group in rows.groups if group}) - len(set(names.values()))
    note = f"{joined:,} groups were joined with others, as they hold boxes of the same image"
    return replace(rows, groups=words, notes=(*rows.notes, note) if joined else rows.notes)


def note_of_nothing(labels: Sequence[str], origin: str) -> tuple[str, ...]:
    """Return a note where a class is what a picture of nothing is called."""
    there = sorted({label for label in labels if label.lower().replace("_", " ") in _NOTHING})
    if not there:
        return ()
    return (
        f"{origin}: {', '.join(map(repr, there))} is a class like the others here; `drop_labels` leaves such rows out",
    )
