"""Say what a command is busy with before it has anything to show, where that takes a while."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Timer

__all__ = ["told_if_slow"]

SECONDS = 2.0  # a line about less is in the way


@contextmanager
def told_if_slow(doing: str, *, quiet: bool = False, after: float = SECONDS) -> Iterator[None]:
    """Print one line on standard error when what stands inside goes on for longer than `after`.

    Args:
        doing: the line.
        quiet: print nothing.
        after: seconds, above 0.

    Example:
        >>> with told_if_slow("reading photos"):
        ...     "quick"
        'quick'
    """
    # of several processes of a command the first one speaks, before they have found each other too
    if quiet or os.environ.get("RANK", os.environ.get("SLURM_PROCID", "0")) != "0" or sys.stderr is None:
        yield
        return
    timer = Timer(after, print, [doing], {"file": sys.stderr, "flush": True})
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
