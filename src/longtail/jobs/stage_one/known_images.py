"""The images that a run was made of, found again in data that are opened anew."""

from dataclasses import replace
from pathlib import Path
from typing import Any

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
from longtail.jobs.options import ChangedImages
from longtail.jobs.stage_one.settings import IMAGES

__all__ = ["as_known", "remember_images"]

EXTRA = "unlabelled"
OF_THE_DIVISION = ("no group is in two splits", "classes of one", "no test split", "no val split", "no val image of")
PARTS = ("train", "val", "test", "held_back", "extra")


def remember_images(splits: DataSplits, folder: Path) -> None:
    """Note down which images a run is made of, before it learns.

    Args:
        splits: the opened data.
        folder: of the run.
    """
    sources = _sources(splits)
    every = _identity(splits, sources)
    ends = np.cumsum([0, *map(len, sources.values())]).tolist()
    stretches = zip(sources, ends[:-1], ends[1:], strict=True)
    folder.mkdir(parents=True, exist_ok=True)
    write_identities(folder / IMAGES, {split: every.take(np.arange(start, end)) for split, start, end in stretches})


def as_known(splits: DataSplits, folder: Path, changed: ChangedImages) -> DataSplits:
    """Divide images as a run in a folder did, wherever they stand now; where nothing was trained yet, as they are.

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
    if not any((folder / "checkpoints").glob("*.pt")):
        return splits
    path = folder / IMAGES
    if not path.is_file():
        note = (
            f"which images {printable(folder)} learnt from was not written down by the version of longtail that made "
            "it: that the data are the same is taken for granted"
        )
        return replace(splits, notes=(*splits.notes, note))
    known, sources = read_identities(path), _sources(splits)
    pool = Joined(tuple(sources.values()))
    now = _identity(splits, sources)
    places, changes = match_rows(known, now)
    if not changes and _in_place(places, sources):
        return splits
    notes = splits.notes
    if changes:
        number = sum(map(len, known.values()))
        if changes.counts[1] == number:
            raise InputError(
                f"{splits.name} holds none of the {number:,} images that {printable(folder)} was made of. Expected its "
                "data, or another --out."
            )
        differences = changes.describe(known, now, "image")
        message = f"{splits.name} is not what it was when {printable(folder)} was made: {differences}"
        if changed == "ask":
            raise InputError(
                f"{message}. The network there has learnt from the images of then: measured on others as they are "
                "divided now, it would seem better than it is. To go on with those of then, say --changed leave-out; "
                "to begin anew with all, name another --out, or delete that folder."
            )
        notes = (*notes, f"{message}; those of then are taken as they were divided, new and changed ones are left out")
        for split, rows in changes.changed.items():
            places[split][rows] = -1
    parts = {split: Subset(pool, rows[rows >= 0]) for split, rows in places.items()}
    empty = next((split for split in known if not len(parts[split]) and len(known[split])), None)
    if empty is not None:
        raise InputError(f"{splits.name}: none of the {empty} images of {printable(folder)} is there any more.")
    if not _in_place(places, sources):  # what is told of another division is not of this one
        notes = (
            *(note for note in notes if not note.startswith(OF_THE_DIVISION)),
            f"images are divided as they were when {printable(folder)} was made",
        )
    others: dict[str, Any] = {name: parts.get(name) for name in PARTS if name != "train"}
    return replace(splits, train=parts["train"], **others, notes=notes, shared=None)


def _sources(splits: DataSplits) -> dict[str, ImageSource]:
    parts = {name: getattr(splits, name) for name in PARTS}
    return {name: source for name, source in parts.items() if source is not None and len(source)}


def _identity(splits: DataSplits, sources: dict[str, ImageSource]) -> RowIdentity:
    source = Joined(tuple(sources.values()))
    has_files = source.status(0) is not None
    names = [name for split, part in sources.items() for name in _names(split, part)] if has_files else None
    labels = np.array([hash_content(name.encode()) for name in splits.class_names], dtype=np.uint64)[source.labels]
    groups = source.groups
    if groups is not None:  # an image of another group than then is another image
        hashed = [hash_content(f"group {name}".encode("utf-8", "surrogateescape")) for name in groups.names]
        labels = labels ^ np.array(hashed, dtype=np.uint64)[groups.codes]
    weights = source.weights
    if weights is not None:
        labels = labels ^ np.array([hash_content(f"weight {w!r}".encode()) for w in weights.tolist()], dtype=np.uint64)
    if has_files and splits.record.get("source") in PUBLISHED:
        # hundreds of thousands of files, whose lists say what they are
        return identify_rows(labels, names)
    marks = fingerprints(source)[:, :8].copy().view(np.uint64)[:, 0]
    return identify_rows(marks ^ labels, names, known_by=marks)


def _names(split: str, source: ImageSource) -> list[str]:
    # another folder than that of the data, in which a path may be the same
    return [f"{EXTRA}: {name}" if split == "extra" else name for name in identities(source)]


def _in_place(places: dict[str, NDArray[np.int64]], sources: dict[str, ImageSource]) -> bool:
    """Return whether the splits are those of the run already, in the same order."""
    if list(places) != list(sources):
        return False
    start = 0
    for split, source in sources.items():
        if not np.array_equal(places[split], np.arange(start, start + len(source))):
            return False
        start += len(source)
    return True
