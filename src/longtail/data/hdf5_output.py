"""Write HDF5 so that a full disk is an exception and not a crash."""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py

__all__ = ["create_hdf5"]


@contextmanager
def create_hdf5(path: Path) -> Iterator[tuple[h5py.File, "OutputFile"]]:
    """Open a new HDF5 file for writing.

    HDF5 cannot close a file that it has failed to write: it raises again, and the process dies of a segmentation fault
    when Python collects what is left. Here HDF5 never learns of the failure, and the caller does.

    Args:
        path: the file; it is overwritten.

    Yields:
        The HDF5 file, and the file beneath it, whose `check` says whether everything could be written so far.

    Raises:
        OSError: something could not be written, for want of space for example.
    """
    with OutputFile(path, "w+") as output:
        with h5py.File(output, "w") as file:
            yield file, output
        output.check()


class OutputFile(io.FileIO):
    """A file that keeps its first failure to itself until it is asked, and passes over all writing after that."""

    failure: OSError | None = None

    def write(self, content: Any) -> int:
        """Write all of `content`."""
        view = memoryview(content).cast("B")
        rest = view
        try:
            while self.failure is None and len(rest):
                rest = rest[super().write(rest) or 0 :]
        except OSError as error:
            self.failure = error
        return len(view)

    def truncate(self, size: int | None = None) -> int:
        """Set the size, where nothing has failed."""
        if self.failure is None:
            try:
                return super().truncate(size)
            except OSError as error:
                self.failure = error
        return size or 0

    def check(self) -> None:
        """Raise the failure, if there is one."""
        if self.failure is not None:
            raise self.failure
