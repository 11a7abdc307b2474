"""The columns of Parquet files of one data set, one after the other, but for the images in them."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from longtail.data.manifests.parquet import open_parquet, telling_damage
from longtail.errors import InputError
from longtail.files.text import printable

__all__ = ["ParquetColumns", "class_label_names", "features_of", "word_of"]


def features_of(schema: Any) -> dict[str, Any]:
    """Return what `datasets` says of each column in the metadata of a schema; nothing where it did not write it."""
    try:
        stored = json.loads((schema.metadata or {}).get(b"huggingface", b"{}"))["info"]["features"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return {}
    return {name: one for name, one in stored.items() if isinstance(one, dict)} if isinstance(stored, dict) else {}


def class_label_names(feature: Mapping[str, Any] | None) -> tuple[str, ...] | None:
    """Return the names of the classes that a column's numbers stand for; None where they stand for none."""
    names = (feature or {}).get("names")
    if (feature or {}).get("_type") != "ClassLabel" or not isinstance(names, list):
        return None
    return tuple(names) if all(isinstance(name, str) for name in names) else None


def word_of(value: Any) -> str:
    """Return a cell as a word; "" where nothing stands."""
    if value is None:
        return ""
    return ("true" if value else "false") if isinstance(value, bool) else str(value)


class ParquetColumns:
    """Columns of several Parquet files.

    Args:
        files: paths of them.
        image: name of the column of images.
        schema: of the first; the others must have its columns.

    Attributes:
        is_struct: whether images are bytes and a path.
        content: path of the column that holds the images' bytes.
        columns: those that were read, by name, over all files.
        paths: what the files say of where each image was; "" for nothing.
        lengths: rows of each file.
        file_of_row: number of each row's file.
    """

    def __init__(self, files: Sequence[Path], image: str, schema: Any) -> None:
        import pyarrow as pa

        self.files, self._image, self._schema = files, image, schema
        kind = schema.field(image).type
        self.is_struct = bool(pa.types.is_struct(kind))
        self.content = f"{image}.bytes" if self.is_struct else image
        self.columns: dict[str, list[Any]] = {}
        self.lengths: list[int] = []
        self.file_of_row: list[int] = []
        self._groups: list[tuple[int, int, int]] = []
        self.paths: list[str] = []

    def read(self, names: Sequence[str]) -> None:
        """Read columns of all files, and where the images lie."""
        inner = [f"{self._image}.path"] if self.is_struct else []
        columns: dict[str, list[Any]] = {name: [] for name in names}
        for number, path in enumerate(self.files):
            with open_parquet(path) as file:
                self._check_same(file.schema_arrow, path, names)
                start = sum(self.lengths)
                self.lengths.append(file.metadata.num_rows)
                for group in range(file.metadata.num_row_groups):
                    part = file.metadata.row_group(group)
                    if part.num_rows:
                        self._groups.append((number, group, start))
                    start += part.num_rows
                with telling_damage(path, "the column of labels or another"):
                    table = file.read(columns=[*names, *inner], use_threads=False)
            for name in names:
                columns[name] += table.column(name).to_pylist()
            self.paths += (
                [(one or {}).get("path") or "" for one in table.column(self._image).to_pylist()]
                if inner
                else [""] * self.lengths[-1]
            )
            self.file_of_row += [number] * self.lengths[-1]
        self.columns = columns
        if not self.file_of_row:
            raise InputError(f"{printable(self.files[0])}: holds no row.")

    def _check_same(self, schema: Any, path: Path, names: Sequence[str]) -> None:
        what = "columns" if not schema.equals(self._schema) else ""
        classes = [[class_label_names(features_of(one).get(name)) for name in names] for one in (schema, self._schema)]
        if not what and classes[0] != classes[1]:
            what = "names of classes"
        if what:
            raise InputError(
                f"{printable(path)}: has other {what} than {printable(self.files[0].name)}. Expected shards of one "
                "data set: name those that belong together."
            )

    def words(self, name: str) -> list[str]:
        """Return a column as words; "" where nothing stands."""
        return [word_of(value) for value in self.columns[name]]

    def has_bytes(self) -> bool:
        """Return whether the files hold the images themselves, and not only their paths: the first ones tell."""
        number, group, _ = self._groups[0]
        # statistics would say so too, but Arrow 26 ends the process where those are damaged
        with telling_damage(self.files[number], f"row group {group}"), open_parquet(self.files[number]) as file:
            column = file.read_row_group(group, columns=[self.content], use_threads=False).column(0)
        chunks = [chunk.field("bytes") if self.is_struct else chunk for chunk in column.chunks]
        return sum(int(chunk.null_count) for chunk in chunks) < len(column)

    def row_groups(self) -> NDArray[np.int64]:
        """Return file, number there and first image of each row group, shape (G, 3)."""
        return np.array(self._groups, dtype=np.int64).reshape(-1, 3)
