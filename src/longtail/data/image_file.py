"""An image file on its way in: opened only where it is a file, and of a size that an image can have."""

import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from longtail.errors import InputError
from longtail.files.text import printable

__all__ = ["MOST_BYTES", "exists", "open_image_file", "read_image_file"]

MOST_BYTES = 2**31


@contextmanager
def open_image_file(path: Path) -> Iterator[tuple[IO[bytes], int]]:
    """Open a file of a data set.

    Args:
        path: of the file.

    Yields:
        The opened file, and its size in bytes.

    Raises:
        InputError: no such file, one that may not be read or is larger than any image, or no file at all.
    """
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):  # to open a pipe is to wait for who writes into it
            raise InputError(
                f"{printable(path)}: is no file. Remove it, or leave such images out with `skip_bad=True`."
            )
        with path.open("rb") as file:
            yield file, status.st_size
    except (OSError, ValueError) as error:  # ValueError: a path with a null character
        if isinstance(error, InputError):
            raise
        reason = getattr(error, "strerror", None) or error
        raise InputError(
            f"{printable(path)}: {reason}. Mend or remove it, or leave such images out with `skip_bad=True`."
        ) from error


def read_image_file(path: Path) -> bytes:
    """Read a file of a data set.

    Raises:
        InputError: as `open_image_file`.
    """
    with open_image_file(path) as (file, size):
        if size > MOST_BYTES:
            raise InputError(
                f"{printable(path)}: {size:,} bytes; no image of more than {MOST_BYTES:,} is read. Make it smaller, or "
                "leave such images out with `skip_bad=True`."
            )
        return file.read()


def exists(path: Path) -> bool:
    """Return whether there is such a file or folder; of a name that no disk could hold there is none.

    Raises:
        PermissionError: it may not be known.
    """
    try:
        return path.exists()
    except PermissionError:
        raise
    except (OSError, ValueError):
        return False
