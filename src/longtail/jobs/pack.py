"""`longtail pack`: one image pack out of a folder or list of images."""

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tyro

from longtail.errors import InputError

__all__ = ["PackConfig", "run"]


@dataclass(frozen=True)
class PackConfig:
    """Put all image files of a data set into one HDF5 file, as they are."""

    folder: tyro.conf.Positional[Path]
    """Image folder (with or without train/, val/, test/), or a list file."""
    out: Path
    """The pack, such as photos.h5."""
    data: Path | None = None
    """Folder that the paths of a list are relative to; default: the list's own."""
    skip_bad: bool = False
    """Leave unreadable images out, and name them, instead of stopping."""
    quiet: bool = False
    """Show no progress."""


def run(config: PackConfig) -> Path:
    """Write the pack."""
    from longtail.data.folder import open_folder
    from longtail.data.list_file import open_lists
    from longtail.data.pack import write_pack
    from longtail.data.readable import find_unreadable
    from longtail.training.progress import progress_bar

    if config.out.suffix not in (".h5", ".hdf5"):
        raise InputError(f"--out {config.out}: expected a file that ends in .h5.")
    if not config.folder.exists():
        raise InputError(f"{config.folder}: no such folder or list file.")
    sources, notes = open_folder(config.folder) if config.folder.is_dir() else open_lists(config.folder, config.data)
    failures = {}
    with progress_bar("check", sum(len(source) for source in sources.values()), quiet=config.quiet) as bar:
        for split, source in sources.items():
            failures[split] = find_unreadable(source, advance=bar.advance)
    reasons = [reason for found in failures.values() for _, reason in found]
    if reasons and not config.skip_bad:
        raise InputError(reasons[0] + (f" ({len(reasons) - 1:,} more like it.)" if len(reasons) > 1 else ""))
    for reason in reasons:
        print(f"left out: {reason}", file=sys.stderr)
    bad = {split: {index for index, _ in found} for split, found in failures.items()}
    class_names = next(iter(sources.values())).class_names
    images = _images(sources, bad, quiet=config.quiet)
    number = write_pack(config.out, images, class_names, source=config.folder.resolve().name, note="; ".join(notes))
    if not config.quiet:
        for note in notes:
            print(note)
        print(f"{number:,} images of {len(class_names)} classes in {config.out}")
    return config.out


def _images(sources: dict[str, Any], bad: dict[str, set[int]], *, quiet: bool) -> Iterator[tuple[bytes, int, str]]:
    from longtail.training.progress import progress_bar

    with progress_bar("pack", sum(len(source) for source in sources.values()), quiet=quiet) as bar:
        for split, source in sources.items():
            for index, label in enumerate(source.labels):
                bar.advance(1)
                if index not in bad[split]:
                    yield source.encoded(index), int(label), split
