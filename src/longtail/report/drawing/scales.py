"""Where values lie along an axis, and what is written at its ticks."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

__all__ = ["Scale", "Ticks", "decades", "even_ticks", "number", "padded", "powers"]

Ticks = list[tuple[float, str]]  # value and what is written there

_MARGIN = 0.05  # of the range, at both ends
_SMALLEST = 1e-300  # a log axis has no zero


@dataclass(frozen=True)
class Scale:
    """The range of an axis.

    Attributes:
        low: value at its start.
        high: value at its end.
        log: whether equal ratios are equal distances; low and high are then above 0.
    """

    low: float
    high: float
    log: bool = False

    def share(self, value: float) -> float:
        """Return how far along the axis a value lies, 0 to 1; what is beyond an end lies at that end.

        Example:
            >>> Scale(1, 100, log=True).share(10), Scale(0, 50).share(60)
            (0.5, 1.0)
        """
        if self.log:
            low, high, value = (math.log10(max(v, _SMALLEST)) for v in (self.low, self.high, value))
        else:
            low, high = self.low, self.high
        share = (value - low) / ((high - low) or 1.0)
        return min(max(share, 0.0), 1.0) if math.isfinite(share) else 0.0


def padded(values: Iterable[float], *, log: bool = False, start: float | None = None) -> Scale:
    """Return a scale that holds all values with some room at its ends.

    Args:
        values: that are to be seen.
        log: of the axis.
        start: where it has to begin; None for below the least value.

    Example:
        >>> padded([0, 100]), padded([3], start=0)
        (Scale(low=-5.0, high=105.0, log=False), Scale(low=0, high=3.15, log=False))
    """
    known = [float(v) for v in values if math.isfinite(v) and (v > 0 or not log)] or [1.0]
    low, high = min(known), max(known)
    if log:
        room = (high / low) ** _MARGIN if high > low else 2.0
        return Scale(low / room if start is None else start, high * room, log=True)
    low = low if start is None else min(low, start)
    room = _MARGIN * (high - low) or 0.5 * abs(high) or 0.5
    return Scale(low - room if start is None else start, high + room)


def even_ticks(scale: Scale, most: int = 6, *, whole: bool = False) -> Ticks:
    """Return round values at equal distances.

    Args:
        scale: of the axis, not log.
        most: ticks, about.
        whole: no fractions.

    Example:
        >>> even_ticks(Scale(-0.1, 2.1), 5)
        [(0.0, '0.0'), (0.5, '0.5'), (1.0, '1.0'), (1.5, '1.5'), (2.0, '2.0')]
    """
    rough = (scale.high - scale.low) / most
    largest = max(abs(scale.low), abs(scale.high))
    if not 0 < rough < math.inf or scale.high - scale.low < 1e-9 * largest:  # numbers too alike to be told apart
        return [(scale.low, number(scale.low))]
    power = math.floor(math.log10(rough))
    step = next(factor for factor in (1, 2, 5, 10) if factor * 10.0**power >= rough) * 10.0**power
    step = max(step, 1.0) if whole else step
    digits = max(0, -math.floor(math.log10(step) + 1e-9))
    first, last = math.ceil(scale.low / step - 1e-9), math.floor(scale.high / step + 1e-9)
    return [(place * step, number(place * step, digits)) for place in range(first, min(last, first + 2 * most) + 1)]


def decades(low: float, high: float) -> Ticks:
    """Return the powers of ten within bounds; within two decades also their doubles and fivefolds.

    Example:
        >>> decades(1, 20)
        [(1.0, '1'), (2.0, '2'), (5.0, '5'), (10.0, '10'), (20.0, '20')]
    """
    steps = (1, 2, 5) if high / low < 100 else (1,)
    ticks = [10.0**power * step for power in range(9) for step in steps]
    return [(tick, number(tick)) for tick in ticks if low <= tick <= high]


def powers(scale: Scale) -> Ticks:
    """Return the powers of ten on a log axis, those below 1 too.

    Example:
        >>> powers(Scale(0.05, 20, log=True))
        [(0.1, '0.1'), (1.0, '1'), (10.0, '10')]
    """
    first, last = math.ceil(math.log10(max(scale.low, _SMALLEST))), math.floor(math.log10(max(scale.high, _SMALLEST)))
    step = max(1, (last - first) // 6 + 1)
    return [(10.0**p, number(10.0**p, 0) if p >= 0 else f"{10.0**p:g}") for p in range(first, last + 1, step)]


def number(value: float, digits: int = 0) -> str:
    """Write a number with a true minus sign and commas between thousands; a huge one in powers of ten.

    Example:
        >>> number(-1234.5, 1), number(2e9)
        ('−1,234.5', '2e+09')
    """
    text = f"{value:,.{digits}f}" if abs(value) < 1e8 else f"{value:.3g}"
    return text.replace("-", "−") if value < 0 else text
