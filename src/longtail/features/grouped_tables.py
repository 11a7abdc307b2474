"""Groups and events of several splits: one name is one group in all of them, and what they share is told."""

from collections.abc import Mapping
from dataclasses import replace
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from longtail.features.feature_file import FeatureFile
from longtail.features.feature_table import Table
from longtail.features.groups import Groups, numbered_alike, shared_groups_note

__all__ = ["grouped_alike"]

Rows = TypeVar("Rows", Table, FeatureFile)


def grouped_alike(tables: Mapping[str, Rows], notes: list[str]) -> dict[str, Rows]:
    """Number groups and events of all splits alike; where a split has none and another has, each row is its own.

    Args:
        tables: by split, or opened files.
        notes: for people, to which are added splits without groups, and groups that lie in several splits.
    """
    groups = _alike({split: (one.groups, one.group_names) for split, one in tables.items()}, tables, "groups", notes)
    events = _alike({split: (one.events, one.event_names) for split, one in tables.items()}, tables, "events", notes)
    result = dict(tables)
    for split, (numbers, names) in groups.items():
        result[split] = replace(result[split], groups=numbers, group_names=names)
    for split, (numbers, names) in events.items():
        result[split] = replace(result[split], events=numbers, event_names=names)
    if groups:
        notes += filter(None, [shared_groups_note({split: numbers for split, (numbers, _) in groups.items()})])
    return result


def _alike(
    stored: Mapping[str, tuple[NDArray[np.int64] | None, tuple[str, ...] | None]],
    tables: Mapping[str, Rows],
    what: str,
    notes: list[str],
) -> dict[str, Groups]:
    given = {split: (numbers, names or ()) for split, (numbers, names) in stored.items() if numbers is not None}
    if not given:
        return {}
    without = [split for split in tables if split not in given]
    if without:
        verb = "has" if len(without) == 1 else "have"
        notes.append(
            f"{', '.join(without)} {verb} no {what}, as {', '.join(given)} has: each row is taken as one of its own"
        )
    rows = {split: _number_of_rows(tables[split]) for split in without}
    alone: dict[str, Groups] = {split: (np.arange(number), ("",) * number) for split, number in rows.items()}
    return numbered_alike({split: given[split] if split in given else alone[split] for split in tables})


def _number_of_rows(one: Table | FeatureFile) -> int:
    return len(one.values if isinstance(one, Table) else one.features)
