"""Data whose rows stand in several files: a table a sample, a split or a class."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import chain
from pathlib import Path

from longtail.data.foreign_label_files import recognised
from longtail.data.manifests.rows import Rows
from longtail.errors import InputError
from longtail.files.text import printable

__all__ = ["files_of", "joined"]

_OF_OURS = ("ecotaxa_predictions.tsv",)  # results that may lie beside what they are of


def files_of(path: Path, kinds: Sequence[str], suffixes: Sequence[str], expected: str) -> list[Path]:
    """Return the files that hold the rows: a file itself, or those of certain formats at any depth of a folder.

    Args:
        path: of a file or folder.
        kinds: what `recognised` calls such files.
        suffixes: that they have.
        expected: what there should be, for messages.

    Raises:
        InputError: none in the folder.
    """
    if not path.is_dir():
        return [path]
    files = [
        file
        for file in _below(path, suffixes)
        if file.name not in _OF_OURS and (kind := recognised(file)) is not None and kind.name in kinds
    ]
    if not files:
        raise InputError(f"{printable(path)}: holds no such file. Expected {expected}.")
    return files


def joined(parts: Sequence[Rows], names: Sequence[str], root: Path) -> Rows:
    """Put the rows of several files of one format one below the other.

    Args:
        parts: rows of each file, whose paths are relative to the folder of that file; without boxes.
        names: of the files, for messages.
        root: folder that all of them are below.
    """
    if len(parts) == 1:
        return parts[0]

    def column(name: str) -> list[str] | None:
        if all(getattr(part, name) is None for part in parts):
            return None
        return [word for part in parts for word in getattr(part, name) or [""] * len(part)]

    below = [os.path.relpath(part.root, root) for part in parts]
    images = [
        name if folder == "." or not name or name.startswith("/") else f"{folder}/{name}"
        for part, folder in zip(parts, below, strict=True)
        for name in part.images
    ]
    return replace(
        parts[0],
        images=images,
        labels=column("labels") or [],
        root=root,
        lines=list(chain.from_iterable(part.lines or range(1, len(part) + 1) for part in parts)),
        files=[name for part, name in zip(parts, names, strict=True) for _ in range(len(part))],
        splits=column("splits"),
        groups=column("groups"),
        grouped_by=next((part.grouped_by for part in parts if part.grouped_by), ""),
        events=column("events"),
        ids=column("ids"),
        class_names=_classes(parts),
        notes=tuple(note for part in parts for note in part.notes),
    )


def _below(folder: Path, suffixes: Sequence[str]) -> Iterator[Path]:
    for above, folders, files in os.walk(folder):
        folders.sort()
        yield from (
            Path(above, file)
            for file in sorted(files)
            if Path(file).suffix.lower() in suffixes and not file.startswith(".")
        )


def _classes(parts: Sequence[Rows]) -> tuple[str, ...] | None:
    if any(part.class_names is None for part in parts):
        return None
    return tuple(dict.fromkeys(name for part in parts for name in part.class_names or ()))
