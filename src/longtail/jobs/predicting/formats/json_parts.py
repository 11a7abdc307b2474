"""JSON that is written piece by piece, so that a list of any length needs no memory."""

import json
from collections.abc import Iterable
from typing import Any, TextIO

__all__ = ["plain", "write_list"]


def write_list(file: TextIO, entries: Iterable[Any]) -> int:
    """Write a list of JSON, an entry a line; the number of its entries.

    Example:
        >>> import io
        >>> file = io.StringIO()
        >>> write_list(file, [{"a": 1}, {"a": 2}]), file.getvalue()
        (2, '[\\n{"a": 1},\\n{"a": 2}\\n]')
    """
    number = 0
    file.write("[")
    for entry in entries:
        file.write(("," if number else "") + "\n" + plain(entry))
        number += 1
    file.write("\n]")
    return number


def plain(value: Any) -> str:
    """Return JSON, in ASCII where it would not be text in UTF-8 otherwise.

    Raises:
        ValueError: NaN or infinity.
    """
    text = json.dumps(value, allow_nan=False, ensure_ascii=False)
    try:
        text.encode()
    except UnicodeEncodeError:
        return json.dumps(value, allow_nan=False)
    return text
