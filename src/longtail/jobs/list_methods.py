"""`longtail methods`: which methods there are, and what can be set of each."""

import inspect
import re
from dataclasses import dataclass
from typing import Any

import tyro

__all__ = ["MethodsConfig", "run"]


@dataclass(frozen=True)
class MethodsConfig:
    """List the methods, or the settings of one."""

    method: tyro.conf.Positional[str | None] = None
    """Name of a method, whose settings are listed; default: all methods."""


def run(config: MethodsConfig) -> None:
    """Print the methods, or the settings of one with defaults, ranges and meaning."""
    name = None if config.method is None else config.method.strip().lower()
    print("\n".join(_all_methods() if name in (None, "usual", "all", "auto") else _settings_of(name)))


def _all_methods() -> list[str]:
    from longtail.comparison import METHODS
    from longtail.comparison.method_names import USUAL_METHODS, wanted_methods

    named_only = [name for name in METHODS if name not in wanted_methods("all")]
    return [
        "methods, from the simplest to the most elaborate:",
        *(f"  {name:<10}{method.summary}" for name, method in METHODS.items()),
        "",
        f"usual: {', '.join(USUAL_METHODS)}; all: all but {', '.join(named_only)};",
        "auto: several that decide together, or the best, where choices are made; fitted again.",
        "`longtail methods NAME` lists the settings of one: --set NAME.SETTING=VALUE.",
    ]


def _settings_of(name: str) -> list[str]:
    from longtail.comparison.method_settings import method_of, settable
    from longtail.heads.parameters import describe_constraints

    method = method_of(name)
    meanings = _meanings(method.estimator)
    lines = [f"{name}: {method.summary} (longtail.{method.estimator.__name__})", ""]
    for setting, default in settable(method).items():
        allowed = method.estimator._parameter_constraints.get(setting)
        expected = f"one of {', '.join(method.presets)}" if allowed is None else describe_constraints(allowed)
        meaning = meanings.get(setting, "a group of settings that was published; those that are named besides hold")
        lines += [f"  {name}.{setting}={_typed(default)}", f"      {meaning}", f"      expected: {expected}"]
    return lines if len(lines) > 2 else [*lines, "  it is made of other methods, and has no settings"]


def _meanings(estimator: type[Any]) -> dict[str, str]:
    """Return what the docstring of a head says of each parameter, on a line each."""
    text = inspect.cleandoc(estimator.__doc__ or "")
    section = re.search(r"^Args:\n(.*?)(?=^\S|\Z)", text, re.MULTILINE | re.DOTALL)
    parts = re.split(r"^ {4}(\w+): ", section[1] if section else "", flags=re.MULTILINE)[1:]
    return {name: " ".join(words.split()) for name, words in zip(parts[::2], parts[1::2], strict=True)}


def _typed(value: Any) -> str:
    """Return a default as it is typed."""
    if isinstance(value, tuple | list):
        return ",".join(map(_typed, value))
    return str(value).lower() if isinstance(value, bool) or value is None else str(value)
