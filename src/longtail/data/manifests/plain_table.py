"""A table with a row an image, or a crop of one, as people make them: columns are found by their names, or given."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from longtail.data.foreign_label_files import class_column
from longtail.data.image_kinds import IMAGE_SUFFIXES
from longtail.data.manifests.box_columns import boxes_of
from longtail.data.manifests.columns import WordTable, read_word_table
from longtail.data.manifests.rows import ManifestChoice, Rows
from longtail.errors import InputError
from longtail.files.text import printable

__all__ = ["read_table", "rows_of_table"]

_IMAGES = (
    *("file", "image", "path", "filename", "file_name", "filepath", "file_path", "image_path", "imagepath"),
    *("image_file", "image_name", "img", "img_path", "img_file_name", "image_id", "photo", "picture", "uri", "url"),
)
_SPLITS = ("split", "splits", "subset", "partition")
_GROUPS, _EVENTS = ("group", "groups", "group_id"), ("event", "event_id", "eventid")
_IDS = ("id", "ids")
# usual names of what belongs together, which a person is asked about
_PERHAPS_GROUPS = (
    *("site", "location", "location_id", "deployment", "deployment_id", "deploymentid", "camera", "camera_id"),
    *("station", "station_id", "cruise", "haul", "transect", "plot", "patient", "patient_id", "lesion", "lesion_id"),
    *("specimen", "specimen_id", "individual", "individual_id", "subject", "subject_id", "seq_id", "sequence"),
    *("sequence_id", "burst", "object_id", "slide", "slide_id", "well", "plate"),
)
_NUMBERS = frozenset({"0", "1", "0.0", "1.0"})


def read_table(path: Path, choice: ManifestChoice) -> Rows:
    """Read a table of images.

    Args:
        path: .csv, .tsv, .jsonl or .parquet; one row an image or a crop.
        choice: names of columns that cannot be found by their names.

    Raises:
        InputError: a column that is not there or cannot be told, or a table that cannot be read.
    """
    return rows_of_table(read_word_table(path), choice)


def rows_of_table(table: WordTable, choice: ManifestChoice) -> Rows:
    """Take images, labels and the rest out of a table.

    Args:
        table: as `read_word_table` reads it.
        choice: names of columns that cannot be found by their names.

    Raises:
        InputError: a column that is not there or cannot be told.
    """
    image = choice.image_column or _image_column(table)
    images = table.column(image, "image_column")
    boxes, box_notes = boxes_of(table, choice.box_columns)
    taken = {image, choice.split_column, choice.group_column, choice.event_column, choice.id_column}
    labels, class_names, notes = _labels(table, choice, taken | set(choice.box_columns))
    notes += box_notes
    ids, _ = _belonging(table, choice.id_column, "id_column", _IDS)
    groups, grouped_by = _belonging(table, choice.group_column, "group_column", _GROUPS)
    events, _ = _belonging(table, choice.event_column, "event_column", _EVENTS)
    splits, _ = _belonging(table, choice.split_column, "split_column", _SPLITS)
    if groups is None and choice.group_column is None:
        notes += _perhaps_grouped(table)
    rows = Rows(
        images,
        [""] * len(images),
        table.path.parent,
        table.lines,
        splits,
        groups,
        grouped_by,
        events,
        boxes,
        "pixels" if boxes is not None and np.nanmax(boxes, initial=0) > 1 else "shares",
        ids,
        class_names,
        notes=notes,
    )
    several = [label if isinstance(label, tuple) else (label,) for label in labels]
    flat = [label for of_row in several for label in of_row or ("",)]
    if len(flat) > len(rows):
        rows = rows.take([row for row, of_row in enumerate(several) for _ in of_row or ("",)])
    return replace(rows, labels=flat)


def _image_column(table: WordTable) -> str:
    name = table.first_of(*_IMAGES)
    if name is not None:
        return name
    for column, cells in table.columns.items():
        some = [cell for cell in cells[:20] if cell]
        if some and all(Path(cell).suffix.lower() in IMAGE_SUFFIXES for cell in some):
            return column
    raise InputError(
        f"{printable(table.path)}: which column names the images cannot be told. Say it: `image_column`. Columns: "
        f"{', '.join(table.names)}."
    )


def _labels(
    table: WordTable, choice: ManifestChoice, taken: set[str | None]
) -> tuple[Sequence[str] | list[tuple[str, ...]], tuple[str, ...] | None, tuple[str, ...]]:
    """Return the label of each row, or several; the classes in the order of their columns; and notes."""
    if choice.label_column == "none":
        return [""] * len(table), None, ()
    if choice.label_column is not None:
        return table.column(choice.label_column, "label_column"), None, ()
    name = class_column(column for column in table.names if column not in taken)
    if name is not None:
        others = [other for other in ("species", "scientific_name", "scientificname") if table.first_of(other)]
        if name.lower() in ("class", "y") and others and choice.labelled:
            raise InputError(
                f"{printable(table.path)}: {name!r} may be the class or a rank above {others[0]!r}. Say which column "
                f"holds the label: `label_column`. Columns: {', '.join(table.names)}."
            )
        return table.columns[name], None, ()
    ones = [column for column in table.names if column not in taken and set(table.columns[column]) <= _NUMBERS]
    if len(ones) >= 2:
        marked = np.array([[cell[0] == "1" for cell in table.columns[column]] for column in ones])
        names = [tuple(ones[at] for at in np.flatnonzero(row)) for row in marked.T]
        note = f"{table.path.name}: labels are ones and zeros, a column a class: {', '.join(ones[:5])}" + (
            f" and {len(ones) - 5} more" if len(ones) > 5 else ""
        )
        return names, tuple(ones), (note,)
    if not choice.labelled:
        return [""] * len(table), None, ()
    raise InputError(
        f"{printable(table.path)}: which column holds the class cannot be told. Say it: `label_column`. Columns: "
        f"{', '.join(table.names)}."
    )


def _belonging(
    table: WordTable, given: str | None, argument: str, usual: tuple[str, ...]
) -> tuple[list[str] | None, str]:
    if given == "none":
        return None, ""
    name = given or table.first_of(*usual)
    return (None, "") if name is None else (table.column(name, argument), name)


def _perhaps_grouped(table: WordTable) -> tuple[str, ...]:
    """Tell of a column that says what belongs together, by its name and by what stands in it."""
    for usual in _PERHAPS_GROUPS:
        name = table.first_of(usual)
        if name is None:
            continue
        number = len(set(table.columns[name]))
        if 1 < number < len(table):
            return (
                f"{table.path.name}: the column {name!r} says what belongs together, as it seems ({number:,} in "
                f"{len(table):,} rows): `group_column` {name} keeps those on one side of every split; `group_column` "
                "none says that they are apart",
            )
    return ()
