"""`longtail pack`: one image pack out of a folder or list of images."""

import sys
from dataclasses import dataclass
from pathlib import Path

import tyro

from longtail.class_names import AlikeNames
from longtail.data.folder_layout import FolderLayout
from longtail.errors import InputError
from longtail.files.text import printable
from longtail.typed_command import say_next

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
    layout: FolderLayout = "auto"
    """Kind of sub-folders; auto: ask if unclear."""
    alike_names: AlikeNames = "ask"
    """Classes alike but for case, blanks or marks."""
    skip_bad: bool = False
    """Leave unreadable images out and name them; else: stop."""
    quiet: bool = False
    """Show no progress."""


def run(config: PackConfig) -> Path:
    """Write the pack."""
    from longtail.data.image_pack import PACK_SUFFIXES, write_pack
    from longtail.data.parts import open_parts
    from longtail.jobs.flags import as_typed
    from longtail.jobs.packing import packed_images, unreadable_images

    if config.out.suffix not in PACK_SUFFIXES:
        raise InputError(f"--out {printable(config.out)}: expected a file that ends in .h5.")
    try:
        sources, notes = open_parts(
            str(config.folder), config.data, layout=config.layout, alike_names=config.alike_names
        )
        bad = unreadable_images(sources, quiet=config.quiet)
        reasons = [reason for split_reasons in bad.values() for reason in split_reasons.values()]
        if reasons and not config.skip_bad:
            raise InputError(reasons[0] + (f" ({len(reasons) - 1:,} more like it.)" if len(reasons) > 1 else ""))
        for reason in reasons:
            print(f"left out: {as_typed(reason)}", file=sys.stderr)
        class_names = next(iter(sources.values())).class_names
        images = packed_images(sources, bad, quiet=config.quiet)
        name = printable(config.folder.resolve().name)
        number = write_pack(config.out, images, class_names, source=name, note="; ".join(notes))
    except InputError as error:
        raise InputError(as_typed(str(error))) from error
    if not config.quiet:
        for note in notes:
            print(note)
        print(f"{number:,} images of {len(class_names)} classes in {printable(config.out)}")
        say_next(["describe", printable(config.out)])
    return config.out
