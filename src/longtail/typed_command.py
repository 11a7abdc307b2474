"""What was typed to start the work, for results that say how they came about."""

import shlex
import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

__all__ = ["command_of", "program", "typed_command"]

_command: ContextVar[str | None] = ContextVar("command", default=None)


@contextmanager
def command_of(words: Sequence[str]) -> Iterator[None]:
    """Let `typed_command` return a command of `longtail` while what is inside runs.

    Args:
        words: what was typed behind `longtail`.

    Example:
        >>> with command_of(["fit", "my features.csv"]):
        ...     typed_command()
        "longtail fit 'my features.csv'"
    """
    token = _command.set("longtail " + shlex.join(words))
    try:
        yield
    finally:
        _command.reset(token)


def program() -> str:
    """Return what is typed to start `longtail` here: a path where the name alone would start none, or another.

    Example:
        >>> program()  # a script or a notebook uses the library
        'longtail'
    """
    started = sys.argv[0]
    if _command.get() is None or Path(started).stem not in ("longtail", "__main__"):
        return "longtail"
    if Path(started).stem == "__main__":
        return f"{shlex.quote(sys.orig_argv[0])} -m longtail"
    found = shutil.which("longtail")
    same = found is not None and Path(found).resolve() == Path(started).resolve()
    return "longtail" if same else shlex.quote(started)


def typed_command() -> str | None:
    """Return the command as it could be typed again; None where Python code called the library.

    Example:
        >>> typed_command() is None
        True
    """
    return _command.get()
