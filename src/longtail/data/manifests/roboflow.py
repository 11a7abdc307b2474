"""Classification exports of Roboflow: train, valid and test, each with a table of ones and zeros beside its images."""

import re
from dataclasses import replace
from pathlib import Path

from longtail.data.folder_names import SPLIT_NAMES
from longtail.data.manifests.columns import read_word_table
from longtail.data.manifests.plain_table import rows_of_table
from longtail.data.manifests.rows import ManifestChoice, Rows
from longtail.data.manifests.several_files import files_of, joined
from longtail.errors import InputError
from longtail.files.text import printable

__all__ = ["ROBOFLOW_KIND", "read_roboflow"]

ROBOFLOW_KIND = "a table of Roboflow with a column for each class"
_COPY = re.compile(r"(?:_(?:jpe?g|png|bmp|webp|tiff?))?\.rf\.[0-9a-zA-Z]+\.[a-z]+$", re.IGNORECASE)


def read_roboflow(path: Path, choice: ManifestChoice) -> Rows:
    """Read an export of Roboflow; copies of one photograph, which share the stem before `.rf.`, are a group.

    Args:
        path: the folder above train, valid and test, or one `_classes.csv`.
        choice: `group_column` none takes the copies for photographs of their own.

    Raises:
        InputError: no such table, or one whose columns are no classes.
    """
    files = files_of(path, (ROBOFLOW_KIND,), (".csv",), "train/_classes.csv, valid/_classes.csv, test/_classes.csv")
    root = path if path.is_dir() else path.parent
    splits = [_split_of(file.parent.name) for file in files]
    if len(files) > 1 and None in splits:
        raise InputError(
            f"{printable(path)}: {printable(files[splits.index(None)])} is in no folder of a split. Expected train, "
            "valid and test, or name the one table that is meant."
        )
    parts = [_rows(file, choice) for file in files]
    if len(files) > 1:
        parts = [replace(part, splits=[split or ""] * len(part)) for part, split in zip(parts, splits, strict=True)]
    rows = joined(parts, [printable(file.relative_to(root)) for file in files], root)
    rows = replace(rows, ids=rows.images)
    if choice.group_column is not None:
        return rows
    photographs = [_COPY.sub("", image.rpartition("/")[2]) for image in rows.images]
    if len(set(photographs)) == len(set(rows.images)):
        return rows
    return replace(rows, groups=photographs, grouped_by="photograph")


def _rows(file: Path, choice: ManifestChoice) -> Rows:
    table = read_word_table(file)
    image = choice.image_column or table.first_of("filename")
    return rows_of_table(table, replace(choice, image_column=image))


def _split_of(folder: str) -> str | None:
    return next((split for split, names in SPLIT_NAMES.items() if folder.lower() in names), None)
