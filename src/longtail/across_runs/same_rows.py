"""Which rows of one run are rows of another: by what they are called, by what they hold, or by their place."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from longtail.across_runs.measured_run import MeasuredRun
from longtail.files.text import counted

__all__ = ["SharedRows", "shared_rows"]

LEAST = 0.5  # of the first run's rows: with fewer in common, runs are of other data

Keys = NDArray[Any]


@dataclass(frozen=True)
class SharedRows:
    """Where the rows of a first run stand in another.

    Attributes:
        places: in the other run, shape (N,); -1 for a row that it does not have.
        apart: why it is of other data, in words; None where it is not.
        notes: what is to be known of the rows.
    """

    places: NDArray[np.int64]
    apart: str | None = None
    notes: tuple[str, ...] = ()


def shared_rows(first: MeasuredRun, other: MeasuredRun) -> SharedRows:
    """Find the rows that two runs were both measured on.

    Rows are known by their ids, else by what they hold; rows without names by their place, where all labels agree.
    Images of the same name that hold something else are others, and so are rows with another label.

    Args:
        first: the run that others are compared with.
        other: another one.
    """
    nowhere = np.full(len(first.rows.labels), -1, dtype=np.int64)
    names, others = first.run.class_names, other.run.class_names
    if other.split != first.split:
        return SharedRows(nowhere, f"it was measured on {other.split}, {first.letter} on {first.split}")
    if set(names) != set(others):
        odd = next(name for name in (*others, *names) if (name in names) != (name in others))
        owner = other.letter if odd in others else first.letter
        return SharedRows(nowhere, f"it has other classes: {odd!r} is one of {owner} alone")
    labels = class_places(first, other)[other.rows.labels]
    most = 0
    for keys, their_keys, how in _keys(first, other):
        places = _places(keys, their_keys)
        shared = np.flatnonzero(places >= 0)
        relabelled = shared[first.rows.labels[shared] != labels[places[shared]]]
        if how == "place" and (len(relabelled) or len(places) != len(labels)):
            continue
        changed = _changed(first, other, places, shared)
        places[relabelled], places[changed] = -1, -1
        most = max(most, int((places >= 0).sum()))
        if most > LEAST * len(places):
            return SharedRows(places, None, _notes(first, other, how, (len(relabelled), len(changed))))
    what = f"only {most:,}" if most else "none"
    return SharedRows(nowhere, f"{what} of the {len(nowhere):,} {first.split} rows of {first.letter} is in it")


def class_places(first: MeasuredRun, other: MeasuredRun) -> NDArray[np.int64]:
    """Return the index in the first run of each class of another, shape (C,)."""
    indices = [first.run.class_names.index(name) for name in other.run.class_names]
    return np.array(indices, dtype=np.int64)


def _keys(first: MeasuredRun, other: MeasuredRun) -> Iterator[tuple[Keys, Keys, str]]:
    ids = [one.rows.words.get("id") for one in (first, other)]
    if ids[0] is not None and ids[1] is not None and all(len(set(one)) == len(one) for one in ids if one):
        yield np.array(ids[0]), np.array(ids[1]), "id"
    if first.identity is not None and other.identity is not None:
        yield first.identity.keys, other.identity.keys, "content"
    if ids[0] is None and ids[1] is None:
        yield np.arange(len(first.rows.labels)), np.arange(len(other.rows.labels)), "place"


def _places(keys: Keys, others: Keys) -> NDArray[np.int64]:
    """Return where each key stands in others, -1 where it does not."""
    where = {key: place for place, key in enumerate(others.tolist())}
    return np.array([where.get(key, -1) for key in keys.tolist()], dtype=np.int64)


def _changed(
    first: MeasuredRun, other: MeasuredRun, places: NDArray[np.int64], shared: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Return the rows whose image is another in the other run, as far as that is known."""
    if first.images is None or other.images is None:
        return shared[:0]
    differs: NDArray[np.bool_] = first.images.contents[shared] != other.images.contents[places[shared]]
    return shared[differs]


def _notes(first: MeasuredRun, other: MeasuredRun, how: str, left_out: tuple[int, int]) -> tuple[str, ...]:
    relabelled, changed = left_out
    notes = []
    if how == "place":
        notes.append(
            f"The rows of {first.letter} and {other.letter} have no names: they are taken to be the same row by row, "
            "as they are as many and all labels agree."
        )
    if relabelled:
        notes.append(
            f"{counted(relabelled, 'row')} with another label in {other.letter} than in {first.letter}: not compared."
        )
    if changed:
        notes.append(f"{counted(changed, 'image')} of another content in {other.letter}: not compared.")
    return tuple(notes)
