"""Files of whole arrays: NumPy's, HDF5, MATLAB's, safetensors and Zarr."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from longtail.errors import InputError
from longtail.features.file_names import files_beside
from longtail.features.views import Views, without_views
from longtail.files.arrays import plain_array, read_npy, read_npz
from longtail.files.hdf5 import check_dataset, open_hdf5, read_dataset
from longtail.files.matlab import MIXED_CELL, hdf5_words, is_hdf5, is_matlab, matlab_class, read_matlab, unreadable
from longtail.files.safetensors_file import read_safetensors
from longtail.files.stored import StoredArray
from longtail.files.text import printable
from longtail.files.zarr_file import read_zarr

__all__ = ["ArrayFile", "read_array_file"]

EXPECTED = 'arrays "features" (N x D) and "labels" (N)'
LARGE = 2**20  # bytes, from which an array is mapped and not read


@dataclass(frozen=True)
class ArrayFile:
    """The arrays of a file.

    Attributes:
        arrays: by name, in small letters.
        attributes: plain values that stand beside them.
        is_matlab: MATLAB wrote it: its people keep images as rows and as columns alike, and count from 1.
        others: what in it cannot be read, and how to write it so that it can, by name in small letters.
        views: features of further views of the images whose rows `arrays` are of, or None.
    """

    arrays: dict[str, NDArray[Any] | StoredArray]
    attributes: dict[str, Any] = field(default_factory=dict)
    is_matlab: bool = False
    others: dict[str, str] = field(default_factory=dict)
    views: Views | None = None


def read_array_file(path: Path, *, labelled: bool = True) -> ArrayFile:
    """Read .npz, .npy (with labels and groups in files beside it), .h5, .hdf5, .mat, .safetensors or .zarr.

    Large arrays are mapped, or read block by block where they are compressed or in pieces.

    Args:
        path: of the file.
        labelled: whether an .npy file needs labels beside it.

    Raises:
        InputError: no such file, or damaged; or views of what is no image.
    """
    file = _read(path, labelled=labelled)
    try:
        arrays, views = without_views(file.arrays)
    except InputError as error:
        raise InputError(f"{printable(path)}: {error}") from error
    return replace(file, arrays=arrays, views=views)


def _read(path: Path, *, labelled: bool) -> ArrayFile:
    match path.suffix.lower():
        case ".npz":
            return ArrayFile(_by_small_name(path, read_npz(path, expected=EXPECTED, words=True)))
        case ".npy":
            return ArrayFile(_npy(path, labelled=labelled))
        case ".safetensors":
            tensors, words = read_safetensors(path)
            return ArrayFile(_by_small_name(path, tensors), dict(words))
        case ".zarr":
            pieces, attributes = read_zarr(path)
            return ArrayFile(_by_small_name(path, pieces), {name: _plain(value) for name, value in attributes.items()})
        case _ if path.is_file() and not is_hdf5(path) and (path.suffix.lower() == ".mat" or is_matlab(path)):
            arrays, others = read_matlab(path)
            small = {name.lower(): how for name, how in others.items()}
            return ArrayFile(_by_small_name(path, arrays), is_matlab=True, others=small)
        case _:
            return _hdf5(path)


def _npy(path: Path, *, labelled: bool) -> dict[str, NDArray[Any] | StoredArray]:
    arrays: dict[str, NDArray[Any] | StoredArray] = {"features": read_npy(path, expected="features, N x D")}
    for what in ("labels", "groups", "events"):
        beside = files_beside(path, what)
        found = next((other for other in beside if other.is_file()), None)
        if found is not None:
            arrays[what] = read_npy(found, expected=f"{what}, one a row", words=True)
        elif labelled and what == "labels":
            *first, last = dict.fromkeys((beside[0].name, beside[1].name, "labels.npy"))
            raise InputError(f"{printable(path)}: no labels beside it. Expected {', '.join(first)} or {last}.")
    return arrays


def _hdf5(path: Path) -> ArrayFile:
    with open_hdf5(path, expected=EXPECTED) as file:
        named = {name.lower(): name for name in file}
        arrays: dict[str, NDArray[Any] | StoredArray] = {}
        others = {}
        is_from_matlab = path.suffix.lower() == ".mat" or any(map(matlab_class, file.values()))
        for small, name in named.items():
            item = file.get(name)
            how = unreadable(item, name) if is_from_matlab and item is not None else None
            if how is not None:
                others[small] = how
            elif isinstance(item, h5py.Dataset):
                array = _array(path, file, item, name)
                if array is None:
                    others[small] = MIXED_CELL
                else:
                    arrays[small] = array
        attributes = {name: _plain(value) for name, value in file.attrs.items()}
        held = ", ".join(file) or "nothing"
    if not arrays and not others:
        raise InputError(f"{printable(path)}: holds {held}. Expected {EXPECTED}.")
    return ArrayFile(_by_small_name(path, arrays), attributes, is_from_matlab, others)


def _array(path: Path, file: h5py.File, item: h5py.Dataset, name: str) -> NDArray[Any] | StoredArray | None:
    """Return an array, as MATLAB shows it where MATLAB wrote it, which stores the transpose."""
    kind = matlab_class(item)
    if kind in ("char", "cell"):
        return hdf5_words(file, item)
    if "MATLAB_empty" in item.attrs:  # what is stored is its shape
        return np.empty(0)
    array = _mapped(path, item, name) if item.nbytes >= LARGE else read_dataset(file, name)
    if not (kind or path.suffix.lower() == ".mat"):
        return array
    return array.turned() if isinstance(array, StoredArray) else array.T


def _mapped(path: Path, dataset: h5py.Dataset, name: str) -> NDArray[Any] | StoredArray:
    """Map an array that is stored in one piece; any other is read when it is needed, block by block."""
    check_dataset(dataset, name)
    offset = dataset.id.get_offset()
    can_be = dataset.chunks is None and dataset.compression is None and offset is not None
    if can_be and dataset.dtype.kind in "biuf" and dataset.dtype.isnative and not dataset.external:
        return np.memmap(path, dataset.dtype, "r", offset, dataset.shape)
    if dataset.dtype.kind not in "biufV" or dataset.dtype.names is not None:
        return read_dataset(dataset.parent, name)

    def read(part: tuple[slice, ...]) -> NDArray[Any]:
        with open_hdf5(path, expected=EXPECTED) as file:
            return plain_array(np.asarray(file[name][part]), name)

    dtype = plain_array(np.empty(0, dataset.dtype), name).dtype
    return StoredArray(dataset.shape, dtype, dataset.chunks or dataset.shape, read)


def _by_small_name(
    path: Path, arrays: Mapping[str, NDArray[Any]] | Mapping[str, NDArray[Any] | StoredArray]
) -> dict[str, NDArray[Any] | StoredArray]:
    small: dict[str, NDArray[Any] | StoredArray] = {}
    for name, array in arrays.items():
        if name.lower() in small:
            raise InputError(
                f"{printable(path)}: two arrays are called {name.lower()}. Expected another name for each."
            )
        small[name.lower()] = array
    return small


def _plain(value: Any) -> Any:
    """Return an attribute as a plain value; lists of words as JSON, as we store them ourselves."""
    if isinstance(value, list | tuple):
        return json.dumps(value, default=str)
    if isinstance(value, np.ndarray):
        value = [item.decode(errors="replace") if isinstance(item, bytes) else item for item in value.ravel().tolist()]
        return json.dumps(value, default=str)
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    return (
        value.item() if isinstance(value, np.generic) else value if isinstance(value, str | int | float) else str(value)
    )
