"""Numbers that have to lie between others."""

from numbers import Real
from typing import Any

from longtail.errors import InputError

__all__ = ["check_share"]


def check_share(name: str, value: Any, example: float = 0.95) -> None:
    """Make sure that a number is a share above 0 and below 1.

    Args:
        name: of the argument.
        value: the number.
        example: of such a number.

    Raises:
        InputError: it is none.

    Example:
        >>> check_share("alpha", 7, 0.1)
        Traceback (most recent call last):
        ...
        longtail.errors.InputError: alpha is 7; expected a share above 0 and below 1, such as 0.1.
    """
    if not isinstance(value, Real) or not 0 < float(value) < 1:
        raise InputError(f"{name} is {value!r}; expected a share above 0 and below 1, such as {example:g}.")
