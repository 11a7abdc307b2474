"""`longtail convert`: any labelled images as a table of ours, or as a pack."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import tyro

from longtail.class_names import AlikeNames
from longtail.data.folder_layout import FolderLayout
from longtail.errors import InputError
from longtail.files.text import counted, printable
from longtail.jobs.table_options import TableOptions

if TYPE_CHECKING:
    from longtail.data.manifests import Manifest

__all__ = ["ConvertConfig", "run"]

Parts = Mapping[str, Any]


@dataclass(frozen=True)
class ConvertConfig:
    """Write a table of images, or a pack, of any data that is read here."""

    data: tyro.conf.Positional[str]
    """Folder, list, pack or table of images, or an export of another program."""
    out: tyro.conf.Positional[Path]
    """What is written: a table (.csv, .tsv, .jsonl, .parquet), or a pack (.h5) with crops cut out."""
    relative_to: Path | None = None
    """Folder that the paths in a table are relative to; default: the table's own."""
    id_column: str | None = None
    """Column with what the rows are called where they came from, or none; default: id."""
    layout: FolderLayout = "auto"
    """Kind of sub-folders; auto: ask if unclear."""
    alike_names: AlikeNames = "ask"
    """Classes alike but for case, blanks or marks."""
    skip_bad: bool = False
    """Leave out images that are not there or, of a pack, cannot be read; else: stop."""
    quiet: bool = False
    """Show no progress."""
    table: TableOptions = field(default_factory=TableOptions)


def run(config: ConvertConfig) -> Path:
    """Write the table or the pack.

    Raises:
        InputError: data that cannot be opened, or an ending that is none of these.
    """
    from longtail.data.image_pack import PACK_SUFFIXES
    from longtail.data.manifests.columns import TABLE_SUFFIXES
    from longtail.jobs.flags import naming_flags

    suffix = config.out.suffix.lower()
    if suffix not in (*PACK_SUFFIXES, *TABLE_SUFFIXES):
        raise InputError(
            f"{printable(config.out)}: expected a table ({', '.join(TABLE_SUFFIXES)}) or a pack (.h5) to write."
        )
    if config.out.exists() and Path(config.data).exists() and config.out.samefile(config.data):
        raise InputError(f"{printable(config.out)}: is what is read. Choose another name for what is written.")
    with naming_flags(root="root"):
        manifest, parts, notes = _opened(config)
        told = (_write_pack if suffix in PACK_SUFFIXES else _write_table)(config, manifest, parts, notes)
    if not config.quiet:
        print(*_typed((*notes, told)), sep="\n")
    return config.out


def _typed(notes: tuple[str, ...]) -> list[str]:
    from longtail.jobs.flags import as_typed

    return [as_typed(note, root="root") for note in notes]


def _opened(config: ConvertConfig) -> "tuple[Manifest | None, Parts, tuple[str, ...]]":
    """Open data: as a table where it is one, with rows that have no label; and the sources of its splits."""
    from longtail.data.group_by import grouped_by
    from longtail.data.image_pack import PACK_SUFFIXES
    from longtail.data.manifests import format_of, read_manifest
    from longtail.data.manifests.images import ManifestImages
    from longtail.data.parts import open_parts

    path, table = Path(config.data), replace(config.table.table, id_column=config.id_column)
    is_table = table.format is not None or (
        path.is_file() and path.suffix.lower() not in PACK_SUFFIXES and format_of(path) is not None
    )
    parts: Parts = {}
    notes: tuple[str, ...] = ()
    if not is_table:
        parts, notes = open_parts(
            config.data,
            config.table.root,
            layout=config.layout,
            alike_names=config.alike_names,
            table=table,
            skip_missing=config.skip_bad,
        )
        is_table = any(isinstance(source, ManifestImages) for source in parts.values())
    manifest = None
    if is_table:
        manifest = read_manifest(path, table, alike_names=config.alike_names, skip_missing=config.skip_bad)
        parts = {split: manifest.source(rows) for split, rows in manifest.splits.items() if len(rows)}
        notes = manifest.notes
    if config.table.group_by is not None:
        every = parts if manifest is None else {"": manifest.source(np.arange(len(manifest.settled.labels)))}
        grouped, note = grouped_by(every, config.table.group_by)
        notes = (*notes, note)
        if manifest is None:
            return None, grouped, notes
        settled = replace(manifest.settled, groups=grouped[""].groups)  # type: ignore[attr-defined]
        manifest = type(manifest)(manifest.path, settled, manifest.images)
        parts = {split: manifest.source(rows) for split, rows in manifest.splits.items() if len(rows)}
    return manifest, parts, notes


def _write_table(config: ConvertConfig, manifest: "Manifest | None", parts: Parts, notes: tuple[str, ...]) -> str:
    from longtail.data.manifests.written import rows_of_manifest, rows_of_sources, write_table

    rows = rows_of_sources(parts) if manifest is None else rows_of_manifest(manifest)
    written = write_table(config.out, rows, config.relative_to)
    beside = f"; {written:,} images that were no files are in {config.out.stem}-images" if written else ""
    classes = len(set(rows.columns["label"]) - {""})
    return f"{counted(len(rows), 'row')} of {classes} classes in {printable(config.out)}{beside}"


def _write_pack(config: ConvertConfig, manifest: "Manifest | None", parts: Parts, notes: tuple[str, ...]) -> str:
    from longtail.data.image_pack import write_pack
    from longtail.data.source import events_of, groups_of, weights_of
    from longtail.grouping import concatenated
    from longtail.jobs.packing import packed_images, unreadable_images

    if any(weights_of(source) is not None for source in parts.values()):
        raise InputError("A pack holds no weights of rows. Leave --weight-column out, or write a table (.csv).")
    if not parts:
        raise InputError(f"{printable(config.data)}: no row has a label, and a pack holds none without.")
    bad = unreadable_images(parts, quiet=config.quiet)
    reasons = [reason for of_split in bad.values() for reason in of_split.values()]
    if reasons and not config.skip_bad:
        raise InputError(reasons[0] + (f" ({len(reasons) - 1:,} more like it.)" if len(reasons) > 1 else ""))
    for reason in _typed(tuple(reasons)):
        print(f"left out: {reason}", file=sys.stderr)
    kept = {split: [row for row in range(len(source)) if row not in bad[split]] for split, source in parts.items()}
    sizes = [len(rows) for rows in kept.values()]
    belonging = {}
    for what, of in (("groups", groups_of), ("events", events_of)):
        each = [(of(source), np.array(kept[split], dtype=np.int64)) for split, source in parts.items()]
        belonging[what] = concatenated([None if one is None else one.take(rows) for one, rows in each], sizes)
    names = next(iter(parts.values())).class_names
    images = packed_images(parts, bad, quiet=config.quiet)
    source = printable(Path(config.data).resolve().name)
    number = write_pack(config.out, images, names, source=source, note="; ".join(notes), belonging=belonging)
    unlabelled = 0 if manifest is None else int((manifest.settled.labels < 0).sum())
    without = f"; {unlabelled:,} without a label were left out" if unlabelled else ""
    return f"{number:,} images of {len(names)} classes in {printable(config.out)}{without}"
