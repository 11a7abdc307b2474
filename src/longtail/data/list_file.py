"""A list file: `relative/path label` a line, the format of ImageNet-LT, Places-LT and iNaturalist 2018."""

from pathlib import Path

import numpy as np

from longtail.data.files import ImageFiles
from longtail.errors import InputError

__all__ = ["open_lists", "read_list"]


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
    if "train" in train_list.name:
        siblings = {split: train_list.with_name(train_list.name.replace("train", split)) for split in ("val", "test")}
        lists |= {split: path for split, path in siblings.items() if path.is_file()}
    root = root or train_list.parent
    entries = {split: read_list(path) for split, path in lists.items()}
    num_classes = max(max(labels) for _, labels in entries.values()) + 1
    class_names = _class_names(train_list.with_name("classes.txt"), num_classes)
    present = np.bincount(entries["train"][1], minlength=num_classes) > 0
    if not present.all():
        first = int(np.flatnonzero(~present)[0])
        raise InputError(
            f"{train_list}: class {first} ({class_names[first]}) has no training image, nor have "
            f"{int((~present).sum()) - 1} others. Expected every label from 0 to {num_classes - 1}: "
            "number the classes without gaps."
        )
    sources = {}
    for split, (names, labels) in entries.items():
        paths = [root / name for name in names]
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
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        if not line.strip():
            continue
        name, _, label = line.strip().rpartition(" ")
        if not label.isdigit() or not name.strip():
            name, _, label = line.strip().rpartition("\t")
        if not label.isdigit() or not name.strip():
            raise InputError(f"{path}:{number}: {line[:80]!r}; expected a path and a class number of at least 0.")
        names.append(name.strip())
        labels.append(int(label))
    if not names:
        raise InputError(f"{path}: is empty; expected `relative/path label` a line.")
    return names, labels


def _class_names(path: Path, num_classes: int) -> tuple[str, ...]:
    if not path.is_file():
        return tuple(str(number) for number in range(num_classes))
    names = tuple(line.strip() for line in path.read_text(encoding="utf-8").splitlines() if line.strip())
    if len(names) < num_classes:
        raise InputError(f"{path}: {len(names)} names, but labels go up to {num_classes - 1}. Expected a name a class.")
    return names[:num_classes]
