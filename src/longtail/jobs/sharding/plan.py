"""What all workers on the shards of a folder agree on: written by the first, checked by the others."""

import json
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any, NotRequired, TypedDict

from longtail.errors import InputError
from longtail.files.claims import write_once
from longtail.files.json_file import read_json
from longtail.files.text import printable

__all__ = ["PLAN", "Plan", "agreed_plan", "features_of_shard", "plan_key", "read_plan"]

PLAN = "plan.json"


class Plan(TypedDict):
    """What a folder of shards' features is made of.

    Attributes:
        shards: names, in order.
        place: folder that the names begin at, as the first worker saw it.
        weights: fingerprint of the network.
        backbone: its name.
        preprocessing: from decoded images to its input.
        classes: names in the order of its trained classifier; empty where it has none.
        data: settings by which shards are read.
        dtype: of the stored features.
        device: kind of device that computes: others round otherwise.
        precision: of the network's arithmetic.
        threads: of each worker on a CPU: other numbers round otherwise; 0 elsewhere.
        compiled: there, and true, where the network is compiled.
    """

    shards: list[str]
    place: str
    weights: str
    backbone: str
    preprocessing: dict[str, Any]
    classes: list[str]
    data: dict[str, Any]
    dtype: str
    device: str
    precision: str
    threads: int
    compiled: NotRequired[bool]


_WORDS = {
    "weights": "another network",
    "backbone": "another network",
    "preprocessing": "another preprocessing",
    "data": "other settings of the data",
    "dtype": "another --dtype",
    "device": "another kind of device",
    "precision": "another --precision",
    "threads": "another number of --threads",
    "compiled": "another --compile",
}


def read_plan(folder: Path) -> Plan:
    """Read what the features in a folder are made of.

    Raises:
        InputError: no such file, or damaged.
    """
    return read_json(folder / PLAN, Plan, expected="the plan that `longtail extract --shards` begins a folder with")


def agreed_plan(folder: Path, plan: Plan, given: Sequence[str] = ()) -> Plan:
    """Return the plan of a folder; it becomes this one where there is none yet.

    Args:
        folder: of the results.
        plan: of this worker.
        given: what a person has named of `precision` and `threads`; of the rest the first worker's is taken over.

    Raises:
        InputError: the folder was begun with something else.
    """
    path = folder / PLAN
    if write_once(path, json.dumps(plan, indent=1) + "\n"):
        return plan
    begun = read_plan(folder)
    if begun["shards"] != plan["shards"]:
        new = set(plan["shards"]) - set(begun["shards"])
        what = f"{len(new):,} that are new (the first: {printable(min(new))})" if new else "in another order, or fewer"
        raise InputError(
            f"{printable(folder)} was begun with {len(begun['shards']):,} shards, not with these "
            f"{len(plan['shards']):,} ({what}). Choose another --out, or name the same shards."
        )
    taken_over = {"precision", "threads"} - set(given)
    before: dict[str, Any] = {"compiled": False, **begun}
    values: dict[str, Any] = {"compiled": False, **plan}
    other = [name for name in _WORDS if name not in taken_over and values[name] != before[name]]
    if other:
        raise InputError(
            f"{printable(folder)} was begun with {_WORDS[other[0]]}: {_shown(before[other[0]])}, not "
            f"{_shown(values[other[0]])}. Choose another --out, or the same settings."
        )
    return begun


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return "always" if value else "never"
    text = value if isinstance(value, str) else json.dumps(value)
    return printable(text if len(text) <= 300 else f"{text[:300]} ...")


def plan_key(plan: Plan) -> str:
    """Return a fingerprint of all that features depend on, which every shard's file holds."""
    facts = {name: value for name, value in plan.items() if name not in ("shards", "place", "threads")}
    return sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def features_of_shard(folder: Path, name: str) -> Path:
    """Return where the features of a shard are put."""
    return folder / "shards" / f"{name}.h5"
