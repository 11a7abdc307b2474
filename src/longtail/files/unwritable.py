"""What the system says of a file that cannot be written, as a sentence for a person."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from longtail.errors import InputError
from longtail.files.text import printable

__all__ = ["UnwritableError", "system_sentence", "telling_why"]

_NO_ROOM = {errno.ENOSPC: "no space left on the disk", errno.EFBIG: "the file is larger than is allowed here"}
if hasattr(errno, "EDQUOT"):
    _NO_ROOM[errno.EDQUOT] = "the quota of the disk is used up"
_OF_OTHERS = (errno.EMFILE, errno.ENFILE)  # too many files are open, wherever they lie


class UnwritableError(InputError, OSError):
    """A path cannot be written: the system's error, which code may ask for its number, with what a person can do."""

    def __str__(self) -> str:
        return str(self.args[0])


def system_sentence(error: OSError) -> str | None:
    """Return what a person is told of an error of the system; None where it says nothing of itself.

    Example:
        >>> system_sentence(FileNotFoundError(errno.ENOENT, "No such file or directory", "a/b"))
        'a/b: no such file or directory. Choose another path, or change its permissions.'
    """
    if error.errno in _NO_ROOM:
        where = f" while writing {_path(error)}" if error.filename else ""
        return f"{_NO_ROOM[error.errno]}{where}. Free some and call again: nothing half-written was left."
    if error.errno is None or not error.strerror:
        return None
    reason = error.strerror[:1].lower() + error.strerror[1:]
    what = f"{_path(error)}: {reason}" if error.filename else f"the system says: {reason}"
    if error.filename and _is_of_torch(_path(error)):
        return (
            f"{what}. There torch keeps what it compiles, and does not train without such a folder: let "
            "TORCHINDUCTOR_CACHE_DIR name one that can be written."
        )
    return f"{what}. Choose another path, or change its permissions."


@contextmanager
def telling_why() -> Iterator[None]:
    """Let what the system refuses inside leave as an `InputError` that names the path and the reason.

    Raises:
        UnwritableError: in the place of an error of the system.

    Example:
        >>> with telling_why():
        ...     Path("nowhere/a").write_text("x")
        Traceback (most recent call last):
        ...
        longtail.files.unwritable.UnwritableError: nowhere/a: no such file or directory. Choose another path, or ...
    """
    try:
        yield
    except OSError as error:
        sentence = system_sentence(error)
        # a reader of our output that went away, or a connection, is no path
        if isinstance(error, InputError | ConnectionError) or error.errno in _OF_OTHERS or sentence is None:
            raise
        unwritable = UnwritableError(sentence)
        unwritable.errno, unwritable.filename = error.errno, error.filename
        raise unwritable from error


def _is_of_torch(path: str) -> bool:
    named = os.environ.get("TORCHINDUCTOR_CACHE_DIR")
    of_named = bool(named) and (path == named or Path(path) in Path(str(named)).parents)
    return of_named or "torchinductor_" in path


def _path(error: OSError) -> str:
    return printable(error.filename) if isinstance(error.filename, str | Path) else str(error.filename)
