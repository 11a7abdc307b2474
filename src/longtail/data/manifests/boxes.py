"""Boxes that a detector found, joined with the labels of a table by the names of the images."""

from collections import Counter
from dataclasses import replace

import numpy as np

from longtail.data.manifests.detector_results import DetectedImage, read_detections
from longtail.data.manifests.rows import ManifestChoice, Rows
from longtail.data.manifests.same_files import same_files
from longtail.errors import InputError
from longtail.files.text import counted, printable

__all__ = ["notes_on_detections", "with_boxes"]

_WHOLE = (np.nan,) * 4


def with_boxes(rows: Rows, choice: ManifestChoice, *, origin: str) -> Rows:
    """Give each image of a table the boxes that a detector found in it, a row a box.

    Of an image with animals the boxes of animals are taken, and not those of people and vehicles beside them. An image
    without a detection that is sure enough stays whole, as does one on which the detector failed, and one that its
    results do not name.

    Args:
        rows: as a format's reader reads them.
        choice: `box_file` and `box_confidence`; without a file the rows stay as they are.
        origin: the table, for messages.

    Raises:
        InputError: the table has boxes of its own, results that cannot be read, names that may be several images, or
            results of none of these images.
    """
    if choice.box_file is None:
        return rows
    if rows.boxes is not None and not np.isnan(rows.boxes).all():
        raise InputError(f"{origin}: has boxes of its own. Leave `box_file` out, or take the boxes out of the table.")
    where = printable(choice.box_file)
    results = read_detections(choice.box_file, choice.box_confidence)
    names = list(dict.fromkeys(rows.images))
    places = same_files(names, [result.file for result in results], origin=where)
    found = {name: results[place] for name, place in zip(names, places, strict=True) if place >= 0}
    if not found:
        raise InputError(
            f"{where}: names none of the {len(names):,} images of {origin}: {printable(results[0].file)} there, "
            f"{printable(names[0])} here. Expected results for these images."
        )
    taken: list[int] = []
    boxes: list[tuple[float, ...]] = []
    for row, image in enumerate(rows.images):
        own = [one.box for one in found[image].of_animals()] if image in found else []
        boxes += own or [_WHOLE]
        taken += [row] * max(len(own), 1)
    notes = list(notes_on_detections(list(found.values()), choice.box_confidence, where))
    if len(found) < len(names):
        first = next(name for name in names if name not in found)
        notes.append(
            f"{where}: {counted(len(names) - len(found), 'image')} of the table not in it, {printable(first)} for "
            "example: taken whole"
        )
    return replace(rows.take(taken), boxes=np.array(boxes), box_unit="shares", notes=(*rows.notes, *notes))


def notes_on_detections(images: list[DetectedImage], confidence: float, origin: str) -> tuple[str, ...]:
    """Return how many boxes are cut out, and of which images none is.

    Args:
        images: of which boxes are taken.
        confidence: that was asked for.
        origin: the results, for messages.
    """
    cut = [len(image.of_animals()) for image in images]
    notes = [f"{origin}: {counted(sum(cut), 'box')[:-1]}es" if sum(cut) != 1 else f"{origin}: 1 box"]
    notes[0] += f" of {counted(sum(number > 0 for number in cut), 'image')} cut out: confidence {confidence:g} or more"
    beside = Counter(
        one.category
        for image in images
        if any(one.category == "animal" for one in image.detections)
        for one in image.detections
        if one.category != "animal"
    )
    if beside:
        listed = ", ".join(f"{number:,} {category}" for category, number in sorted(beside.items()))
        notes.append(f"{origin}: boxes beside those of animals left out: {listed}")
    failed = [image for image in images if image.failure]
    empty = sum(number == 0 for number in cut) - sum(not image.detections for image in failed)
    if empty:
        notes.append(f"{origin}: {counted(empty, 'image')} without a detection of that confidence: taken whole")
    if failed:
        notes.append(
            f"{origin}: {counted(len(failed), 'image')} on which the detector failed, {printable(failed[0].file)} for "
            f"example ({failed[0].failure}): taken whole"
        )
    return tuple(notes)
