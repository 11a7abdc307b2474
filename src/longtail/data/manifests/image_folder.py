"""Hugging Face `imagefolder`: a folder of images with metadata.csv, .jsonl or .parquet, which says what is in it."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from longtail.data.manifests.columns import WordTable, read_word_table
from longtail.data.manifests.plain_table import rows_of_table
from longtail.data.manifests.rows import ManifestChoice, Rows
from longtail.data.manifests.shards import split_of_name
from longtail.errors import InputError
from longtail.files.text import counted, printable

__all__ = ["read_image_folder"]

_NAMES = ("metadata.csv", "metadata.jsonl", "metadata.parquet")


def read_image_folder(path: Path, choice: ManifestChoice) -> Rows:
    """Read the metadata of a folder of images; what they do not list is not there.

    Args:
        path: the folder, or its metadata file.
        choice: names of columns that cannot be found by their names.

    Raises:
        InputError: no metadata, files of several kinds or of other columns, or a column that cannot be told.
    """
    folder = path if path.is_dir() else path.parent
    tables = [read_word_table(file) for file in (_metadata(path) if path.is_dir() else [path])]
    column = choice.image_column or _image_column(tables[0])
    for table in tables[1:]:
        if set(table.names) != set(tables[0].names):
            raise InputError(
                f"{printable(table.path)}: has the columns {', '.join(table.names)}, and {printable(tables[0].path)} "
                f"{', '.join(tables[0].names)}. Expected the same in all."
            )
    parts = [_rows(table, replace(choice, image_column=column), folder) for table in tables]
    rows = parts[0] if len(parts) == 1 else _joined(parts)
    note = f"{printable(path)}: {len(rows):,} images, those that {counted(len(tables), 'metadata file')} name"
    splits = rows.splits
    if splits is None and choice.split_column is None:
        words = [split_of_name(name) or "" for name in rows.images]
        splits = words if "train" in words else None
    return replace(rows, root=folder, splits=splits, notes=(note, *rows.notes))


def _metadata(folder: Path) -> list[Path]:
    files = [file for below in ("", "*/", "*/*/") for name in _NAMES for file in sorted(folder.glob(f"{below}{name}"))]
    if not files:
        raise InputError(f"{printable(folder)}: holds none of {', '.join(_NAMES)}. Expected one beside the images.")
    other = next((file for file in files if file.suffix != files[0].suffix), None)
    if other is not None:
        raise InputError(
            f"{printable(folder)}: holds {printable(files[0])} and {printable(other)}. Expected metadata of one kind: "
            "take the others out, or name the file that is meant."
        )
    return files


def _image_column(table: WordTable) -> str:
    several = [name for name in table.names if name.endswith("file_names")]
    names = [name for name in table.names if name == "file_name" or name.endswith("_file_name")]
    if len(names) == 1:
        return names[0]
    if names:
        raise InputError(
            f"{printable(table.path)}: {', '.join(names)} name images. Say which are meant: `image_column`."
        )
    what = f"{several[0]} names several images a row" if several else "no column is called file_name"
    raise InputError(f"{printable(table.path)}: {what}. Expected one image a row. Columns: {', '.join(table.names)}.")


def _rows(table: WordTable, choice: ManifestChoice, folder: Path) -> Rows:
    """Read one table; paths, which begin at it, begin at the folder then."""
    rows = rows_of_table(table, choice)
    below = table.path.parent.relative_to(folder).as_posix()
    return rows if below == "." else replace(rows, images=[f"{below}/{name}" for name in rows.images])


def _joined(parts: Sequence[Rows]) -> Rows:
    """Put the rows of several tables one after the other; their lines are of several files, and named no more."""

    def all_of(name: str) -> Any:
        columns = [getattr(part, name) for part in parts]
        return None if columns[0] is None else [value for column in columns for value in column]

    import numpy as np

    boxes = None if parts[0].boxes is None else np.concatenate([part.boxes for part in parts if part.boxes is not None])
    names = ("images", "labels", "splits", "groups", "events", "ids")
    notes = tuple(dict.fromkeys(note for part in parts for note in part.notes))
    return replace(parts[0], **{name: all_of(name) for name in names}, lines=None, boxes=boxes, notes=notes)
