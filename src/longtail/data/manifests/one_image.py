"""What several rows of one image mean: labels that say the same twice, and crops that belong together."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from longtail.data.manifests.rows import ManifestChoice, Rows

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
    """Put the crops of an image into one group: that of another crop of it, or one of their own where none has any.

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
    pairs = list(zip(rows.groups, rows.images, strict=True))
    of_image = dict.fromkeys(several, "") | {image: group for group, image in pairs if group}
    alone = {image: image for image, group in of_image.items() if not group}
    return replace(rows, groups=[group or of_image.get(image) or alone.get(image, "") for group, image in pairs])


def note_of_nothing(labels: Sequence[str], origin: str) -> tuple[str, ...]:
    """Return a note where a class is what a picture of nothing is called."""
    there = sorted({label for label in labels if label.lower().replace("_", " ") in _NOTHING})
    if not there:
        return ()
    return (
        f"{origin}: {', '.join(map(repr, there))} is a class like the others here; `drop_labels` leaves such rows out",
    )
