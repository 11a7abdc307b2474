"""The rows that a run was made of, found again in data that are opened anew."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from longtail.errors import InputError
from longtail.features.feature_file import SPLITS
from longtail.features.feature_table import Table
from longtail.features.groups import group_words
from longtail.files.text import printable
from longtail.identity import RowIdentity, hash_content, identify_rows, match_rows

__all__ = ["Changed", "known_rows", "part_of", "row_identity"]

BLOCK = 8192  # rows that are looked at together
# what becomes of rows that are another than they were, under the same name
Changed = Literal["ask", "leave-out", "use"]


def row_identity(table: Table) -> RowIdentity:
    """Return by what the rows of a table are known again: their ids or, without, their values.

    Label and group are part of what they hold: where one is another now, that is told.
    """
    groups = None if table.groups is None else group_words(table.groups, table.group_names or ()).tolist()
    words = None if table.labels is None else [name.encode() for name in table.labels.names]
    hashed, values = np.empty(len(table.values), dtype=np.uint64), np.empty(len(table.values), dtype=np.uint64)
    for first in range(0, len(hashed), BLOCK):
        for place, row in enumerate(np.ascontiguousarray(table.values[first : first + BLOCK]), start=first):
            label = b"" if words is None or table.labels is None else words[table.labels.codes[place]]
            together = b"" if groups is None else f"\0{groups[place]}".encode("utf-8", "surrogateescape")
            raw = row.tobytes()
            values[place], hashed[place] = hash_content(raw), hash_content(raw + label + together)
    return identify_rows(hashed, table.ids, known_by=values)


def known_rows(
    path: Path, tables: Mapping[str, Table], known: Mapping[str, RowIdentity], changed: Changed
) -> tuple[dict[str, Table], tuple[str, ...]]:
    """Take the rows of a run as they were divided then, wherever they stand now.

    Args:
        path: that the tables were opened at.
        tables: by split, or one under "".
        known: the rows of the run, by split.
        changed: what becomes of rows whose content is another now.

    Returns:
        Its rows by split, and notes on what has changed.

    Raises:
        InputError: changed rows, where nothing is said of them, or a split of which no row is there.
    """
    by_split = "" not in tables
    parts: dict[str, Table] = {}
    change_notes, notes = list[str](), list[str]()
    for split, table in tables.items():
        of_then = {split: known[split]} if by_split and split in known else {} if by_split else known
        now = row_identity(table)
        places, changes = match_rows(of_then, now) if of_then else ({}, None)
        if changes:
            change_notes.append(f"{printable(table.path)}: {changes.describe(of_then, now)}")
            if any(map(len, changes.changed.values())) and changed == "ask":
                raise InputError(
                    f"{change_notes[-1]}. The run was made of the rows as they were. Give those (`features`), or say "
                    "what becomes of the others: `changed` leave-out, or `changed` use."
                )
        for name, rows in places.items():
            stay = rows >= 0
            if changes and changed == "leave-out":
                stay[changes.changed[name]] = False
            if not stay.any():
                raise InputError(
                    f"{printable(path)}: none of the {len(rows):,} {name} rows that the run was made of is there. Give "
                    "the features that it was fitted on (`features`)."
                )
            same = len(rows) == len(table.values) and (rows == np.arange(len(rows))).all()
            parts[name] = table if same and stay.all() else part_of(table, rows[stay])
    if change_notes:
        what = {"ask": "", "leave-out": ", and changed ones are left out", "use": ", and changed ones as they are now"}
        notes.append(f"changed since the run: {'; '.join(change_notes)}. Its own rows are taken{what[changed]}")
    absent = [split for split in known if split not in parts]
    if "train" in absent:
        raise InputError(f"{printable(path)}: the training rows of the run are not there.")
    notes += [f"{printable(path)}: the rows of {split} that the run had are not there" for split in absent]
    return {split: parts[split] for split in SPLITS if split in parts}, tuple(notes)


def part_of(table: Table, rows: NDArray[np.int64]) -> Table:
    """Return some rows of a table."""
    return replace(
        table,
        values=table.values[rows],
        labels=None if table.labels is None else table.labels.take(rows),
        split=None,
        ids=None if table.ids is None else table.ids[rows],
        rows=rows if table.rows is None else table.rows[rows],
        groups=None if table.groups is None else table.groups[rows],
        events=None if table.events is None else table.events[rows],
        weights=None if table.weights is None else table.weights[rows],
        views=None if table.views is None else table.views.take(rows),
    )
