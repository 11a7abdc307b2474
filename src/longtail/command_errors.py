"""Every way in which a command can fail, as one sentence for a person."""

import dataclasses
import re
import tempfile
import traceback
from typing import Any, get_type_hints

from longtail.errors import LongtailError, with_flags
from longtail.files.unwritable import system_sentence

__all__ = ["flag_names", "named_as_flags", "sentence_for", "usage_sentence"]

# what the parser says of a word that is missing or no number
_REWORDED = (
    (r"^Missing from [^:]*: (\S+) (.*?)(?: \(required\))?$", r"\1 is missing. Expected: \2"),
    (r"^Error parsing (\S+): invalid literal for int\(\) with base 10: (.*)$", r"\1 \2: expected a whole number"),
    (r"^Error parsing (\S+): could not convert string to float: (.*)$", r"\1 \2: expected a number"),
    (r" Expected 1 values", ""),
)


def sentence_for(error: BaseException) -> tuple[str, int]:
    """Return what a person is told of an error, and the exit code.

    Args:
        error: that ended a command; not one that was planned is noted down in a file for a report.

    Returns:
        One or two sentences, and 2 for what a person can mend or 70 for a fault of ours.

    Example:
        >>> sentence_for(FileNotFoundError(2, "No such file or directory", "a/b"))
        ('a/b: no such file or directory. Choose another path, or change its permissions.', 2)
    """
    match error:
        case LongtailError():
            return str(error), 2
        case OSError() if (sentence := system_sentence(error)) is not None:
            return sentence, 2
        case MemoryError():
            return "the memory of this machine is not enough for that. Take fewer rows, or a machine with more.", 2
    return _unplanned(error), 70


def usage_sentence(panel: str, program: str) -> str:
    """Return what the parser of the command line printed in a box as one sentence.

    Args:
        panel: as it was printed.
        program: the verb as it was typed, such as "longtail fit".

    Example:
        >>> usage_sentence("╭─ Unrecognized ─╮\\n│ Unrecognized options: --epoch │", "longtail fit")
        'unrecognized options: --epoch. `longtail fit --help` lists its settings.'
    """
    parts = [list[str]()]
    for line in panel.splitlines():
        inside = line.strip().strip("│|").strip()
        if line.startswith(("╭", "╰", "+")) or not inside:
            continue
        if set(inside) <= {"─", "-"}:
            parts.append([])
        else:
            parts[-1].append(inside)
    if not panel.startswith(("╭", "+")):  # without a box the title stands above the first line
        parts = parts[1:] or parts
    message = " ".join(" ".join(parts[0]).split()).rstrip(".")
    for pattern, words in _REWORDED:
        message = re.sub(pattern, words, message)
    options = [line.split()[0] for part in parts[1:] for line in part if line.startswith("--")]
    perhaps = f" Perhaps you meant {', '.join(options[:5])}." if options and "Unrecognized" in message else ""
    message = message if message[:2].isupper() else message[:1].lower() + message[1:]
    return f"{message.rstrip('.')}.{perhaps} `{program} --help` lists its settings."


def named_as_flags(message: str, names: frozenset[str]) -> str:
    """Name the settings of a command as they are typed, where the library names its arguments.

    Args:
        message: with arguments as `val_fraction`, `skip_bad=True` or `layout='classes'`.
        names: of the command's settings.

    Example:
        >>> named_as_flags("`val_fraction` is 2 (`labels` are fine); `bits=12`", frozenset({"val_fraction", "bits"}))
        '--val-fraction is 2 (`labels` are fine); --bits 12'
    """
    return with_flags(message, {name: name.replace("_", "-") for name in names})


def flag_names(kind: Any) -> frozenset[str]:
    """Return the names of all settings of a command, those in groups too."""
    names = set[str]()
    hints = get_type_hints(kind)
    for field in dataclasses.fields(kind):
        group = hints[field.name]
        names |= flag_names(group) if dataclasses.is_dataclass(group) else {field.name}
    return frozenset(names)


def _unplanned(error: BaseException) -> str:
    """Say that it is a fault of ours, and keep what mends it."""
    what = " ".join(f"{type(error).__name__}: {error}".split())[:200]
    text = "".join(traceback.format_exception(error))
    try:
        with tempfile.NamedTemporaryFile("w", encoding="utf-8", errors="backslashreplace", **_NAME) as file:
            file.write(text)
    except OSError:
        return f"stopped by a fault of longtail ({what})."
    return f"stopped by a fault of longtail ({what}). Please report it with {file.name}, which says where."


_NAME: dict[str, Any] = {"prefix": "longtail-", "suffix": ".txt", "delete": False}
