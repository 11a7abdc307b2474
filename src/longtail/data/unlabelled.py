"""Images whose classes are not known."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from longtail.data.decode import check_bits
from longtail.data.files import ImageFiles
from longtail.data.folder_walk import walk
from longtail.data.foreign_label_files import recognised
from longtail.data.image_file import exists, open_image_file
from longtail.data.image_kinds import IMAGE_SUFFIXES, OTHER_SUFFIXES, is_readable, other_suffix
from longtail.data.image_pack import PACK_SUFFIXES, ImagePack
from longtail.data.manifests.formats import Format, format_in_folder, format_of
from longtail.data.manifests.opened import read_manifest
from longtail.data.manifests.rows import ManifestChoice, Rows
from longtail.data.manifests.shards import is_pattern
from longtail.data.readable import find_unreadable
from longtail.data.source import ImageSource, Subset
from longtail.errors import InputError
from longtail.files.text import printable

__all__ = ["UnlabelledImages", "open_unlabelled"]


class UnlabelledImages(Subset):
    """Images without classes; the labels are not to be looked at.

    Args:
        source: where the images are.
        rows: of those that can be read, where anybody looked.
        left_out: name and reason of each of the others.
        notes: sentences for people on what was passed over.
        channels: 1 or 3, of the images that `load` returns.
        table: the rows of the table that names the images, where there is one.
    """

    def __init__(
        self,
        source: ImageSource,
        rows: NDArray[np.int64],
        left_out: tuple[tuple[str, str], ...],
        notes: tuple[str, ...],
        channels: int,
        table: Rows | None = None,
    ) -> None:
        super().__init__(source, rows)
        self.left_out, self.notes, self.channels, self.table = left_out, notes, channels, table

    def load(self, index: int, *, least: int | None = None) -> torch.Tensor:
        """Decode one image: uint8, shape (channels, H, W)."""
        image: torch.Tensor = super().load(index, least=least)
        if self.channels != 1:
            return image
        red, green, blue = image.float()
        # the usual weights of brightness; they sum to 1, so that an image that is grey already stays as it is
        grey = 0.299 * red + 0.587 * green + 0.114 * blue
        rounded: torch.Tensor = grey.round().to(torch.uint8)
        return rounded[None]


def open_unlabelled(
    path: Path,
    *,
    channels: int = 3,
    skip_bad: bool = False,
    bits: int | None = None,
    table: ManifestChoice | None = None,
    all_rows: bool = True,
) -> UnlabelledImages:
    """Open images whose classes are not known: one file, all images below a folder, a pack, or a table of images.

    Args:
        path: image, folder, pack or table.
        channels: 1 or 3, as the network expects.
        skip_bad: leave unreadable images out; `left_out` of the result names them.
        bits: of grey images of more than 8 bits, as of `decode_image`.
        table: what a person said of a table of images.
        all_rows: take the rows of a table that have a label as well.

    Returns:
        A source, with `left_out` and `notes`.

    Raises:
        InputError: no image there, or none that can be read.
    """
    check_bits(bits)
    form, named = _format(path, table), None
    if form is None:
        source, notes = _source(path, bits)
    else:
        choice = replace(table or ManifestChoice(), several="each", labelled=not all_rows)
        manifest = read_manifest(path, choice, bits=bits, skip_missing=skip_bad)
        labels = manifest.settled.labels
        taken = np.arange(len(labels)) if all_rows else np.flatnonzero(labels < 0)
        source, named, notes = manifest.source(taken), manifest.settled.rows.take(taken.tolist()), manifest.notes
        if not len(source):
            raise InputError(f"{printable(path)}: each of its {len(labels):,} rows has a label. Expected some without.")
    bad = find_unreadable(source) if skip_bad else []
    if len(bad) == len(source):
        raise InputError(
            f"{printable(path)}: none of its {len(source):,} images can be read. The first: {bad[0][1]}"
            if len(bad) > 1
            else bad[0][1]
        )
    rows = np.setdiff1d(np.arange(len(source)), [index for index, _ in bad])
    left_out = tuple((source.identify(index), reason) for index, reason in bad)
    return UnlabelledImages(
        source, rows, left_out, notes, channels, None if named is None else named.take(rows.tolist())
    )


def _format(path: Path, table: ManifestChoice | None) -> Format | None:
    if table is not None and table.format is not None:
        return format_of(path, table.format)
    if path.is_file() or (is_pattern(str(path)) and not path.exists()):
        return format_of(path)
    # a folder of images is one, whatever tables lie in it; shards and archives hold theirs inside
    return None if not path.is_dir() or walk(path).images else format_in_folder(path)


def _source(path: Path, bits: int | None) -> tuple[ImageSource, tuple[str, ...]]:
    if path.suffix.lower() in PACK_SUFFIXES and path.is_file():
        return ImagePack(path, bits=bits), ()
    where = printable(path)
    if not exists(path):
        raise InputError(f"{where}: no such file or folder. Expected an image, a folder of images or a pack.")
    root, files = path, [path]
    notes: tuple[str, ...] = ()
    if path.is_dir():
        below = walk(path)
        files, notes = below.images, tuple(below.notes(where))
        if not files:
            remark = f" {'. '.join(notes)}." if notes else ""
            raise InputError(
                f"{where}: no image in it. Expected files such as {', '.join(sorted(IMAGE_SUFFIXES))}.{remark}"
            )
    else:
        root = path.parent
        _check_file(path)
    return ImageFiles(files, np.zeros(len(files)), ("unknown",), printable(path.name), root=root, bits=bits), notes


def _check_file(path: Path) -> None:
    """Refuse a file that nobody takes for an image, and say what it is where that is known."""
    with open_image_file(path) as (file, _):
        first = file.read(16)
    if path.suffix.lower() in IMAGE_SUFFIXES or is_readable(first):
        return
    suffix = other_suffix(path.name)
    known = None if suffix else recognised(path)
    what = f"{OTHER_SUFFIXES[suffix]} ({suffix})" if suffix else known.name if known else "no image"
    raise InputError(
        f"{printable(path)}: this is {what}. Expected an image ({', '.join(sorted(IMAGE_SUFFIXES))}), a folder of "
        "images or a pack (.h5)."
    )
