"""The reference of the command line: a page a verb, from the dataclasses of its settings."""

import inspect
from collections.abc import Iterator
from importlib import import_module
from typing import Any

from longtail.cli import VERBS
from longtail.command_help import Option, setting_groups
from longtail.recipes import RECIPES
from longtail.studies import STUDIES

__all__ = ["command_pages"]

_PLACE = "reference/commands"


def command_pages() -> dict[str, str]:
    """Return {path of a page: its text}."""
    pages = {f"{_PLACE}/{verb}.rst": _page(f"longtail {verb}", _kind(place), place[2]) for verb, place in VERBS.items()}
    pages[f"{_PLACE}/run.rst"] += "\n\n".join(
        ["", _heading("Recipes", "-"), *(_recipe(*one) for one in RECIPES.items())]
    )
    for name, (module, kind, takes_recipe, summary) in STUDIES.items():
        program = f"longtail study {name}{' RECIPE' if takes_recipe else ''}"
        pages[f"{_PLACE}/study-{name}.rst"] = _page(program, getattr(import_module(module), kind), summary)
    pages[f"{_PLACE}/index.rst"] = _index()
    return pages


def _kind(place: tuple[str, str, str]) -> type:
    return getattr(import_module(place[0]), place[1])  # type: ignore[no-any-return]


def _heading(text: str, sign: str = "=") -> str:
    return f"{text}\n{sign * len(text)}"


def _escape(text: str) -> str:
    for sign in "\\*`|_":
        text = text.replace(sign, f"\\{sign}")
    return text


def _index() -> str:
    verbs = [(f":doc:`longtail {verb} <{verb}>`", place[2]) for verb, place in VERBS.items()]
    studies = [(f":doc:`longtail study {name} <study-{name}>`", place[3]) for name, place in STUDIES.items()]
    toctree = [*VERBS, *(f"study-{name}" for name in STUDIES)]
    return "\n\n".join(
        [
            _heading("The command line"),
            "Every verb takes ``--config FILE`` too (settings of a config.json, or of TOML), and ``--help`` prints\n"
            "what stands here. What is typed again after a stop goes on where it stopped.",
            _table(verbs),
            _heading("Studies", "-"),
            "The papers' analyses, on any data.",
            _table(studies),
            ".. toctree::\n   :hidden:\n\n" + "\n".join(f"   {name}" for name in toctree) + "\n",
        ]
    )


def _table(rows: list[tuple[str, str]]) -> str:
    lines = [f"   * - {left}\n     - {_escape(right)}" for left, right in rows]
    return ".. list-table::\n   :widths: 30 70\n\n" + "\n".join(lines)


def _recipe(name: str, recipe: Any) -> str:
    first, *more = inspect.cleandoc(recipe.__doc__ or "").split("\n\n")
    return "\n\n".join([_heading(name, "~"), *(_escape(one) for one in (first, *more))])


def _page(program: str, kind: type, summary: str) -> str:
    groups = setting_groups(kind)
    arguments = [option for option in groups[0][1] if option.is_positional]
    if program == "longtail run":
        program = "longtail run RECIPE"
    required = [
        option.left for _, inside in groups for option in inside if option.is_required and not option.is_positional
    ]
    usage = " ".join(
        [program, *(one.left if one.is_required else f"[{one.left}]" for one in arguments), *required, "[OPTIONS]"]
    )
    name = program.removesuffix(" RECIPE")
    parts = [
        _heading(name),
        _escape(summary[:1].upper() + summary[1:]) + ".",
        f"::\n\n    {usage}",
        "In brackets stands what holds where nothing is typed.",
        f".. program:: {name}",
    ]
    for heading, inside in groups:
        if heading:
            parts.append(_heading(heading[:1].upper() + heading[1:], "-"))
        parts += list(_options(inside))
    return "\n\n".join(parts) + "\n"


def _options(options: list[Option]) -> Iterator[str]:
    for option in options:
        end = "" if option.phrase.endswith("...") else "."
        phrase = _escape(option.phrase.replace("| ", " | "))
        yield f".. option:: {option.left}\n\n   {phrase}{end}"
