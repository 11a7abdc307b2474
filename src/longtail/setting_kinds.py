"""Plain values as settings of the kinds and in the ranges that their types say."""

import json
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import msgspec

from longtail.errors import InputError
from longtail.ranges import range_of

__all__ = ["bare_type", "choices_of", "converted"]


def converted(value: Any, hint: Any, where: str) -> Any:
    """Return a value of JSON or TOML as a setting.

    Args:
        value: that was read.
        hint: type of the setting; `Annotated` may give it a `Range`.
        where: it stands, for messages.

    Returns:
        The same with paths for texts, tuples for lists or a single text, and fractions for whole numbers, where they
        are meant.

    Raises:
        InputError: another kind, outside its range, or an empty text.

    Example:
        >>> from longtail.ranges import Count
        >>> converted(["a", "b"], tuple[Path, ...], "a.toml: images")
        (PosixPath('a'), PosixPath('b'))
        >>> converted("ten", Count, "a.toml: epochs")
        Traceback (most recent call last):
        ...
        longtail.errors.InputError: a.toml: epochs is "ten"; expected a whole number.
    """
    bare = bare_type(hint)
    if bare == tuple[str, ...] and isinstance(value, str):  # one word is a list of one
        value = [value]
    try:
        result = msgspec.convert(value, bare, dec_hook=_path)
    except (msgspec.ValidationError, UnicodeEncodeError):  # a text with half of a pair of surrogates
        raise InputError(f"{where} is {_shown(value)}; expected {_kind(hint)}.") from None
    allowed = range_of(hint)
    for one in result if isinstance(result, tuple) else (result,):
        if one == "" or "\0" in str(one):
            raise InputError(f"{where} is {_shown(value)}; expected {_kind(hint)}.")
        if isinstance(one, int | float) and not isinstance(one, bool) and one not in allowed:
            raise InputError(f"{where} is {_shown(one)}; expected {allowed}.")
    return result


def bare_type(hint: Any) -> Any:
    """Return a type without what is annotated to it, which is not for msgspec."""
    parts = get_args(hint)
    match get_origin(hint):
        case origin if origin is Annotated:
            return bare_type(parts[0])
        case origin if origin in (Union, UnionType):
            return Union[tuple(bare_type(part) for part in parts)]  # noqa: UP007  of parts that are not known here
        case origin if origin is tuple:
            return tuple[tuple(part if part is Ellipsis else bare_type(part) for part in parts)]  # type: ignore[misc]
    return hint


def _path(kind: type, value: Any) -> Path:
    if kind is not Path or not isinstance(value, str) or not value:
        raise TypeError
    return Path(value)


def _kind(hint: Any) -> str:
    """Return the words for a type."""
    bare, parts = bare_type(hint), get_args(bare_type(hint))
    choices = choices_of(bare)
    if choices:
        return f"one of {', '.join(map(str, choices))}"
    if get_origin(bare) is Union:
        return " or ".join(_kind(part) for part in parts if part is not NoneType)
    if get_origin(bare) is tuple:
        number = "" if Ellipsis in parts else f" of {len(parts)}"
        return f"a list{number}, each {_kind(parts[0])}"
    return {bool: "true or false", int: "a whole number", float: "a number", Path: "a path"}.get(bare, "text")


def choices_of(bare: Any) -> list[Any]:
    """Return the values of a Literal, or of a union of them."""
    if get_origin(bare) is Literal:
        return list(get_args(bare))
    if get_origin(bare) not in (Union, UnionType):
        return []
    parts = [choices_of(part) for part in get_args(bare) if part is not NoneType]
    return [value for part in parts for value in part] if all(parts) else []


def _shown(value: Any) -> str:
    """Return a value as JSON writes it, short enough for a sentence."""
    try:
        text = json.dumps(value, default=str, ensure_ascii=False)
    except RecursionError:
        return "nested too deep"
    return text if len(text) <= 80 else f"{text[:77]}..."
