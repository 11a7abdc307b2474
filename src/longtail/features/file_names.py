"""How people name files of arrays that belong together: X_train.npy and y_train.npy, features.npy and labels.npy."""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from longtail.errors import InputError
from longtail.files.text import printable
from longtail.files.zarr_file import is_zarr

__all__ = ["files_beside", "one_file_of", "split_file_of"]

_FEATURES = re.compile(r"(?<![^_.-])(features?|embeddings?|feats?|logits|x)(?![^_.-])", re.IGNORECASE)
_WORDS = {  # in the place of the word for features
    "labels": ("labels", "label", "targets", "target", "y"),
    "groups": ("groups",),
    "events": ("events",),
}
# names of a split's features, and of all features of a folder; the first of each are those of earlier versions
_OF_SPLIT = ("feature_{}", "{}", "features_{}", "embeddings_{}", "logits_{}")
_OF_SPLIT_TOO = (
    *(
        "{}_features",
        "{}_feature",
        "{}_embeddings",
        "{}_feats",
        "{}_logits",
        "feats_{}",
        "X_{}",
        "x_{}",
        "{}_X",
        "{}_x",
    ),
    *("{}/features", "{}/feature", "{}/embeddings", "{}/feats", "{}/logits", "{}/X", "{}/x"),
)
_OF_FOLDER = ("features", "feature", "embeddings", "feats", "logits", "X", "x")
_SPLIT_WORDS = {"train": ("train", "training"), "val": ("val", "valid", "validation", "dev"), "test": ("test",)}


def files_beside(path: Path, what: str) -> tuple[Path, ...]:
    """Return where labels, groups or events of the rows of an .npy file may lie, the likeliest first.

    Args:
        path: of the features.
        what: "labels", "groups" or "events".

    Raises:
        InputError: two such files are there, of which each could be it.

    Example:
        >>> [file.name for file in files_beside(Path("X_train.npy"), "groups")]
        ['X_train_groups.npy', 'groups_train.npy', 'groups.npy']
    """
    names = []
    word = _FEATURES.search(path.stem)
    if word is not None:
        names = [f"{path.stem[: word.start()]}{other}{path.stem[word.end() :]}.npy" for other in _WORDS[what]]
        if what == "labels" and word[0].lower() == "x":  # X goes with y, whatever else lies there
            names = [names[-1], *names[:-1]]
    there = [name for name in dict.fromkeys(names) if (path.parent / name).is_file()]
    own = path.with_name(f"{path.stem}_{what}.npy")
    if len(there) > 1 and not own.is_file() and there[0].lower()[:1] != "y":
        raise InputError(
            f"{printable(path)}: {there[0]} and {there[1]} are both there, and each could be the {what}. Expected one "
            f"of them, or {own.name}."
        )
    return tuple(dict.fromkeys((own, *(path.parent / name for name in names), path.with_name(f"{what}.npy"))))


def split_file_of(folder: Path, split: str, suffixes: Sequence[str]) -> Path | None:
    """Return the file with the features of a split; None where there is none.

    Args:
        folder: in which it is looked for.
        split: "train", "val" or "test".
        suffixes: that files of features have.

    Raises:
        InputError: two files could be it.
    """
    here = [*_there(folder, _OF_SPLIT, (split,), suffixes), *_named(folder, f"{split}feat_all.pkl")]
    if not here:
        here = list(_there(folder, _OF_SPLIT_TOO, _SPLIT_WORDS[split], suffixes))
    if len(here) > 1 and here[0].name != f"feature_{split}.h5":
        names = [str(file.relative_to(folder)) for file in here[:2]]
        raise InputError(f"{printable(folder)}: {names[0]} and {names[1]} are both there; expected one of them.")
    return here[0] if here else None


def one_file_of(folder: Path, suffixes: Sequence[str]) -> Path | None:
    """Return the one file of features of a folder that has none by split, such as features.npy; None without.

    Raises:
        InputError: two files could be it.
    """
    here = list(_there(folder, _OF_FOLDER, ("",), suffixes))
    if len(here) > 1:
        raise InputError(
            f"{printable(folder)}: {here[0].name} and {here[1].name} are both there. Name the one that is meant."
        )
    return here[0] if here else None


def _there(folder: Path, stems: Sequence[str], words: Sequence[str], suffixes: Sequence[str]) -> Iterator[Path]:
    for word in words:
        for stem in stems:
            for suffix in suffixes:
                yield from _named(folder, f"{stem.format(word)}{suffix}")


def _named(folder: Path, name: str) -> Iterator[Path]:
    path = folder / name
    # a disk that does not tell x from X has one file under both names
    if (path.is_file() or is_zarr(path)) and path.name in {entry.name for entry in path.parent.iterdir()}:
        yield path
