"""A list file: `relative/path label` a line, the format of ImageNet-LT, Places-LT and iNaturalist 2018."""

from pathlib import Path

from longtail.data.files import ImageFiles
from longtail.errors import InputError

__all__ = ["open_lists", "read_class_names", "read_lines", "read_list", "read_names"]


def open_lists(train_list: Path, root: Path | None) -> tuple[dict[str, ImageFiles], tuple[str, ...]]:
    """Open a list file and its siblings.

    A list whose name contains "train" brings the lists named alike with "val" and "test" that lie beside it
    (`ImageNet_LT_train.txt`, `ImageNet_LT_val.txt`). A file classes.txt beside it, a name a line, names the classes.

    Args:
        train_list: the list of training images.
        root: folder that the paths are relative to; default: the list's own.

    Returns:
        A source for each split that is there, and notes for people.

    Raises:
        InputError: a line that cannot be read, an image that is not there, or a class without training images.
    """
    lists = {"train": train_list}
    before, train, after = train_list.name.rpartition("train")
    if train:
        siblings = {split: train_list.with_name(before + split + after) for split in ("val", "test")}
        lists |= {split: path for split, path in siblings.items() if path.is_file()}
    root = root or train_list.parent
    entries = {split: read_list(path) for split, path in lists.items()}
    num_classes = max(max(labels) for _, labels in entries.values()) + 1
    # a set, and no array of C: one mistyped label can be larger than memory
    present = set(entries["train"][1])
    if len(present) < num_classes:
        first = next(label for label in range(num_classes) if label not in present)
        names = read_class_names(train_list, first + 1)
        raise InputError(
            f"{train_list}: class {first}{f' ({names[first]})' if names else ''} has no training image, nor have "
            f"{num_classes - len(present) - 1:,} others. Expected every label from 0 to {num_classes - 1}: "
            "number the classes without gaps."
        )
    class_names = read_class_names(train_list, num_classes) or tuple(str(label) for label in range(num_classes))
    sources = {}
    for split, (relative, labels) in entries.items():
        paths = [root / name for name in relative]
        missing = [path for path in paths if not path.is_file()]
        if missing:
            first_three = ", ".join(str(path) for path in missing[:3])
            raise InputError(
                f"{lists[split]}: {len(missing):,} of {len(paths):,} images are not there: {first_three}"
                f"{', ...' if len(missing) > 3 else ''}. Give the folder that the paths are relative to with --data."
            )
        sources[split] = ImageFiles(paths, labels, class_names, train_list.stem)
    return sources, ()


def read_list(path: Path) -> tuple[list[str], list[int]]:
    """Read a list file.

    Args:
        path: text, `relative/path label` a line; the path may hold spaces, empty lines are passed over.

    Returns:
        Paths and labels, one a line.

    Raises:
        InputError: a line without a whole number of at least 0 at its end, or an empty file.
    """
    names, labels = [], []
    for number, line in enumerate(read_lines(path), start=1):
        if not line:
            continue
        name, *label = line.rsplit(maxsplit=1)
        if not label or not (label[0].isascii() and label[0].isdecimal()) or len(label[0]) > 9:
            raise InputError(f"{path}:{number}: {line[:80]!r}; expected a path and a class number of at least 0.")
        names.append(name)
        labels.append(int(label[0]))
    if not names:
        raise InputError(f"{path}: is empty; expected `relative/path label` a line.")
    return names, labels


def read_class_names(train_list: Path, num_classes: int) -> tuple[str, ...] | None:
    """Read the names of the classes from classes.txt beside a list, a name a line; None where there is no such file.

    Args:
        train_list: the list of training images.
        num_classes: C; names beyond them are left out.

    Raises:
        InputError: fewer names than classes.
    """
    path = train_list.with_name("classes.txt")
    if not path.is_file():
        return None
    names = [line for line in read_lines(path) if line]
    if len(names) < num_classes:
        raise InputError(
            f"{path}: {len(names):,} names, but labels go up to {num_classes - 1}. Expected a name a class."
        )
    return tuple(names[:num_classes])


def read_lines(path: Path) -> list[str]:
    """Read the lines of a text file, without white space around them.

    Raises:
        InputError: it is not text in UTF-8.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")  # Windows' editors put a mark in front
    except UnicodeDecodeError as error:
        raise InputError(
            f"{path}: is not text in UTF-8 ({error.reason} at byte {error.start}). Save it as UTF-8."
        ) from error
    return [line.strip() for line in text.split("\n")]


def read_names(path: Path, num_classes: int, expected: str) -> list[str]:
    """Read a file of class names that a person gave, one a line.

    Args:
        path: of the file.
        num_classes: C.
        expected: what has so many classes, for the message.

    Raises:
        InputError: no such file, or another number of names.
    """
    if not path.is_file():
        raise InputError(f"--class-names {path}: no such file. Expected a class name a line.")
    names = [line for line in read_lines(path) if line]
    if len(names) != num_classes:
        raise InputError(f"{path}: {len(names)} names, but {expected}.")
    return names
