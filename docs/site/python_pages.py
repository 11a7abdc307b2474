"""The reference of the Python names: a page a room, from the docstrings."""

import inspect
from functools import cache
from importlib import import_module
from types import ModuleType
from typing import Any

import longtail

__all__ = ["documented_names", "python_pages"]

# methods that scikit-learn and torch give to every class of theirs
_FOREIGN = (
    "BaseEstimator, ClassifierMixin, TransformerMixin, ReprHTMLMixin, _MetadataRequester, _SetOutputMixin, "
    "_HTMLDocumentationLinkMixin, Module, Sampler, tuple, Exception"
)
_LONGEST_VALUE = 300  # a list of words is shown, a table of methods is not
_ROUTING = "set_fit_request, set_predict_request, set_score_request, set_transform_request, set_predict_proba_request"


@cache
def _names() -> dict[str, list[tuple[str, str]]]:
    """Return for each room, in the order of the pages, its names: (where it is imported from, its name)."""
    rooms: dict[str, list[tuple[str, str]]] = {}
    for room in (f"longtail.{name}" for name in longtail._ROOMS):
        module = import_module(room)
        public = [name for name in getattr(module, "__all__", ()) if not isinstance(getattr(module, name), ModuleType)]
        rooms[room] = [(room, name) for name in public]
    for name, home in longtail._HOME.items():
        inside = rooms.setdefault(_room(home), [])
        if name not in [other for _, other in inside]:
            inside.append((home, name))
    return {room: names for room, names in rooms.items() if names}


def _room(home: str) -> str:
    return ".".join(home.split(".")[:2])


@cache
def documented_names() -> dict[str, str]:
    """Return {what a name may be called: what it is called on its page}."""
    rooms = _names()
    result: dict[str, str] = {}
    for place, name in (one for names in rooms.values() for one in names):
        thing = getattr(import_module(place), name)
        result.setdefault(name, f"{place}.{name}")
        result[f"{getattr(thing, '__module__', place)}.{name}"] = f"{place}.{name}"
    for name, home in longtail._HOME.items():  # of two of one name, `longtail.NAME` is what is meant
        place = next(place for place, other in rooms[_room(home)] if other == name)
        result[name] = result[f"longtail.{name}"] = f"{place}.{name}"
    return {name: shown for name, shown in result.items() if name != shown}


def python_pages() -> dict[str, str]:
    """Return {path of a page: its text}."""
    rooms = _names()
    pages = {
        f"reference/python/{room.removeprefix('longtail.')}.rst": _room_page(room, names)
        for room, names in rooms.items()
    }
    entries = "\n".join(f"   {room.removeprefix('longtail.')}" for room in rooms)
    shown = documented_names()
    table = "\n".join(f"   ~{shown.get(f'longtail.{name}', f'longtail.{name}')}" for name in sorted(longtail._HOME))
    pages["reference/python/index.rst"] = (
        f"{_heading('Python')}\n\n"
        "What ``import longtail`` gives: each name below is ``longtail.NAME`` too. How they work together stands in\n"
        ":doc:`/how-to/from-python`; the rooms at the side hold everything that is public.\n\n"
        f".. autosummary::\n   :nosignatures:\n\n{table}\n\n.. toctree::\n   :hidden:\n\n{entries}\n"
    )
    return pages


def _heading(text: str) -> str:
    return f"{text}\n{'=' * len(text)}"


def _room_page(room: str, names: list[tuple[str, str]]) -> str:
    module = import_module(room)
    about = inspect.cleandoc(module.__doc__ or "").split("\n\n")[0]
    parts = [_heading(room), about.replace("`", "``")]
    parts += [f".. py:module:: {place}\n   :no-index-entry:" for place in dict.fromkeys(place for place, _ in names)]
    return "\n\n".join([*parts, *(_entry(place, name) for place, name in names)]) + "\n"


def _entry(place: str, name: str) -> str:
    thing: Any = getattr(import_module(place), name)
    if inspect.isclass(thing):
        options = ("show-inheritance:", "members:", f"inherited-members: {_FOREIGN}", f"exclude-members: {_ROUTING}")
        return "\n".join([f".. autoclass:: {place}.{name}", *(f"   :{option}" for option in options)])
    if callable(thing):
        return f".. autofunction:: {place}.{name}"
    value = repr(thing).replace("typing.", "")
    return f".. py:data:: {place}.{name}" + (f"\n   :value: {value}" if len(value) < _LONGEST_VALUE else "")
