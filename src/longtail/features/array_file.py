"""Files of whole arrays: NumPy's, HDF5 and, in its own order, MATLAB's."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from longtail.errors import InputError
from longtail.files.arrays import plain_array, read_npy, read_npz
from longtail.files.hdf5 import check_dataset, open_hdf5, read_dataset
from longtail.files.text import printable

__all__ = ["ArrayFile", "read_array_file"]

EXPECTED = 'arrays "features" (N x D) and "labels" (N)'
LARGE = 2**20  # bytes, from which an array is mapped and not read


@dataclass(frozen=True)
class ArrayFile:
    """The arrays of a file.

    Attributes:
        arrays: by name, in small letters.
        attributes: plain values that stand beside them.
        by_columns: MATLAB wrote it, which stores the transpose of what it shows.
    """

    arrays: dict[str, NDArray[Any]]
    attributes: dict[str, Any] = field(default_factory=dict)
    by_columns: bool = False


def read_array_file(path: Path, *, labelled: bool = True) -> ArrayFile:
    """Read .npz, .npy (labels in NAME_labels.npy or labels.npy beside it), .h5, .hdf5, or .mat of version 7.3.

    Args:
        path: of the file.
        labelled: whether an .npy file needs labels beside it.

    Raises:
        InputError: no such file, damaged, or an older .mat file.
    """
    match path.suffix.lower():
        case ".npz":
            return ArrayFile(_by_small_name(path, read_npz(path, expected=EXPECTED)))
        case ".npy":
            return ArrayFile(_npy(path, labelled=labelled))
        case _:
            return _hdf5(path)


def _npy(path: Path, *, labelled: bool) -> dict[str, NDArray[Any]]:
    arrays = {"features": read_npy(path, expected="features, N x D")}
    beside = (path.with_name(f"{path.stem}_labels.npy"), path.with_name("labels.npy"))
    labels = next((other for other in beside if other.is_file()), None)
    if labels is not None:
        arrays["labels"] = read_npy(labels, expected="labels, one a row")
    elif labelled:
        raise InputError(f"{printable(path)}: no labels beside it. Expected {beside[0].name} or {beside[1].name}.")
    return arrays


def _hdf5(path: Path) -> ArrayFile:
    if path.is_file():
        with path.open("rb") as file:
            start = file.read(20)
        if start.startswith(b"MATLAB 5.0"):
            raise InputError(
                f"{printable(path)}: is a MATLAB file of version 7 or earlier. Save it with '-v7.3', which is HDF5."
            )
    with open_hdf5(path, expected=EXPECTED) as file:
        named = {name.lower(): name for name in file}
        arrays = {}
        for small, name in named.items():
            item = file.get(name)
            if isinstance(item, h5py.Dataset):
                arrays[small] = _mapped(path, item, name) if item.nbytes >= LARGE else read_dataset(file, name)
        attributes = {name: _plain(value) for name, value in file.attrs.items()}
        by_columns = path.suffix.lower() == ".mat" or any(
            "MATLAB_class" in item.attrs for item in file.values() if isinstance(item, h5py.Dataset)
        )
        held = ", ".join(file) or "nothing"
    if not arrays:
        raise InputError(f"{printable(path)}: holds {held}. Expected {EXPECTED}.")
    return ArrayFile(_by_small_name(path, arrays), attributes, by_columns)


def _mapped(path: Path, dataset: h5py.Dataset, name: str) -> NDArray[Any]:
    """Map an array that is stored in one piece, and read any other."""
    check_dataset(dataset, name)
    offset = dataset.id.get_offset()
    can_be = dataset.chunks is None and dataset.compression is None and offset is not None
    if can_be and dataset.dtype.kind in "biuf" and dataset.dtype.isnative and not dataset.external:
        return np.memmap(path, dataset.dtype, "r", offset, dataset.shape)
    return (
        plain_array(np.asarray(dataset[()]), name) if dataset.dtype.kind != "O" else read_dataset(dataset.parent, name)
    )


def _by_small_name(path: Path, arrays: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    small: dict[str, NDArray[Any]] = {}
    for name, array in arrays.items():
        if name.lower() in small:
            raise InputError(
                f"{printable(path)}: two arrays are called {name.lower()}. Expected another name for each."
            )
        small[name.lower()] = array
    return small


def _plain(value: Any) -> Any:
    """Return an attribute as a plain value; lists of words as JSON, as we store them ourselves."""
    if isinstance(value, np.ndarray):
        value = [item.decode(errors="replace") if isinstance(item, bytes) else item for item in value.ravel().tolist()]
        return json.dumps(value, default=str)
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    return (
        value.item() if isinstance(value, np.generic) else value if isinstance(value, str | int | float) else str(value)
    )
