"""The one reader of TOML; what is wrong is told as the reader of JSON tells it."""

import tomllib
from pathlib import Path
from typing import Any

from longtail.errors import InputError
from longtail.files.text import printable, read_text

__all__ = ["read_toml"]


def read_toml(path: Path, *, expected: str) -> dict[str, Any]:
    """Read a TOML file.

    Args:
        path: of the file.
        expected: what it should have been, for messages.

    Returns:
        The content, as plain Python values, dates and times.

    Raises:
        InputError: no such file, no text, no TOML, or nested too deep.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "settings.toml"
        >>> _ = path.write_text("epochs = ten")
        >>> read_toml(path, expected="settings")
        Traceback (most recent call last):
        ...
        longtail.errors.InputError: ...settings.toml: no TOML (invalid value, at line 1, column 10). Expected settings.
    """
    text = read_text(path, expected=expected)
    try:
        return tomllib.loads(text)
    except RecursionError:
        raise InputError(f"{printable(path)}: TOML that is nested too deep. Expected {expected}.") from None
    except ValueError as error:  # TOMLDecodeError is one; so is a date that is none
        what, _, where = str(error).partition(" (at ")
        place = f", at {where.rstrip(')')}" if where else ""
        reason = f"{what[:1].lower()}{what[1:]}{place}"
        raise InputError(f"{printable(path)}: no TOML ({reason}). Expected {expected}.") from error
