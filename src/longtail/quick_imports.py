"""Load the many modules of a command without looking for garbage among them, and what it may not need when it does."""

import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib import metadata
from importlib.util import find_spec, module_from_spec
from threading import RLock
from types import ModuleType
from typing import Any

__all__ = ["load_late", "quick_imports"]

# scikit-learn imports it for a function of older versions of SciPy: a third of its own start
LATE = ("scipy.stats",)
_LOADING = RLock()


@contextmanager
def quick_imports() -> Iterator[None]:
    """Hold the garbage collector back while modules are loaded, and count what they made as there to stay.

    Modules are never garbage, but the collector walks over all that they hold again and again while torch and
    scikit-learn are loaded, and whenever later work makes many objects: together a sixth of the CPU time of a small
    `longtail fit`. What is in `LATE` is loaded when something of it is used. In a process that has torch already, this
    does nothing.

    Example:
        >>> with quick_imports():
        ...     import json
    """
    if "torch" in sys.modules or not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        for name in LATE:
            load_late(name)
        yield
    finally:
        gc.freeze()
        gc.enable()


def load_late(name: str) -> None:
    """Let a module be imported at once, but carried out only when something of it is first asked for.

    Does what `importlib.util.LazyLoader` promises, which carries a module out at its second import already.

    Args:
        name: of a package, whose version can be asked for before, or of a module in one. One that is loaded, or that is
            not there, stays as it is.

    Example:
        >>> load_late("json.tool")
        >>> import json.tool
        >>> "argparse" in vars(json.tool), json.tool.main.__name__, "argparse" in vars(json.tool)
        (False, 'main', True)
    """
    spec = None if name in sys.modules else find_spec(name)
    if spec is None:
        return
    module = module_from_spec(spec)
    module.__dict__.pop("__path__", None)  # an import of something inside asks for it
    module.__dict__["_waits"] = True
    module.__class__ = _Late
    sys.modules[name] = module
    package, _, last = name.rpartition(".")
    if package:
        setattr(sys.modules[package], last, module)
        return
    with suppress(metadata.PackageNotFoundError):
        module.__dict__["__version__"] = metadata.version(name)


class _Late(ModuleType):
    """A module that waits."""

    def __getattr__(self, name: str) -> Any:
        with _LOADING:
            if self.__dict__.pop("_waits", False):
                spec: Any = self.__spec__
                if spec.submodule_search_locations is not None:
                    self.__path__ = spec.submodule_search_locations
                spec.loader.exec_module(self)
                object.__setattr__(self, "__class__", ModuleType)
        return ModuleType.__getattribute__(self, name)
