"""Images that a table names, as sources: one for each split."""

from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from longtail.class_names import AlikeNames
from longtail.data.folder_names import SPLIT_NAMES
from longtail.data.manifests.boxes import with_boxes
from longtail.data.manifests.formats import FORMATS, format_of
from longtail.data.manifests.images import ManifestImages, RowImages
from longtail.data.manifests.locate import locate
from longtail.data.manifests.one_image import crops_together
from longtail.data.manifests.rows import ManifestChoice
from longtail.data.manifests.settle import SettledRows, settle
from longtail.errors import InputError
from longtail.files.text import printable

__all__ = ["Manifest", "open_manifest", "read_manifest"]


class Manifest:
    """A table of images, read and checked.

    Args:
        path: of the file or folder.
        settled: its rows.
        images: which image, or part of one, each row is.

    Attributes:
        path: of the file or folder.
        settled: its rows, each with at most one class.
        images: which image, or part of one, each row is.
    """

    def __init__(self, path: Path, settled: SettledRows, images: RowImages) -> None:
        self.path, self.settled, self.images = path, settled, images

    @property
    def notes(self) -> tuple[str, ...]:
        """Sentences for people."""
        return self.settled.notes

    @property
    def splits(self) -> dict[str, NDArray[np.int64]]:
        """Rows of each split that have a label, rising; all are of train where nothing says so."""
        labelled = self.settled.labels >= 0
        if self.settled.splits is None:
            return {"train": np.flatnonzero(labelled)}
        rows = {split: np.flatnonzero(labelled & (self.settled.splits == split)) for split in SPLIT_NAMES}
        return {split: part for split, part in rows.items() if len(part)}

    def source(self, rows: NDArray[np.int64]) -> ManifestImages:
        """Return some rows as a source of images; those without a label have class 0, not to be looked at."""
        settled = self.settled
        return ManifestImages(
            self.images.take(rows),
            np.maximum(settled.labels[rows], 0),
            settled.class_names or ("unknown",),
            printable(self.path.resolve().stem),
            groups=None if settled.groups is None else settled.groups.take(rows),
            events=None if settled.events is None else settled.events.take(rows),
            weights=None if settled.weights is None else settled.weights[rows],
        )


def read_manifest(
    path: Path | str,
    choice: ManifestChoice | None = None,
    *,
    alike_names: AlikeNames = "ask",
    bits: int | None = None,
    skip_missing: bool = False,
) -> Manifest:
    """Read a table of images of any format of `FORMATS`.

    Args:
        path: file or folder.
        choice: what a person said of it.
        alike_names: of classes that differ in case, blanks, `_`, `-` or Unicode form only, as of `settled_names`.
        bits: of grey images of more than 8 bits, as of `decode_image`.
        skip_missing: leave rows of images out that are not there.

    Raises:
        InputError: a format that cannot be told or read, or rows that cannot be used.
    """
    path, choice = Path(path), choice or ManifestChoice()
    if choice.root is not None:
        choice = replace(choice, root=Path(choice.root))
    form = format_of(path, choice.format)
    if form is None:
        raise InputError(
            f"{printable(path)}: no table of images that is known. Say what it is: `format` {', '.join(FORMATS)}."
        )
    origin = printable(path)
    rows = crops_together(with_boxes(form.read(path, choice), choice, origin=origin), choice)
    settled = settle(rows, choice, alike_names, origin=origin)
    images, located = locate(settled.rows, choice.root, skip_missing=skip_missing, origin=origin)
    if len(located) < len(settled.rows):  # some are not there: their classes and groups may be gone with them
        settled = settle(replace(located, notes=()), replace(choice, drop_labels=()), alike_names, origin=origin)
    notes = (*settled.notes, *located.notes[len(rows.notes) :])
    settled = replace(settled, rows=located, notes=tuple(dict.fromkeys(notes)))
    return Manifest(path, settled, replace(images, crops=settled.crops, bits=bits))


def open_manifest(
    path: Path,
    choice: ManifestChoice | None = None,
    *,
    alike_names: AlikeNames = "ask",
    bits: int | None = None,
    skip_missing: bool = False,
) -> tuple[dict[str, ManifestImages], tuple[str, ...]]:
    """Open the labelled images of a table.

    Args:
        path, choice, alike_names, bits, skip_missing: as of `read_manifest`.

    Returns:
        A source for each split that is there, "train" among them; and notes for people.

    Raises:
        InputError: as `read_manifest`; or no row has a label, or none of train.
    """
    manifest = read_manifest(path, choice, alike_names=alike_names, bits=bits, skip_missing=skip_missing)
    rows = manifest.splits
    if not any(map(len, rows.values())):
        raise InputError(f"{printable(path)}: no row has a label. Expected the class of each image to learn from.")
    if "train" not in rows:
        raise InputError(
            f"{printable(path)}: no row with a label is of the split train, but of {', '.join(rows)} alone."
        )
    return {split: manifest.source(part) for split, part in rows.items()}, manifest.notes
