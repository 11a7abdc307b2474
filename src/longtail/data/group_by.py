"""What belongs together by the paths of images: a pattern, a folder, or a table of images and groups."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray

from longtail.data.capture_times import bursts, capture_times
from longtail.data.fingerprint import identities
from longtail.data.label_pairs import image_keys
from longtail.data.source import ImageSource, Joined, Subset, groups_of
from longtail.errors import InputError
from longtail.files.text import counted, printable, read_text
from longtail.grouping import Grouping, grouping_of

__all__ = ["Grouped", "group_words", "grouped_by", "is_table_of_groups", "without_groups_of"]

_TIME = re.compile(r"time:(\d{1,9}(?:\.\d+)?)")
_TABLES = (".csv", ".tsv", ".txt")
_IMAGE_OF_CROP = re.compile(r"\[[-+.,e\d]+x[-+.e\d]+\]$")  # a box behind the name of its image
_FOLDER = re.compile(r"folder:(-?\d{1,3})")


class Grouped(Subset):
    """A source whose images belong together as somebody says.

    Args:
        source: N images.
        groups: of them.
    """

    def __init__(self, source: ImageSource, groups: Grouping) -> None:
        super().__init__(source, np.arange(len(source)))
        self._groups = groups

    @property
    def groups(self) -> Grouping:
        """What each image belongs to."""
        return self._groups


def grouped_by(parts: Mapping[str, ImageSource], how: str) -> tuple[dict[str, ImageSource], str]:
    """Group the images of all splits.

    Args:
        parts: a source for each split.
        how: as of `group_words`; or "time:SECONDS": images that one camera took within so many seconds of each other.

    Returns:
        The sources with their groups, and a note for people.

    Raises:
        InputError: as `group_words`.

    Example:
        >>> group_words(["lake_01/a.jpg", "lake_02/b.jpg", "hill_07/c.jpg"], r"^([a-z]+)_")
        ['lake', 'lake', 'hill']
        >>> group_words(["fox/lake/a.jpg", "fox/hill/b.jpg"], "folder:-1")
        ['lake', 'hill']
    """
    every = Joined(tuple(parts.values()))
    seconds = _TIME.fullmatch(how)
    names = [_IMAGE_OF_CROP.sub("", name) for name in identities(every)]
    words = group_words(names, how) if seconds is None else _by_time(every, float(seconds.group(1)))
    unknown = words.count("")
    crops = Counter(names)
    # crops of one image belong together whatever else does
    words = [word or (name if crops[name] > 1 else "") for word, name in zip(words, names, strict=True)]
    groups = grouping_of(words, how)
    alone = int((np.bincount(groups.codes) == 1).sum())
    alone_note = f"; of {unknown:,} images it says nothing: each of those is a group of its own" if unknown else ""
    note = (
        f"{counted(groups.number, 'group')} by {how} in {counted(len(every), 'image')}, {alone:,} of a single image: "
        f"each stays on one side of every split{alone_note}"
    )
    result: dict[str, ImageSource] = {}
    start = 0
    for split, source in parts.items():
        rows: NDArray[np.int64] = np.arange(start, start + len(source))
        result[split], start = Grouped(source, groups.take(rows)), start + len(source)
    return result, note


def without_groups_of(source: ImageSource, held_out: Iterable[ImageSource | None], how: str | None) -> ImageSource:
    """Leave images out whose group is measured or chosen on: what learns from them has seen its fellows.

    Args:
        source: N images.
        held_out: those that are measured or chosen on, with their groups.
        how: `group_by`, by which images are grouped that have no groups themselves; None: they are in none.

    Returns:
        The source itself where none is left out.
    """
    known = [groups_of(one) for one in held_out if one is not None]
    names = {name for one in known if one is not None for name in one.words if name}
    groups = groups_of(source)
    if not names or (groups is None and (how is None or _TIME.fullmatch(how))):
        return source
    words = group_words(identities(source), str(how)) if groups is None else groups.words
    rows = np.array([row for row, word in enumerate(words) if word not in names], dtype=np.int64)
    return source if len(rows) == len(words) else Subset(source, rows)


def group_words(names: Sequence[str], how: str) -> list[str]:
    """Return what each image belongs to, by its name.

    Args:
        names: of the images, relative to the data, with forward slashes.
        how: "folder:K", the K-th folder of the path, from its end where K is negative; the path of a table whose first
            column names images and whose last names groups; or a pattern, whose groups in brackets, or else all that it
            matches, is what images share.

    Returns:
        Words; "" of an image that is a group of its own.

    Raises:
        InputError: no pattern, or one that fits no image; a table that names none; no such folder.
    """
    folder = _FOLDER.fullmatch(how)
    if folder is not None:
        return _folders(names, int(folder.group(1)))
    if is_table_of_groups(how):
        return _of_table(names, Path(how))
    if how.startswith(("time:", "folder:")) or Path(how).suffix.lower() in _TABLES:
        raise InputError(
            f"`group_by` {how!r}: no such file. Expected the path of a table, folder:1 (-1: the last), time:10, or a "
            "pattern."
        )
    try:
        pattern = re.compile(how)
    except re.error as error:
        raise InputError(
            f"`group_by` {how!r} is no pattern ({error}), and no file. Expected a regular expression such as "
            "'^([^_]+)_', folder:1, or the path of a table."
        ) from error
    matches = [pattern.search(name) for name in names]
    words = ["" if match is None else "/".join(filter(None, match.groups())) or match.group() for match in matches]
    if not any(words):
        raise InputError(
            f"`group_by` {how!r} fits none of the {len(names):,} images, {names[0] if names else ''} for example. "
            "Expected a regular expression that is searched for in such paths."
        )
    return words


def is_table_of_groups(how: str) -> bool:
    """Return whether images are grouped by a table: a file of that name is there."""
    try:
        return Path(how).is_file()
    except (OSError, ValueError):  # a pattern that no disk could hold
        return False


def _by_time(source: ImageSource, gap: float) -> list[str]:
    words = bursts(*capture_times(source), gap)
    if not any(words):
        raise InputError(
            f"`group_by` time:{gap:g}: none of the {len(source):,} images says when it was taken (EXIF). Group them by "
            "their names or folders, or by a table."
        )
    return words


def _folders(names: Sequence[str], number: int) -> list[str]:
    if number == 0:
        raise InputError("`group_by` folder:0 is no folder. Expected folder:1, the first of a path, or folder:-1.")
    words = []
    for name in names:
        folders = PurePosixPath(name).parts[:-1]
        end = number if number > 0 else len(folders) + 1 + number
        # with those above it: site 1 of one cruise is not site 1 of another
        words.append("/".join(folders[:end]) if 0 < end <= len(folders) and number > 0 else _last(folders, number))
    if not any(words):
        raise InputError(f"`group_by` folder:{number}: no image lies so deep, {names[0] if names else ''} for example.")
    return words


def _last(folders: tuple[str, ...], number: int) -> str:
    return folders[number] if number < 0 and -number <= len(folders) else ""


def _of_table(names: Sequence[str], path: Path) -> list[str]:
    import csv

    origin = printable(path)
    lines = read_text(path, expected="a table of images and groups").split("\n")
    heading = lines[0] if lines else ""
    rows = [row for row in csv.reader(lines, delimiter=max(",;\t", key=heading.count)) if row]
    if not rows or len(rows[0]) < 2:
        raise InputError(f"`group_by` {origin}: expected a table of two columns: image, and group.")
    group_of: dict[str, str] = {}
    for number, row in enumerate(rows, start=1):
        if len(row) < 2:
            raise InputError(f"`group_by` {origin}: row {number} has one value; expected image and group.")
        group_of[row[0].strip().replace("\\", "/")] = row[-1].strip()
    words = [next((group_of[key] for key in image_keys(name) if key in group_of), "") for name in names]
    if not any(words):
        raise InputError(
            f"`group_by` {origin}: names none of the {len(names):,} images, {names[0] if names else ''} for example."
        )
    return words
