"""A table out of whole arrays: which of them is what, which way they lie, and what their labels are called."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from longtail.errors import InputError
from longtail.features.array_file import ArrayFile
from longtail.features.column_values import check_features
from longtail.features.feature_table import Kind, Table
from longtail.features.labels import read_labels
from longtail.files.json_file import parse_json
from longtail.files.text import printable

__all__ = ["FEATURES", "LOGITS", "table_of_arrays"]

# what others call them, in small letters; the first that is there is taken
FEATURES = ("features", "embeddings", "embedding", "feats", "x")
LOGITS = ("logits", "scores")
LABELS = ("labels", "label", "targets", "target", "class", "y")
SPLITS = ("split", "splits", "subset")
IDS = ("id", "ids", "path", "paths", "file", "filename", "image", "name")


def table_of_arrays(path: Path, file: ArrayFile, *, labelled: bool) -> Table:
    """Sort the arrays of a file by what they mean.

    Args:
        path: of the file.
        file: its arrays.
        labelled: whether labels are needed; else they are not looked at.

    Raises:
        InputError: arrays that are missing, or do not fit together.
    """
    origin, arrays = printable(path), file.arrays
    held = ", ".join(list(arrays)[:6]) or "nothing"
    name = next((name for name in (*FEATURES, *LOGITS) if name in arrays), None)
    if name is None:
        raise InputError(f'{origin}: holds {held}; expected an array "features" or "logits".')
    stored = next((arrays[name] for name in LABELS if name in arrays), None)
    if stored is None and labelled:
        raise InputError(f'{origin}: holds {held}; expected "labels" too.')
    values, notes = _upright(arrays[name], stored, file.by_columns, f"{origin}: {name}")
    if values.ndim != 2 or values.dtype.kind not in "fiu":
        raise InputError(f"{origin}: {name} has shape {values.shape} and type {values.dtype}; expected numbers N x D.")
    if 0 in values.shape:
        raise InputError(f"{origin}: {name} has shape {values.shape}; expected at least one row and one column.")
    if values.dtype.kind != "f" or values.dtype.itemsize > 8:
        values = values.astype(np.float32)
    class_names = _class_names(origin, arrays.get("class_names"), file.attributes.get("class_names"))
    labels = None
    if labelled and stored is not None:
        labels, more = read_labels(stored, len(values), class_names, origin=origin)
        notes = (*notes, *more)
        check_features(values, None, labels, origin=origin)
    split, ids = (_words(origin, arrays, names, len(values)) for names in (SPLITS, IDS))
    kind: Kind = "features" if name in FEATURES else "logits"
    return Table(path, values, labels, kind, split, ids, class_names, None, file.attributes, notes)


def _upright(
    values: NDArray[Any], labels: NDArray[Any] | None, by_columns: bool, what: str
) -> tuple[NDArray[Any], tuple[str, ...]]:
    """Turn features that lie D x N, as MATLAB stores them, by the number of labels; N x D x 1 x 1 becomes N x D."""
    if values.ndim > 2 and values.shape[2:] == (1,) * (values.ndim - 2):  # of a pool that keeps its axes
        values = values.reshape(values.shape[:2])
    if values.ndim != 2 or labels is None or labels.ndim not in (1, 2):
        return values, ()
    rows = labels.shape[0] if labels.ndim == 1 else max(labels.shape) if 1 in labels.shape else labels.shape[0]
    is_square = values.shape[0] == values.shape[1] == rows
    if values.shape[0] != rows and values.shape[1] == rows:
        by_columns = True
    elif is_square and not by_columns and labels.ndim == 2 and labels.shape == (1, rows):
        raise InputError(
            f"{what} has shape {values.shape} and labels (1, {rows}): each row could be an image or a feature. Store "
            "labels of shape (N,) with features N x D."
        )
    elif not is_square:
        return values, ()
    if not by_columns:
        return values, ()
    return values.T, (f"{what} of shape {values.shape} is D x N, and was turned",)


def _class_names(origin: str, array: NDArray[Any] | None, stored: Any) -> tuple[str, ...] | None:
    if array is not None:
        if array.ndim != 1 or array.dtype.kind not in "SU":
            raise InputError(f"{origin}: `class_names` has shape {array.shape} and type {array.dtype}; expected names.")
        names = tuple(name.decode(errors="replace") if isinstance(name, bytes) else name for name in array.tolist())
    elif stored is not None:
        expected = "a list of names in its attribute `class_names`"
        names = tuple(parse_json(str(stored), list[str], origin=f"{origin}: class_names", expected=expected))
    else:
        return None
    twice = next((name for name in names if names.count(name) > 1), None) if len(set(names)) < len(names) else None
    if twice is not None:
        raise InputError(f"{origin}: two classes are called {twice!r}. Expected another name for each.")
    return names


def _words(origin: str, arrays: dict[str, NDArray[Any]], names: tuple[str, ...], rows: int) -> NDArray[np.str_] | None:
    name = next((name for name in names if name in arrays), None)
    if name is None:
        return None
    words = arrays[name].reshape(-1) if 1 in arrays[name].shape else arrays[name]
    if words.shape != (rows,):
        raise InputError(f"{origin}: {rows:,} rows but `{name}` of shape {words.shape}; expected one a row.")
    if words.dtype.kind == "S":
        try:
            return np.strings.decode(words, "utf-8")
        except UnicodeDecodeError as error:
            raise InputError(f"{origin}: `{name}` is no text in UTF-8 ({error.reason}).") from error
    return words.astype(np.str_)
