"""Which COCO files make up a data set, one a split, and the folders that their images are in."""

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from longtail.data.folder_names import SPLIT_NAMES
from longtail.data.foreign_label_files import recognised
from longtail.errors import InputError
from longtail.files.text import printable

__all__ = ["COCO_KINDS", "CocoPart", "coco_parts", "folder_of_images", "root_of"]

COCO_KINDS = ("a COCO file", "a file of COCO Camera Traps", "a COCO file of iNaturalist")
_SPLIT_OF = {word: split for split, words in SPLIT_NAMES.items() for word in words}
_WORD = re.compile(r"(?<![a-z])(" + "|".join(sorted(_SPLIT_OF, key=len, reverse=True)) + r")(?![a-z])")
_MOST_FILES = 40  # in one folder; where there are more, each is of one image
_OF_ANNOTATIONS = frozenset({"annotations", "annotation", "labels", "metadata"})


@dataclass(frozen=True)
class CocoPart:
    """A COCO file.

    Attributes:
        path: of it.
        split: "train", "val" or "test" by its name, or by its folder's; "" where neither says so.
    """

    path: Path
    split: str = ""


def coco_parts(path: Path, *, alone: bool = False) -> tuple[CocoPart, ...]:
    """Return the COCO files of a data set.

    Args:
        path: of one file: one of train brings those of val and test with it that are named like it
            (instances_train2017.json and instances_val2017.json); or of a folder that holds one such family.
        alone: a file is all that is meant.

    Raises:
        InputError: a folder without such a file, or with several that have nothing to do with each other.
    """
    if path.is_dir():
        return _of_folder(path)
    family, split, folder = _family(path)
    if alone or split != "train":
        return (CocoPart(path),)
    places = [folder] if folder == path.parent else [one for one in sorted(folder.iterdir()) if one.is_dir()]
    parts = {"train": path}
    for other in (file for place in places for file in _json_files(place)):
        its_family, its_split, its_folder = _family(other)
        if its_split not in ("", "train") and (its_family, its_folder) == (family, folder) and _is_coco(other):
            parts.setdefault(its_split, other)
    if len(parts) == 1:
        return (CocoPart(path),)
    return tuple(CocoPart(parts[split], split) for split in SPLIT_NAMES if split in parts)


def folder_of_images(base: Path, part: CocoPart, names: Sequence[str]) -> str:
    """Return the folder below a root that a file's names are relative to, with a slash behind; "" for the root.

    Args:
        base: the root.
        part: the file.
        names: of its images.
    """
    stem = re.sub(r"^_*(instances|annotations?|images)[_.-]*", "", part.path.stem)
    beside = part.path.parent.relative_to(base).as_posix() if part.path.parent.is_relative_to(base) else "."
    words = (stem, part.split, *SPLIT_NAMES.get(part.split, ()))
    ways = [".", beside, *words, "images", *(f"images/{word}" for word in words), "JPEGImages"]
    some = [name.replace("\\", "/") for name in names[:3]]
    for way in dict.fromkeys(way for way in ways if way):
        if any((base / way / name).is_file() for name in some):
            return "" if way == "." else f"{way}/"
    return ""


def root_of(path: Path) -> Path:
    """Return the folder that a COCO file speaks of: the one above, where it lies in a folder of annotations."""
    folder = path if path.is_dir() else _family(path)[2]
    return folder.parent if folder.name.lower() in _OF_ANNOTATIONS else folder


def _of_folder(folder: Path) -> tuple[CocoPart, ...]:
    files = [file for place in (folder, *_folders(folder)) for file in _json_files(place) if _is_coco(file)]
    if not files:
        raise InputError(f"{printable(folder)}: no COCO file in it. Expected JSON with images and annotations.")
    families: dict[tuple[str, Path], list[Path]] = defaultdict(list)
    for file in files:
        family, _, its_folder = _family(file)
        families[family, its_folder].append(file)
    if len(families) > 1:  # COCO itself has captions and key points beside the instances
        families = {key: own for key, own in families.items() if key[0].startswith("instances")} or families
    own = next(iter(families.values()))
    splits = [_family(file)[1] for file in own]
    if len(families) > 1 or len(set(splits)) < len(splits):
        listed = ", ".join(printable(file.relative_to(folder)) for file in files[:6])
        raise InputError(
            f"{printable(folder)}: holds {len(files)} COCO files: {listed}. Name the file that is meant; one of train "
            "brings those of val and test that are named like it."
        )
    if "train" not in splits:
        return tuple(CocoPart(file) for file in own)
    return tuple(CocoPart(file, split) for file, split in zip(own, splits, strict=True))


def _family(path: Path) -> tuple[str, str, Path]:
    """Return a file's name without its split, the split, and the folder that holds all of its family."""
    stem = path.stem.lower()
    words = _WORD.findall(stem)
    if len(words) == 1:
        return _WORD.sub("*", stem), _SPLIT_OF[words[0]], path.parent
    if path.parent.name.lower() in _SPLIT_OF:
        return stem, _SPLIT_OF[path.parent.name.lower()], path.parent.parent
    return stem, "", path.parent


def _folders(folder: Path) -> list[Path]:
    return sorted(one for one in folder.iterdir() if one.is_dir() and not one.name.startswith("."))


def _json_files(folder: Path) -> list[Path]:
    files = [file for file in sorted(folder.glob("*.json")) if file.is_file() and not file.name.startswith(".")]
    return files if len(files) <= _MOST_FILES else []


def _is_coco(path: Path) -> bool:
    kind = recognised(path)
    return kind is not None and kind.name in COCO_KINDS
