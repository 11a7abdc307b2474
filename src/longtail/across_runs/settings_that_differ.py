"""The settings in which runs differ."""

from collections.abc import Sequence
from typing import Any

from longtail.across_runs.measured_run import MeasuredRun

__all__ = ["settings_that_differ"]

OF_THE_CALL = frozenset({"runtime.out", "runtime.quiet", "runtime.timeout", "seeds", "recipe_set"})  # change no result
ABSENT = "-"


def settings_that_differ(runs: Sequence[MeasuredRun]) -> list[dict[str, Any]]:
    """Return the settings of config.json that are not the same in all runs, as they are typed.

    Args:
        runs: with their letters.

    Returns:
        {"name", "values": by letter} each; "-" where a run, of another verb or version, has no such setting.
    """
    flat = {one.letter: _flat(one.run.settings) for one in runs}
    names = list(dict.fromkeys(name for settings in flat.values() for name in settings))
    rows: list[dict[str, Any]] = [
        {
            "name": name.split(".")[-1].replace("_", "-"),
            "values": {letter: _words(settings, name) for letter, settings in flat.items()},
        }
        for name in names
        if name not in OF_THE_CALL
    ]
    versions = {one.letter: str((one.run.results["environment"]).get("longtail", ABSENT)) for one in runs}
    rows.append({"name": "version of longtail", "values": versions})
    return [row for row in rows if len(set(row["values"].values()) - {ABSENT}) > 1]


def _flat(nested: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in nested.items():
        flat |= _flat(value, f"{prefix}{name}.") if isinstance(value, dict) else {prefix + name: value}
    return flat


def _words(settings: dict[str, Any], name: str) -> str:
    value = settings.get(name, ABSENT)
    if isinstance(value, list):
        return " ".join(map(str, value)) or "none"
    return "none" if value is None else {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)
