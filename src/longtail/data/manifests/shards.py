"""Data in many files, called shards: which files a pattern means, and which split the name of one says."""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath

from longtail.errors import InputError
from longtail.files.text import printable

__all__ = ["braces_expanded", "is_pattern", "shard_files", "split_of_name", "splits_of_shards"]

_BRACES = re.compile(r"\{([^{}]*)\}")
_RANGE = re.compile(r"(\d+)\.\.(\d+)")
_MOST = 1_000_000
# what Hugging Face takes for the name of a split, and what it takes for the end of a word
_WORDS = {
    "train": ("train", "training"),
    "val": ("validation", "valid", "dev", "val"),
    "test": ("test", "testing", "eval", "evaluation"),
}
_SPLITS = {
    split: re.compile(rf"(?:^|[-._ 0-9])(?:{'|'.join(words)})(?:[-._ 0-9]|$)", re.IGNORECASE)
    for split, words in _WORDS.items()
}


def is_pattern(text: str) -> bool:
    """Return whether a path stands for several: it has braces, or signs that a shell would expand."""
    return bool(_BRACES.search(text)) or any(sign in text for sign in "*?[")


def braces_expanded(pattern: str) -> list[str]:
    """Return the names that a pattern with braces stands for, in order.

    Args:
        pattern: braces hold a range of numbers, written as long as its first, or words between commas.

    Raises:
        InputError: braces that hold neither, or more than a million names.

    Example:
        >>> braces_expanded("{train,test}-{08..10}.tar")[:4]
        ['train-08.tar', 'train-09.tar', 'train-10.tar', 'test-08.tar']
    """
    names = [pattern]
    while (match := _BRACES.search(names[0])) is not None:
        words = _words(match[1], pattern)
        if len(names) * len(words) > _MOST:
            raise InputError(f"{printable(pattern)}: stands for more than {_MOST:,} files. Expected fewer shards.")
        # all names have the same braces left, behind what was put in for the first ones
        names = [_BRACES.sub(lambda _, word=word: word, name, count=1) for name in names for word in words]  # type: ignore[misc]
    return names


def _words(inside: str, pattern: str) -> Sequence[str]:
    ends = _RANGE.fullmatch(inside)
    if ends is None and "," in inside:
        return inside.split(",")
    if ends is None or int(ends[1]) > int(ends[2]) or int(ends[2]) - int(ends[1]) > _MOST:
        raise InputError(
            f"{printable(pattern)}: {{{printable(inside)}}} is no range of numbers, rising. Expected shards as "
            "data-{000..127}.tar, or words between commas."
        )
    return [f"{number:0{len(ends[1])}}" for number in range(int(ends[1]), int(ends[2]) + 1)]


def shard_files(path: Path, suffix: str) -> list[Path]:
    """Return the shards that a file, a folder or a pattern means, in the order of their names.

    Args:
        path: a file is the only one; of a folder those in it and in the folders right below; else a pattern.
        suffix: of a shard, such as ".tar".

    Raises:
        InputError: there is none, or one of them is not there.
    """
    if path.is_dir():
        files = sorted(one for below in ("*", "*/*") for one in path.glob(f"{below}{suffix}") if one.is_file())
        if not files:
            raise InputError(f"{printable(path)}: holds no {suffix}. Expected shards that end so.")
        return files
    if path.is_file() or not is_pattern(str(path)):
        return [path]
    files = [file for name in braces_expanded(str(path)) for file in _globbed(name)]
    if not files:
        raise InputError(f"{printable(path)}: no file is called so. Expected shards that end in {suffix}.")
    absent = [file for file in files if not file.is_file()]
    if absent:
        raise InputError(
            f"{printable(absent[0])}: no such file, nor are {len(absent) - 1:,} more of the {len(files):,} shards that "
            f"{printable(path)} stands for."
        )
    return files


def _globbed(name: str) -> Iterator[Path]:
    path = Path(name)
    if not any(sign in name for sign in "*?["):
        yield path
        return
    fixed = next((parent for parent in path.parents if not is_pattern(str(parent))), Path())
    yield from sorted(file for file in fixed.glob(str(path.relative_to(fixed))) if file.is_file())


def split_of_name(name: str) -> str | None:
    """Return the split that a path says, as Hugging Face reads it: by its folders, else by its name; None if none.

    Args:
        name: relative to the data, with forward slashes.

    Example:
        >>> split_of_name("data/train-00000-of-00004.parquet"), split_of_name("validation/a.tar")
        ('train', 'val')
        >>> split_of_name("trainees/a.tar"), split_of_name("plankton_test_003.tar")
        (None, 'test')
    """
    path = PurePosixPath(name)
    by_folder = {split for part in path.parts[:-1] for split in _WORDS if _says(split, part)}
    words = by_folder or {split for split in _WORDS if _says(split, path.stem)}
    return words.pop() if len(words) == 1 else None


def _says(split: str, word: str) -> bool:
    return _SPLITS[split].search(word) is not None


def splits_of_shards(files: Sequence[Path], root: Path) -> list[str] | None:
    """Return the split of each shard by its name; None where they do not tell training and other images apart.

    Args:
        files: of the shards.
        root: folder of all of them; its own name says nothing.
    """
    splits = [split_of_name(file.relative_to(root).as_posix()) for file in files]
    return [split or "" for split in splits] if "train" in splits else None
