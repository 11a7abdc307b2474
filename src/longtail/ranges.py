"""Numbers and where they may lie: said beside an option or an argument, checked in one place."""

import math
import numbers
from dataclasses import dataclass, fields, is_dataclass
from typing import Annotated, Any, get_args, get_origin, get_type_hints

from longtail.errors import InputError

__all__ = ["Count", "Factor", "Range", "Share", "check_ranges", "range_of"]

_LARGEST_INTEGER = 2**63 - 1


@dataclass(frozen=True)
class Range:
    """Where a number may lie; NaN, infinity and whole numbers beyond 64 bits are outside any range.

    Of an option it stands with the type, `Annotated[float, Range(above=0)]`, and `check_ranges` finds it there.

    Attributes:
        least: the smallest number that is allowed.
        above: a bound that the number has to exceed.
        most: the largest number that is allowed.
        below: a bound that the number must not reach.

    Example:
        >>> print(Range(least=1)), print(Range(0, below=1)), print(Range(above=0, most=1))
        at least 1
        a number from 0 to below 1
        a number above 0, up to 1
        (None, None, None)
        >>> 0.5 in Range(0, below=1), float("nan") in Range()
        (True, False)
    """

    least: float | None = None
    above: float | None = None
    most: float | None = None
    below: float | None = None

    def __contains__(self, number: Any) -> bool:
        """Return whether a number lies in the range."""
        # an integer may be too long for a float
        finite = abs(number) <= _LARGEST_INTEGER if isinstance(number, int) else math.isfinite(number)
        return (
            finite
            and (self.least is None or number >= self.least)
            and (self.above is None or number > self.above)
            and (self.most is None or number <= self.most)
            and (self.below is None or number < self.below)
        )

    def __str__(self) -> str:
        upper = _number(self.below if self.most is None else self.most)
        low = "" if self.least is None else _number(self.least)
        if self.least is not None and upper:
            return f"a number from {low} to {'below ' if self.most is None else ''}{upper}"
        if self.above is not None:
            end = f", up to {upper}" if self.most is not None else f" and below {upper}"
            return f"a number above {_number(self.above)}{end if upper else ''}"
        if self.least is not None:
            return f"at least {low}"
        return f"{'at most' if self.most is not None else 'below'} {upper}" if upper else "a finite number"

    def check(self, number: Any, name: str, *, whole: bool = False) -> None:
        """Make sure that an argument is a number in the range.

        Args:
            number: what was given.
            name: of the argument, for the message.
            whole: refuse a fraction, and a whole number that is written as one.

        Raises:
            InputError: it is not.
        """
        kind = numbers.Integral if whole else numbers.Real
        if not isinstance(number, kind) or number not in self:
            expected = str(self).replace("a number", "a whole number").replace("at least", "a whole number of at least")
            raise InputError(f"{name} is {number!r}; expected {expected if whole else self}.")


Count = Annotated[int, Range(1)]
Share = Annotated[float, Range(0, below=1)]
Factor = Annotated[float, Range(0)]


def check_ranges(options: Any) -> None:
    """Make sure that every number of a verb's options lies in its range, or is finite where none is given.

    Args:
        options: a dataclass, whose fields may be dataclasses themselves.

    Raises:
        InputError: naming the flag, what came, and the range.

    Example:
        >>> @dataclass
        ... class Options:
        ...     batch_size: Annotated[int, Range(1)] = 128
        >>> check_ranges(Options(batch_size=0))
        Traceback (most recent call last):
        ...
        longtail.errors.InputError: --batch-size 0; expected at least 1.
    """
    hints = get_type_hints(type(options), include_extras=True)
    for field in fields(options):
        value = getattr(options, field.name)
        if is_dataclass(value):
            check_ranges(value)
            continue
        allowed = range_of(hints[field.name])
        for number in value if isinstance(value, tuple) else (value,):
            if isinstance(number, int | float) and not isinstance(number, bool) and number not in allowed:
                raise InputError(f"--{field.name.replace('_', '-')} {number}; expected {allowed}.")


def range_of(hint: Any) -> Range:
    """Return the range that stands with a type, also inside `... | None` or `tuple[...]`; else any finite number."""
    if get_origin(hint) is Annotated:
        for extra in hint.__metadata__:
            if isinstance(extra, Range):
                return extra
    inside = (range_of(part) for part in get_args(hint) if part is not type(None))
    return next((result for result in inside if result != Range()), Range())


def _number(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:,}" if isinstance(value, int) else f"{value:g}"
