"""The images that a run was made of, found again in data that are opened anew."""

from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from longtail.data.fingerprint import fingerprints, identities
from longtail.data.published import PUBLISHED
from longtail.data.source import DataSplits, ImageSource, Joined, Subset
from longtail.errors import InputError
from longtail.files.text import printable
from longtail.identity import (
    RowIdentity,
    hash_content,
    identify_rows,
    match_rows,
    read_identities,
    write_identities,
)

__all__ = ["ChangedImages", "as_known", "remember_images"]

# what becomes of a run whose images are others than they were
ChangedImages = Literal["ask", "leave-out"]

ROWS = "rows.npz"
PARTS = ("train", "val", "test", "held_back")


def remember_images(splits: DataSplits, folder: Path) -> None:
    """Note down which images a run is made of, where nobody has yet.

    Args:
        splits: the opened data.
        folder: of the run.
    """
    path = folder / ROWS
    if not path.is_file():
        sources = _sources(splits)
        every = _identity(splits, Joined(tuple(sources.values())))
        ends = np.cumsum([0, *map(len, sources.values())])
        write_identities(
            path,
            {
                split: every.take(np.arange(start, end))
                for split, start, end in zip(sources, ends[:-1], ends[1:], strict=True)
            },
        )


def as_known(splits: DataSplits, folder: Path, changed: ChangedImages = "ask") -> DataSplits:
    """Divide images as a run in a folder did, wherever they stand now; where there is no run yet, as they are.

    Files are known by their paths below the data's folder, images in packs and in memory by their content.

    Args:
        splits: the opened data.
        folder: of the run.
        changed: "ask" refuses data that are not the run's any more; "leave-out" leaves new and changed images out.

    Returns:
        The splits of the run.

    Raises:
        InputError: images that are new, gone or changed, and nobody said what becomes of them.
    """
    path = folder / ROWS
    if not path.is_file():
        return splits
    known, sources = read_identities(path), _sources(splits)
    pool = Joined(tuple(sources.values()))
    now = _identity(splits, pool)
    places, changes = match_rows(known, now)
    if not changes and _in_place(places, sources):
        return splits
    notes = splits.notes
    if changes:
        told = (
            f"{splits.name} is not what it was when {printable(folder)} was made: {changes.told(known, now, 'image')}"
        )
        if changed == "ask":
            raise InputError(
                f"{told}. The network there has learnt from the images of then: measured on others as they are divided "
                "now, it would seem better than it is. To go on with those of then: `changed` leave-out. To begin anew "
                "with all: another `out`, or delete that folder."
            )
        notes = (*notes, f"{told}; those of then are taken, new and changed ones are left out")
        for split, rows in changes.changed.items():
            places[split][rows] = -1
    parts = {split: Subset(pool, rows[rows >= 0]) for split, rows in places.items()}
    empty = next((split for split in known if not len(parts[split]) and len(known[split])), None)
    if empty is not None:
        raise InputError(f"{splits.name}: none of the {empty} images of {printable(folder)} is there any more.")
    return replace(
        splits,
        train=parts["train"],
        val=parts.get("val"),
        test=parts.get("test"),
        held_back=parts.get("held_back"),
        notes=notes,
        shared=None,
    )


def _sources(splits: DataSplits) -> dict[str, ImageSource]:
    parts = {name: getattr(splits, name) for name in PARTS}
    return {name: source for name, source in parts.items() if source is not None and len(source)}


def _identity(splits: DataSplits, source: ImageSource) -> RowIdentity:
    has_files = source.status(0) is not None
    names = identities(source) if has_files else None
    labels = np.array([hash_content(name.encode()) for name in splits.class_names], dtype=np.uint64)[source.labels]
    if has_files and splits.record.get("source") in PUBLISHED:
        # hundreds of thousands of files, whose lists say what they are
        return identify_rows(labels, names)
    marks = fingerprints(source)[:, :8].copy().view(np.uint64)[:, 0]
    return identify_rows(marks ^ labels, names, known_by=marks)


def _in_place(places: dict[str, NDArray[np.int64]], sources: dict[str, ImageSource]) -> bool:
    """Say whether the splits are those of the run already, in the same order."""
    if list(places) != list(sources):
        return False
    start = 0
    for split, source in sources.items():
        if not np.array_equal(places[split], np.arange(start, start + len(source))):
            return False
        start += len(source)
    return True
