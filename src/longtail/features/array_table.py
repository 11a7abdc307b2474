"""A table out of whole arrays: which of them is what, which way they lie, and what their labels are called."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from longtail.errors import InputError
from longtail.features.array_file import ArrayFile
from longtail.features.column_values import check_features
from longtail.features.columns import ColumnChoice
from longtail.features.feature_table import Kind, Table
from longtail.features.groups import Groups, read_groups
from longtail.features.labels import read_labels
from longtail.files.json_file import parse_json
from longtail.files.stored import StoredArray
from longtail.files.text import printable
from longtail.row_weights import read_weights

__all__ = [
    "FEATURES",
    "LOGITS",
    "groups_in_arrays",
    "is_plain_float",
    "row_ids",
    "table_of_arrays",
    "upright_values",
]

# what others call them, in small letters; the first that is there is taken
FEATURES = ("features", "embeddings", "embedding", "feats", "x")
LOGITS = ("logits", "scores")
LABELS = ("labels", "label", "targets", "target", "class", "y")
SPLITS = ("split", "splits", "subset")
IDS = ("id", "ids", "path", "paths", "file", "filename", "image", "name")


def table_of_arrays(path: Path, file: ArrayFile, choice: ColumnChoice, *, labelled: bool) -> Table:
    """Sort the arrays of a file by what they mean, and read them.

    Args:
        path: of the file.
        file: its arrays.
        choice: what a person said of them: which are groups and events, and which way a square one lies.
        labelled: whether labels are needed; else they are looked at for their number alone.

    Raises:
        InputError: arrays that are missing, or do not fit together.
    """
    origin, arrays = printable(path), file.arrays
    kind, values, notes = upright_values(path, file, choice, labelled=labelled)
    if isinstance(values, StoredArray):
        values = values.whole(values.dtype if is_plain_float(values.dtype) else np.float32)
    elif not is_plain_float(values.dtype):
        values = values.astype(np.float32)
    class_names = _class_names(origin, _array(arrays, "class_names"), file.attributes.get("class_names"))
    labels = None
    stored = _first(arrays, LABELS)
    if labelled and stored is not None:
        if file.is_matlab:
            stored, more = _as_matlab_counts(stored, len(values), class_names, origin)
            notes = (*notes, *more)
        labels, more = read_labels(stored, len(values), class_names, origin=origin)
        notes = (*notes, *more)
        check_features(values, None, labels, origin=origin)
    split, ids = _words(origin, arrays, SPLITS, len(values)), row_ids(path, file, len(values))
    table = Table(path, values, labels, kind, split, ids, class_names, None, file.attributes, notes)
    if file.views is not None:
        further = file.views.features.reshape(len(file.views), -1).astype(values.dtype, copy=False)
        table = replace(table, views=replace(file.views, features=further))
    return _with_weights(_with_groups(table, file, choice), file, choice)


def _with_weights(table: Table, file: ArrayFile, choice: ColumnChoice) -> Table:
    """Return a table with the weights that stand beside its rows in an array.

    Raises:
        InputError: no such array, or none of weights.
    """
    given = choice.weight_column
    if given == "none":
        return table
    name, origin = "weights" if given is None else given.lower(), printable(table.path)
    array = _array(file.arrays, name)
    if array is None and given is not None:
        raise InputError(
            f"{origin}: `weight_column` {given}: there is no such array. It holds {', '.join(list(file.arrays)[:8])}."
        )
    is_layer = array is not None and given is None and array.ndim > 1 and 1 not in array.shape
    if array is None or is_layer:  # those of a layer are called so too
        return table
    weights = read_weights(array, len(table.values), origin=f"{origin}: {name}", place="row {}".format)
    return replace(table, weights=weights)


def _with_groups(table: Table, file: ArrayFile, choice: ColumnChoice) -> Table:
    facts: dict[str, Any] = {}
    for role, (numbers, names) in groups_in_arrays(table.path, file, len(table.values), choice).items():
        facts |= {role: numbers, f"{role[:-1]}_names": names}
    return replace(table, **facts) if facts else table


def groups_in_arrays(path: Path, file: ArrayFile, rows: int, choice: ColumnChoice) -> dict[str, Groups]:
    """Return the "groups" and "events" that stand beside the rows of a file in arrays, those that are there.

    Args:
        path: of the file.
        file: its arrays.
        rows: N.
        choice: which arrays they are.

    Raises:
        InputError: a named array that is not there, or does not fit the rows.
    """
    result: dict[str, Groups] = {}
    for role, argument in (("groups", "group_column"), ("events", "event_column")):
        given = getattr(choice, argument)
        name = role if given is None else given.lower()
        array = _array(file.arrays, name)
        if array is None and given is not None and given != "none":
            raise InputError(
                f"{printable(path)}: `{argument}` {given}: there is no such array"
                f"{f' that can be read; it is {file.others[name]}' if name in file.others else ''}. It holds "
                f"{', '.join(list(file.arrays)[:8])}."
            )
        if array is None and given is None and name in file.others:
            raise InputError(
                f"{printable(path)}: {name} is {file.others[name]}, and says which rows belong together. Save it "
                f"as numbers or words, or leave it out: `{argument}` none."
            )
        if array is None or given == "none":
            continue
        names_of = f"{name.removesuffix('s')}_names"
        names = _names(_array(file.arrays, names_of), file.attributes.get(names_of), printable(path), names_of)
        result[role] = read_groups(array, rows, names, origin=f"{printable(path)}: {name}")
    return result


def upright_values(
    path: Path, file: ArrayFile, choice: ColumnChoice, *, labelled: bool
) -> tuple[Kind, NDArray[Any] | StoredArray, tuple[str, ...]]:
    """Return the features or logits of a file, N x D whichever way they lie, and notes; large ones are not yet read.

    Raises:
        InputError: none that is called so, no labels where they are needed, another shape or type, or a square one of
            MATLAB that could lie either way.
    """
    origin, arrays = printable(path), file.arrays
    held = ", ".join(list(arrays)[:6]) or "nothing"
    name = next((name for name in (*FEATURES, *LOGITS) if name in arrays), None)
    for names, is_absent in ((FEATURES, name is None), (LABELS, labelled and _first(arrays, LABELS) is None)):
        other = next((name for name in names if name in file.others), None)
        if is_absent and other is not None:
            raise InputError(f"{origin}: {other} is {file.others[other]}.")
    more = "".join(f"; {name} is {how}" for name, how in list(file.others.items())[:2])
    if name is None:
        raise InputError(f'{origin}: holds {held}; expected an array "features" or "logits"{more}.')
    stored = _first(arrays, LABELS)
    if stored is None and labelled:
        raise InputError(f'{origin}: holds {held}; expected "labels" too{more}.')
    values, notes = _upright(_squeezed(arrays[name]), stored, file, choice, f"{origin}: {name}")
    if values.ndim > 2:
        raise InputError(
            f"{origin}: {name} has shape {values.shape}: several vectors an image, of tokens or places; expected one, "
            f"N x D. Pool them first: the class token {name}[:, 0], or {name}.mean(axis=1)."
        )
    if values.ndim != 2 or values.dtype.kind not in "fiu":
        raise InputError(f"{origin}: {name} has shape {values.shape} and type {values.dtype}; expected numbers N x D.")
    if 0 in values.shape:
        raise InputError(f"{origin}: {name} has shape {values.shape}; expected at least one row and one column.")
    return "features" if name in FEATURES else "logits", values, notes


def row_ids(path: Path, file: ArrayFile, rows: int) -> NDArray[np.str_] | None:
    """Return words that name the rows of a file, shape (N,); None where it has none."""
    return _words(printable(path), file.arrays, IDS, rows)


def is_plain_float(dtype: np.dtype[Any]) -> bool:
    """Return whether features of a type stay as they are; others become float32."""
    return dtype.kind == "f" and dtype.itemsize <= 8


def _squeezed(values: NDArray[Any] | StoredArray) -> NDArray[Any] | StoredArray:
    """Return N x D x 1 x 1, of a pool that keeps its axes, as N x D."""
    if values.ndim > 2 and values.shape[2:] == (1,) * (values.ndim - 2):
        return (values.whole() if isinstance(values, StoredArray) else values).reshape(values.shape[:2])
    return values


def _upright(
    values: NDArray[Any] | StoredArray, labels: NDArray[Any] | None, file: ArrayFile, choice: ColumnChoice, what: str
) -> tuple[NDArray[Any] | StoredArray, tuple[str, ...]]:
    """Turn features that lie D x N, by the number of labels; which way square ones lie a person has to say."""
    if values.ndim != 2:
        return values, ()
    is_turned = choice.orientation == "columns"
    if labels is not None and labels.ndim in (1, 2):
        rows = labels.shape[0] if labels.ndim == 1 else max(labels.shape) if 1 in labels.shape else labels.shape[0]
        if labels.ndim == 2 and rows not in values.shape:  # ones and zeros, a row a class
            rows = labels.shape[1]
        if values.shape[0] != values.shape[1]:
            is_turned = values.shape[1] == rows
        elif values.shape[0] == rows and choice.orientation is None and (file.is_matlab or labels.shape == (1, rows)):
            raise InputError(
                f"{what} has shape {values.shape}, for {rows} labels: each row could be an image, or each column. Say "
                "which: `orientation` rows, or `orientation` columns."
            )
    if not is_turned:
        return values, ()
    turned = values.turned() if isinstance(values, StoredArray) else values.T
    return turned, (f"{what} of shape {values.shape} is D x N, and was turned",)


def _as_matlab_counts(
    labels: NDArray[Any], rows: int, class_names: tuple[str, ...] | None, origin: str
) -> tuple[NDArray[Any], tuple[str, ...]]:
    """Return labels beside names counted from 0, and ones and zeros with a row a class turned."""
    if labels.ndim == 2 and 1 not in labels.shape and labels.shape[0] != rows and labels.shape[1] == rows:
        labels = labels.T
    is_column = labels.ndim == 1 or 1 in labels.shape
    if class_names is None or labels.dtype.kind not in "iuf" or not is_column or not labels.size or labels.min() < 1:
        return labels, ()
    return labels - 1, (f"{origin}: labels count from 1, as MATLAB does: 1 is {class_names[0]!r}",)


def _first(arrays: Mapping[str, NDArray[Any] | StoredArray], names: Sequence[str]) -> NDArray[Any] | None:
    return next((_array(arrays, name) for name in names if name in arrays), None)


def _array(arrays: Mapping[str, NDArray[Any] | StoredArray], name: str) -> NDArray[Any] | None:
    array = arrays.get(name)
    return array.whole() if isinstance(array, StoredArray) else array


def _class_names(origin: str, array: NDArray[Any] | None, stored: Any) -> tuple[str, ...] | None:
    names = _names(array, stored, origin, "class_names")
    if names is None:
        return None
    twice = next((name for name in names if names.count(name) > 1), None) if len(set(names)) < len(names) else None
    if twice is not None:
        raise InputError(f"{origin}: two classes are called {twice!r}. Expected another name for each.")
    return names


def _names(array: NDArray[Any] | None, stored: Any, origin: str, what: str) -> tuple[str, ...] | None:
    """Read names that stand in an array of words, or in an attribute."""
    if array is not None:
        words = array.reshape(-1) if array.ndim == 2 and 1 in array.shape else array
        if words.ndim != 1 or words.dtype.kind not in "SU":
            raise InputError(f"{origin}: `{what}` has shape {array.shape} and type {array.dtype}; expected names.")
        return tuple(name.decode(errors="replace") if isinstance(name, bytes) else name for name in words.tolist())
    if stored is None:
        return None
    expected = f"a list of names in its attribute `{what}`"
    return tuple(parse_json(str(stored), list[str], origin=f"{origin}: {what}", expected=expected))


def _words(
    origin: str, arrays: Mapping[str, NDArray[Any] | StoredArray], names: tuple[str, ...], rows: int
) -> NDArray[np.str_] | None:
    name = next((name for name in names if name in arrays), None)
    array = None if name is None else _array(arrays, name)
    if array is None:
        return None
    words = array.reshape(-1) if 1 in array.shape else array
    if words.shape != (rows,):
        raise InputError(f"{origin}: {rows:,} rows but `{name}` of shape {words.shape}; expected one a row.")
    if words.dtype.kind == "S":
        try:
            return np.strings.decode(words, "utf-8")
        except UnicodeDecodeError as error:
            raise InputError(f"{origin}: `{name}` is no text in UTF-8 ({error.reason}).") from error
    return words.astype(np.str_)
