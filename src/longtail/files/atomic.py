"""Files that are written whole or not at all."""

import errno
import json
import os
import platform
import re
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from longtail.errors import InputError
from longtail.files.output import OutputFile
from longtail.files.unwritable import telling_why

__all__ = ["atomic_file", "atomic_path", "is_alive", "make_folder", "write_json", "write_text"]

_HOST = f"{zlib.crc32(platform.node().encode()):08x}"
# the name of the process is in it: what a dead one left is cleared by the next that writes the same file
_PART = re.compile(r"\.(?P<file>[0-9a-f]{8})\.(?P<host>[0-9a-f]{8})-(?P<process>\d+)\.part")


@contextmanager
def atomic_path(path: Path | str) -> Iterator[Path]:
    """Yield a temporary path beside `path` and put that file in place once the block has ended well.

    A reader sees the old file or the complete new one, also after a crash, a full disk or a power cut. What killed
    processes have left of the same file is removed.

    Args:
        path: the file to be written; its folder is made where it is missing.

    Raises:
        InputError: `path` is a folder, or no name of a file.
        UnwritableError: the folder cannot be made or the file cannot be written; `path` is as it was.
    """
    with telling_why(), _whole(Path(path)) as temporary:
        yield temporary


@contextmanager
def _whole(path: Path) -> Iterator[Path]:
    if path.name in ("", "..") or path.is_dir():
        raise InputError(f"{os.fspath(path) or repr('')}: is a folder; expected the name of a file to write.")
    make_folder(path.parent)
    # short whatever the length of the name, which may be the longest that the disk allows
    file = f"{zlib.crc32(os.fsencode(path.name)):08x}"
    _clear(path.parent, file)
    temporary = path.parent / f".{file}.{_HOST}-{os.getpid()}.part"
    try:
        yield temporary
        with temporary.open("rb+") as stream:
            os.fsync(stream.fileno())
        temporary.replace(path)
    except OSError as error:
        if error.filename is not None and Path(os.fsdecode(error.filename)) == temporary:
            error.filename = str(path)  # a person knows the file by the name that it was to have
        raise
    finally:
        with suppress(OSError):
            temporary.unlink()


@contextmanager
def atomic_file(path: Path | str) -> Iterator[OutputFile]:
    """Yield a binary file that any library may write into, and put it in place once all of it could be written.

    Args:
        path: the file to be written; its folder is made where it is missing.

    Raises:
        InputError: `path` is a folder.
        UnwritableError: what could not be written, with the system's reason, whichever library it was that wrote.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "a.bin"
        >>> with atomic_file(path) as file:
        ...     file.write(b"abc")
        3
        >>> path.read_bytes()
        b'abc'
    """
    with atomic_path(path) as temporary, OutputFile(temporary, "w+", reported_path=Path(path)) as file:
        try:
            yield file
        finally:
            # a library that stumbles over what it could not write says less than the system did
            file.check()


def make_folder(folder: Path) -> None:
    """Make a folder and those above it.

    Raises:
        OSError: naming what stands in the way.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except FileExistsError as error:
        raise NotADirectoryError(errno.ENOTDIR, "is a file, and a folder is wanted there", str(folder)) from error


def write_text(path: Path | str, text: str) -> None:
    """Write a UTF-8 text file, whole or not at all; what UTF-8 cannot say is written as backslash and number."""
    with atomic_file(path) as file:
        file.write(text.encode("utf-8", "backslashreplace"))


def write_json(path: Path | str, value: Any) -> None:
    """Write `value` as indented JSON, whole or not at all.

    Raises:
        ValueError: NaN or infinity, which are not JSON.
    """
    text = json.dumps(value, indent=1, allow_nan=False, ensure_ascii=False)
    try:
        text.encode()
    except UnicodeEncodeError:  # a path whose bytes are no UTF-8: JSON has a way to write it that comes back the same
        text = json.dumps(value, indent=1, allow_nan=False)
    write_text(path, text + "\n")


def _clear(folder: Path, file: str) -> None:
    with suppress(OSError):
        for entry in os.scandir(folder):
            part = _PART.fullmatch(entry.name)
            if part and part["file"] == file and part["host"] == _HOST and not is_alive(int(part["process"])):
                with suppress(OSError):
                    Path(entry.path).unlink()


def is_alive(process: int) -> bool:
    """Return whether a process of that number runs on this machine."""
    if os.name == "nt":  # where the question would end the process
        return True
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):  # another user's
        return True
    return True
