"""The one reader of JSON: encoding, depth, numbers that are none, and the kinds that its user needs."""

import json
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import msgspec

from longtail.errors import InputError
from longtail.files.text import printable, read_text

__all__ = ["check_kind", "parse_json", "read_json"]

Kind = TypeVar("Kind")


def read_json(path: Path, kind: type[Kind], *, expected: str) -> Kind:
    """Read a JSON file that holds what a type says.

    Args:
        path: of the file.
        kind: such as `dict[str, Any]` or a TypedDict; what it does not name may be there too, and is kept.
        expected: what the file should have been, for messages.

    Returns:
        The content, as plain Python values.

    Raises:
        InputError: no such file, no text, no JSON, NaN or infinity, nested too deep, or another kind somewhere.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "config.json"
        >>> _ = path.write_text('{"epochs": "ten"}')
        >>> read_json(path, dict[str, int], expected="settings")
        Traceback (most recent call last):
        ...
        longtail.errors.InputError: ...config.json: expected an int at `[...]`, came a str. Expected settings.
    """
    return parse_json(read_text(path, expected=expected), kind, origin=printable(path), expected=expected)


def parse_json(text: str | bytes, kind: type[Kind], *, origin: str, expected: str) -> Kind:
    """Read JSON that stands inside something else.

    Args:
        text: JSON.
        kind: as in `read_json`.
        origin: where it stands, for messages.
        expected: what it should have been, for messages.

    Raises:
        InputError: as `read_json`.

    Example:
        >>> parse_json('["ant", "bee"]', list[str], origin="names", expected="a list")
        ['ant', 'bee']
    """
    try:
        value = json.loads(text, parse_constant=_refuse)
    except RecursionError:
        # without the cause: its traceback alone would fill a screen a thousand times
        raise InputError(f"{origin}: JSON that is nested too deep. Expected {expected}.") from None
    except UnicodeDecodeError as error:
        raise InputError(f"{origin}: no text in UTF-8. Expected {expected}.") from error
    except json.JSONDecodeError as error:
        raise InputError(f"{origin}: no JSON (line {error.lineno}: {error.msg}). Expected {expected}.") from error
    except ValueError as error:
        raise InputError(f"{origin}: no JSON ({error}). Expected {expected}.") from error
    return check_kind(value, kind, origin=origin, expected=expected)


def check_kind(value: Any, kind: type[Kind], *, origin: str, expected: str) -> Kind:
    """Make sure that plain values are what a type says.

    Args:
        value: as JSON, a checkpoint or another file gave it.
        kind: as in `read_json`; bounds of numbers are `Annotated[float, msgspec.Meta(ge=0)]`.
        origin: where it stands, for messages.
        expected: what it should have been, for messages.

    Returns:
        `value` itself.

    Raises:
        InputError: naming the place that is of another kind.
    """
    try:
        msgspec.convert(value, kind)
    except UnicodeEncodeError:  # a text with half of a pair of surrogates, which no file can hold
        raise InputError(f"{origin}: holds a text that is no Unicode. Expected {expected}.") from None
    except (msgspec.ValidationError, RecursionError) as error:
        raise InputError(f"{origin}: {_readable_message(str(error))}. Expected {expected}.") from None
    result: Kind = value
    return result


def _readable_message(message: str) -> str:
    """Turn "Expected `int`, got `str` - at `$.a[0]`" into words of a sentence."""
    what, _, where = message.partition(" - at ")
    wanted, _, came = what.partition(", got ")
    place = where.replace("`$.", "`").replace("`$", "`")
    if came:
        wanted = f"expected {_a(wanted.removeprefix('Expected ').strip('`'))}"
        came = f", came {_a(came.strip('`'))}"
    else:
        wanted = wanted[:1].lower() + wanted[1:]
    return f"{wanted}{f' at {place}' if place.strip('`') else ''}{came}"


def _a(noun: str) -> str:
    return f"{'an' if noun[:1] in 'aeiou' else 'a'} {noun}"


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no number of JSON")
