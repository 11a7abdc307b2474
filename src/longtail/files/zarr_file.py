"""Zarr, versions 2 and 3: a folder of arrays in pieces, read block by block."""

import warnings
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from longtail.errors import InputError
from longtail.files.arrays import words_of_objects
from longtail.files.stored import StoredArray
from longtail.files.text import printable

__all__ = ["is_zarr", "read_zarr"]

LARGE = 2**20  # bytes, from which an array is read block by block
_MARKS = ("zarr.json", ".zgroup", ".zarray", ".zmetadata")


def is_zarr(path: Path) -> bool:
    """Return whether a folder is one that Zarr wrote."""
    return path.is_dir() and any((path / mark).is_file() for mark in _MARKS)


def read_zarr(path: Path) -> tuple[dict[str, NDArray[Any] | StoredArray], dict[str, Any]]:
    """Open the arrays of a group.

    Args:
        path: folder, as version 2 or 3 of the format has it.

    Returns:
        Arrays by name, large ones to be read block by block, and the attributes of the group.

    Raises:
        InputError: zarr is not installed, a damaged folder, or a single array in the place of a group.
    """
    try:
        import zarr
    except ModuleNotFoundError as error:
        raise InputError(
            f"{printable(path)}: Zarr needs the package zarr: pip install longtail[zarr], or write an .npz or .h5."
        ) from error
    expected = 'a group with the arrays "features" (N x D) and "labels" (N)'
    try:
        with warnings.catch_warnings():
            warnings.simplefilter(
                "ignore"
            )  # of types that version 3 has no specification for, and are read all the same
            group = zarr.open(path, mode="r")
            if not isinstance(group, zarr.Group):
                raise InputError(f"{printable(path)}: is a single array; expected {expected}. Write both into a group.")
            arrays = {name: _array(path, name, array) for name, array in group.arrays()}
            attributes = dict(group.attrs)
    except InputError:
        raise
    except Exception as error:  # zarr and its codecs stumble over damage in every way there is
        raise _damaged(path, error, expected) from error
    return arrays, attributes


def _array(path: Path, name: str, array: Any) -> NDArray[Any] | StoredArray:
    is_of_numbers = np.dtype(array.dtype).kind in "biuf"
    if not is_of_numbers or array.nbytes < LARGE or not array.shape:
        content = np.asarray(array[...])
        return content if content.dtype.kind in "biufSU" else words_of_objects(content, f"{printable(path)}: {name}")

    def read(part: tuple[slice, ...]) -> NDArray[Any]:
        try:
            return np.asarray(array[part])
        except Exception as error:  # as above
            raise _damaged(path, error, f"all pieces of {name}") from error

    return StoredArray(array.shape, np.dtype(array.dtype).newbyteorder("="), array.chunks, read)


def _damaged(path: Path, error: Exception, expected: str) -> InputError:
    reason = " ".join(str(error).split())[:120] or type(error).__name__
    return InputError(f"{printable(path)}: damaged, or no Zarr that can be read ({reason}). Expected {expected}.")
