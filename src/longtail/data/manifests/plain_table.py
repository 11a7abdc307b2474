"""A table with a row an image, or a crop of one, as people make them: columns are found by their names, or given."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath

import numpy as np

from longtail.data.foreign_label_files import class_column
from longtail.data.image_kinds import IMAGE_SUFFIXES
from longtail.data.manifests.box_columns import boxes_of, in_pixels
from longtail.data.manifests.columns import WordTable, read_word_table
from longtail.data.manifests.rows import ManifestChoice, Rows
from longtail.errors import InputError
from longtail.files.text import printable
from longtail.grouping import LIKELY_GROUPS

__all__ = ["read_table", "rows_of_table"]

_IMAGES = (
    *("file", "image", "path", "filename", "file_name", "filepath", "file_path", "image_path", "imagepath"),
    *("image_file", "image_name", "img", "img_path", "img_file_name", "image_id", "photo", "picture", "uri", "url"),
)
_SPLITS = ("split", "splits", "subset", "partition")
_GROUPS, _EVENTS = ("group", "groups", "group_id"), ("event", "event_id", "eventid")
_IDS = ("id", "ids")
_RANKS_BELOW = ("species", "scientific_name", "scientificname", "genus", "family", "order")
_ONES = frozenset({"1", "1.0", "true", "True", "TRUE"})
_MARKS = _ONES | {"0", "0.0", "false", "False", "FALSE"}


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
    groups, grouped_by = _belonging(table, choice.group_column, "group_column", _GROUPS)
    events, _ = _belonging(table, choice.event_column, "event_column", _EVENTS)
    splits, _ = _belonging(table, choice.split_column, "split_column", _SPLITS)
    boxes, box_notes = boxes_of(table, choice.box_columns)
    ids, _ = _belonging(table, choice.id_column, "id_column", _IDS)
    is_in_pixels = boxes is not None and in_pixels(table, boxes)
    rows = Rows(
        images=images,
        labels=images,  # until they are known
        root=table.path.parent,
        lines=table.lines,
        splits=splits,
        groups=groups,
        grouped_by=grouped_by,
        events=events,
        boxes=boxes,
        box_unit="pixels" if is_in_pixels else "shares",
        ids=ids,
        weights=_belonging(table, choice.weight_column or "none", "weight_column", ())[0],
        notes=(
            *box_notes,
            *(_perhaps_grouped(table) if groups is None and choice.group_column is None and choice.labelled else ()),
        ),
    )
    if choice.label_column == "none":
        return replace(rows, labels=[""] * len(rows))
    label = choice.label_column or _label_column(table, choice, image)
    if label is not None:
        return replace(rows, labels=table.column(label, "label_column"))
    ones = _columns_of_ones(table, choice, image)
    return _of_ones(rows, table, ones) if ones else replace(rows, labels=[""] * len(rows))


def _image_column(table: WordTable) -> str:
    usual = [name for name in map(table.first_of, _IMAGES) if name is not None]
    others = [name for name in table.names if name not in usual]
    telling = next((name for name in (*usual, *others) if _names_images(table.columns[name])), None)
    if telling is not None or usual:
        return telling or usual[0]
    raise InputError(
        f"{printable(table.path)}: which column names the images cannot be told. Say it: `image_column`. Columns: "
        f"{', '.join(table.names)}. Features go to `longtail fit`."
    )


def _names_images(cells: Sequence[str]) -> bool:
    some = [cell for cell in cells[:20] if cell]
    return bool(some) and all(PurePosixPath(cell).suffix.lower() in IMAGE_SUFFIXES for cell in some)


def _taken(choice: ManifestChoice, image: str) -> set[str | None]:
    """Return the columns that are something else than a class."""
    others = choice.split_column, choice.group_column, choice.event_column, choice.id_column, choice.weight_column
    return {image, *others, *choice.box_columns}


def _label_column(table: WordTable, choice: ManifestChoice, image: str) -> str | None:
    """Return the column with the class; None where there is a column for each."""
    taken = _taken(choice, image)
    name = class_column(column for column in table.names if column not in taken)
    if name is None:
        return None
    below = next(filter(None, map(table.first_of, _RANKS_BELOW)), None)
    if name.lower() in ("class", "y") and below is not None and choice.labelled:
        raise InputError(
            f"{printable(table.path)}: {name!r} may be the class or a rank above {below!r}. Say which column holds the "
            f"label: `label_column`. Columns: {', '.join(table.names)}."
        )
    return name


def _columns_of_ones(table: WordTable, choice: ManifestChoice, image: str) -> list[str]:
    """Return the columns of ones and zeros, one a class; none where there need not be a class."""
    taken = _taken(choice, image)
    ones = [
        name
        for name, cells in table.columns.items()
        if name and name not in taken and not name.endswith("_weight") and set(cells) <= _MARKS
    ]
    if len(ones) < 2:
        if not choice.labelled:
            return []
        raise InputError(
            f"{printable(table.path)}: which column holds the class cannot be told. Say it: `label_column`. Columns: "
            f"{', '.join(table.names)}."
        )
    return ones


def _of_ones(rows: Rows, table: WordTable, names: Sequence[str]) -> Rows:
    """Give each row the classes whose columns say one: a row for each; one without a label where none does."""
    marked = np.array([[cell in _ONES for cell in table.columns[name]] for name in names])
    row, column = np.nonzero(np.vstack([marked, ~marked.any(axis=0)]).T)
    more = f" and {len(names) - 5} more" if len(names) > 5 else ""
    note = f"{table.path.name}: labels are ones and zeros, a column a class: {', '.join(names[:5])}{more}"
    each = rows if len(row) == len(rows) else rows.take(row.tolist())
    labels = [(*names, "")[at] for at in column]
    return replace(each, labels=labels, class_names=tuple(names), notes=(*rows.notes, note))


def _belonging(
    table: WordTable, given: str | None, argument: str, usual: tuple[str, ...]
) -> tuple[list[str] | None, str]:
    if given == "none":
        return None, ""
    name = given or table.first_of(*usual)
    return (None, "") if name is None else (table.column(name, argument), name)


def _perhaps_grouped(table: WordTable) -> tuple[str, ...]:
    """Tell of a column that says what belongs together, by its name and by what stands in it."""
    for name in filter(None, map(table.first_of, LIKELY_GROUPS)):
        number = len(set(table.columns[name]))
        if 1 < number < len(table):
            return (
                f"{table.path.name}: the column {name!r} says what belongs together, as it seems ({number:,} in "
                f"{len(table):,} rows): `group_column` {name} keeps those on one side of every split; `group_column` "
                "none says that they are apart",
            )
    return ()
