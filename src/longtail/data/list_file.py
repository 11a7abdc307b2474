"""A list file: `relative/path label` a line, the format of ImageNet-LT, Places-LT and iNaturalist 2018."""

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from longtail.class_names import AlikeNames, check_names, settled_names
from longtail.data.files import ImageFiles
from longtail.data.folder_names import SPLIT_NAMES
from longtail.data.list_problems import images_of_two_lists, repeated_images, what_is_wrong
from longtail.data.missing import absent_files, missing_report, why_missing
from longtail.errors import InputError
from longtail.files.text import printable, read_text

__all__ = ["LIST_SUFFIXES", "Listed", "open_lists", "read_class_names", "read_lines", "read_list", "read_names"]

LIST_SUFFIXES = (".txt", ".lst", ".list")


@dataclass(frozen=True)
class Listed:
    """The lines of a list file.

    Attributes:
        paths: as they stand there.
        labels: class indices, one a path.
        lines: numbers of their lines, from 1.
    """

    paths: list[str]
    labels: list[int]
    lines: list[int]


def open_lists(
    train_list: Path, root: Path | None, *, alike_names: AlikeNames = "ask", bits: int | None = None
) -> tuple[dict[str, ImageFiles], tuple[str, ...]]:
    """Open a list file and its siblings.

    A list whose name contains "train" or "training" brings the lists named alike for val and test that lie beside it,
    as folders of splits may be called, in capitals or not (`ImageNet_LT_train.txt`, `ImageNet_LT_val.txt`). A file
    classes.txt beside it, a name a line, names the classes.

    Args:
        train_list: the list of training images.
        root: folder that the paths are relative to; default: the list's own.
        alike_names: of classes that differ in case, blanks, "_", "-" or Unicode form only, as of `settled_names`.
        bits: of grey images of more than 8 bits, as of `decode_image`.

    Returns:
        A source for each split that is there, and notes for people.

    Raises:
        InputError: a line that cannot be read, an image that is not there or stands under two labels, or a class
            without training images.
    """
    files = {"train": train_list}
    files |= _siblings(train_list)
    root = root or train_list.parent
    listed = {split: read_list(path) for split, path in files.items()}
    class_names = _class_names(train_list, listed)
    lines = {printable(files[split].name): (part.paths, part.labels, part.lines) for split, part in listed.items()}
    notes = (*repeated_images(lines), *images_of_two_lists(lines))
    absent = {split: absent_files(root, part.paths) for split, part in listed.items()}
    if any(absent.values()):
        paths = {split: part.paths for split, part in listed.items()}
        raise InputError(
            f"{printable(train_list)}: {missing_report(root, paths, absent)} {why_missing(root, paths, absent)}"
            "Give the folder that the paths are relative to as `root`."
        )
    names, numbers = settled_names(class_names, alike_names, printable(train_list))
    title = printable(train_list.stem)
    sources = {
        split: ImageFiles(
            [root / path for path in part.paths],
            [numbers[label] for label in part.labels],
            names,
            title,
            root=root,
            bits=bits,
        )
        for split, part in listed.items()
    }
    return sources, notes


def read_list(path: Path) -> Listed:
    """Read a list file.

    Args:
        path: text, `relative/path label` a line; the path may hold spaces, empty lines are passed over.

    Raises:
        InputError: a line without a whole number of at least 0 at its end, several numbers, or an empty file.
    """
    lines = read_lines(path)
    paths, labels, numbers = [], [], []
    for number, line in enumerate(lines, start=1):
        if not line:
            continue
        name, *label = line.rsplit(maxsplit=1)
        wrong = what_is_wrong(line, lines, number)
        if wrong is not None:
            raise InputError(f"{printable(path)}:{number}: {printable(line[:80])!r}; {wrong}")
        paths.append(name)
        labels.append(int(label[0]))
        numbers.append(number)
    if not paths:
        raise InputError(f"{printable(path)}: is empty; expected `relative/path label` a line.")
    return Listed(paths, labels, numbers)


