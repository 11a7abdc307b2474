"""Images inside Parquet files: read a row group at a time, of which the last ones are kept."""

import io
import os
import threading
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from longtail.data.fingerprint import fingerprint_of_bytes
from longtail.data.manifests.parquet import open_parquet, telling_damage
from longtail.errors import InputError
from longtail.files.text import printable

__all__ = ["ParquetImages"]

_KEPT = 2  # row groups: threads that read one after the other are in at most so many at once


class ParquetImages:
    """Images in a column of Parquet files.

    Args:
        files: paths of them.
        groups: of each row group the number of its file, its number there, and its first image, shape (G, 3).
        names: of the images, M of them.
        column: path of the column of bytes, such as image.bytes.
        is_struct: whether the bytes stand in a column of bytes and paths.
    """

    def __init__(
        self, files: Sequence[Path], groups: NDArray[np.int64], names: Sequence[str], column: str, *, is_struct: bool
    ) -> None:
        self.files, self.names, self._is_struct = files, names, is_struct
        self._groups, self._column = groups, column
        self._kept: OrderedDict[int, Any] = OrderedDict()
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self.names)

    def __getstate__(self) -> dict[str, object]:
        return {name: value for name, value in self.__dict__.items() if name not in ("_lock", "_kept")}

    def __setstate__(self, state: dict[str, object]) -> None:
        self.__dict__.update(state)
        self._kept, self._lock = OrderedDict(), threading.Lock()

    @contextmanager
    def open(self, image: int) -> Iterator[tuple[IO[bytes], int]]:
        """Open one image; the file, and its size in bytes."""
        content = self.encoded(image)
        yield io.BytesIO(content), len(content)

    def encoded(self, image: int) -> bytes:
        """Return the bytes of one image."""
        group = int(np.searchsorted(self._groups[:, 2], image, side="right")) - 1
        value = self._row_group(group)[image - int(self._groups[group, 2])].as_py()
        if value is None:
            raise InputError(f"{self.name(image)}: holds no image: its bytes are missing. Leave that row out.")
        content: bytes = value
        return content

    def name(self, image: int) -> str:
        """Return what one image is called in messages: file.parquet[row]."""
        group = int(np.searchsorted(self._groups[:, 2], image, side="right")) - 1
        file = int(self._groups[group, 0])
        first = int(self._groups[self._groups[:, 0] == file, 2][0])
        return f"{printable(self.files[file])}[{image - first}]"

    def fingerprint(self, image: int) -> bytes:
        """Return 16 bytes that say what the image holds."""
        return fingerprint_of_bytes(self.encoded(image))

    def status(self, image: int) -> os.stat_result | None:
        """Return None: an image has no file of its own."""
        return None

    def _row_group(self, group: int) -> Any:
        with self._lock:
            if group not in self._kept:
                while len(self._kept) >= _KEPT:
                    self._kept.popitem(last=False)
                self._kept[group] = self._read(group)
            self._kept.move_to_end(group)
            return self._kept[group]

    def _read(self, group: int) -> Any:
        path, number = self.files[int(self._groups[group, 0])], int(self._groups[group, 1])
        with telling_damage(path, f"row group {number}"):
            with open_parquet(path) as file:
                table = file.read_row_group(number, columns=[self._column], use_threads=False)
            column = table.column(0)
            return _field(column, "bytes") if self._is_struct else column


def _field(column: Any, name: str) -> Any:
    import pyarrow.compute as pc

    return pc.struct_field(column, name)
