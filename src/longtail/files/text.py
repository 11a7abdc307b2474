"""Text files of people, in the encodings that their programs write."""

import codecs
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from longtail.errors import InputError

__all__ = ["checksum_of", "counted", "encoding_of", "names_file", "printable", "read_bytes", "read_text"]

# programs of Windows and spreadsheets put such a mark in front
_MARKS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))


def read_bytes(path: Path, *, expected: str) -> bytes:
    """Read a whole file.

    Args:
        path: of the file.
        expected: what it should have been, for messages.

    Raises:
        InputError: no such file, or one that cannot be read.
    """
    try:
        return path.read_bytes()
    except FileNotFoundError as error:
        raise InputError(f"{printable(path)}: no such file. Expected {expected}.") from error
    except (OSError, ValueError) as error:  # ValueError: a path with a null character
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"{printable(path)}: cannot be read ({reason}). Expected {expected}.") from error


def checksum_of(path: Path, *, expected: str) -> str:
    """Compute the SHA-256 of a file's content, in hexadecimal digits.

    Args:
        path: of the file.
        expected: what it should have been, for messages.

    Raises:
        InputError: no such file, or one that cannot be read.
    """
    return hashlib.sha256(read_bytes(path, expected=expected)).hexdigest()


def read_text(path: Path, *, expected: str) -> str:
    r"""Read a text file in UTF-8, or in UTF-16 with its mark; lines end in \n whatever they ended in.

    Args:
        path: of the file.
        expected: what it should have been, for messages.

    Raises:
        InputError: no such file, one that cannot be read, or no text in these encodings.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "names.txt"
        >>> _ = path.write_bytes("Bär\r\n".encode("utf-16"))
        >>> read_text(path, expected="names")
        'Bär\n'
    """
    raw = read_bytes(path, expected=expected)
    encoding = encoding_of(raw[:4])
    try:
        text = raw.decode(encoding)
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise InputError(
            f"{printable(path)}, line {line}: is no text in UTF-8 (byte {raw[error.start]:#04x}). Save it as UTF-8. "
            f"Expected {expected}."
        ) from error
    return text.replace("\r\n", "\n").replace("\r", "\n")


def encoding_of(first: bytes) -> str:
    """Return the encoding that the first bytes of a text file announce: UTF-8 where there is no mark."""
    return next((encoding for mark, encoding in _MARKS if first.startswith(mark)), "utf-8")


def printable(path: Path | str) -> str:
    r"""Return a path as any terminal and file can hold it: bytes that are no UTF-8 as backslash and number.

    Example:
        >>> printable("a/\udce4hre.png")
        'a/\\xe4hre.png'
    """
    return os.fsencode(path).decode("utf-8", "backslashreplace")


@contextmanager
def names_file(path: Path) -> Iterator[None]:
    """Put the file that is at work in front of what is wrong, where that does not name it already.

    Example:
        >>> with names_file(Path("a.pt")):
        ...     raise InputError("no weights in it.")
        Traceback (most recent call last):
        longtail.errors.InputError: a.pt: no weights in it.
    """
    try:
        yield
    except InputError as error:
        if printable(path) in str(error):
            raise
        raise InputError(f"{printable(path)}: {error}") from error


def counted(number: int, thing: str) -> str:
    """Return a number of things in words.

    Example:
        >>> counted(1, "epoch"), counted(1200, "epoch")
        ('1 epoch', '1,200 epochs')
    """
    return f"{number:,} {thing}{'' if number == 1 else 's'}"
