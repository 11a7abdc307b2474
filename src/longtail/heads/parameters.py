"""What the parameters of heads may be: declared on each class as scikit-learn does, and checked in this one place."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any, get_args

import numpy as np
import torch
from sklearn.utils._param_validation import Interval, StrOptions, make_constraint

from longtail.errors import InputError

__all__ = [
    "AUTO",
    "DEVICE",
    "RANDOM_STATE",
    "SHARES",
    "Constraints",
    "Each",
    "StrOptions",
    "check_parameters",
    "describe_constraints",
    "real",
    "whole",
    "words",
]

Constraints = dict[str, list[Any]]

MOST = 2**31 - 1  # of whole numbers: epochs, rows and units beyond it are a slip of the keyboard
LARGEST = 1e15  # of numbers: float32 holds their squares, and 64 bits hold whole ones
AUTO = StrOptions({"auto"})
RANDOM_STATE = "random_state"


def whole(least: int = 1, most: int = MOST) -> Interval:
    """Return the constraint of a whole number from `least` to `most`."""
    return Interval(Integral, least, most, closed="both")


def real(
    least: float | None = None, most: float | None = None, *, above: float | None = None, below: float | None = None
) -> Interval:
    """Return the constraint of a finite number from `least` or above `above`, to `most` or below `below`."""
    low, high = (least if above is None else above), (most if below is None else below)
    closed = {(True, True): "both", (True, False): "left", (False, True): "right", (False, False): "neither"}[
        above is None, below is None
    ]
    return Interval(Real, -LARGEST if low is None else low, LARGEST if high is None else high, closed=closed)


def words(literal: Any) -> StrOptions:
    """Return the constraint of one of the words of a `Literal`."""
    return StrOptions(dict.fromkeys(get_args(literal)).keys())  # in their order, in messages too


@dataclass(frozen=True)
class Each:
    """The constraint of a sequence with at least one value, each of which satisfies another constraint.

    Attributes:
        of: that of the values.
        parameter: which tries them where it is "auto".
    """

    of: Interval
    parameter: str = ""

    def is_satisfied_by(self, value: Any) -> bool:
        """Return whether it is a sequence of such values."""
        if not isinstance(value, tuple | list | np.ndarray) or (isinstance(value, np.ndarray) and value.ndim != 1):
            return False
        return len(value) > 0 and all(_satisfies(self.of, one) for one in value)

    def __str__(self) -> str:
        return f"at least one value, each {_describe(self.of)}"


class _Shares:
    """The constraint of the share of each class."""

    def is_satisfied_by(self, value: Any) -> bool:
        try:
            shares = np.asarray(value)
        except ValueError:  # rows of different lengths
            return False
        are_numbers = shares.ndim == 1 and shares.dtype.kind in "iuf"
        return bool(are_numbers and np.isfinite(shares).all() and (shares > 0).all())

    def __str__(self) -> str:
        return "the share of each class, numbers above 0"


SHARES = _Shares()


class _Device:
    """The constraint of a device of torch that is here."""

    def is_satisfied_by(self, value: Any) -> bool:
        if not isinstance(value, str | torch.device):
            return False
        try:
            if torch.device(value).type == "meta":  # has shapes, and no numbers
                return False
            torch.empty(1, device=value)
        except (RuntimeError, AssertionError):  # torch has no error of its own for either
            return False
        return True

    def __str__(self) -> str:
        return f"a device that is here: {', '.join(_devices())}"


DEVICE = _Device()


def check_parameters(parameters: Mapping[str, Any], constraints: Mapping[str, list[Any]]) -> None:
    """Check the parameters of a head.

    Args:
        parameters: as `get_params(deep=False)` gives them.
        constraints: what each may be: constraints of scikit-learn, or those of this file; one of them is enough.

    Raises:
        InputError: naming the first parameter that is something else, what came, and what it may be.

    Example:
        >>> check_parameters({"tau": -1.0}, {"tau": [real(0), AUTO]})
        Traceback (most recent call last):
        ...
        longtail.errors.InputError: tau is -1.0; expected a number of at least 0, or 'auto'.
    """
    for name, value in parameters.items():
        if name in constraints and not any(_satisfies(one, value) for one in constraints[name]):
            came = " ".join(repr(value).split())
            came = came if len(came) <= 80 else f"{came[:77]}..."
            expected = ", or ".join(_describe(one, value) for one in constraints[name])
            raise InputError(f"{name} is {came}; expected {expected}.")


def describe_constraints(constraints: list[Any]) -> str:
    """Return in words what a parameter may be.

    Example:
        >>> describe_constraints([real(0, most=1), AUTO])
        "a number from 0 to 1, or 'auto'"
    """
    return ", or ".join(_describe(one) for one in constraints)


def _satisfies(constraint: Any, value: Any) -> bool:
    if isinstance(constraint, Interval):
        return _is_number(value) and bool(constraint.is_satisfied_by(value))
    if isinstance(constraint, Each | _Device | _Shares):
        return constraint.is_satisfied_by(value)
    return bool(make_constraint(constraint).is_satisfied_by(value))


def _is_number(value: Any) -> bool:
    """Return whether a value is a number for people: for Python, True is one too."""
    return isinstance(value, int | float | np.integer | np.floating) and not isinstance(value, bool)


def _describe(constraint: Any, value: Any = None) -> str:
    """Return in words what a constraint admits; of its upper end only where a value lies above it."""
    if isinstance(constraint, Interval):
        return _describe_interval(constraint, value)
    if isinstance(constraint, StrOptions):
        options = list(constraint.options)
        return repr(options[0]) if len(options) == 1 else f"one of {', '.join(options)}"
    if isinstance(constraint, Each | _Device | _Shares):
        return str(constraint)
    if constraint == "boolean":
        return "True or False"
    if constraint == RANDOM_STATE:
        return f"a whole number from 0 to {2**32 - 1}, a RandomState, or None"
    return str(make_constraint(constraint))


def _describe_interval(interval: Interval, value: Any) -> str:
    is_infinite = _is_number(value) and abs(value) == math.inf
    is_above = _is_number(value) and value > interval.right and not is_infinite
    has_end = interval.right not in (MOST, LARGEST) or is_above  # the ends that no person has in mind are not told
    kind = "a whole number" if interval.type is Integral else "a number"
    if interval.left > -LARGEST and has_end and interval.closed == "both":
        return f"{kind} from {_digits(interval.left)} to {_digits(interval.right)}"
    bounds = []
    if interval.left > -LARGEST:
        bounds.append(f"{'of at least' if interval.closed in ('left', 'both') else 'above'} {_digits(interval.left)}")
    if has_end:
        bounds.append(f"{'at most' if interval.closed in ('right', 'both') else 'below'} {_digits(interval.right)}")
    if is_infinite or not bounds:
        bounds.append("finite" if bounds else "that is finite")
    return f"{kind} {' and '.join(bounds)}"


def _digits(bound: float) -> str:
    return str(bound) if isinstance(bound, int) else f"{bound:g}"


def _devices() -> list[str]:
    result = ["cpu", *(f"cuda:{index}" for index in range(torch.cuda.device_count()))]
    return [*result, "mps"] if torch.backends.mps.is_available() else result
