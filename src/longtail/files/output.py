"""A file for libraries to write into, in which a full disk is an error that can be told and not a crash."""

import io
from pathlib import Path
from typing import Any

__all__ = ["OutputFile"]


class OutputFile(io.FileIO):
    """A file that keeps its first failure to itself until it is asked, and passes over all writing after that.

    torch, HDF5, numpy and ONNX each turn a failed write into an error of their own, or die of it. Here they never
    learn of it, and the caller does.

    Args:
        path: the file; made anew.
        mode: as of `open`.
        reported_path: the name of the file in errors; default: `path`.
    """

    def __init__(self, path: Path, mode: str = "w+", reported_path: Path | None = None) -> None:
        self.failure: OSError | None = None
        self._reported_path = str(reported_path or path)
        super().__init__(path, mode)

    def write(self, content: Any) -> int:
        """Write all of `content`."""
        view = memoryview(content).cast("B")
        rest = view
        try:
            while self.failure is None and len(rest):
                rest = rest[super().write(rest) or 0 :]
        except OSError as error:
            self._keep(error)
        return len(view)

    def truncate(self, size: int | None = None) -> int:
        """Set the size, where nothing has failed."""
        if self.failure is None:
            try:
                return super().truncate(size)
            except OSError as error:
                self._keep(error)
        return size or 0

    def check(self) -> None:
        """Raise the failure, if there is one."""
        if self.failure is not None:
            raise self.failure

    def _keep(self, error: OSError) -> None:
        error.filename = self._reported_path
        self.failure = error
