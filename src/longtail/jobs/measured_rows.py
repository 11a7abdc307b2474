"""The rows of other features that a run's heads may be measured on: numbered by its classes, none that they learnt."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from longtail.errors import InputError
from longtail.features import Changed, FeatureFile, Table, read_tables
from longtail.features.known_rows import part_of, row_identity
from longtail.files.text import printable
from longtail.identity import Changes, RowIdentity, match_rows
from longtail.runs import Run

__all__ = ["MeasuredRows", "rows_to_measure"]

BY_CHANCE = 0.05  # of the rows


@dataclass(frozen=True)
class MeasuredRows:
    """Rows with labels, and which of them the run knows.

    Attributes:
        file: features and class indices, as the run numbers its classes.
        learnt: whether the run had a row in another split, shape (N,).
        known: in words, in which splits; empty where there are none.
        notes: what a person should know.
    """

    file: FeatureFile
    learnt: NDArray[np.bool_]
    known: str
    notes: tuple[str, ...]


def rows_to_measure(run: Run, path: Path, split: str, changed: Changed = "ask") -> MeasuredRows:
    """Open features that are not the run's own, to measure its heads on them.

    Columns are matched with the run's by name, classes by theirs. Of a file that says to which split its rows belong
    those of `split` are taken, of any other all. Where most of those are rows of the run, these are its data once more,
    and the rows that it had in other splits are left out.

    Args:
        run: opened.
        path: folder or file.
        split: "train", "val" or "test".
        changed: what becomes of rows of the run that have other values or labels here: "ask" refuses them.

    Raises:
        InputError: unusable, of classes that the run does not know, without rows of that split, or with rows of the run
            that are others here.
    """
    tables = read_tables(path, run.reading.columns, features=run.feature_names)
    table = _of_split(tables, split, path)
    notes = list(table.notes)
    learnt, known = np.zeros(len(table.values), dtype=np.bool_), ""
    if run.rows is not None:
        now = row_identity(table)
        places, changes = match_rows(run.rows, now)
        there = {name: rows[rows >= 0] for name, rows in places.items()}
        others = {name: _with_copies(there[name], run.rows[name], now, changes) for name in there if name != split}
        others = {name: rows for name, rows in others.items() if len(rows)}
        known = ", ".join(f"{len(rows):,} of {name}" for name, rows in others.items())
        for rows in others.values():
            learnt[rows] = True
        states_split = "" not in tables or tables[""].split is not None
        is_from_run = not states_split and 2 * sum(map(len, there.values())) > len(table.values)
        stays = np.ones(len(table.values), dtype=np.bool_)
        if others and is_from_run and len(there.get(split, ())):
            notes.append(
                f"{printable(path)}: these are the run's own data: the rows that it had in other splits are left out "
                f"({known})"
            )
            stays, known = ~learnt, ""
        measured = {name: rows[stays[places[name][rows]]] for name, rows in changes.changed.items()}
        differing = {name: rows for name, rows in measured.items() if len(rows)}
        if differing:
            change_note = Changes(changes.added[:0], {}, differing).describe(run.rows, now)
            notes.append(_settled(f"{printable(path)}: {change_note}", _number(differing), now, changed))
            if changed == "leave-out":
                for name, rows in differing.items():
                    stays[places[name][rows]] = False
        if not stays.all():
            table, learnt = part_of(table, np.flatnonzero(stays)), learnt[stays]
    if table.labels is None:
        raise InputError(f"{printable(path)}: has no labels.")
    labels = table.labels.numbered(
        run.class_names, origin=printable(table.path), known_from=f"the run in {printable(run.folder)}"
    )
    return MeasuredRows(table.numbered(labels), learnt, known, tuple(notes))


def _with_copies(
    places: NDArray[np.int64], known: RowIdentity, now: RowIdentity, changes: Changes
) -> NDArray[np.int64]:
    """Return where rows of the run stand, and those that hold the same under another name."""
    copies = changes.added[np.isin(now.contents[changes.added], known.contents)]
    return np.union1d(places, copies)


def _number(rows: dict[str, NDArray[np.int64]]) -> int:
    return sum(map(len, rows.values()))


def _settled(note: str, number: int, now: RowIdentity, changed: Changed) -> str:
    """Return what to say of rows of the run that are others here, unless it is a question that nobody answered."""
    # without names a few rows may hold by chance what a row of the run holds
    if changed == "ask" and (now.names is not None or number > BY_CHANCE * len(now)):
        raise InputError(
            f"{note}: the run knows them with other values or labels. Say what becomes of them: `changed` leave-out, "
            "or `changed` use."
        )
    return f"{note}; {'left out' if changed == 'leave-out' else 'measured as they are here'}"


def _of_split(tables: dict[str, Table], split: str, path: Path) -> Table:
    if split in tables:
        return tables[split]
    if "" not in tables:
        raise InputError(f"{printable(path)}: holds no rows of {split}; it has {', '.join(tables)} (`split`).")
    table = tables[""]
    if table.split is None:
        return table
    rows = np.flatnonzero(np.char.lower(np.strings.strip(table.split)) == split)
    if not len(rows):
        there = ", ".join(sorted(set(table.split.tolist()))[:5])
        raise InputError(f"{printable(path)}: no row is of the split {split}; there are {there} (`split`).")
    return part_of(table, rows)
