"""What a verb would read, train and write, how long that would take, and how much memory."""

import math
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from longtail.files.text import printable

__all__ = ["Forecast", "duration", "size"]

SPREAD = 1.5  # by which what is measured in seconds may be off, either way


@dataclass
class Forecast:
    """What is known of what a call would do; printed in the end.

    Attributes:
        lines: what is done, in words, in the order in which it is done.
        seconds: that all of it takes; what could not be timed is not in them.
        untimed: what that is.
        times: how often all of it is done.
    """

    lines: list[tuple[str, str]] = field(default_factory=list)
    seconds: float = 0.0
    untimed: list[str] = field(default_factory=list)
    times: int = 1

    def say(self, what: str, text: str, seconds: float = 0.0) -> None:
        """Add a line, and what it takes."""
        self.lines.append((what, text))
        self.seconds += seconds

    def writes(self, folder: Path, parts: Mapping[str, float]) -> None:
        """Say what would be written.

        Args:
            folder: or file.
            parts: names, each with its bytes; 0: few.
        """
        named = ", ".join(f"{name} ({size(number)})" if number else name for name, number in parts.items())
        self.say("writes", f"{printable(folder)}{': ' if named else ''}{named}")

    def text(self) -> str:
        """Return all lines, the sum and the memory."""
        total = self.seconds * self.times
        low, high = duration(total / SPREAD), duration(total * SPREAD)
        words = f"{low} to {high}" if low != high else low
        each = f", {self.times} times {duration(self.seconds)}" if self.times > 1 else ""
        missing = f"; not in it: {', '.join(self.untimed)}" if self.untimed else ""
        lines = [*self.lines, ("memory", _memory()), ("takes", f"about {words}{each}{missing}")]
        return "\n".join(["dry run: nothing was written", *(f"  {what:<10}{text}" for what, text in lines)])


def duration(seconds: float) -> str:
    """Return a time in words, rounded as estimates are.

    Example:
        >>> [duration(seconds) for seconds in (0.2, 42, 100, 3000, 9000, 400_000)]
        ['1 s', '40 s', '1.5 min', '50 min', '2.5 h', '4.5 days']
    """
    if seconds < 60:
        return f"{max(round(seconds, -1) if seconds >= 20 else math.ceil(seconds), 1):.0f} s"
    units = (("min", 60.0, 60.0), ("h", 3600.0, 48.0), ("days", 86400.0, math.inf))
    unit, length = next((unit, length) for unit, length, most in units if seconds / length < most)
    number = seconds / length
    return f"{round(number) if number >= 10 else round(2 * number) / 2:g} {unit}"


def size(number: float) -> str:
    """Return a number of bytes in words.

    Example:
        >>> [size(number) for number in (300, 4_200_000, 2_500_000_000)]
        ['1 kB', '4 MB', '2.5 GB']
    """
    units = (("kB", 1e3), ("MB", 1e6), ("GB", 1e9))
    unit, length = next((one for one in units if number < 1000 * one[1]), units[-1])
    value = max(number / length, 1)
    return f"{value:.1f} {unit}" if unit == "GB" else f"{value:.0f} {unit}"


def _memory() -> str:
    """Return what this process has taken so far."""
    import torch

    parts = []
    try:
        import resource

        most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
        whole = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
        parts.append(f"{size(most)} in this process until now, of {size(whole)} of this machine")
    except (ImportError, ValueError, OSError):  # Windows
        pass
    if torch.cuda.is_available() and (taken := torch.cuda.max_memory_reserved()):
        parts.append(f"{size(taken)} of the {size(torch.cuda.mem_get_info()[1])} of the GPU")
    return "; ".join(parts) or "not known on this system"
