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

    if config.out.suffix not in (".h5", ".hdf5"):
        raise InputError(f"--out {config.out}: expected a file that ends in .h5.")
    if not config.folder.exists():
        raise InputError(f"{config.folder}: no such folder or list file.")
    sources, notes = open_folder(config.folder) if config.folder.is_dir() else open_lists(config.folder, config.data)
    bad: dict[str, set[int]] = {}
    for split, source in sources.items():
        failures = find_unreadable(source)
        if failures and not config.skip_bad:
            raise InputError(failures[0][1])
        bad[split] = {index for index, _ in failures}
        for _, reason in failures:
            print(f"left out: {reason}", file=sys.stderr)
    class_names = next(iter(sources.values())).class_names
    images = _images(sources, bad, quiet=config.quiet)
    number = write_pack(config.out, images, class_names, source=config.folder.name, note="; ".join(notes))
    if not config.quiet:
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
