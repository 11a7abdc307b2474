"""Columns of words in a feature file that is being written, such as ids and groups: a few rows at a time."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np
from numpy.typing import NDArray

from longtail.files.output import OutputFile
from longtail.files.text import printable

__all__ = ["Words", "append_words"]


@dataclass(frozen=True)
class Words:
    """A column of words.

    Attributes:
        width: bytes of the longest word, at least 1.
        blocks: of words in UTF-8, from the first row on.
    """

    width: int
    blocks: Iterable[NDArray[np.bytes_]]

    @classmethod
    def of(cls, words: Sequence[str]) -> "Words":
        """Take words that are there already; what no terminal can show is written so that it can."""
        stored = np.array([printable(word).encode() for word in words], dtype=np.bytes_)
        return cls(max(stored.dtype.itemsize, 1), [stored])


def append_words(path: Path, rows: int, columns: Mapping[str, Words]) -> None:
    """Write columns of words into an HDF5 file behind what it holds.

    Args:
        path: of the file.
        rows: N.
        columns: N words each, by name.

    Raises:
        OSError: something could not be written, for want of space for example.
    """
    # as in `create_hdf5`: HDF5 dies of a file that it cannot close
    with OutputFile(path, "r+") as output:
        try:
            with h5py.File(output, "r+") as file:
                for name, column in columns.items():
                    stored, start = file.create_dataset(name, (rows,), dtype=f"S{column.width}"), 0
                    for block in column.blocks:
                        stored[start : start + len(block)] = block
                        start += len(block)
        finally:
            output.check()
