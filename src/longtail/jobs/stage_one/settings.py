"""Settings of a training as its folder holds them, and whether it may go on with those of a later call."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from longtail.errors import InputError
from longtail.jobs.options import DataOptions, StageOneOptions, UnlabelledOptions

__all__ = ["check_same", "plain", "usual_settings"]

HARMLESS = frozenset({"save_every", "workers", "use", "download", "rebalance_twice"})  # change no result


def plain(value: Any) -> Any:
    """Turn settings into what JSON and a checkpoint can hold: paths become strings, tuples lists.

    Example:
        >>> plain({"out": Path("runs"), "points": (1, 2)})
        {'out': 'runs', 'points': [1, 2]}
    """
    return json.loads(json.dumps(value, default=str))


def usual_settings() -> dict[str, Any]:
    """Give the defaults of stage 1: what a run of an earlier version had in place of settings that were added since."""
    usual = {
        "data": asdict(DataOptions()),
        "stage": asdict(StageOneOptions()),
        "unlabelled": asdict(UnlabelledOptions()),
    }
    return plain(usual)  # type: ignore[no-any-return]


def check_same(before: dict[str, Any], now: dict[str, Any], folder: Path) -> None:
    """Refuse to go on with other settings; how often is saved and how many workers load changes no result.

    Args:
        before: settings of the run in `folder`; the defaults of what it does not name are those of today.
        now: settings that were given.
        folder: of the run.

    Raises:
        InputError: they differ.
    """
    usual = {name: value for name, value in usual_settings().items() if name in now}
    old, new = _flat(usual) | _flat(before), _flat(now)
    other = [name for name in old if name.split(".")[-1] not in HARMLESS and old[name] != new.get(name)]
    if other:
        first = other[0]
        raise InputError(
            f"{folder} holds a run with other settings: {first.split('.')[-1].replace('_', '-')} {old[first]}, not "
            f"{new.get(first)}{f' (and {len(other) - 1} more)' if len(other) > 1 else ''}. "
            "Choose another --out, delete that folder, or call with its settings."
        )


def _flat(nested: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in nested.items():
        if isinstance(value, dict):
            flat |= _flat(value, f"{prefix}{name}.")
        else:
            flat[prefix + name] = value
    return flat
