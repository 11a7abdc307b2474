"""Times as a person types them."""

import math
import re

from longtail.errors import InputError

__all__ = ["seconds_of"]

UNITS = {"": 1.0, "s": 1.0, "m": 60.0, "h": 3600.0}


def seconds_of(text: str, what: str) -> float:
    """Read a time: a number of seconds, or one with its unit, s, m or h.

    Args:
        text: such as 60s.
        what: the flag that it stands behind, for the error.

    Raises:
        InputError: something else, or no time above 0.

    Example:
        >>> seconds_of("90", "--budget"), seconds_of("1.5m", "--budget"), seconds_of("1h", "--budget")
        (90.0, 90.0, 3600.0)
    """
    match = re.fullmatch(r"([0-9.]+(?:e[-+]?[0-9]+)?)([smh]?)", text.strip().lower())
    try:
        seconds = float(match[1]) * UNITS[match[2]] if match else math.nan
    except ValueError:
        seconds = math.nan
    if not 0 < seconds < math.inf:
        raise InputError(f"{what} {text}: expected a time above 0, such as 60s, 5m or 1h.")
    return seconds
