"""The feature file: one HDF5 file a split, `features` (N x D) and `labels` (N), memory-mapped.

The layout is the one in which the authors of DLSA publish features. `features` is stored contiguously, so that it can
be mapped by its offset in the file and be read, or written by several processes, without a copy.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from longtail.errors import InputError
from longtail.features.feature_parts import FeaturePart, read_parts
from longtail.features.groups import Groups, read_groups
from longtail.features.views import VIEW_OF, Views, check_view_of, views_of_rows
from longtail.files.hdf5 import check_dataset, open_hdf5, read_dataset
from longtail.files.json_file import parse_json
from longtail.files.original_pickle import read_original_pickle
from longtail.files.text import printable
from longtail.row_weights import read_weights

__all__ = [
    "SPLITS",
    "FeatureFile",
    "check_finite",
    "open_feature_file",
    "open_feature_folder",
]

SPLITS = ("train", "val", "test")
LARGEST = 1e15  # of features: sums of squares stay finite in float32


@dataclass(frozen=True)
class FeatureFile:
    """The features of one split.

    Attributes:
        path: where it lies.
        features: float16 or float32, shape (N, D); memory-mapped where the file is contiguous.
        labels: int64, shape (N,).
        attributes: from which weights, data and transform they came; empty for files of others.
        ids: words that name the rows, such as the paths of their images, shape (N,), or None.
        rows: numbers of these rows in the file that a person knows, from 0, shape (N,); None where they are 0 .. N - 1.
        groups: number of each row's group, shape (N,), or None: rows of one group stay on one side of any split.
        group_names: in the order of these numbers, empty for a row that is a group of its own; or None.
        events: the same of the event that a row belongs to.
        event_names: of the events.
        weights: how many rows each counts for where it is learnt from, shape (N,), or None: each for one.
        views: features of further views of the images, which heads learn from besides, or None.
    """

    path: Path
    features: NDArray[Any]
    labels: NDArray[np.int64]
    attributes: dict[str, Any]
    ids: NDArray[np.str_] | None = None
    rows: NDArray[np.int64] | None = None
    groups: NDArray[np.int64] | None = None
    group_names: tuple[str, ...] | None = None
    events: NDArray[np.int64] | None = None
    event_names: tuple[str, ...] | None = None
    weights: NDArray[np.float64] | None = None
    views: Views | None = None

    @property
    def class_names(self) -> tuple[str, ...] | None:
        """Names in the order of the labels; None where the file states none.

        Raises:
            InputError: the attribute holds something else.
        """
        return self._names("class_names")

    @property
    def feature_names(self) -> tuple[str, ...] | None:
        """Names of the columns, where they have any.

        Raises:
            InputError: the attribute holds something else.
        """
        return self._names("feature_names")

    @property
    def parts(self) -> tuple[FeaturePart, ...]:
        """Layers that the columns are of, where there are several; empty where the file states none.

        Raises:
            InputError: the attribute holds something else, or other widths than the columns have.
        """
        origin = f"{printable(self.path)}: its attribute `parts`"
        return read_parts(self.attributes.get("parts"), self.features.shape[1], origin)

    def part(self, name: str) -> NDArray[Any]:
        """Return the columns of one layer, shape (N, width); memory-mapped where the features are.

        Raises:
            InputError: no such part.
        """
        chosen = next((part for part in self.parts if part.name == name), None)
        if chosen is None:
            names = ", ".join(part.name for part in self.parts) or "none: it is of one layer"
            raise InputError(f"{printable(self.path)}: has no part {name!r}. It has {names}.")
        return self.features[:, chosen.start : chosen.stop]

    def row_name(self, row: int) -> str:
        """Return what a person knows a row by: its id, or its number in the file.

        Example:
            >>> FeatureFile(Path("e.csv"), np.eye(2), np.array([0, 1]), {}, rows=np.array([4, 7])).row_name(1)
            'row 7'
        """
        if self.ids is not None:
            return str(self.ids[row])
        return f"row {row if self.rows is None else self.rows[row]}"

    def take(self, rows: NDArray[Any] | slice) -> "FeatureFile":
        """Return some of the rows, by number, by a mask or by a slice."""
        numbers = np.arange(len(self.labels)) if self.rows is None else self.rows
        return replace(
            self,
            features=self.features[rows],
            labels=self.labels[rows],
            ids=None if self.ids is None else self.ids[rows],
            rows=numbers[rows],
            groups=None if self.groups is None else self.groups[rows],
            events=None if self.events is None else self.events[rows],
            weights=None if self.weights is None else self.weights[rows],
            views=None if self.views is None else self.views.take(np.arange(len(self.labels))[rows]),
        )

    def _names(self, attribute: str) -> tuple[str, ...] | None:
        stored = self.attributes.get(attribute)
        if stored is None:
            return None
        # ours are JSON; others store a list of strings
        text = stored if isinstance(stored, str | bytes) else json.dumps(np.asarray(stored).astype(str).tolist())
        origin = f"{printable(self.path)}: its attribute `{attribute}`"
        return tuple(parse_json(text, list[str], origin=origin, expected="a list of names"))


def open_feature_file(path: Path | str) -> FeatureFile:
    """Open a feature file; ours and those of DLSA (`labels` or `label`) alike.

    Args:
        path: HDF5 file with `features` (N x D) and `labels` (N).

    Returns:
        Features (memory-mapped unless the file stores them compressed or in chunks), labels, attributes. Rows that are
        further views of the image of another row stand apart.

    Raises:
        InputError: no such file, truncated, no feature file, lengths that differ, labels that are no class indices.
    """
    path = Path(path)
    with open_hdf5(path, expected='an HDF5 file with "features" and "labels"') as file:
        return _read(path, file)


def _read(path: Path, file: h5py.File) -> FeatureFile:
    label_name = "labels" if "labels" in file else "label"
    for name in ("features", label_name):
        if not isinstance(file.get(name), h5py.Dataset):
            held = ", ".join(file) or "nothing"
            raise InputError(f'holds {held}; expected the datasets "features" and "labels".')
    stored, labels = check_dataset(file["features"], "features"), read_dataset(file, label_name)
    if stored.ndim != 2 or stored.dtype.kind != "f":
        raise InputError(f"features has shape {stored.shape} and type {stored.dtype}; expected floats N x D.")
    if labels.shape != stored.shape[:1]:
        raise InputError(f"{stored.shape[0]} rows of features but labels of shape {labels.shape}; expected one a row.")
    if labels.dtype.kind not in "iu" and not (
        labels.dtype.kind == "f" and (np.abs(labels) < 2**63).all() and np.array_equal(labels, np.floor(labels))
    ):
        raise InputError(f"`{label_name}` has type {labels.dtype}; expected whole class numbers.")
    if len(labels) == 0:
        raise InputError("holds no row. Extract the features again.")
    ids = read_dataset(file, "ids") if "ids" in file else None
    if ids is not None and (ids.shape != labels.shape or ids.dtype.kind not in "SU"):
        raise InputError(f"`ids` has shape {ids.shape} and type {ids.dtype}; expected a word for each row.")
    offset = stored.id.get_offset()
    mapped = stored.chunks is None and stored.compression is None and offset is not None and stored.dtype.isnative
    features = np.memmap(path, mode="r", dtype=stored.dtype, shape=stored.shape, offset=offset) if mapped else stored[:]
    attributes = {name: _plain(value) for name, value in file.attrs.items()}
    words = ids if ids is None or ids.dtype.kind == "U" else np.strings.decode(ids, "utf-8", "backslashreplace")
    groups, events = (_groups(file, what, len(labels)) for what in ("groups", "events"))
    weights = None
    if "weights" in file:
        weights = read_weights(read_dataset(file, "weights"), len(labels), origin="weights", place="row {}".format)
    of_groups = dict(zip(("groups", "group_names"), groups, strict=True))
    of_events = dict(zip(("events", "event_names"), events, strict=True))
    rows: dict[str, Any] = {"ids": words, "weights": weights, **of_groups, **of_events}
    whole = FeatureFile(path, features, labels.astype(np.int64), attributes, **rows)
    if VIEW_OF not in file:
        return whole
    view_of = read_dataset(file, VIEW_OF)
    images = check_view_of(view_of, whole.labels, len(labels))
    return replace(whole.take(slice(images)), rows=None, views=views_of_rows(features, view_of, images))


def _groups(file: h5py.File, what: str, rows: int) -> Groups | tuple[None, None]:
    if what not in file:
        return None, None
    called = f"{what.removesuffix('s')}_names"
    names = [str(name) for name in read_dataset(file, called).tolist()] if called in file else None
    return read_groups(read_dataset(file, what), rows, names, origin=what)


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value


def open_feature_folder(folder: Path | str) -> dict[str, FeatureFile]:
    """Open `feature_{train,val,test}.h5` of a folder; train must be there, and all must have the same D.

    Where there is no such file, the decoupling paper's `{train,val,test}feat_all.pkl` is taken in its place.

    Raises:
        InputError: no such folder, no training features, or features of different dimensions.
    """
    from longtail.features.grouped_tables import grouped_alike

    folder = Path(folder)
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder. Expected one with feature_train.h5 and feature_test.h5.")
    files = {}
    for split in SPLITS:
        ours, original = folder / f"feature_{split}.h5", folder / f"{split}feat_all.pkl"
        if ours.is_file():
            files[split] = open_feature_file(ours)
        elif original.is_file():
            features, labels, _ = read_original_pickle(original)
            files[split] = FeatureFile(original, features, labels, {})
    if "train" not in files:
        held = ", ".join(sorted(p.name for p in folder.glob("*.h5"))) or "no .h5 file"
        raise InputError(f"{folder}: holds {held}; expected feature_train.h5 (and _val, _test).")
    dimension = files["train"].features.shape[1]
    for file in files.values():
        if file.features.shape[1] != dimension:
            raise InputError(
                f"{file.path}: features of {file.features.shape[1]} dimensions, but {files['train'].path.name} has "
                f"{dimension}. "
                "Extract all splits with the same network."
            )
    return grouped_alike(files, [])


def check_finite(
    features: NDArray[Any],
    origin: str = "features",
    *,
    advice: str = "",
    chunk: int = 8192,
    name_row: Callable[[int], str] = "row {}".format,
) -> None:
    """Make sure that all features are finite numbers whose squares are too, without a second copy of them.

    Args:
        features: shape (N, D).
        origin: named in the message.
        advice: an option that leaves such rows out, where there is one.
        chunk: rows looked at together.
        name_row: what a person knows a row by.

    Raises:
        InputError: naming the first row that is not, and how many there are; or a number beyond 10^15, whose square
            sums to infinity in float32.
    """
    first, bad_in_first, rows, largest = -1, 0, 0, 0.0
    for start in range(0, len(features), chunk):
        part = features[start : start + chunk]
        if part.dtype == np.float16 and _all_finite_halves(part):  # none of them is beyond 10^15
            continue
        with np.errstate(invalid="ignore"):
            high, low = float(part.max(initial=0)), float(part.min(initial=0))
        if np.isfinite(high) and np.isfinite(low):  # NaN is the largest and the smallest of all
            largest = max(largest, high, -low)
            continue
        bad = ~np.isfinite(part)
        bad_rows = np.flatnonzero(bad.any(axis=1))
        rows += len(bad_rows)
        if first < 0:
            first, bad_in_first = start + int(bad_rows[0]), int(bad[bad_rows[0]].sum())
    if rows:
        raise InputError(
            f"{origin}: {name_row(first)} holds NaN or infinity in {bad_in_first} of its {features.shape[1]} features "
            f"({rows} such rows). Expected finite numbers. Extract the features again, or leave those rows out"
            + (f" with {advice}." if advice else ".")
        )
    if largest > LARGEST:
        raise InputError(f"{origin}: holds {largest:.3g}; expected numbers up to {LARGEST:g}. Scale the features.")


def _all_finite_halves(part: NDArray[Any]) -> bool:
    # numpy compares float16 one by one; as whole numbers without the sign, NaN and infinity are the largest
    return bool((part.view(np.uint16) & 0x7FFF).max(initial=0) < 0x7C00)
