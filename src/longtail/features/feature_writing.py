"""Write feature files: laid out at once, filled row by row, by several processes if need be."""

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

import h5py
import numpy as np
from numpy.typing import ArrayLike, NDArray

from longtail.errors import InputError
from longtail.features.groups import read_groups
from longtail.features.views import VIEW_OF
from longtail.files.arrays import words_of_objects
from longtail.files.atomic import atomic_path
from longtail.files.hdf5 import create_hdf5
from longtail.files.text import printable
from longtail.row_weights import read_weights

__all__ = ["FeatureRows", "create_feature_file", "write_features"]

NOTHING: Mapping[str, ArrayLike] = MappingProxyType({})


class FeatureRows:
    """Rows of a laid-out feature file; any number of processes write theirs at once.

    Args:
        path: a file that `create_feature_file` laid out.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        with h5py.File(path, "r") as file:
            stored = file["features"]
            self._offset, self._dtype = stored.id.get_offset(), stored.dtype
            self._row_bytes = stored.shape[1] * stored.dtype.itemsize

    def write(self, first_row: int, features: NDArray[Any]) -> None:
        """Write rows `first_row`, `first_row` + 1, ...; shape (rows, D)."""
        # written, not mapped: a full disk is then an error that can be told, not a signal that kills the process
        with self.path.open("rb+") as file:
            file.seek(self._offset + first_row * self._row_bytes)
            file.write(np.ascontiguousarray(features, dtype=self._dtype).data)


def create_feature_file(
    path: Path,
    labels: NDArray[np.int64],
    dimension: int,
    dtype: str,
    attributes: dict[str, Any],
    ids: Sequence[str] | None = None,
    beside: Mapping[str, ArrayLike] = NOTHING,
) -> None:
    """Lay out a feature file whose rows are still to be written.

    Args:
        path: of the unfinished file; the caller renames it when all rows are there.
        labels: shape (N,).
        dimension: D.
        dtype: "float32" or "float16".
        attributes: plain values that say where the features come from.
        ids: words that name the rows, N of them, or None.
        beside: words or numbers of "groups" and of "events", N of each, an empty word being one of its own; and
            numbers of "weights", how many rows each counts for; and of "view_of", the row of the image that each shows.

    Raises:
        OSError: the disk has no room for all rows.
    """
    kind = np.dtype(dtype)
    with create_hdf5(path) as (file, _):
        layout = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        layout.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
        layout.set_fill_time(h5py.h5d.FILL_TIME_NEVER)
        layout.set_obj_track_times(False)  # the same features give the same file
        space = h5py.h5s.create_simple((len(labels), dimension))
        stored = h5py.h5d.create(file.id, b"features", h5py.h5t.py_create(kind), space, dcpl=layout)
        offset = stored.get_offset()
        file.create_dataset("labels", data=labels.astype(np.int64))
        if ids is not None:
            file.create_dataset("ids", data=np.array([printable(name).encode() for name in ids]))
        for what, values in beside.items():
            _write_beside(file, what, values, len(labels))
        for name, value in attributes.items():
            file.attrs[name] = value if isinstance(value, str | int | float) else json.dumps(value)
    with path.open("rb+") as reserved:
        size = len(labels) * dimension * kind.itemsize
        if hasattr(os, "posix_fallocate"):
            os.posix_fallocate(reserved.fileno(), offset, size)
        else:  # macOS and Windows promise no room, but the file has its length
            reserved.truncate(max(offset + size, reserved.seek(0, os.SEEK_END)))


def write_features(
    path: Path | str,
    features: NDArray[Any],
    labels: NDArray[np.int64],
    *,
    dtype: str = "float32",
    attributes: dict[str, Any] | None = None,
    ids: Sequence[str] | None = None,
    groups: ArrayLike | None = None,
    events: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    view_of: ArrayLike | None = None,
) -> None:
    """Write features and labels to a feature file, whole or not at all.

    Args:
        path: the file.
        features: shape (N, D).
        labels: class indices, shape (N,).
        dtype: "float32" or "float16".
        attributes: plain values that say where the features come from.
        ids: words that name the rows, N of them, or None.
        groups: words or numbers that say which rows belong together, N of them, or None; an empty word is a group of
            its own.
        events: the same of the event that a row belongs to.
        weights: how many rows each counts for where it is learnt from, N of them, at least 0; or None.
        view_of: the row of the image that each row shows, where some are further views of others, N of them; or None.

    Raises:
        InputError: lengths differ, or weights below 0.

    Example:
        >>> import tempfile
        >>> from longtail.features import open_feature_file
        >>> path = Path(tempfile.mkdtemp()) / "feature_train.h5"
        >>> write_features(path, np.eye(3), np.array([0, 1, 0]), groups=["north", "", "north"])
        >>> file = open_feature_file(path)
        >>> file.groups.tolist(), file.group_names
        ([0, 1, 0], ('north', ''))
    """
    if len(features) != len(labels):
        raise InputError(f"{len(features)} rows of features but {len(labels)} labels; expected one label a row.")
    given = {"groups": groups, "events": events, "weights": weights, VIEW_OF: view_of}
    beside = {name: values for name, values in given.items() if values is not None}
    with atomic_path(path) as temporary:
        create_feature_file(temporary, np.asarray(labels), features.shape[1], dtype, attributes or {}, ids, beside)
        FeatureRows(temporary).write(0, features)


def _write_beside(file: h5py.File, what: str, values: ArrayLike, rows: int) -> None:
    """Write numbers as they are; or what belongs together as numbers, and names beside, too many for an attribute."""
    array = np.asarray(values)
    if what == VIEW_OF:
        file.create_dataset(what, data=array.astype(np.int64))
        return
    if what == "weights":
        file.create_dataset(what, data=read_weights(array, rows, origin=what, place="row {}".format))
        return
    array = words_of_objects(array, what) if array.dtype.kind == "O" else array
    numbers, names = read_groups(array, rows, origin=what)
    file.create_dataset(what, data=numbers)
    file.create_dataset(f"{what.removesuffix('s')}_names", data=np.array([name.encode() for name in names]))
