"""MATLAB's files as MATLAB shows them: version 5 to 7, and words and cells of version 7.3 out of HDF5."""

from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from longtail.errors import InputError
from longtail.files.matlab_5 import Variable, variables_of
from longtail.files.text import printable

__all__ = ["MIXED_CELL", "hdf5_words", "is_hdf5", "is_matlab", "matlab_class", "read_matlab", "unreadable"]

# what MATLAB keeps in a form that only MATLAB reads, and what to save in its place
_OTHERS = {
    "string": "a string array: save cellstr({name}) in its place",
    "categorical": "categorical: save cellstr({name}) in its place",
    "table": "a table: save table2array({name}) in its place",
    "struct": "a structure: save its fields, save(FILE, '-struct', '{name}')",
    "sparse": "sparse: save full({name}) in its place",
    "complex": "of complex numbers: save real({name}) or abs({name}) in its place",
    "opaque": "a string, categorical or table: save cellstr({name}) or table2array({name}) in its place",
}
MIXED_CELL = "a cell of more than a word or a number in each place: save a matrix, or a cell of words"


def is_hdf5(path: Path) -> bool:
    """Return whether a file is HDF5, or says that it is MATLAB's of version 7.3, as which it may be damaged."""
    with path.open("rb") as file:
        start = file.read(20)
    return start.startswith((b"MATLAB 7.3", b"\x89HDF")) or bool(h5py.is_hdf5(path))


def is_matlab(path: Path) -> bool:
    """Return whether a file says that MATLAB, or what writes as it does, wrote it in version 5 to 7."""
    with path.open("rb") as file:
        return file.read(10) == b"MATLAB 5.0"


def read_matlab(path: Path) -> tuple[dict[str, NDArray[Any]], dict[str, str]]:
    """Read a file of version 5 to 7, MATLAB's usual one.

    Args:
        path: of the file.

    Returns:
        Arrays by name, as MATLAB shows them, cells and lines of characters as words; and of what others cannot read,
        what it is and how to write it in its place, by name.

    Raises:
        InputError: damaged, or no such file.
    """
    try:
        variables = list(variables_of(path))
    except InputError:
        raise
    except Exception as error:  # whatever stands in a damaged file in place of what it should
        reason = " ".join(str(error).split())[:120] or type(error).__name__
        raise InputError(
            f"{printable(path)}: damaged, or no MATLAB file of version 5 to 7.3 ({reason}). Expected features and "
            "labels; save them again."
        ) from error
    arrays: dict[str, NDArray[Any]] = {}
    others = {}
    for one in variables:
        words = _cell_words(one) if one.kind == "cell" else one.value
        if words is not None:
            arrays[one.name] = words
        elif one.name:  # what has no name is MATLAB's own
            others[one.name] = MIXED_CELL if one.kind == "cell" else _other(one.kind, one.name)
    return arrays, others


def _cell_words(cell: Variable) -> NDArray[np.str_] | None:
    if cell.value is None:
        return None
    words = [_word(item) for item in cell.value.ravel(order="F")]
    if None in words:
        return None
    return np.array(words, dtype=np.str_).reshape(cell.value.shape, order="F")


def hdf5_words(file: h5py.File, dataset: h5py.Dataset) -> NDArray[np.str_] | None:
    """Read characters, or a cell of words, of a file of version 7.3.

    Args:
        file: that it lies in.
        dataset: of MATLAB's class char or cell.

    Returns:
        Words, as MATLAB shows them: a word a line of characters, or a cell; None for a cell of anything else.
    """
    if matlab_class(dataset) == "char":
        lines = dataset[()].reshape(dataset.shape).T
        return np.array(["".join(map(chr, line.tolist())).rstrip() for line in np.atleast_2d(lines)])
    words = []
    for reference in dataset[()].ravel().tolist():
        item = file[reference]
        if not isinstance(item, h5py.Dataset):
            return None
        value = item[()]
        if matlab_class(item) == "char":
            words.append("" if "MATLAB_empty" in item.attrs else "".join(map(chr, value.ravel(order="F").tolist())))
        elif value.size == 1 and value.dtype.kind in "biuf":
            words.append(_number(value.item()))
        else:
            return None
    return np.array(words, dtype=np.str_).reshape(dataset.shape).T


def matlab_class(item: Any) -> str:
    """Return what MATLAB says that something in a file of version 7.3 is; empty where it says nothing."""
    name = item.attrs.get("MATLAB_class", b"")
    return name.decode(errors="replace") if isinstance(name, bytes) else str(name)


def unreadable(item: Any, name: str) -> str | None:
    """Return what something in a file of version 7.3 is that others cannot read, and what to save; None if they can."""
    kind = "sparse" if "MATLAB_sparse" in item.attrs else matlab_class(item)
    if isinstance(item, h5py.Group) and kind and kind not in _OTHERS:
        kind = "struct"
    return _other(kind, name) if kind in _OTHERS else None


def _other(kind: str, name: str) -> str:
    return _OTHERS[kind].format(name=name)


def _word(item: Variable) -> str | None:
    if item.kind not in ("char", "number"):
        return None
    if item.value is None or item.value.size == 0:
        return ""
    if item.value.size > 1:
        return None
    return str(item.value.item()) if item.kind == "char" else _number(item.value.item())


def _number(value: float) -> str:
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
