"""One file of features or logits, as arrays."""

import csv
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from longtail.errors import InputError

__all__ = ["SUFFIXES", "Table", "is_number", "read_table", "read_unlabelled"]

SUFFIXES = (".h5", ".hdf5", ".npz", ".npy", ".csv", ".tsv", ".parquet")
# what others call them, in small letters; the first that is there is taken
FEATURES = ("features", "embeddings", "embedding", "feats", "x")
LOGITS = ("logits", "scores")
LABELS = ("labels", "label", "targets", "target", "class", "y")
SPLITS = ("split", "splits", "subset")
IDS = ("id", "ids", "path", "paths", "file", "filename", "image", "name")


@dataclass(frozen=True)
class Table:
    """Rows as they stand in a file.

    Attributes:
        path: of the file.
        values: features or logits, float, shape (N, D).
        labels: numbers or strings, shape (N,).
        split: strings such as "train", shape (N,), or None.
        ids: strings that name the rows, shape (N,), or None.
        are_logits: whether the file says that the values are logits.
    """

    path: Path
    values: NDArray[Any]
    labels: NDArray[Any]
    split: NDArray[np.str_] | None
    ids: NDArray[np.str_] | None
    are_logits: bool


def read_table(path: Path) -> Table:
    """Read a file of features or logits with labels.

    - .npz and .h5: arrays `features` (or embeddings, X) or `logits`, and `labels` (or label, targets, y); perhaps
      `split` and `id`.
    - .csv, .tsv and .parquet: a column `label` (or class, target), perhaps `split` and `id` (or path); all other
      columns are features; a Parquet column of lists named `features` or `embedding` serves too.
    - .npy: features; the labels in NAME_labels.npy or labels.npy beside it.

    Args:
        path: the file.

    Raises:
        InputError: no such file, unreadable, no labels, or columns that are no numbers.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "e.csv"
        >>> _ = path.write_text("id,label,f0,f1\\na.jpg,cat,0.5,1\\nb.jpg,dog,2,3\\n")
        >>> table = read_table(path)
        >>> table.values.tolist(), table.labels.tolist()
        ([[0.5, 1.0], [2.0, 3.0]], ['cat', 'dog'])
    """
    return _table(path, _read(path, labelled=True))


def read_unlabelled(path: Path) -> tuple[NDArray[Any], NDArray[np.str_] | None, bool]:
    """Read the features of a file of the same layout, whose labels may be missing and are not looked at.

    Args:
        path: the file.

    Returns:
        Features or logits (N, D), strings that name the rows (N,) or None, and whether the file says that they are
        logits.

    Raises:
        InputError: no such file, unreadable, or columns that are no numbers.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "new.csv"
        >>> _ = path.write_text("id,f0,f1\\na.jpg,0.5,1\\nb.jpg,2,3\\n")
        >>> values, ids, are_logits = read_unlabelled(path)
        >>> values.tolist(), ids.tolist(), are_logits
        ([[0.5, 1.0], [2.0, 3.0]], ['a.jpg', 'b.jpg'], False)
    """
    columns = _read(path, labelled=False)
    values, are_logits = _values(path, columns)
    return values, _words(path, columns, "ids", IDS, len(values)), are_logits


def _read(path: Path, *, labelled: bool) -> dict[str, Any]:
    """Read the columns of a file, named in small letters."""
    readers: dict[str, Callable[[Path], dict[str, Any]]] = {
        ".npz": _npz,
        ".npy": partial(_npy, labelled=labelled),
        ".h5": _hdf5,
        ".hdf5": _hdf5,
        ".csv": partial(_csv, labelled=labelled),
        ".tsv": partial(_csv, labelled=labelled),
        ".parquet": _parquet,
    }
    if path.suffix not in readers:
        raise InputError(f"{path}: expected a file that ends in {', '.join(SUFFIXES)}.")
    if not path.is_file():
        raise InputError(f"{path}: no such file. Expected features with labels ({', '.join(SUFFIXES)}).")
    try:
        return readers[path.suffix](path)
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{path}: cannot be read ({error}).") from error


def _table(path: Path, columns: dict[str, Any]) -> Table:
    """Sort the columns of a file, named in small letters, by what they mean."""
    values, are_logits = _values(path, columns)
    labels = _first(columns, LABELS)
    if labels is None:
        raise InputError(f"{path}: holds {_held(columns)}; expected `label`.")
    labels = np.asarray(labels)
    if labels.shape != values.shape[:1]:
        raise InputError(f"{path}: {len(values)} rows but labels of shape {labels.shape}; expected one label a row.")
    split, ids = (_words(path, columns, what, names, len(values)) for what, names in (("split", SPLITS), ("ids", IDS)))
    return Table(path, values, _plain_labels(path, labels), split, ids, are_logits)


def _values(path: Path, columns: dict[str, Any]) -> tuple[NDArray[Any], bool]:
    """Give features or logits (N, D), and whether they are called logits."""
    values = _first(columns, FEATURES)
    are_logits = values is None
    values = _first(columns, LOGITS) if values is None else values
    if values is None:
        raise InputError(f"{path}: holds {_held(columns)}; expected `features` or `logits`.")
    values = np.asarray(values)
    if values.ndim != 2 or values.dtype.kind not in "fiu":
        raise InputError(
            f"{path}: the features have shape {values.shape} and type {values.dtype}; expected numbers N x D."
        )
    if not len(values):
        raise InputError(f"{path}: holds no row.")
    return (values if values.dtype.kind == "f" else values.astype(np.float32)), are_logits


