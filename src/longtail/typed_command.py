"""What was typed to start the work, for results that say how they came about and what can be typed next."""

import shlex
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar

__all__ = ["command_of", "program", "typed_command"]

_command: ContextVar[str | None] = ContextVar("command", default=None)
_program: ContextVar[str] = ContextVar("program", default="longtail")


@contextmanager
def command_of(words: Sequence[str], started: str = "longtail") -> Iterator[None]:
    """Let `typed_command` return a command of `longtail` while what is inside runs.

    Args:
        words: what was typed behind `longtail`.
        started: what starts it on this machine.

    Example:
        >>> with command_of(["fit", "my features.csv"], ".venv/bin/longtail"):
        ...     typed_command(), program()
        ("longtail fit 'my features.csv'", '.venv/bin/longtail')
    """
    tokens = _command.set("longtail " + shlex.join(words)), _program.set(started)
    try:
        yield
    finally:
        _command.reset(tokens[0])
        _program.reset(tokens[1])


def typed_command() -> str | None:
    """Return the command as it could be typed again; None where Python code called the library.

    Example:
        >>> typed_command() is None
        True
    """
    return _command.get()


def program() -> str:
    """Return what is typed to start `longtail` here: a path where the name alone would not do.

    Example:
        >>> program()
        'longtail'
    """
    return _program.get()
