"""One file of features or logits, of whatever format."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from longtail.errors import InputError
from longtail.features.array_file import ArrayFile, read_array_file
from longtail.features.array_table import (
    groups_in_arrays,
    is_plain_float,
    row_ids,
    table_of_arrays,
    upright_values,
)
from longtail.features.column_table import ROWS_AT_ONCE, columns_of, table_of_columns
from longtail.features.columns import ColumnChoice
from longtail.features.csv_table import CsvTable
from longtail.features.feature_table import ColumnTable, Kind, Table
from longtail.features.groups import Groups, read_groups
from longtail.features.parquet_table import ParquetTable
from longtail.files.stored import StoredArray
from longtail.files.text import printable
from longtail.files.zarr_file import is_zarr

__all__ = ["SUFFIXES", "WITH_COLUMNS", "FeatureBlock", "feature_blocks", "read_table", "row_groups"]

SUFFIXES = (".h5", ".hdf5", ".npz", ".npy", ".csv", ".tsv", ".parquet", ".mat", ".safetensors", ".zarr")
WITH_COLUMNS = (".csv", ".tsv", ".parquet")
NO_CHOICE = ColumnChoice()


def read_table(
    path: Path,
    choice: ColumnChoice = NO_CHOICE,
    *,
    features: Sequence[str] | None = None,
    labelled: bool = True,
) -> Table:
    """Read a file of features or logits.

    - .npz, .h5, .safetensors, .zarr: arrays `features` (or embeddings, X) or `logits`, and `labels` (or label, targets,
      y); perhaps `split`, `id`, `class_names`, `groups` and `events`.
    - .csv, .tsv and .parquet: a column `label` (or target, class), perhaps `split` and `id` (or path); the other
      columns of numbers are features; a Parquet column of lists named `features` or `embedding` serves too.
    - .npy: features; the labels in NAME_labels.npy or labels.npy beside it, those of X_train.npy in y_train.npy.
    - .mat of all versions, as .h5; images are rows or columns, as the number of labels tells.

    Args:
        path: the file.
        choice: what a person said of its columns.
        features: names of the columns that are the features, in this order, where that is known; others are left out.
        labelled: whether labels are needed; else they are not looked at.

    Raises:
        InputError: no such file, unreadable, no labels, or columns that cannot be what they are to be.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "e.csv"
        >>> _ = path.write_text("id,label,f0,f1\\na.jpg,cat,0.5,1\\nb.jpg,dog,2,3\\n")
        >>> table = read_table(path)
        >>> table.values.tolist(), table.labels.names, table.feature_names
        ([[0.5, 1.0], [2.0, 3.0]], ('cat', 'dog'), ('f0', 'f1'))
    """
    source = _opened(path, labelled=labelled)
    if isinstance(source, ArrayFile):
        return table_of_arrays(path, source, choice, labelled=labelled)
    return table_of_columns(source, choice, features, labelled=labelled)


@dataclass(frozen=True)
class FeatureBlock:
    """Some rows of a file whose labels do not matter.

    Attributes:
        values: shape (rows, D).
        names: that the person knows the rows by: their ids, or FILE[ROW].
    """

    values: NDArray[Any]
    names: list[str]


def feature_blocks(
    path: Path,
    choice: ColumnChoice = NO_CHOICE,
    *,
    features: Sequence[str] | None = None,
    rows_at_once: int = ROWS_AT_ONCE,
) -> tuple[Kind, Iterator[FeatureBlock]]:
    """Walk over the rows of a file of features, however many there are, in little memory.

    Args:
        path: the file, as `read_table` takes it; labels may be missing and are not looked at.
        choice: what a person said of its columns.
        features: names of the columns that are the features, in this order, where that is known.
        rows_at_once: rows of a block.

    Returns:
        Whether the file says that they are logits, and the blocks.

    Raises:
        InputError: as `read_table`.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "new.csv"
        >>> _ = path.write_text("f1,id,f0\\n0.5,a.jpg,1\\n2,b.jpg,3\\n")
        >>> kind, blocks = feature_blocks(path, features=["f0", "f1"])
        >>> [(block.values.tolist(), block.names) for block in blocks]
        [([[1.0, 0.5], [3.0, 2.0]], ['a.jpg', 'b.jpg'])]
    """
    source = _opened(path, labelled=False)
    if isinstance(source, ArrayFile):
        kind, values, _ = upright_values(path, source, choice, labelled=False)
        return kind, _cut(path, values, row_ids(path, source, len(values)), rows_at_once)
    columns, kind = columns_of(source, choice, features, labelled=False)
    words = [columns.id] if columns.id is not None else []

    def blocks() -> Iterator[FeatureBlock]:
        for block in source.blocks(columns.features, words, rows_at_once):
            first = block.first_row
            names = block.words[words[0]].tolist() if words else _numbered(path, first, len(block.values))
            yield FeatureBlock(block.values, names)

    return kind, blocks()


def row_groups(path: Path, choice: ColumnChoice = NO_CHOICE) -> dict[str, Groups]:
    """Return the "groups" and "events" of the rows of a file of features, those that are there; no feature is read.

    Args:
        path: the file, as `read_table` takes it.
        choice: which columns or arrays say so.

    Raises:
        InputError: a named array that is not there, or does not fit the rows.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "new.csv"
        >>> _ = path.write_text("f0,site\\n1,hill\\n2,lake\\n3,hill\\n")
        >>> numbers, names = row_groups(path, ColumnChoice(group_column="site"))["groups"]
        >>> [names[number] for number in numbers.tolist()]
        ['hill', 'lake', 'hill']
    """
    source = _opened(path, labelled=False)
    if isinstance(source, ArrayFile):
        _, values, _ = upright_values(path, source, choice, labelled=False)
        return groups_in_arrays(path, source, len(values), choice)
    named = {"groups": choice.group_column, "events": choice.event_column}
    columns = {role: name for role, name in named.items() if name is not None and name in source.names}
    words = list(dict.fromkeys(columns.values()))
    if not words:
        return {}
    blocks = [block.words for block in source.blocks((), words, ROWS_AT_ONCE)]
    cells = {name: np.concatenate([block[name] for block in blocks]) for name in words}
    return {
        role: read_groups(cells[name], len(cells[name]), origin=f"{printable(path)}: the column {name}")
        for role, name in columns.items()
    }


def _cut(
    path: Path, values: NDArray[Any] | StoredArray, ids: NDArray[np.str_] | None, rows_at_once: int
) -> Iterator[FeatureBlock]:
    for first in range(0, len(values), rows_at_once):
        last = first + rows_at_once
        rows = values.rows(first, last) if isinstance(values, StoredArray) else values[first:last]
        names = _numbered(path, first, len(rows)) if ids is None else ids[first:last].tolist()
        yield FeatureBlock(rows if is_plain_float(rows.dtype) else rows.astype(np.float32), names)


def _numbered(path: Path, first: int, rows: int) -> list[str]:
    name = path.name
    return [f"{name}[{row}]" for row in range(first, first + rows)]


def _opened(path: Path, *, labelled: bool) -> ArrayFile | ColumnTable:
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise InputError(f"{printable(path)}: expected a file that ends in {', '.join(SUFFIXES)}.")
    if not path.is_file() and not is_zarr(path):
        raise InputError(f"{printable(path)}: no such file. Expected features with labels ({', '.join(SUFFIXES)}).")
    if suffix in (".csv", ".tsv"):
        return CsvTable(path)
    return ParquetTable(path) if suffix == ".parquet" else read_array_file(path, labelled=labelled)
