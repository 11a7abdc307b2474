"""Predictions as a table that EcoTaxa imports to update a project: one row an object, status predicted."""

import csv
from pathlib import Path

import numpy as np

from longtail.files.atomic import atomic_path
from longtail.files.text import printable
from longtail.jobs.predicting.formats.about import About, Blocks, needed_ids, ranked
from longtail.jobs.predicting.units import pooled_units

__all__ = ["write_ecotaxa"]

# column: [t] for words, [f] for numbers, as the second line of an import says
_COLUMNS = {
    "object_id": "[t]",
    "object_annotation_category": "[t]",
    "object_annotation_status": "[t]",
    "object_annotation_date": "[t]",
    "object_annotation_time": "[t]",
    "object_longtail_probability": "[f]",
    "object_longtail_model": "[t]",
}
_ID = "object_annotation_category_id"


def write_ecotaxa(path: Path, blocks: Blocks, about: About) -> tuple[str, ...]:
    """Write object_id, category, status, date and time, and the probability and the model in columns of their own.

    EcoTaxa takes a file for UTF-8 where it begins with the mark of it, and its second line for the kinds of columns. It
    refuses an object that stands there twice: the images of an object are pooled, as those of an event are.

    Args:
        path: of the table.
        blocks: what inputs are called, and their probabilities (B, C).
        about: the inputs, with the ids of their objects, and the model.

    Returns:
        Notes for people.

    Raises:
        InputError: an input without id.
    """
    ids = needed_ids(about, "EcoTaxa", "object_id")
    codes = np.unique(ids, return_inverse=True)[1].astype(np.int64)
    rows = about.inputs.rows
    numbers = dict(zip(rows.class_names or (), rows.class_ids or (), strict=False))
    kinds = _COLUMNS | ({_ID: "[f]"} if numbers and all(map(str.isdecimal, numbers.values())) else {})
    date, time = about.when.strftime("%Y%m%d"), about.when.strftime("%H%M%S")
    with (
        atomic_path(path) as temporary,
        temporary.open("w", encoding="utf-8-sig", errors="backslashreplace", newline="") as file,
    ):
        writer = csv.writer(file, delimiter="\t", lineterminator="\n")
        writer.writerows([kinds, kinds.values()])
        objects = 0
        for members, probabilities in pooled_units(blocks, codes):
            (best,), (values,) = ranked(probabilities[None], 1)
            name = about.class_names[best[0]]
            cells = [printable(ids[members[0]]), name, "predicted", date, time, f"{values[0]:.6g}", about.model]
            writer.writerow([*cells, *([numbers.get(name, "")] if _ID in kinds else ())])
            objects += 1
    return (
        f"{objects:,} objects; import the file (zipped, or as it is) into their project as an update that takes "
        "annotations too",
    )
