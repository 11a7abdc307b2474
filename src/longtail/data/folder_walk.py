"""All that lies below a folder: images, other files, and what cannot be followed or opened."""

import os
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from longtail.data.image_kinds import IMAGE_SUFFIXES, OTHER_SUFFIXES, is_readable, other_suffix
from longtail.errors import InputError
from longtail.files.text import printable

__all__ = ["Walked", "first_three", "sub_folders", "walk"]

# what stands beside images everywhere, and is none: not opened to see
_PLAIN = re.compile(
    r"\.(txt|csv|tsv|jsonl?|xml|md|html?|ya?ml|toml|log|py|sh|ipynb|docx?|xlsx?|db|ini|xmp|thm|url|lnk|dvc|h5|hdf5|parquet|"
    r"arrow|pth?|pkl|onnx|safetensors|lst|list|bak)"
)

# what systems put beside people's folders; they hide it themselves
_OF_SYSTEMS = frozenset(
    ("__macosx", "@eadir", "#recycle", "$recycle.bin", "system volume information", "lost+found", "__pycache__")
)


@dataclass
class Walked:
    """What lies below a folder; hidden files and folders, and those of systems, are left out.

    Attributes:
        images: files that are read here, by their names, in order.
        others: files that are none.
        foreign: files that are images elsewhere, such as .heic.
        unnamed: files that are images by their content and not by their name.
        broken: links to nothing, or to themselves.
        repeated: links to folders that were seen before, which were not followed.
    """

    images: list[Path] = field(default_factory=list)
    others: list[Path] = field(default_factory=list)
    foreign: list[Path] = field(default_factory=list)
    unnamed: list[Path] = field(default_factory=list)
    broken: list[Path] = field(default_factory=list)
    repeated: list[Path] = field(default_factory=list)

    def extend(self, other: "Walked") -> None:
        """Add what lies below another folder."""
        for name, paths in vars(other).items():
            getattr(self, name).extend(paths)

    def notes(self, where: str) -> list[str]:
        """Return a sentence about each thing that was passed over, if something was.

        Args:
            where: names the folder.
        """
        notes = []
        if self.foreign:
            notes.append(f"{where}: {self.foreign_counts()} are images elsewhere and are not read here: passed over")
        if self.unnamed:
            notes.append(
                f"{where}: {len(self.unnamed):,} files are images by their content, but have no ending such as .jpg: "
                f"passed over ({first_three(self.unnamed)})"
            )
        if self.broken:
            notes.append(
                f"{where}: {len(self.broken):,} links lead nowhere: passed over ({first_three(self.broken)})"
                + ("; `git annex get` fetches what they stand for" if self.is_annex() else "")
            )
        if self.repeated:
            notes.append(
                f"{where}: {len(self.repeated):,} links lead to folders that were seen before: passed over "
                f"({first_three(self.repeated)})"
            )
        if self.others:
            notes.append(f"{where}: {len(self.others):,} files that are no images were passed over")
        return notes

    def foreign_counts(self) -> str:
        """Return the numbers of images that are read elsewhere, by their endings: "12 .heic (HEIC)"."""
        counts = Counter(other_suffix(path.name) or "" for path in self.foreign)
        return ", ".join(f"{number:,} {suffix} ({OTHER_SUFFIXES[suffix]})" for suffix, number in sorted(counts.items()))

    def is_annex(self) -> bool:
        """Return whether a link that leads nowhere is one of git-annex."""
        return any(".git/annex/" in str(path.readlink()) for path in self.broken)


def walk(folder: Path) -> Walked:
    """Look at everything below a folder, links and all.

    Args:
        folder: where to begin.

    Raises:
        InputError: a folder that may not be opened.
    """
    seen = Walked()
    # a link back up leads to this very folder again
    visited = {_number(place) for place in (folder, *folder.resolve().parents)}
    left = [iter(_entries(folder))]
    while left:
        entry = next(left[-1], None)
        if entry is None:
            left.pop()
        elif not _is_folder(entry):
            _sort_in(entry, seen)
        # else links could go round for ever, and two links to each folder would double with each step down
        elif (number := _number(Path(entry.path))) in visited:
            seen.repeated.append(Path(entry.path))
        else:
            visited.add(number)
            left.append(iter(_entries(Path(entry.path))))
    return seen


def sub_folders(folder: Path) -> list[Path]:
    """Return the folders in a folder, in order, hidden ones left out.

    Raises:
        InputError: the folder may not be opened.
    """
    return [Path(entry.path) for entry in _entries(folder) if _is_folder(entry)]


def first_three(names: Iterable[Path | str]) -> str:
    """Return the first three of some names, and how many there are more.

    Example:
        >>> first_three(["a", "b", "c", "d"])
        'a, b, c and 1 more'
    """
    shown = [printable(name) for name in names]
    return ", ".join(shown[:3]) + (f" and {len(shown) - 3:,} more" if len(shown) > 3 else "")


def _number(folder: Path) -> tuple[int, int]:
    status = folder.stat()
    return status.st_dev, status.st_ino


def _sort_in(entry: os.DirEntry[str], seen: Walked) -> None:
    path = Path(entry.path)
    suffix = path.suffix.lower()
    if entry.is_symlink() and not _exists(entry):
        seen.broken.append(path)
    elif not entry.is_file():  # a pipe or a device, which is never opened
        seen.others.append(path)
    elif suffix in IMAGE_SUFFIXES:
        seen.images.append(path)
    elif other_suffix(entry.name):
        seen.foreign.append(path)
    elif not _PLAIN.fullmatch(suffix) and _looks_like_an_image(path):
        seen.unnamed.append(path)
    else:
        seen.others.append(path)


def _looks_like_an_image(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return is_readable(file.read(16))
    except OSError:
        return False


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return sorted((entry for entry in entries if not _is_hidden(entry.name)), key=lambda entry: entry.name)
    except OSError as error:
        raise InputError(
            f"{printable(folder)}: cannot be opened ({error.strerror}). A folder that may not be read is no missing "
            "class: change its permissions, or take it away."
        ) from error


def _is_hidden(name: str) -> bool:
    return name[0] == "." or name.lower() in _OF_SYSTEMS


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # links in a circle
        return False


def _exists(entry: os.DirEntry[str]) -> bool:
    try:
        entry.stat()
    except OSError:
        return False
    return True
