"""What was typed to start the work, for results that say how they came about."""

import shlex
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar

__all__ = ["command_of", "typed_command"]

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


def typed_command() -> str | None:
    """Return the command as it could be typed again; None where Python code called the library.

    Example:
        >>> typed_command() is None
        True
    """
    return _command.get()
