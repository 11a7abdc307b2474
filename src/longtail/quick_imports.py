"""Load the many modules of a command without looking for garbage among them."""

import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["quick_imports"]


@contextmanager
def quick_imports() -> Iterator[None]:
    """Hold the garbage collector back while modules are loaded, and count what they made as there to stay.

    Modules are never garbage, but the collector walks over all that they hold again and again while torch and
    scikit-learn are loaded, and whenever later work makes many objects: together a sixth of the CPU time of a small
    `longtail fit`. In a process that has torch already, this does nothing.

    Example:
        >>> with quick_imports():
        ...     import json
    """
    if "torch" in sys.modules or not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
