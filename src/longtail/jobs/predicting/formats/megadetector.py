"""Predictions in the format of MegaDetector's results: classifications of each box of an image."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from longtail.files.atomic import atomic_path
from longtail.jobs.predicting.formats.about import About, Blocks, ranked
from longtail.jobs.predicting.formats.detections import Detections
from longtail.jobs.predicting.formats.json_parts import plain, write_list
from longtail.jobs.predicting.input_rows import box_in_shares
from longtail.jobs.predicting.units import complete_units

__all__ = ["write_megadetector"]

_VERSION = "1.6"
_WHOLE = [0.0, 0.0, 1.0, 1.0]


def write_megadetector(path: Path, blocks: Blocks, about: About) -> tuple[str, ...]:
    """Write an entry an image, with a detection for each of its boxes; a whole image is one detection of all of it.

    Category and confidence of a box are the detector's where the inputs are its results, else "animal" and 1. An image
    in which the detector found nothing at all stays without detections.

    Args:
        path: of the JSON.
        blocks: what inputs are called, and their probabilities (B, C).
        about: the inputs and the model.

    Returns:
        Notes for people.

    Raises:
        InputError: a box in pixels of an image whose size is not known.
    """
    rows = about.inputs.rows
    detector = Detections.of(about.detector)
    places: dict[str, int] = {}
    codes = np.array([places.setdefault(name, len(places)) for name in rows.images], dtype=np.int64)

    def entries() -> Iterator[dict[str, Any]]:
        for members, probabilities in complete_units(blocks, codes):
            file = rows.images[members[0]]
            yield {"file": file, "detections": _detections(about, detector, members, probabilities)}
        yield from (entry for file, entry in detector.entries.items() if file not in places)

    names = {str(number): name for number, name in enumerate(about.class_names)}
    info = {
        "format_version": _VERSION,
        **detector.info,
        "classifier": about.model,
        "classification_completion_time": about.when.strftime("%Y-%m-%d %H:%M:%S"),
    }
    with atomic_path(path) as temporary, temporary.open("w", encoding="utf-8", newline="\n") as file:
        file.write(f'{{\n"info": {plain(info)},\n"detection_categories": {plain(detector.categories)},\n')
        file.write(f'"classification_categories": {plain(names)},\n"images": ')
        images = write_list(file, entries())
        file.write("\n}\n")
    return (f"{images:,} images, {len(rows):,} of their boxes classified",) if rows.boxes is not None else ()


def _detections(
    about: About, detector: Detections, members: NDArray[np.int64], probabilities: NDArray[Any]
) -> list[dict[str, Any]]:
    """Return the boxes of an image, with the classes of those that were looked at."""
    file = about.inputs.rows.images[members[0]]
    result, others = [], detector.of_file(file)
    for row, classes, values in zip(members.tolist(), *ranked(probabilities, about.top), strict=True):
        box = box_in_shares(about.inputs, row)
        if box is None and detector.is_empty(file):
            continue  # the detector saw nothing there: no animal is made of it
        found = None if box is None else others.take(box)
        detection = found or {"category": detector.usual, "conf": 1.0, "bbox": _WHOLE if box is None else box}
        result.append(detection | {"classifications": [[str(c), p] for c, p in zip(classes, values, strict=True)]})
    return [*result, *others.rest]
