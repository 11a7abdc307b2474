"""Objects beside the weights in a file of torch: empty stand-ins take their places, and nothing of them runs."""

import pickletools
import re
import sys
import zipfile
from _compat_pickle import IMPORT_MAPPING, NAME_MAPPING
from collections import OrderedDict
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import IO, Any

__all__ = ["Inert", "filled", "foreign_object", "forget_origin", "stand_ins"]

# of Python's own modules, those that hold values: settings, paths, times. A file that names others wants something done
_OF_VALUES = frozenset(
    {
        "_codecs",
        "argparse",
        "collections",
        "copyreg",
        "datetime",
        "decimal",
        "enum",
        "fractions",
        "functools",
        "logging",
    }
    | {"numbers", "pathlib", "random", "re", "string", "types", "typing", "uuid"}
)
_BUILTINS = frozenset(
    {"bool", "bytearray", "bytes", "complex", "dict", "float", "frozenset", "getattr", "int", "list", "object", "range"}
    | {"set", "slice", "str", "tuple", "type"}
)
Pair = tuple[type, str]
# in a file of the format before torch 1.6: a magic number, its version, the system, and then what was saved
_PICKLES = 4


class Inert:
    """Takes what it is given and does nothing with it; `origin` names the class or function whose place it takes."""

    origin = ""

    def __new__(cls, *arguments: object) -> "Inert":
        return super().__new__(cls)

    def __init__(self, *arguments: object) -> None:
        pass

    def __call__(self, *arguments: object) -> "Inert":
        return self

    def __setstate__(self, state: object) -> None:
        pass

    # torch calls nothing but the stand-ins, and what a stand-in for a function returns has to pass for one
    def __eq__(self, other: object) -> bool:
        return self is other or (isinstance(other, type) and issubclass(other, Inert))

    __hash__ = object.__hash__


class _InertList(list[Any]):
    origin = ""

    def __init__(self, *arguments: object) -> None:
        super().__init__()


class _InertDict:
    """Makes an OrderedDict, the only kind that torch fills, and marks it as one that was of another kind."""

    origin = ""

    def __new__(cls, *arguments: object) -> Any:
        result: Any = OrderedDict()
        result.origin = cls.origin
        return result


def stand_ins(path: Path, like_dict: Collection[str], like_list: Collection[str]) -> tuple[list[Pair], list[str]]:
    """Return a stand-in for each class and function that a file of torch names.

    Args:
        path: file that `torch.save` wrote.
        like_dict: names of classes that are filled as dicts are.
        like_list: names of classes that are filled as lists are.

    Returns:
        Pairs for `torch.serialization.safe_globals` (what torch itself knows goes before them), and the names that no
        file of weights has a use for.
    """
    pairs: list[Pair] = []
    refused = []
    for module, name in dict.fromkeys(_globals(path)):
        full = f"{module}.{name}"
        kind = _InertDict if full in like_dict else _InertList if full in like_list else Inert
        if _holds_values(module, name):
            pairs.append((type(full, (kind,), {"origin": full}), full))
        else:
            refused.append(full)
    return pairs, refused


def filled(message: str) -> str | None:
    """Return the name of the class that torch would not fill, of which it tells in an error; else None."""
    result = re.search(rf"<class '{re.escape(__name__)}\.(.+?)'>", message)
    return result[1] if result else None


def foreign_object(content: Any) -> str | None:
    """Return the name of the first thing in it that is no plain value, and was replaced by a stand-in; else None."""
    if isinstance(content, Inert) or (isinstance(content, type) and issubclass(content, Inert | _InertDict)):
        return content.origin
    if isinstance(content, _InertList | OrderedDict) and hasattr(content, "origin"):
        return str(content.origin)
    if isinstance(content, Mapping):
        parts = (*content.keys(), *content.values())
    elif isinstance(content, list | tuple | set):
        parts = tuple(content)
    else:
        return None
    return next((name for name in map(foreign_object, parts) if name is not None), None)


def forget_origin(content: Any) -> None:
    """Let a dict that was of another kind pass for a plain one, where it is kept."""
    if isinstance(content, OrderedDict):
        vars(content).pop("origin", None)


def _holds_values(module: str, name: str) -> bool:
    if module == "builtins":
        return name in _BUILTINS
    top = module.split(".")[0]
    return top in _OF_VALUES or top not in sys.stdlib_module_names


def _globals(path: Path) -> Iterator[tuple[str, str]]:
    """Yield module and name of all that a file's pickles name, as Python 3 calls them; nothing of them is loaded."""
    try:
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                member = next(name for name in archive.namelist() if name.endswith("data.pkl"))
                with archive.open(member) as stream:
                    yield from _named(stream)
        else:
            with path.open("rb") as stream:
                for _ in range(_PICKLES):
                    yield from _named(stream)
    # of a damaged file torch says what is wrong
    except Exception:
        return


def _named(stream: IO[bytes]) -> Iterator[tuple[str, str]]:
    for operation, argument, _ in pickletools.genops(stream):
        if operation.name == "GLOBAL":
            module, _, name = str(argument).partition(" ")
            module, name = NAME_MAPPING.get((module, name), (IMPORT_MAPPING.get(module, module), name))
            yield module, name
