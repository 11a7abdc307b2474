"""Any labelled images as a table of ours: a row an image or a crop, which is read again as what it was."""

import csv
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from longtail.data.image_size import image_size
from longtail.data.manifests.box_columns import OUR_BOXES
from longtail.data.manifests.columns import TABLE_SUFFIXES
from longtail.data.manifests.contents import FileContents
from longtail.data.manifests.opened import Manifest
from longtail.data.source import ImageSource, events_of, groups_of
from longtail.errors import InputError
from longtail.files.atomic import atomic_path
from longtail.files.text import printable
from longtail.grouping import Grouping, concatenated

__all__ = ["TableRows", "rows_of_manifest", "rows_of_sources", "write_table"]


@dataclass(frozen=True)
class TableRows:
    """What is written of N images or crops.

    Attributes:
        images: where each row's image is: a source, and its place there.
        columns: words by the name of their column: label, split, group, event, x, y, width, height, id.
    """

    images: Sequence[tuple[Any, int]]
    columns: dict[str, list[str]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.images)


def rows_of_manifest(manifest: Manifest) -> TableRows:
    """Take all rows of a table of images, those without a label too.

    Raises:
        InputError: an image whose size is needed, since its box is in pixels, cannot be read.
    """
    settled = manifest.settled
    count = len(settled.labels)
    source = manifest.source(np.arange(count))
    columns = {"label": [settled.class_names[c] if c >= 0 else "" for c in settled.labels.tolist()]}
    if settled.splits is not None:
        columns["split"] = settled.splits.tolist()
    columns |= _belonging(settled.groups, settled.events)
    if settled.weights is not None:
        columns["weight"] = [f"{weight:g}" for weight in settled.weights.tolist()]
    if settled.crops is not None:
        columns |= _boxes(source, settled.crops.boxes, settled.crops.unit)
    if settled.rows.ids is not None:
        columns["id"] = list(settled.rows.ids)
    return TableRows([(source, row) for row in range(count)], columns)


def rows_of_sources(parts: Mapping[str, ImageSource]) -> TableRows:
    """Take the images of all splits of a folder, a list or a pack.

    Args:
        parts: a source for each split.
    """
    sources, sizes = list(parts.values()), [len(source) for source in parts.values()]
    columns = {"label": [source.class_names[c] for source in sources for c in np.asarray(source.labels).tolist()]}
    if set(parts) != {"train"}:
        columns["split"] = np.repeat(list(parts), sizes).tolist()
    together = [concatenated([of(source) for source in sources], sizes) for of in (groups_of, events_of)]
    columns |= _belonging(*together)
    return TableRows([(source, row) for source in sources for row in range(len(source))], columns)


def write_table(path: Path, rows: TableRows, root: Path | None = None) -> int:
    """Write a table of images, whole or not at all; images that are no files of their own become some beside it.

    Args:
        path: .csv, .tsv, .jsonl or .parquet.
        rows: what is written.
        root: folder that the paths are relative to; None: the table's own. An image elsewhere has its whole path.

    Returns:
        How many images were written into the folder NAME-images beside the table.

    Raises:
        InputError: another ending, images that cannot be written, or Parquet without pyarrow.
    """
    if path.suffix.lower() not in TABLE_SUFFIXES:
        raise InputError(f"{printable(path)}: expected a file that ends in {', '.join(TABLE_SUFFIXES)}, or .h5.")
    base, beside = _whole(root or path.parent), _whole(path).with_name(f"{path.stem}-images")
    files, written = [], dict[tuple[int, int], Path]()
    for source, row in rows.images:
        file = _file_of(source, row)
        if file is None:
            key = id(source), int(getattr(source, "image_of", int)(row))  # crops of one image share it
            file = written[key] = written.get(key) or _write_image(beside, len(written), source, row)
        place = _whole(file)
        files.append(printable((place.relative_to(base) if place.is_relative_to(base) else place).as_posix()))
    columns = {"file": files, **rows.columns}
    with atomic_path(path) as temporary:
        _write_columns(temporary, columns, path.suffix.lower())
    return len(written)


def _whole(path: Path) -> Path:
    """Return a path from the root on, without .. in it; links stay what they are."""
    return Path(os.path.normpath(path.absolute()))


def _belonging(groups: Grouping | None, events: Grouping | None) -> dict[str, list[str]]:
    named = {"group": groups, "event": events}
    return {
        name: [printable(grouping.names[code]) for code in grouping.codes.tolist()]
        for name, grouping in named.items()
        if grouping is not None
    }


def _boxes(source: Any, boxes: NDArray[np.float64], unit: str) -> dict[str, list[str]]:
    """Return boxes as shares of their images; nothing for a whole one."""
    shares, sizes = boxes.copy(), dict[int, tuple[int, int]]()
    for row in range(len(boxes)) if unit == "pixels" else ():
        if not np.isnan(boxes[row, 0]):
            image = source.image_of(row)
            if image not in sizes:
                sizes[image] = image_size(source, row)
            shares[row] /= np.tile(sizes[image], 2)
    cells = [["" if np.isnan(edge) else f"{edge:.12g}" for edge in column] for column in shares.T.tolist()]
    return dict(zip(OUR_BOXES, cells, strict=True))


def _file_of(source: Any, row: int) -> Path | None:
    """Return the file of an image; None where it has none of its own."""
    while hasattr(source, "indices"):
        source, row = source.source, int(source.indices[row])
    images = getattr(source, "images", None)
    if images is not None:
        contents = images.contents
        return contents.path(int(images.image[row])) if isinstance(contents, FileContents) else None
    paths = getattr(source, "paths", None)
    return None if paths is None else Path(paths[row])


_STARTS = ((b"\xff\xd8\xff", ".jpg"), (b"\x89PNG", ".png"), (b"GIF8", ".gif"), (b"BM", ".bmp"), (b"RIFF", ".webp"))


def _write_image(folder: Path, number: int, source: Any, row: int) -> Path:
    """Write the whole image of a row, as it is stored."""
    if not hasattr(source, "encoded"):
        raise InputError(f"{source.name} holds no image files that a table could name.")
    images = getattr(source, "images", None)
    content = source.encoded(row) if images is None else images.contents.encoded(int(images.image[row]))
    suffix = next((suffix for start, suffix in _STARTS if content.startswith(start)), ".tif")
    path = folder / f"{number:08}{suffix}"
    with atomic_path(path) as temporary:
        temporary.write_bytes(content)
    return path


def _write_columns(path: Path, columns: Mapping[str, list[str]], suffix: str) -> None:
    if suffix == ".parquet":
        try:
            import pyarrow as pa
            import pyarrow.parquet as pq
        except ImportError as error:
            raise InputError(
                "Parquet needs pyarrow, which is not installed: pip install 'longtail[parquet]'."
            ) from error
        pq.write_table(pa.table(dict(columns)), path)
        return
    with path.open("w", encoding="utf-8", newline="") as file:
        rows = zip(*columns.values(), strict=True)
        if suffix in (".jsonl", ".ndjson"):
            names = tuple(columns)
            file.writelines(json.dumps(dict(zip(names, row, strict=True)), ensure_ascii=False) + "\n" for row in rows)
            return
        writer = csv.writer(file, delimiter="\t" if suffix == ".tsv" else ",", lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(rows)
