"""Find out which of many listed files are there, by looking into each folder once."""

import os
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

from longtail.data.image_kinds import IMAGE_SUFFIXES
from longtail.errors import InputError
from longtail.files.text import printable

__all__ = ["absent_files", "missing_report", "why_missing"]


def absent_files(root: Path, paths: Sequence[str]) -> list[int]:
    """Return the rows of `paths` whose files are not there.

    Asking for each of 400,000 files takes minutes on a network disk; listing their folders takes seconds.

    Args:
        root: folder that the paths are relative to.
        paths: with forward slashes, N of them.

    Returns:
        Rows, rising.
    """
    rows: dict[str, list[int]] = defaultdict(list)
    for row, path in enumerate(paths):
        rows[path.rpartition("/")[0]].append(row)
    absent: list[int] = []
    for folder, inside in rows.items():
        there = _files_of(root / (folder or ("/" if paths[inside[0]].startswith("/") else "")))
        absent += [row for row in inside if paths[row].rpartition("/")[2] not in there]
    return sorted(absent)


def _files_of(folder: Path) -> set[str]:
    try:
        with os.scandir(folder) as entries:
            return {entry.name for entry in entries if _is_file(entry)}
    except PermissionError as error:
        raise InputError(
            f"{printable(folder)}: cannot be opened ({error.strerror}), and images of the list are in it. Change its "
            "permissions."
        ) from error
    except (OSError, ValueError):  # no such folder; a name that is too long, or has a null character
        return set()


def _is_file(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_file()
    except OSError:  # links in a circle
        return False


def missing_report(root: Path, listed: Mapping[str, Sequence[str]], absent: Mapping[str, Sequence[int]]) -> str:
    """Return how many images of each split are missing, the first three of them, and which folders are missing whole.

    Args:
        root: folder that the paths are relative to.
        listed: paths of each split.
        absent: rows of them, as of `absent_files`.

    Returns:
        One or two sentences.

    Example:
        >>> missing_report(Path("images"), {"train": ["a/1.png", "a/2.png"], "val": ["b/1.png"]}, {"train": [1]})
        '1 of 2 train (a/2.png) images are not in images.'
        >>> missing_report(Path("images"), {"train": ["a/1.png"], "val": ["b/c/1.png"]}, {"val": [0]})
        '1 of 1 val (b/c/1.png) images are not in images. Whole folders are missing: 1 of 1 in b.'
    """
    parts = []
    for split, rows in absent.items():
        if rows:
            first = ", ".join(listed[split][row] for row in rows[:3]) + (", ..." if len(rows) > 3 else "")
            parts.append(f"{len(rows):,} of {len(listed[split]):,} {split} ({first})")
    return f"{', '.join(parts)} images are not in {printable(root)}.{_whole_folders(listed, absent)}"


def why_missing(root: Path, listed: Mapping[str, Sequence[str]], absent: Mapping[str, Sequence[int]]) -> str:
    """Return what would make listed images be there, if something simple would.

    Args:
        root: folder that the paths are relative to.
        listed: paths of each split.
        absent: rows of them, as of `absent_files`.

    Returns:
        A sentence with a blank behind it, or nothing.
    """
    endings = [ending for suffix in sorted(IMAGE_SUFFIXES) for ending in (suffix, suffix.upper())]
    folders = _some_folders(root)
    for path in [listed[split][row] for split, rows in absent.items() for row in rows[:5]]:
        if "\\" in path:
            return "They are written with backslashes, as on Windows: write / in their place. "
        if re.search(r"\s\d+$", path):
            return "Their lines have several numbers: an image of several classes cannot be learnt here. "
        for folder in (root, *folders):
            where = "" if folder == root else f" in {printable(folder)}"
            if where and _is_there(folder / path):
                return f"They are{where}. "
            ending = next((ending for ending in endings if _is_there(folder / f"{path}{ending}")), None)
            if ending is not None:
                return f"They are there{where} with {ending} at the end ({path}{ending}): write it into the list. "
        first, _, rest = path.partition("/")
        if rest and _is_there(root / rest):
            return f"They are there without {first}/: the folder above may be the one that is meant. "
        for name in _files_of((root / path).parent):
            if name.lower() == path.rpartition("/")[2].lower():
                return f"Capitals and small letters differ ({printable(name)} is there). "
    return ""


def _is_there(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def _some_folders(root: Path) -> list[Path]:
    try:
        return [path for path in sorted(root.iterdir())[:500] if path.is_dir()]
    except OSError:
        return []


def _whole_folders(listed: Mapping[str, Sequence[str]], absent: Mapping[str, Sequence[int]]) -> str:
    wanted: dict[str, int] = defaultdict(int)
    gone: dict[str, int] = defaultdict(int)
    for split, paths in listed.items():
        for path in paths:
            wanted[path.rpartition("/")[0]] += 1
        for row in absent.get(split, ()):
            gone[paths[row].rpartition("/")[0]] += 1
    folders: dict[str, list[bool]] = defaultdict(list)
    for folder, number in wanted.items():
        folders[folder.partition("/")[0]].append(gone[folder] == number)
    descriptions = [
        f"{sum(whole):,} of {len(whole):,} in {top}" for top, whole in folders.items() if top and any(whole)
    ]
    if not descriptions:
        return ""
    # lists made for other names of the top folders have as many of these as classes
    more = f" and {len(descriptions) - 5:,} more" if len(descriptions) > 5 else ""
    return f" Whole folders are missing: {', '.join(descriptions[:5])}{more}."
