"""Find out which of many listed files are there, by looking into each folder once."""

import os
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

__all__ = ["absent_files", "missing_report"]


def absent_files(root: Path, paths: Sequence[str]) -> list[int]:
    """Give the rows of `paths` whose files are not there.

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
        try:
            with os.scandir(root / folder) as entries:
                there = {entry.name for entry in entries}
        except (FileNotFoundError, NotADirectoryError):
            there = set()
        absent += [row for row in inside if paths[row].rpartition("/")[2] not in there]
    return sorted(absent)


def missing_report(root: Path, listed: Mapping[str, Sequence[str]], absent: Mapping[str, Sequence[int]]) -> str:
    """Say how many images of each split are missing, the first three of them, and which folders are missing whole.

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
    return f"{', '.join(parts)} images are not in {root}.{_whole_folders(listed, absent)}"


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
    told = [f"{sum(whole):,} of {len(whole):,} in {top}" for top, whole in folders.items() if top and any(whole)]
    if not told:
        return ""
    # lists made for other names of the top folders have as many of these as classes
    more = f" and {len(told) - 5:,} more" if len(told) > 5 else ""
    return f" Whole folders are missing: {', '.join(told[:5])}{more}."