def _words(
    path: Path, columns: dict[str, Any], meaning: str, names: tuple[str, ...], rows: int
) -> NDArray[np.str_] | None:
    column = _first(columns, names)
    if column is not None and np.shape(column) != (rows,):
        raise InputError(f"{path}: {rows} rows but {meaning} of shape {np.shape(column)}.")
    return None if column is None else np.asarray(column).astype(str)


def _held(columns: dict[str, Any]) -> str:
    return ", ".join(list(columns)[:6]) or "nothing"


def _first(columns: dict[str, Any], names: tuple[str, ...]) -> Any:
    return next((columns[name] for name in names if name in columns), None)


def _plain_labels(path: Path, labels: NDArray[Any]) -> NDArray[Any]:
    if labels.dtype.kind in "SO":
        labels = np.array([_word(item) for item in labels])
    if labels.dtype.kind == "f":
        broken = labels[~np.isfinite(labels) | (labels != np.floor(labels))]
        if len(broken):
            raise InputError(f"{path}: labels such as {broken[0]}; expected classes.")
        labels = labels.astype(np.int64)
    if labels.dtype.kind == "U" and (np.strings.str_len(labels) == 0).any():
        row = int(np.flatnonzero(np.strings.str_len(labels) == 0)[0])
        raise InputError(f"{path}: row {row} has no label. Expected one for each row; leave unlabelled rows out.")
    if labels.dtype.kind == "U" and all(label.lstrip("-").isdigit() for label in np.unique(labels)):
        labels = labels.astype(np.int64)
    return labels


def _word(item: Any) -> str:
    if item is None:  # a gap in a Parquet column
        return ""
    return item.decode() if isinstance(item, bytes) else str(item)


def _npz(path: Path) -> dict[str, Any]:
    with path.open("rb") as stream, np.load(stream, allow_pickle=False) as file:
        return {name.lower(): file[name] for name in file.files}


def _npy(path: Path, *, labelled: bool) -> dict[str, Any]:
    beside = (path.with_name(f"{path.stem}_labels.npy"), path.with_name("labels.npy"))
    found = next((other for other in beside if other.is_file()), None)
    if found is None and not labelled:
        return {"features": np.load(path, mmap_mode="r")}
    if found is None:
        raise InputError(f"{path}: no labels beside it. Expected {beside[0].name} or {beside[1].name}.")
    return {"features": np.load(path, mmap_mode="r"), "labels": np.load(found, allow_pickle=False)}


def _hdf5(path: Path) -> dict[str, Any]:
    with h5py.File(path, "r") as file:
        return {name.lower(): item[()] for name, item in file.items() if isinstance(item, h5py.Dataset)}


def _csv(path: Path, *, labelled: bool) -> dict[str, Any]:
    delimiter = "\t" if path.suffix == ".tsv" else ","
    with path.open(encoding="utf-8-sig", newline="") as file:  # Windows' programs put a mark in front
        names = [name.strip().lower() for name in next(csv.reader(file, delimiter=delimiter), [])]
        words = {name: at for at, name in enumerate(names) if name in (*LABELS, *SPLITS, *IDS)}
        label = next((name for name in LABELS if name in words), None)
        if label is None and labelled:
            raise InputError(f"{path}: has the columns {', '.join(names[:6])}, ...; expected one named label.")
        numbers = [at for at, name in enumerate(names) if name not in words]
        if label is None and all(is_number(name) for name in names):
            raise InputError(f"{path}: begins with numbers; expected a line with the names of the columns first.")
        if not numbers:
            raise InputError(f"{path}: has no column of numbers beside {', '.join(words)}.")
        rows: list[list[str]] = []
        for row in filter(None, csv.reader(file, delimiter=delimiter)):
            if len(row) < len(names):
                raise InputError(
                    f"{path}: row {len(rows)} has {len(row)} values; expected {len(names)}, as in the first line."
                )
            rows.append([row[at] for at in words.values()])
    values = np.loadtxt(
        path,
        dtype=np.float32,
        delimiter=delimiter,
        skiprows=1,
        usecols=numbers,
        ndmin=2,
        quotechar='"',
        comments=None,  # a path may hold a #
        encoding="utf-8",
    )
    columns = {name: np.array([row[at] for row in rows]) for at, name in enumerate(words)}
    return {**columns, "features": values}


def is_number(text: str) -> bool:
    """Say whether a cell of a table is a number; the names of its columns are none."""
    try:
        float(text)
    except ValueError:
        return False
    return True


def _parquet(path: Path) -> dict[str, Any]:
    try:
        import pyarrow.parquet as parquet
    except ModuleNotFoundError as error:
        raise InputError(f"{path}: Parquet needs pyarrow: pip install pyarrow, or write a .csv or .npz.") from error
    table = parquet.read_table(path)
    columns = {name.lower(): table.column(name) for name in table.column_names}
    words = {name: np.array(columns[name].to_pylist()) for name in columns if name in (*LABELS, *SPLITS, *IDS)}
    for name in (*FEATURES, *LOGITS):
        if name in columns:
            return {**words, name: np.array(columns[name].to_pylist(), dtype=np.float32)}
    numbers = [columns[name].to_numpy() for name in columns if name not in words]
    return {**words, "features": np.stack(numbers, axis=1).astype(np.float32)} if numbers else words
