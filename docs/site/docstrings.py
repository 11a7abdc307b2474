"""Docstrings as they are written here become what Sphinx reads: formulas keep their signs, types their names."""

import re
from itertools import groupby
from typing import Any, Generic, TypeVar

import numpy.typing

__all__ = ["escape_lines", "escape_types", "escaped", "name_array_types"]

_LITERAL = re.compile(r"(``.+?``|`[^`]+`)", re.DOTALL)
_SIGNS = re.compile(r"(?<!\\)([*|])")
_TRAILING = re.compile(r"(?<=\w)_(?=\W|$)")
_GLUED = re.compile(r"((?<!`)`[^`\s][^`]*`(?!`))(?=[\w(\[])")  # a name that the next sign touches
_NAME = re.compile(r"[A-Za-z][\w.]*\w(\(\))?")
_FIELD = re.compile(r"^( +\w+_:)", re.MULTILINE)  # an attribute, which Napoleon escapes
_Scalar = TypeVar("_Scalar")


class NDArray(Generic[_Scalar]):
    """Stands for NumPy's."""

    __module__ = "numpy.typing"


class ArrayLike:
    """Stands for NumPy's."""

    __module__ = "numpy.typing"


def name_array_types() -> None:
    """Let signatures say `ArrayLike` and `NDArray`, as the sources do: NumPy's own are unions of a paragraph.

    Whatever is imported afterwards takes the stand-ins.
    """
    numpy.typing.NDArray = NDArray  # type: ignore[misc,assignment]
    numpy.typing.ArrayLike = ArrayLike  # type: ignore[misc,assignment]


def escaped(text: str) -> str:
    r"""Return prose in which stars, bars and underscores at the end of a word are themselves.

    Example:
        >>> print(escaped("||w||^2 * weight_, but `head_` and `a * b`"))
        \|\|w\|\|^2 \* weight\_, but ``head_`` and ``a * b``
    """
    parts = _FIELD.split(text)
    return "".join(part if _FIELD.fullmatch(part) else _prose(part) for part in parts)


def _prose(text: str) -> str:
    parts = [_literal(part) if part.startswith("`") else _plain(part) for part in _LITERAL.split(text)]
    return _GLUED.sub(r"\1\\ ", "".join(parts)) if len(parts) > 1 else parts[0]


def _plain(text: str) -> str:
    return _TRAILING.sub(r"\\_", _SIGNS.sub(r"\\\1", text))


def _literal(text: str) -> str:
    """Return a name between backquotes as a link, anything else as it stands."""
    inside = text.strip("`")
    is_name = _NAME.fullmatch(inside) and not text.startswith("``") and not inside.endswith("_")
    return f"`{inside}`" if is_name else f"``{inside}``"


def escape_lines(app: Any, what: str, name: str, obj: Any, options: Any, lines: list[str]) -> None:
    """Escape the prose of a docstring, and leave its examples, whose lines are code."""
    result = [""] if what in ("property", "attribute") else []  # else the words before a colon would be its type
    is_code = False
    blocks = []
    for line in lines:
        is_code = line.lstrip().startswith(">>>") or (is_code and bool(line.strip()))
        blocks.append((is_code, line))
    for code, block in groupby(blocks, key=lambda one: one[0]):
        text = "\n".join(line for _, line in block)
        result += (text if code else escaped(text)).split("\n")
    lines[:] = result


def escape_types(app: Any, what: str, name: str, obj: Any, options: Any, lines: list[str]) -> None:
    """Escape the types that Napoleon gives to attributes."""
    lines[:] = [_plain(line) if line.lstrip().startswith(":type:") else line for line in lines]
