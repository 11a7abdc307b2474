"""Images that are members of archives: read by their place, without unpacking."""

import io
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import NDArray

from longtail.data.fingerprint import fingerprint_of_ends
from longtail.data.image_file import MOST_BYTES
from longtail.errors import InputError
from longtail.files.text import printable

__all__ = ["ShardContents"]


class ShardContents:
    """Images in archives.

    Args:
        files: the archives.
        shard: number of each image's archive, shape (M,).
        names: of the images, relative to the data: shard.tar/member.
        members: what each image is called in its archive.
        spans: first byte and size of each image, shape (M, 2).
    """

    def __init__(
        self,
        files: Sequence[Path],
        shard: NDArray[np.int64],
        names: Sequence[str],
        members: Sequence[str],
        spans: NDArray[np.int64],
    ) -> None:
        self.files, self.names = files, names
        self._shard, self._members, self._spans = shard, members, spans

    def __len__(self) -> int:
        return len(self.names)

    @contextmanager
    def open(self, image: int) -> Iterator[tuple[IO[bytes], int]]:
        """Open one image; the file, and its size in bytes."""
        content = self.encoded(image)
        yield io.BytesIO(content), len(content)

    def encoded(self, image: int) -> bytes:
        """Return the bytes of one image."""
        size = int(self._spans[image, 1])
        if size > MOST_BYTES:
            raise InputError(f"{self.name(image)}: {size:,} bytes; no image of more than {MOST_BYTES:,} is read.")
        return self._read(image, 0, size)

    def name(self, image: int) -> str:
        """Return what one image is called in messages: shard.tar[member]."""
        return f"{printable(self.files[int(self._shard[image])])}[{printable(self._members[image])}]"

    def fingerprint(self, image: int) -> bytes:
        """Return 16 bytes that say what the image holds."""
        return fingerprint_of_ends(int(self._spans[image, 1]), lambda start, stop: self._read(image, start, stop))

    def status(self, image: int) -> os.stat_result | None:
        """Return None: an image has no file of its own."""
        return None

    def _read(self, image: int, start: int, stop: int) -> bytes:
        path, offset = self.files[int(self._shard[image])], int(self._spans[image, 0])
        try:
            with path.open("rb", buffering=0) as file:
                content = os.pread(file.fileno(), stop - start, offset + start) if hasattr(os, "pread") else None
                if content is None:  # Windows
                    file.seek(offset + start)
                    content = file.read(stop - start) or b""
        except OSError as error:
            raise InputError(f"{self.name(image)}: {error.strerror}. Mend its archive.") from error
        if len(content) != stop - start:
            raise InputError(f"{self.name(image)}: its archive is shorter than it was. Open the data again.")
        return content
