"""HDF5 files: damage is told, no more is read than there is, and a full disk crashes nothing."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from longtail.errors import InputError
from longtail.files.arrays import plain_array
from longtail.files.output import OutputFile
from longtail.files.text import names_file, printable

__all__ = ["check_dataset", "create_hdf5", "open_hdf5", "read_dataset"]

_MOST_COMPRESSED = 1100  # times


@contextmanager
def open_hdf5(path: Path, *, expected: str) -> Iterator[h5py.File]:
    """Open an HDF5 file for reading; whatever goes wrong inside the block because of the file is told.

    Args:
        path: of the file.
        expected: what it should have been, for messages.

    Raises:
        InputError: no such file, truncated, or no HDF5 file.
    """
    if not path.is_file():
        raise InputError(f"{printable(path)}: no such file. Expected {expected}.")
    try:
        with names_file(path), h5py.File(path, "r") as file:
            yield file
    except (InputError, MemoryError):
        raise
    # in a damaged file h5py stumbles in every way there is
    except Exception as error:
        reason = str(error).split("\n")[0][:160]
        raise InputError(
            f"{printable(path)}: truncated, or no HDF5 file that can be read ({reason}). Expected {expected}."
        ) from error


def check_dataset(dataset: Any, name: str) -> h5py.Dataset:
    """Make sure that something in an HDF5 file is an array, and that the file holds as much as its shape promises.

    Args:
        dataset: what stands under the name.
        name: for messages.

    Raises:
        InputError: no array there, or one without its content.
    """
    if not isinstance(dataset, h5py.Dataset) or dataset.shape is None:
        raise InputError(f"{name} is no array")
    stored = dataset.id.get_storage_size()
    if dataset.nbytes > _MOST_COMPRESSED * stored and h5py.check_vlen_dtype(dataset.dtype) is None:
        raise InputError(f"{name} promises {dataset.shape} values of type {dataset.dtype}, more than the file holds")
    return dataset


def read_dataset(file: h5py.Group, name: str) -> NDArray[Any]:
    """Read an array whole.

    Args:
        file: opened.
        name: of the array.

    Returns:
        Booleans, numbers or strings, in this machine's byte order; bfloat16 comes as float32.

    Raises:
        InputError: no array of these there, or one without its content.
    """
    dataset = check_dataset(file.get(name), name)
    if h5py.check_string_dtype(dataset.dtype) is not None:
        # whatever the file says of their encoding: most programs call the bytes of UTF-8 ASCII
        return np.array(dataset.asstr("utf-8")[()]).astype(str)
    return plain_array(np.asarray(dataset[()]), name)


@contextmanager
def create_hdf5(path: Path) -> Iterator[tuple[h5py.File, OutputFile]]:
    """Open a new HDF5 file for writing.

    HDF5 cannot close a file that it has failed to write: it raises again, and the process dies of a segmentation fault
    when Python collects what is left.

    Args:
        path: the file; it is overwritten.

    Yields:
        The HDF5 file, and the file beneath it, whose `check` says whether everything could be written so far.

    Raises:
        OSError: something could not be written, for want of space for example.
    """
    with OutputFile(path) as output:
        try:
            with h5py.File(output, "w") as file:
                yield file, output
        finally:
            output.check()
