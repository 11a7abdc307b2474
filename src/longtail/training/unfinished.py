"""A feature file that is being written, and how far each process has come with it."""

import hashlib
import json
import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, TypedDict

import numpy as np
import torch
from msgspec import Meta
from numpy.typing import ArrayLike, NDArray

from longtail.errors import InputError
from longtail.features import FeatureRows, create_feature_file, open_feature_file
from longtail.features.views import VIEW_OF
from longtail.files.json_file import read_json

__all__ = ["UnfinishedFeatures", "threads_begun_with"]

SAVE_EVERY = 5.0  # seconds


class _Progress(TypedDict):
    key: str
    batches: Annotated[int, Meta(ge=0)]
    threads: Annotated[int, Meta(ge=1, le=2**16)]


def threads_begun_with(path: Path) -> int | None:
    """Return with how many threads the features that are to go to `path` were begun; None where none are.

    Rows of other numbers would differ in their last digits.
    """
    progress = _read(_progress(path, 0))
    return None if progress is None else progress["threads"]


def _progress(path: Path, rank: int | str) -> Path:
    return path.with_name(f".{path.name}.done-{rank}")


def _read(path: Path) -> _Progress | None:
    try:
        return read_json(path, _Progress, expected="how many batches are written")
    except InputError:
        return None


class UnfinishedFeatures:
    """Rows of a feature file beside its final place; a killed process goes on where it was.

    What is damaged there, or of another call, is begun anew.

    Args:
        path: where the finished file goes.
        labels: of all rows, shape (N,).
        dimension: D.
        dtype: "float32" or "float16".
        attributes: where the features come from; a file of other attributes is begun anew.
        ids: words that name the rows, N of them, or None.
        beside: as of `create_feature_file`: groups, events, weights and views.
        batch_size: rows of a batch.
        rank: of this process.
        num_ranks: processes; another number begins anew.
    """

    def __init__(
        self,
        path: Path,
        labels: NDArray[np.int64],
        dimension: int,
        dtype: str,
        attributes: dict[str, Any],
        ids: Sequence[str] | None = None,
        beside: Mapping[str, ArrayLike] | None = None,
        *,
        batch_size: int,
        rank: int,
        num_ranks: int,
    ) -> None:
        self._final, self._part = path, path.with_name(f".{path.name}.part")
        self._layout = (labels, dimension, dtype, attributes, ids, beside or {})
        self._rank, self._num_ranks = rank, num_ranks
        facts = [labels.tolist(), dimension, dtype, attributes, batch_size, num_ranks]
        self._key = hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()
        all_batches = range(0, len(labels), batch_size)
        counts = [self._count(other, len(all_batches[other::num_ranks])) for other in range(num_ranks)]
        # all processes see the same files here, and so decide alike
        self.goes_on = all(count is not None for count in counts) and self._is_laid_out()
        self.done = (counts[rank] or 0) if self.goes_on else 0
        self._saved = time.monotonic()

    def begin(self) -> None:
        """Lay the file out where it is not there yet; one process does it while the others wait."""
        if self.goes_on:
            return
        self._final.parent.mkdir(parents=True, exist_ok=True)
        self.forget()
        create_feature_file(self._part, *self._layout)

    def open(self) -> FeatureRows:
        """Open the laid-out file for writing, and mark this process as on its way."""
        self._write()
        return FeatureRows(self._part)

    def advance(self) -> None:
        """Count a batch of this process as written; noted down every few seconds."""
        self.done += 1
        if time.monotonic() - self._saved >= SAVE_EVERY:
            self._write()
            self._saved = time.monotonic()

    def finish(self) -> None:
        """Put the file into its place; one process does it after the others."""
        self._to_disk()
        self._part.replace(self._final)
        self.forget()

    def forget(self) -> None:
        """Remove what was written so far."""
        for path in (self._part, *self._final.parent.glob(_progress(self._final, "*").name)):
            path.unlink(missing_ok=True)

    def _count(self, rank: int, most: int) -> int | None:
        progress = _read(_progress(self._final, rank))
        is_of_this_call = progress is not None and progress["key"] == self._key and progress["batches"] <= most
        return progress["batches"] if progress is not None and is_of_this_call else None

    def _is_laid_out(self) -> bool:
        labels, dimension, dtype, *_, beside = self._layout
        try:
            begun = open_feature_file(self._part)
        except InputError:
            return False
        is_mapped = isinstance(begun.features, np.memmap)  # else its rows lie elsewhere than they are written to
        view_of = np.asarray(beside.get(VIEW_OF, np.arange(len(labels))))
        labels = labels[view_of == np.arange(len(labels))]
        num_views = 0 if begun.views is None else len(begun.views)
        same_kind = begun.features.shape == (len(labels), dimension) and begun.features.dtype == np.dtype(dtype)
        is_whole = len(labels) + num_views == len(view_of)
        return is_mapped and same_kind and is_whole and np.array_equal(begun.labels, labels)

    def _to_disk(self) -> None:
        """Wait until all rows are on the disk: what is said to be written has to be there after a power cut, too."""
        with self._part.open("rb+") as file:
            os.fsync(file.fileno())

    def _write(self) -> None:
        self._to_disk()
        path = _progress(self._final, self._rank)
        new = path.with_name(f"{path.name}.new")
        progress = {"key": self._key, "batches": self.done, "threads": torch.get_num_threads()}
        new.write_text(json.dumps(progress), encoding="utf-8")
        new.replace(path)
