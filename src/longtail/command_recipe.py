"""Which recipe a command starts from: the one that is typed, or the one that a file of settings names."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from longtail.errors import InputError, did_you_mean
from longtail.files.text import printable

if TYPE_CHECKING:
    from longtail.config_file import ConfigFile

__all__ = ["chosen_recipe"]

NAMELESS = '{file}: names no recipe. Type one behind `{program}`, or write recipe = "digits".'


def chosen_recipe(arguments: list[str], program: str, file: "ConfigFile | None" = None) -> tuple[str, list[str], Any]:
    """Return the recipe, the arguments that are left, and the recipe's settings.

    Args:
        arguments: what was typed behind `program`, without --config.
        program: the command up to there, for messages.
        file: that was named by --config.

    Raises:
        InputError: no recipe, one that there is not, or another than the file's.
        SystemExit: the list of recipes was asked for, and is printed.
    """
    from longtail.recipes import RECIPES

    is_typed = bool(arguments) and not arguments[0].startswith("-")
    named = None if file is None else _recipe_in(file)
    if file is not None and named is not None and not is_typed:
        return named, arguments, _settings_of(named)
    if not arguments or arguments[0] in ("-h", "--help"):
        if file is not None and not arguments:
            raise InputError(NAMELESS.format(file=printable(file.path), program=program))
        lines = [f"  {name:<24}{(build.__doc__ or '').splitlines()[0]}" for name, build in RECIPES.items()]
        print(f"usage: {program} RECIPE [OPTIONS]\n\nrecipes:\n" + "\n".join(lines))
        print(f"\n`{program} RECIPE --help` lists every setting of a recipe.")
        print(f"`{program} --config FILE` takes recipe and settings from the config.json of a run, or from TOML.")
        raise SystemExit(0)
    name, rest = arguments[0], arguments[1:]
    if file is not None and not is_typed and name != "--data":
        raise InputError(NAMELESS.format(file=printable(file.path), program=program))
    if name == "--data" or (name not in RECIPES and Path(name).exists()):
        # a folder where the recipe should stand: that of folders is meant
        name, rest = "folder", arguments if name == "--data" else ["--data", *arguments]
    if name not in RECIPES:
        raise InputError(_no_recipe(name))
    default = _settings_of(name)
    if default.dataset == "folder" and rest and not rest[0].startswith("-"):
        rest = ["--data", *rest]
    if file is not None and named is not None and named != name:
        is_certain = _word(file, "recipe") is not None  # else known by its data set, which two recipes may share
        if is_certain or RECIPES[named]().dataset != default.dataset:
            raise InputError(
                f"{printable(file.path)}: holds settings of the recipe {named}, not of {name}. Leave {name} out, or "
                "name another file."
            )
    return name, rest, default


def _settings_of(name: str) -> Any:
    from longtail.recipes import RECIPES

    settings = RECIPES[name]()
    return replace(settings, recipe=name, recipe_set=settings.heads.set)


def _recipe_in(file: "ConfigFile") -> str | None:
    """Return the recipe that a file's settings belong to; files of older versions name the data set alone.

    Raises:
        InputError: there is no such recipe.
    """
    from longtail.recipes import RECIPES

    name, dataset = _word(file, "recipe"), _word(file, "dataset")
    if name is not None and name not in RECIPES:
        raise InputError(f"{printable(file.path)}: {_no_recipe(name)}")
    return name or next((name for name, build in RECIPES.items() if build().dataset == dataset), None)


def _word(file: "ConfigFile", key: str) -> str | None:
    """Return a text that stands in a file by itself, or with the settings of a study's runs."""
    run = file.content.get("run")
    value = file.content.get(key, run.get(key) if isinstance(run, dict) else None)
    return value if isinstance(value, str) else None


def _no_recipe(name: str) -> str:
    from longtail.recipes import RECIPES

    perhaps = did_you_mean(name.replace("_", "-"), RECIPES)
    return f"no recipe {name!r}.{perhaps} Recipes: {', '.join(RECIPES)}."
