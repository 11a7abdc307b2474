"""What was typed to start the work, for results that say how they came about and what can be typed next."""

import shlex
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar

__all__ = ["command_of", "next_commands", "program", "say_next", "typed_command"]

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


def next_commands(*commands: Sequence[str]) -> str:
    """Return what can be typed next, in a line.

    Args:
        commands: words behind `longtail`, of one command or several in their order.

    Example:
        >>> next_commands(["extract", "my run"], ["fit", "my run/features"])
        "Next: longtail extract 'my run', then longtail fit 'my run/features'"
    """
    return "Next: " + ", then ".join(f"{program()} {shlex.join(words)}" for words in commands)


def say_next(*commands: Sequence[str]) -> None:
    """Say what can be typed next, where anything is known, beside the path that a verb prints for scripts."""
    if commands:
        print(next_commands(*commands), file=sys.stderr)
