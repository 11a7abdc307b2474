"""The files that a table names: by path, without their ending, or by name alone in a folder of folders."""

import os
from collections import defaultdict
from collections.abc import Sequence
from itertools import takewhile
from pathlib import Path, PurePosixPath
from urllib.parse import unquote

import numpy as np

from longtail.data.image_kinds import IMAGE_SUFFIXES
from longtail.data.manifests.contents import FileContents
from longtail.data.manifests.images import RowImages
from longtail.data.manifests.rows import Rows
from longtail.data.missing import absent_files, missing_report, why_missing
from longtail.errors import InputError
from longtail.files.text import printable

__all__ = ["images_below", "locate", "remote"]


def locate(rows: Rows, root: Path | None = None, *, skip_missing: bool = False, origin: str) -> tuple[RowImages, Rows]:
    """Find the images of a table.

    An image that is not where its path says is looked for without regard to `\\` and `/`, with the endings that images
    have, and by its name in all folders below the root.

    Args:
        rows: name images.
        root: folder that the paths are relative to; None: the one that the rows name.
        skip_missing: leave rows of images out that are not there.
        origin: the table, for messages.

    Returns:
        The images of the rows that are left, without crops; and these rows, with a note of what was found elsewhere.

    Raises:
        InputError: a path that leads out of the root, an image that is not there, or a name that two files have.
    """
    if rows.contents is not None:
        place = {name: number for number, name in enumerate(rows.contents.names)}
        members = np.array([place[name] for name in rows.images], dtype=np.int64)
        return RowImages(rows.contents, members), rows
    base = root or rows.root
    numbers: dict[str, int] = {}
    image_numbers = [numbers.setdefault(name, len(numbers)) for name in rows.images]
    _check_inside(rows, list(numbers), image_numbers, base, is_given=root is not None, origin=origin)
    paths, found, absent = _found(base, list(numbers))
    notes = rows.notes
    if found:
        notes = (*notes, f"{origin}: {found:,} images were found by their names below {printable(base)}")
    if absent:
        if not skip_missing:
            listed = {"listed": list(numbers)}
            missing = {"listed": absent}
            row = image_numbers.index(absent[0])
            raise InputError(
                f"{origin}: {missing_report(base, listed, missing)} {why_missing(base, listed, missing)}The first is "
                f"of {rows.place(row)}. Say which folder the paths are relative to: `root`."
            )
        gone = set(absent)
        keep = [row for row, image in enumerate(image_numbers) if image not in gone]
        if not keep:
            raise InputError(f"{origin}: none of its {len(numbers):,} images is in {printable(base)}.")
        notes = (*notes, f"{origin}: {len(absent):,} images that are not there were left out")
        there = np.setdiff1d(np.arange(len(paths)), absent)
        moved = np.full(len(paths), -1)
        moved[there] = np.arange(len(there))
        rows, paths = rows.take(keep), [paths[at] for at in there]
        names_left = [name for at, name in enumerate(numbers) if at not in gone]
        image_numbers = [int(moved[image_numbers[row]]) for row in keep]
    else:
        names_left = list(numbers)
    contents = FileContents(base, paths, names_left)
    images = RowImages(contents, np.array(image_numbers, dtype=np.int64))
    return images, Rows(**{**vars(rows), "notes": notes})


def remote(name: str) -> bool:
    """Return whether an image is named by an address, such as https://... or gs://..."""
    return "://" in name[:12]


def _check_inside(
    rows: Rows, names: Sequence[str], image_numbers: Sequence[int], base: Path, *, is_given: bool, origin: str
) -> None:
    """Refuse paths that lead out of the root; whole paths are those of the person who made the table."""
    for at, name in enumerate(names):
        if name and ".." not in name and not remote(name):
            continue
        if not name:
            where = rows.place(image_numbers.index(at))
            raise InputError(f"{origin}: {where} names no image. Expected its path, or take the line out.")
        if remote(name):
            if is_given:
                continue
            raise InputError(
                f"{origin}: {rows.place(image_numbers.index(at))}: {printable(name)} is an address, and images are "
                "read from a disk. Download them, and say in which folder they lie: `root`; they are found there by "
                "their names."
            )
        path = PurePosixPath(name.replace("\\", "/"))
        if ".." not in path.parts or (path.is_absolute() and not is_given):
            continue
        if not Path(os.path.normpath(base / path)).is_relative_to(os.path.normpath(base)):
            raise InputError(
                f"{origin}: {rows.place(image_numbers.index(at))}: {printable(name)} leads out of {printable(base)}. "
                "Say the folder that all paths are below, `root`, and write them relative to it."
            )


def _found(base: Path, names: list[str]) -> tuple[list[str], int, list[int]]:
    """Return where images are, how many are elsewhere than they are said to be, and which are nowhere."""
    absent = absent_files(base, names)
    if not absent:
        return names, 0, []
    paths, nowhere = list(names), []
    gone = set(absent)
    taken = {os.path.normpath(name) for at, name in enumerate(names) if at not in gone}
    by_name, by_stem = images_below(base)
    for at in absent:
        word = unquote(names[at].partition("?")[0]) if remote(names[at]) else names[at]
        name = PurePosixPath(word.replace("\\", "/"))
        ways = by_name.get(name.name) or by_stem.get(name.name) or []
        if not ways and name.suffix.lower() not in IMAGE_SUFFIXES:
            ways = by_stem.get(name.stem, [])
        best = _best(ways, name, anywhere=remote(names[at]))
        if best is None or best in taken:  # a file that is another row's is not this one's as well
            nowhere.append(at)
        else:
            paths[at] = best
            taken.add(best)
    return paths, len(absent) - len(nowhere), nowhere


def _best(ways: list[str], name: PurePosixPath, *, anywhere: bool) -> str | None:
    """Return the file that shares the most folders with a path; None where none or several do.

    One of the two paths has to end with the other: IMG_1.jpg of site B is none of site A. Of an address the folders say
    nothing.
    """
    folders = {way: PurePosixPath(way).parts[-2::-1] for way in ways}
    own = name.parts[-2::-1]
    shared = {way: _shared_folders(of_way, own) for way, of_way in folders.items()}
    fitting = [way for way in ways if anywhere or shared[way] == min(len(folders[way]), len(own))]
    most = max((shared[way] for way in fitting), default=0)
    best = [way for way in fitting if shared[way] == most]
    return best[0] if len(best) == 1 else None


def _shared_folders(first: Sequence[str], second: Sequence[str]) -> int:
    pairs = zip(first, second, strict=False)
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))


def images_below(base: Path) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    """Return the images below a folder by their names, and by their names without ending."""
    by_name: dict[str, list[str]] = defaultdict(list)
    by_stem: dict[str, list[str]] = defaultdict(list)
    for folder, _, files in os.walk(base):
        below = Path(folder).relative_to(base)
        for file in files:
            path = below / file
            if path.suffix.lower() in IMAGE_SUFFIXES:
                by_name[file].append(path.as_posix())
                by_stem[path.stem].append(path.as_posix())
    return by_name, by_stem
