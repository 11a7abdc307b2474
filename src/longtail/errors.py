"""Exceptions that tell a person what to do."""

import difflib
import re
import unicodedata
from collections.abc import Collection, Iterable, Mapping
from typing import Any

__all__ = ["InputError", "LongtailError", "did_you_mean", "errors_behind", "with_arguments", "with_flags"]


class LongtailError(Exception):
    r"""Base of everything that longtail raises on purpose.

    Args:
        message: what is wrong. Line breaks and signs for terminals in it, from a name of the data for example, become a
            backslash and a number: it stays one line, which any terminal can show.

    Example:
        >>> print(LongtailError("no column 'a\nb'"))
        no column 'a\nb'
    """

    def __init__(self, message: str = "") -> None:
        super().__init__("".join(map(_shown, message)))


def _shown(character: str) -> str:
    is_unseen = unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp")
    return character.encode("unicode_escape").decode() if is_unseen else character


class InputError(LongtailError, ValueError):
    """Something that a user handed in cannot be used.

    The message is one sentence for a person: what was expected, what came, where, and what to do. The
    command line prints it without a traceback and ends with exit code 2.
    """


def did_you_mean(word: Any, words: Iterable[str]) -> str:
    """Return the question for the valid word that is nearest, to stand behind a full stop; empty where none is near.

    Example:
        >>> did_you_mean("tua", ["tau", "crt"]), did_you_mean("x", ["tau", "crt"])
        (' Did you mean tau?', '')
    """
    close = difflib.get_close_matches(word, list(words), n=1) if isinstance(word, str) else []
    return f" Did you mean {close[0]}?" if close else ""


def errors_behind(error: BaseException, contexts: bool = False) -> list[BaseException]:
    """Return an error and those it was raised from, each once: they may lead round in a circle.

    Args:
        error: the last that was raised.
        contexts: an error raised while another was dealt with, without `from`, was raised from it too.

    Example:
        >>> first, second = ValueError("first"), ValueError("second")
        >>> first.__cause__, second.__cause__ = second, first
        >>> errors_behind(first)
        [ValueError('first'), ValueError('second')]
    """
    behind: list[BaseException] = []
    next_one: BaseException | None = error
    while next_one is not None and all(next_one is not known for known in behind):
        behind.append(next_one)
        next_one = next_one.__cause__ or (next_one.__context__ if contexts else None)
    return behind


def with_arguments(message: str, names: Collection[str]) -> str:
    """Write the flags that a message names as the arguments of a function.

    Args:
        message: names flags, as --skip-bad or --no-refit; what stands between backquotes is a command, and stays.
        names: of the arguments.

    Example:
        >>> with_arguments("leave --skip-bad out, --no-refit or `longtail fit --out x`", {"skip_bad", "refit", "out"})
        'leave `skip_bad` out, `refit=False` or `longtail fit --out x`'
    """

    def argument(match: re.Match[str]) -> str:
        code, off, flag = match.groups()
        name = (flag or "").replace("-", "_")
        if code or name not in names:
            return match[0]
        return f"`{name}=False`" if off else f"`{name}`"

    return re.sub(r"(`[^`]*`)|--(no-)?([a-z][a-z0-9-]*)", argument, message)


def with_flags(message: str, flags: Mapping[str, str]) -> str:
    """Write the arguments that a message names as the command line has them.

    Args:
        message: names arguments between backquotes, as `root`, `skip_bad=True` or `layout='classes'`.
        flags: by argument, the name of its flag, without dashes in front.

    Example:
        >>> with_flags("leave them out with `skip_bad=True`; `features` stay", {"skip_bad": "skip-bad"})
        'leave them out with --skip-bad; `features` stay'
    """

    def flag(match: re.Match[str]) -> str:
        name, _, value = match.groups()
        if name not in flags:
            return match[0]
        return f"--{flags[name]}" if value in (None, "True") else f"--{flags[name]} {value}"

    return re.sub(r"`([a-z_]+)(?:=('?)([^`']*)\2)?`", flag, message)
