"""What a fitted head consists of: declared on each class, and checked when one is read from a file."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from longtail.errors import InputError
from longtail.files.json_file import check_kind

__all__ = [
    "CURVE",
    "LOSSES",
    "NOT_NEGATIVE",
    "POSITIVE",
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
WORDS = {"f": "floats", "i": "whole numbers", "U": "strings"}


@dataclass(frozen=True)
class Array:
    """An array of numbers or strings.

    Attributes:
        shape: a letter for each axis; the same letter means the same length everywhere in a head.
        kind: "f", "i" or "U", as numpy names kinds.
        least: of all numbers.
        above: below all numbers.
        optional: whether it may be missing.
        or_none: whether None may be in its place.
    """

    shape: tuple[str, ...]
    kind: str = "f"
    least: float | None = None
    above: float | None = None
    optional: bool = False
    or_none: bool = False

    def check(self, name: str, value: Any, sizes: Sizes) -> None:
        """Raise InputError where a value is something else; learn the lengths that were not known."""
        if value is None and self.or_none:
            return
        if not isinstance(value, np.ndarray):
            raise InputError(f"{name} is {type(value).__name__}; expected an array {self._axes(sizes)}")
        if value.ndim != len(self.shape):
            raise InputError(f"{name} has shape {value.shape}; expected {self._axes(sizes)}")
        for axis, length in zip(self.shape, value.shape, strict=True):
            if sizes.setdefault(axis, length) != length:
                raise InputError(f"{name} has shape {value.shape}; expected {self._axes(sizes)}")
        kinds = "iu" if self.kind == "i" else self.kind
        if value.dtype.kind not in kinds or (self.kind == "f" and value.dtype.itemsize > 8):
            raise InputError(f"{name} holds {value.dtype}; expected {WORDS[self.kind]}")
        if self.kind != "U" and value.size:
            self._check_numbers(name, value)

    def _check_numbers(self, name: str, value: NDArray[Any]) -> None:
        if not np.isfinite(value).all():
            raise InputError(f"{name} holds NaN or infinity")
        lowest = value.min()
        if (self.least is not None and lowest < self.least) or (self.above is not None and lowest <= self.above):
            bound = f"above {self.above:g}" if self.least is None else f"of at least {self.least:g}"
            raise InputError(f"{name} holds {lowest}; expected numbers {bound}")

    def _axes(self, sizes: Sizes) -> str:
        inner = ", ".join(str(sizes.get(axis, axis)) for axis in self.shape)
        return f"({inner},)" if len(self.shape) == 1 else f"({inner})"


@dataclass(frozen=True)
class Labels:
    """The labels of the classes, all different."""

    optional: bool = False

    def check(self, name: str, value: Any, sizes: Sizes) -> None:
        """Raise InputError where a value is something else; it says how many classes there are."""
        if not isinstance(value, np.ndarray) or value.ndim != 1 or value.dtype.kind not in "biufUS" or not value.size:
            raise InputError(f"{name} is no list of labels")
        if len(np.unique(value)) != len(value):
            raise InputError(f"{name} holds a label twice")
        sizes["C"] = len(value)


@dataclass(frozen=True)
class Plain:
    """Something that JSON holds.

    Attributes:
        kind: its type, as `longtail.files.json_file` takes it.
        optional: whether it may be missing.
    """

    kind: Any
    optional: bool = False

    def check(self, name: str, value: Any, sizes: Sizes) -> None:
        """Raise InputError where a value is something else."""
        if isinstance(value, np.ndarray):
            raise InputError(f"{name} is an array; expected {self.kind}")
        check_kind(value, self.kind, origin=name, expected="what was learned")


@dataclass(frozen=True)
class ArrayDict:
    """Arrays by name."""

    optional: bool = True  # without arrays there is nothing to store

    def check(self, name: str, value: Any, sizes: Sizes) -> None:
        """Raise InputError where a value is something else."""
        for key, array in value.items() if isinstance(value, dict) else [("", value)]:
            if not isinstance(array, np.ndarray) or array.dtype.kind not in "fiu":
                raise InputError(f"{name} {key} is no array of numbers")
            if not np.isfinite(array).all():
                raise InputError(f"{name} {key} holds NaN or infinity")


@dataclass(frozen=True)
class Part:
    """A fitted head or transform inside."""

    kind: type[Any]
    optional: bool = False

    def check(self, name: str, value: Any, sizes: Sizes) -> None:
        """Raise InputError where a value is something else, or of other features."""
        if not isinstance(value, self.kind):
            raise InputError(f"{name} is {type(value).__name__}; expected {self.kind.__name__}")
        if value.n_features_in_ != sizes["D"]:
            raise InputError(f"{name} takes {value.n_features_in_} features; expected {sizes['D']}")


@dataclass(frozen=True)
class Parts:
    """Several of them."""

    kind: type
    optional: bool = False

    def check(self, name: str, value: Any, sizes: Sizes) -> None:
        """Raise InputError where a value is something else, or there is none."""
        if not isinstance(value, list) or not value:
            raise InputError(f"{name} is no list of heads")
        for number, one in enumerate(value):
            Part(self.kind).check(f"{name} {number}", one, sizes)


Learned = Mapping[str, Array | Labels | Plain | ArrayDict | Part | Parts]

NOT_NEGATIVE = Plain(Annotated[float, Meta(ge=0)])
POSITIVE = Plain(Annotated[float, Meta(gt=0)])
LOSSES = Plain(list[float], optional=True)
CURVE = Plain(dict[str, Any] | None, optional=True)


def check_learned(values: Mapping[str, Any], learned: Learned, num_features: int) -> Sizes:
    """Check that attributes are what a class needs.

    Args:
        values: by name.
        learned: what the class declares.
        num_features: D.

    Returns:
        The length of each axis by its letter.

    Raises:
        InputError: something is missing, unknown, of another shape or kind, or not finite.

    Example:
        >>> check_learned({"bias_": np.zeros(3)}, {"bias_": Array(("C",))}, num_features=2)
        {'D': 2, 'C': 3}
    """
    unknown = sorted(set(values) - set(learned))
    if unknown:
        raise InputError(f"holds {unknown[0]}, which it does not know")
    sizes = {"D": num_features}
    for name, needed in learned.items():
        if name in values:
            needed.check(name, values[name], sizes)
        elif not needed.optional:
            raise InputError(f"lacks {name}")
    return sizes
