"""The features of one shard of a data set: a feature file with more columns, whole or not there at all."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from longtail.errors import InputError
from longtail.features.feature_writing import FeatureRows, create_feature_file
from longtail.features.word_columns import Words, append_words
from longtail.files.hdf5 import create_hdf5, open_hdf5, read_dataset
from longtail.files.json_file import parse_json
from longtail.files.text import printable

__all__ = ["COLUMNS", "ShardFacts", "create_shard_file", "read_column", "read_shard"]

COLUMNS = ("ids", "marks", "groups", "events", "splits")  # of words; the first two are always there
_EXPECTED = "the features of a shard, as `longtail extract --shards` writes them"


@dataclass(frozen=True)
class ShardFacts:
    """What is known of a shard's features without reading them.

    Attributes:
        path: of the file.
        labels: class indices, shape (N,).
        dimension: D.
        dtype: of the features.
        widths: bytes of the longest word of each further column that is there.
        attributes: as they were written.
    """

    path: Path
    labels: NDArray[np.int64]
    dimension: int
    dtype: str
    widths: dict[str, int]
    attributes: dict[str, Any]

    @property
    def class_names(self) -> list[str]:
        """In the order of the labels: those that occur in this shard."""
        return self._names("class_names")

    @property
    def stated_classes(self) -> list[str]:
        """All classes, where the shard's own data say them; else none."""
        return self._names("stated_classes")

    def _names(self, attribute: str) -> list[str]:
        origin = f"{printable(self.path)}: its attribute `{attribute}`"
        return parse_json(str(self.attributes.get(attribute)), list[str], origin=origin, expected="a list of names")


def create_shard_file(
    path: Path,
    labels: NDArray[np.int64],
    dimension: int,
    dtype: str,
    attributes: dict[str, Any],
    columns: Mapping[str, Sequence[str]],
) -> FeatureRows | None:
    """Lay out the features of a shard.

    Args:
        path: of the unfinished file; the caller renames it when all rows are there.
        labels: shape (N,).
        dimension: D.
        dtype: "float32" or "float16".
        attributes: plain values that say where the features come from.
        columns: words of each row, by name, of `COLUMNS`.

    Returns:
        What writes the rows; None where there are none.

    Raises:
        OSError: the disk has no room for all rows.
    """
    if len(labels):
        create_feature_file(path, labels, dimension, dtype, attributes)
        append_words(path, len(labels), {name: Words.of(column) for name, column in columns.items()})
        return FeatureRows(path)
    with create_hdf5(path) as (file, _):
        file.create_dataset("features", (0, dimension), dtype=dtype)
        file.create_dataset("labels", (0,), dtype=np.int64)
        for name in columns:
            file.create_dataset(name, (0,), dtype="S1")
        for name, value in attributes.items():
            file.attrs[name] = value if isinstance(value, str | int | float) else json.dumps(value)
    return None


def read_shard(path: Path) -> ShardFacts:
    """Read what is known of a shard's features.

    Raises:
        InputError: no such file, damaged, or nothing that `create_shard_file` laid out.
    """
    with open_hdf5(path, expected=_EXPECTED) as file:
        stored = file.get("features")
        if not isinstance(stored, h5py.Dataset) or stored.ndim != 2 or stored.dtype.kind != "f":
            raise InputError(f"holds no features N x D. Expected {_EXPECTED}.")
        labels = read_dataset(file, "labels")
        if labels.shape != stored.shape[:1] or labels.dtype.kind != "i":
            raise InputError(
                f"{stored.shape[0]} rows of features, labels of shape {labels.shape}. Expected {_EXPECTED}."
            )
        widths = {name: file[name].dtype.itemsize for name in COLUMNS if name in file}
        others = [name for name in widths if file[name].shape != labels.shape or file[name].dtype.kind != "S"]
        if others or not {"ids", "marks"} <= widths.keys():
            raise InputError(f"its column {(others or ['ids'])[0]} is missing or no word a row. Expected {_EXPECTED}.")
        attributes = {
            name: value.item() if isinstance(value, np.generic) else value for name, value in file.attrs.items()
        }
        return ShardFacts(path, labels.astype(np.int64), stored.shape[1], str(stored.dtype), widths, attributes)


def read_column(path: Path, name: str, rows: NDArray[np.bool_] | None = None) -> NDArray[Any]:
    """Read features or words of a shard, as they are stored.

    Args:
        path: of the file.
        name: "features", or one of `COLUMNS`.
        rows: which ones, as a mask; default: all.

    Raises:
        InputError: the file is damaged.
    """
    with open_hdf5(path, expected=_EXPECTED) as file:
        values = file[name][:]
    return np.asarray(values if rows is None else values[rows])