def read_class_names(train_list: Path, num_classes: int) -> tuple[str, ...] | None:
    """Read the names of the classes from classes.txt beside a list, a name a line; None where there is no such file.

    Args:
        train_list: the list of training images.
        num_classes: C; names beyond them are left out.

    Raises:
        InputError: fewer names than classes, or a name that cannot be written down.
    """
    path = train_list.with_name("classes.txt")
    if not path.is_file():
        return None
    names = [line for line in read_lines(path) if line]
    if len(names) < num_classes:
        raise InputError(
            f"{printable(path)}: {len(names):,} names, but labels go up to {num_classes - 1}. Expected a name a class."
        )
    check_names(names[:num_classes], printable(path))
    return tuple(names[:num_classes])


def read_lines(path: Path) -> list[str]:
    """Read the lines of a text file, without white space around them.

    Raises:
        InputError: no such file, or no text in UTF-8, or in UTF-16 with its mark.
    """
    text = read_text(path, expected="lines of text")
    if "\0" in text:
        line = text[: text.index("\0")].count("\n") + 1
        raise InputError(
            f"{printable(path)}, line {line}: holds null characters, as no text does, or one in UTF-16 without its "
            "mark. Save it as UTF-8."
        )
    return [line.strip() for line in text.split("\n")]


def read_names(path: Path, num_classes: int, expected: str) -> list[str]:
    """Read a file of class names that a person gave, one a line.

    Args:
        path: of the file.
        num_classes: C.
        expected: what has so many classes, for the message.

    Raises:
        InputError: no such file, another number of names, or a name that stands there twice or cannot be written down.
    """
    origin = printable(path)
    if not path.is_file():
        raise InputError(f"--class-names {origin}: no such file. Expected a class name a line.")
    names = [line for line in read_lines(path) if line]
    if len(names) != num_classes:
        raise InputError(f"{origin}: {len(names)} names, but {expected}.")
    check_names(names, origin)
    twice = next((name for name, times in Counter(names).items() if times > 1), None)
    if twice is not None:
        raise InputError(f"{origin}: {twice!r} stands there twice. Expected another name for each class.")
    return names


def _siblings(train_list: Path) -> dict[str, Path]:
    """Find the lists that are called as the one of train is, but for the split."""
    parts = re.fullmatch("(.*)train(?:ing)?(.*)", train_list.name, flags=re.IGNORECASE | re.DOTALL)
    if parts is None:
        return {}
    before, after = parts.groups()
    beside = {path.name.lower(): path for path in sorted(train_list.parent.iterdir()) if path.is_file()}
    siblings: dict[str, Path] = {}
    for split in ("val", "test"):
        wanted = [f"{before}{name}{after}".lower() for name in SPLIT_NAMES[split]]
        there = [beside[name] for name in wanted if name in beside]
        if len(there) > 1:
            raise InputError(
                f"{printable(train_list)}: {there[0].name} and {there[1].name} beside it are both of {split}. Expected "
                "one list: take the other away."
            )
        if there:
            siblings[split] = there[0]
    return siblings


def _class_names(train_list: Path, listed: Mapping[str, Listed]) -> tuple[str, ...]:
    """Return a name for each class; train has images of all of them."""
    highest = max(max(part.labels) for part in listed.values())
    # a set, and no array of C: one mistyped label can be larger than memory
    present = set(listed["train"].labels)
    if len(present) == highest + 1:
        return read_class_names(train_list, highest + 1) or tuple(str(label) for label in range(highest + 1))
    first = next(label for label in range(highest + 1) if label not in present)
    if first == 0 and len(present) == highest and all(0 not in part.labels for part in listed.values()):
        raise InputError(
            f"{printable(train_list)}: the labels are numbered from 1 to {highest:,}; expected from 0. Take 1 off "
            "each: awk '{$NF -= 1; print}' OLD > NEW"
        )
    names = read_class_names(train_list, first + 1)
    raise InputError(
        f"{printable(train_list)}: class {first}{f' ({names[first]})' if names else ''} has no training image, nor "
        f"have {highest - len(present):,} others. Expected every label from 0 to {highest}: number the classes without "
        "gaps."
    )
