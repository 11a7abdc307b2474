"""Ctrl-C and the SIGTERM of batch systems: the work ends as it does after an error, and says so."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from longtail.errors import errors_behind

__all__ = ["Terminated", "ignore_stops", "stop_behind", "stop_signals"]


class Terminated(KeyboardInterrupt):
    """SIGTERM came: SLURM, `timeout`, `docker stop` and `kill` send it."""

    status = 128 + signal.SIGTERM


@contextmanager
def stop_signals() -> Iterator[None]:
    """Raise `KeyboardInterrupt` at SIGINT and `Terminated` at SIGTERM; a second one ends the process at once.

    Example:
        >>> import os
        >>> try:
        ...     with stop_signals():
        ...         os.kill(os.getpid(), signal.SIGTERM)
        ... except KeyboardInterrupt as stop:
        ...     stop.status
        143
    """
    if threading.current_thread() is not threading.main_thread():  # Python lets no other handle signals
        yield
        return

    def stop(number: int, frame: FrameType | None) -> None:
        # who asks twice does not want to wait
        signal.signal(number, signal.SIG_DFL)
        raise Terminated if number == signal.SIGTERM else KeyboardInterrupt

    usual = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in usual.items():
            signal.signal(number, handler)


def ignore_stops() -> None:
    """Let neither SIGINT nor SIGTERM disturb what is ending already, until `stop_signals` is left."""
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)


def stop_behind(error: BaseException) -> KeyboardInterrupt | None:
    """Return the stop that an error came up on: a library that was stopped in its midst may fail to end.

    Example:
        >>> try:
        ...     try:
        ...         raise KeyboardInterrupt
        ...     finally:
        ...         raise RuntimeError("the file has no end")
        ... except RuntimeError as error:
        ...     stop_behind(error)
        KeyboardInterrupt()
    """
    behind = errors_behind(error, contexts=True)
    return next((cause for cause in behind if isinstance(cause, KeyboardInterrupt)), None)
