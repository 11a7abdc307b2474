"""What a fitted head consists of: declared on each class, and checked when one is stored or read."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, get_args, get_origin

import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from longtail.errors import InputError
from longtail.files.json_file import check_kind

__all__ = [
    "CURVE",
    "LOSSES",
    "NOT_NEGATIVE",
    "NUMBERS",
    "POSITIVE",
    "STRINGS",
    "WHOLE",
    "Array",
    "ArrayDict",
    "Labels",
    "Learned",
    "Part",
    "Parts",
    "Plain",
    "check_learned",
]

Sizes = dict[str, int]

FLOATS, WHOLE, NUMBERS, STRINGS = "f", "iu", "fiu", "U"  # kinds of numpy
WORDS = {FLOATS: "floats", WHOLE: "whole numbers", NUMBERS: "numbers", STRINGS: "strings"}
MAY_BE_EMPTY = "T"  # the blocks of DLSA: there may be none


@dataclass(frozen=True)
class Array:
    """An array of numbers or strings.

    Attributes:
        shape: a letter for each axis, or such as "T+1" or "1"; the same letter means the same length in all of a head.
        kind: what it holds: FLOATS, WHOLE, NUMBERS or STRINGS.
        least: of all numbers.
        above: below all numbers.
        below: the letter of the axis that all numbers are places on.
        optional: whether it may be missing.
        or_none: whether None may be in its place.
        before: all its numbers in heads that were stored before it was, which may lack it.
    """

    shape: tuple[str, ...]
    kind: str = FLOATS
    least: float | None = None
    above: float | None = None
    below: str | None = None
    optional: bool = False
    or_none: bool = False
    before: float | None = None

    def check(self, name: str, value: Any, sizes: Sizes) -> NDArray[Any] | None:
        """Return the array in C order; learn the lengths that were not known.

        Raises:
            InputError: it is something else.
        """
        if value is None and self.or_none:
            return None
        if not isinstance(value, np.ndarray):
            raise InputError(f"{name} is {_kind_of(value)}; expected an array {self._axes(sizes)}")
        lengths = {} if value.ndim != len(self.shape) else dict(zip(self.shape, value.shape, strict=True))
        if not lengths or not all(_fits(axis, length, sizes) for axis, length in lengths.items()):
            raise InputError(f"{name} has shape {value.shape}; expected {self._axes(sizes)}")
        if value.dtype.kind not in self.kind or (value.dtype.kind == "f" and value.dtype.itemsize > 8):
            raise InputError(f"{name} holds {value.dtype}; expected {WORDS[self.kind]}")
        if self.kind != STRINGS and value.size:
            self._check_numbers(name, value, sizes)
        return np.ascontiguousarray(value, dtype=np.int64 if value.dtype.kind in WHOLE else None)

    def missing(self, sizes: Sizes) -> NDArray[Any]:
        """Return what heads meant that were stored before it was."""
        return np.full([sizes[axis] for axis in self.shape], self.before)

    def _check_numbers(self, name: str, value: NDArray[Any], sizes: Sizes) -> None:
        low, high = value.min(), value.max()  # NaN where one of them is: no mask as large as the array
        if not (np.isfinite(low) and np.isfinite(high)):
            raise InputError(f"{name} holds NaN or infinity; expected finite numbers")
        if self.least is not None and low < self.least:
            raise InputError(f"{name} holds {low}; expected numbers of at least {self.least:g}")
        if self.above is not None and low <= self.above:
            raise InputError(f"{name} holds {low}; expected numbers above {self.above:g}")
        most = np.iinfo(np.int64).max if self.below is None else sizes[self.below] - 1
        if self.kind == WHOLE and high > most:
            raise InputError(f"{name} holds {high}; expected whole numbers of at most {most}")

    def _axes(self, sizes: Sizes) -> str:
        inner = ", ".join(str(sizes.get(axis, axis)) for axis in self.shape)
        return f"({inner},)" if len(self.shape) == 1 else f"({inner})"


def _fits(axis: str, length: int, sizes: Sizes) -> bool:
    letter, _, more = axis.partition("+")
    length -= int(more or 0)
    return length >= (0 if letter in MAY_BE_EMPTY else 1) and sizes.setdefault(letter, length) == length


@dataclass(frozen=True)
class Labels:
    """The labels of the classes, all different."""

    optional: bool = False

    def check(self, name: str, value: Any, sizes: Sizes) -> NDArray[Any]:
        """Return the labels; learn how many there are.

        Raises:
            InputError: they are something else.
        """
        if not isinstance(value, np.ndarray) or value.ndim != 1 or value.dtype.kind not in "biufUS" or not value.size:
            raise InputError(
                f"{name} is {_kind_of(value)}; expected the labels of the classes (C,), numbers or strings"
            )
        if value.dtype.kind == "f" and not np.isfinite(value).all():
            raise InputError(f"{name} holds NaN or infinity; expected labels")
        if len(np.unique(value)) != len(value):
            raise InputError(f"{name} holds a label twice; expected a label for each class")
        sizes["C"] = len(value)
        return value


@dataclass(frozen=True)
class Plain:
    """Something that JSON holds.

    Attributes:
        kind: its type, as `longtail.files.json_file` takes it.
        optional: whether it may be missing.
    """

    kind: Any
    optional: bool = False

    def check(self, name: str, value: Any, sizes: Sizes) -> Any:
        """Return the value.

        Raises:
            InputError: it is something else.
        """
        if isinstance(value, np.ndarray):
            raise InputError(f"{name} is an array; expected one value, as JSON has it")
        check_kind(value, self.kind, origin=name, expected="what the head learned")
        kind = get_args(self.kind)[0] if get_origin(self.kind) is Annotated else self.kind
        if kind is float:  # torch takes no whole number beyond 64 bits
            return float(value)
        return tuple(value) if get_origin(kind) is tuple else value


@dataclass(frozen=True)
class ArrayDict:
    """Finite numbers by name; without any there is nothing to store."""

    optional: bool = False

    def check(self, name: str, value: Any, sizes: Sizes) -> dict[str, NDArray[Any]]:
        """Return the arrays by name.

        Raises:
            InputError: they are something else.
        """
        if not isinstance(value, dict):
            raise InputError(f"{name} is {_kind_of(value)}; expected arrays by name")
        for key, array in value.items():
            if not isinstance(array, np.ndarray) or array.dtype.kind not in NUMBERS or array.dtype.itemsize > 8:
                raise InputError(f"{name} {key} is {_kind_of(array)}; expected an array of numbers")
            if array.size and not np.isfinite(array).all():
                raise InputError(f"{name} {key} holds NaN or infinity; expected finite numbers")
        return value


@dataclass(frozen=True)
class Part:
    """A fitted head or transform inside."""

    kind: type[Any]
    optional: bool = False

    def check(self, name: str, value: Any, sizes: Sizes) -> Any:
        """Return the part.

        Raises:
            InputError: it is something else, or of other features or another number of classes.
        """
        if not isinstance(value, self.kind):
            raise InputError(f"{name} is {_kind_of(value)}; expected {self.kind.__name__}")
        if value.n_features_in_ != sizes["D"]:
            raise InputError(f"{name} takes {value.n_features_in_} features; expected {sizes['D']}")
        classes = getattr(value, "classes_", None)
        if classes is not None and len(classes) != sizes["C"]:
            raise InputError(f"{name} knows {len(classes)} classes; expected {sizes['C']}")
        return value


@dataclass(frozen=True)
class Parts:
    """Several of them.

    Attributes:
        kind: their class.
        axis: the letter of their number, for arrays with a row for each.
        optional: whether they may be missing.
    """

    kind: type[Any]
    axis: str | None = None
    optional: bool = False

    def check(self, name: str, value: Any, sizes: Sizes) -> list[Any]:
        """Return the parts.

        Raises:
            InputError: one is something else, or there is none.
        """
        if not isinstance(value, list) or not value:
            raise InputError(f"{name} is {_kind_of(value)}; expected a list of {self.kind.__name__}, not empty")
        if self.axis is not None:
            sizes[self.axis] = len(value)
        return [Part(self.kind).check(f"{name} {number}", one, sizes) for number, one in enumerate(value)]


Learned = dict[str, Array | Labels | Plain | ArrayDict | Part | Parts]

_LARGEST = sys.float_info.max  # JSON has numbers beyond it, which are read as infinity
NOT_NEGATIVE = Plain(Annotated[float, Meta(ge=0, le=_LARGEST)])
POSITIVE = Plain(Annotated[float, Meta(gt=0, le=_LARGEST)])
LOSSES = Plain(list[float], optional=True)
CURVE = Plain(dict[str, Any] | None, optional=True)


def check_learned(values: Mapping[str, Any], learned: Learned, num_features: int) -> tuple[dict[str, Any], Sizes]:
    """Check that attributes are what a class needs.

    Args:
        values: by name.
        learned: what the class declares.
        num_features: D.

    Returns:
        The attributes by name, and the length of each axis by its letter.

    Raises:
        InputError: something is missing, unknown, of another shape or kind, or not finite.

    Example:
        >>> check_learned({"bias_": np.zeros(3)}, {"bias_": Array(("C",))}, num_features=2)
        ({'bias_': array([0., 0., 0.])}, {'D': 2, '1': 1, 'C': 3})
    """
    unknown = sorted(set(values) - set(learned))
    if unknown:
        raise InputError(f"it holds {unknown[0]!r:.80}; expected {', '.join(learned)}")
    sizes, checked = {"D": num_features, "1": 1}, {}
    for name, needed in learned.items():
        if name in values:
            checked[name] = needed.check(name, values[name], sizes)
        elif isinstance(needed, Array) and needed.before is not None:
            checked[name] = needed.missing(sizes)
        elif not needed.optional:
            raise InputError(f"it lacks {name}")
    return checked, sizes


def _kind_of(value: Any) -> str:
    if isinstance(value, np.ndarray):
        return f"an array of {value.dtype} {value.shape}"
    return {"NoneType": "None", "list": "a list", "dict": "a dict"}.get(type(value).__name__, type(value).__name__)
