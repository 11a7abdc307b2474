"""Where the bytes of images are: files of a folder, or members of larger files."""

import os
from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import IO, Protocol

from longtail.data.fingerprint import fingerprint_of_file
from longtail.data.image_file import open_image_file, read_image_file
from longtail.files.text import printable

__all__ = ["Contents", "FileContents"]


class Contents(Protocol):
    """The bytes of M images, by number.

    Attributes:
        names: of the images, relative to the data.
    """

    @property
    def names(self) -> Sequence[str]: ...

    def __len__(self) -> int: ...

    def open(self, image: int) -> AbstractContextManager[tuple[IO[bytes], int]]:
        """Open one image; the file, and its size in bytes."""
        ...

    def encoded(self, image: int) -> bytes:
        """Return the bytes of one image."""
        ...

    def name(self, image: int) -> str:
        """Return what one image is called in messages: its path, or shard.tar[member]."""
        ...

    def fingerprint(self, image: int) -> bytes:
        """Return 16 bytes that say what the image holds."""
        ...

    def status(self, image: int) -> os.stat_result | None:
        """Return what the system says of the image's file; None where it has none of its own."""
        ...


class FileContents:
    """Images that are files.

    Args:
        root: folder that the paths are relative to.
        paths: of the images, M of them; words, since a million of `Path` would take a gigabyte.
        names: of the images, relative to the data.
    """

    def __init__(self, root: Path, paths: Sequence[str], names: Sequence[str]) -> None:
        self.root, self.paths, self.names = root, paths, names

    def __len__(self) -> int:
        return len(self.paths)

    def path(self, image: int) -> Path:
        """Return where one image lies."""
        return self.root / self.paths[image]

    def open(self, image: int) -> AbstractContextManager[tuple[IO[bytes], int]]:
        """Open one image; the file, and its size in bytes."""
        return open_image_file(self.path(image))

    def encoded(self, image: int) -> bytes:
        """Return the bytes of one image."""
        return read_image_file(self.path(image))

    def name(self, image: int) -> str:
        """Return the path of one image, in letters that any terminal can show."""
        return printable(self.path(image))

    def fingerprint(self, image: int) -> bytes:
        """Return 16 bytes that say what the image holds."""
        return fingerprint_of_file(self.path(image))

    def status(self, image: int) -> os.stat_result | None:
        """Return size and times of one image file; None where it is not there."""
        try:
            return self.path(image).stat()
        except OSError:
            return None
