"""What a folder is: a sub-folder for each class, splits above them, or something else, which is never guessed."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from longtail.data.folder_names import SPLIT_NAMES, look_of_names, look_of_sub_folders
from longtail.data.folder_pairs import look_of_files
from longtail.data.folder_walk import Walked, first_three, sub_folders, walk
from longtail.data.foreign_label_files import OtherFormat, formats_in
from longtail.data.image_kinds import IMAGE_SUFFIXES
from longtail.data.labels_beside import LabelsBeside, labels_beside
from longtail.errors import InputError
from longtail.files.text import printable

__all__ = ["FolderLayout", "Layout", "check_classes", "split_folders", "walked_folders"]

FolderLayout = Literal["auto", "classes", "splits"]


@dataclass(frozen=True)
class Layout:
    """Where a folder keeps its classes.

    Attributes:
        roots: of each split the folder whose sub-folders are the classes; "train" alone for an undivided folder.
        answer: the option that says so, should the classes look like something else.
        notes: sentences for people.
    """

    roots: Mapping[str, Path]
    answer: str
    notes: tuple[str, ...] = ()


def split_folders(folder: Path, layout: FolderLayout = "auto") -> Layout:
    """Find out whether a folder has train/, val/ and test/, or the classes at once.

    Args:
        folder: of a data set.
        layout: "classes" and "splits" say it, "auto" looks.

    Raises:
        InputError: splits without training images, two folders for one split, or both classes and splits.
    """
    if layout == "classes":
        return Layout({"train": folder}, "classes")
    children = sub_folders(folder)
    of_split = {
        split: [child for child in children if child.name.lower() in names] for split, names in SPLIT_NAMES.items()
    }
    roots = {split: folders[0] for split, folders in of_split.items() if folders}
    beside = [child for child in children if child not in roots.values()]
    # "train" may also be a class, between bus and ship: then it holds images and no folders
    is_divided = "train" in roots and bool(sub_folders(roots["train"]))
    if layout == "splits" or is_divided:
        if "train" not in roots:
            raise InputError(f"{printable(folder)}: no train/ in it. Expected train/ (val/, test/) above the classes.")
        _refuse_two_of_one(folder, of_split)
        others = [child.name for child in beside if walk(child).images]
        if len(others) > 1 and layout == "auto":
            raise InputError(
                f"{printable(folder)}: {first_three(others)} beside train/ hold images too. Are they classes, and "
                "train one of them, or is train a split? Say `layout='classes'` or `layout='splits'`."
            )
        note = f"{printable(folder)}: {first_three([child.name for child in beside])} beside train/: passed over"
        return Layout(roots, "splits", (note,) if beside else ())
    if roots and not any(walk(child).images for child in beside):
        raise InputError(_without_classes(folder, roots))
    return Layout({"train": folder}, "classes")


def walked_folders(root: Path) -> dict[str, Walked]:
    """Look into each sub-folder of a folder whose sub-folders are classes.

    Raises:
        InputError: no image in any of them, or one that may not be opened.
    """
    walked = {child.name: walk(child) for child in sub_folders(root)}
    if any(result.images for result in walked.values()):
        return walked
    message = f"{printable(root)}: no image in any sub-folder."
    passed_over = [
        note for name, result in walked.items() for note in result.notes(name) if "no images were" not in note
    ]
    loose = [path for path in root.iterdir() if path.suffix.lower() in IMAGE_SUFFIXES]
    if passed_over:
        message += f" {'. '.join(passed_over[:3])}."
    elif loose:
        message += (
            f" {len(loose):,} images lie in {printable(root.name)}/ itself, and no folder says of which class they are."
        )
    message += f" Expected a sub-folder for each class with images in it ({', '.join(sorted(IMAGE_SUFFIXES))})."
    formats = formats_in(root)
    raise InputError(f"{message} {formats[0].sentence()}" if formats else message)


def check_classes(root: Path, walked: Mapping[str, Walked], answer: str, known: Path | None = None) -> list[str]:
    """Refuse sub-folders that are no classes, as their names, what lies below them, or files of labels tell.

    Args:
        root: whose sub-folders are to be classes.
        walked: what lies in each.
        answer: value of `layout` that overrules this.
        known: a file of which is known that it holds no labels.

    Returns:
        A note on files of labels that are there and not read, if there are.

    Raises:
        InputError: they look like something else.
    """
    full = {name: result.images for name, result in walked.items() if result.images}
    root_files = sorted(path for path in root.iterdir() if path.is_file())
    inside, above = labels_beside(root, [*root_files, *(path for result in walked.values() for path in result.others)])
    if known is not None and known.exists():
        inside, above = ([file for file in files if not file.path.samefile(known)] for files in (inside, above))
    files = LabelsBeside([*inside, *above], full, root)
    # beside an undivided folder anything may lie
    mentioned = [file for file in inside if file.name != "a file of another format" or file in files.naming]
    mentioned += [file for file in above if file in files.naming or (answer == "splits" and file.is_known)]
    overrule = f"If each of them is a class after all, say `layout='{answer}'`."
    if files.contradiction is not None and len(full) > 1:
        file, reason = files.contradiction
        raise InputError(
            f"{printable(root)}: the folders {_listed(full)} are no classes: {reason}. {file.remedy()} {overrule}"
        )
    suspicion = (
        look_of_names(list(full), [name for name in walked if name not in full])
        or look_of_sub_folders({name: _folders_below(root / name, images) for name, images in full.items()})
        or look_of_files(full)
    )
    if suspicion is not None:
        listed = _listed([*full, *(name for name in walked if name not in full)])
        first = next(iter(mentioned), None)
        instead = suspicion.instead if first is None else first.sentence()
        raise InputError(
            f"{printable(root)}: the folders {listed} look like {suspicion.looks_like}, not like classes. {instead}"
            f"{_meant(root, full) if suspicion.inside else ''} {overrule}"
        )
    if len(full) == 1:
        raise InputError(_one_class(root, next(iter(full)), mentioned))
    if files.unclear is not None:
        raise InputError(
            f"{printable(root)}: are the folders {_listed(full)} the classes? {files.unclear.sentence()} It names "
            f"these images, and cannot be compared with the folders. {overrule}"
        )
    beside = [f"{printable(file.path)} ({file.name})" for file in mentioned]
    return [f"{first_three(beside)}: not read, the folders are the classes"] if beside else []


def _folders_below(folder: Path, images: list[Path]) -> list[str]:
    steps = len(folder.parts)
    return sorted({path.parts[steps] for path in images if len(path.parts) > steps + 1})


def _meant(root: Path, names: Iterable[str]) -> str:
    inside = next((root / name for name in names if len(_inner_classes(root / name)) > 1), None)
    return "" if inside is None else f" {printable(inside)} may be the folder that is meant."


def _one_class(root: Path, name: str, formats: list[OtherFormat]) -> str:
    message = f"{printable(root)}: one class only ({printable(name)}). Expected at least two sub-folders with images."
    inner = _inner_classes(root / name)
    if len(inner) > 1:
        message += f" {printable(root / name)} holds {first_three(inner)}: give that folder instead."
    return f"{message} {formats[0].sentence()}" if formats else message


def _inner_classes(folder: Path) -> list[str]:
    return [child.name for child in sub_folders(folder) if walk(child).images]


def _without_classes(folder: Path, roots: Mapping[str, Path]) -> str:
    there = ", ".join(sorted(root.name for root in roots.values()))
    message = (
        f"{printable(folder)}: holds {there}, but no train/ with a sub-folder for each class. "
        "Expected train/ (val/, test/), or a sub-folder for each class at once."
    )
    formats = formats_in(folder)
    return f"{message} {formats[0].sentence()}" if formats else message


def _refuse_two_of_one(folder: Path, of_split: Mapping[str, list[Path]]) -> None:
    for split, folders in of_split.items():
        if len(folders) > 1:
            raise InputError(
                f"{printable(folder)}: {' and '.join(child.name for child in folders)} are both {split}. Expected one "
                "folder: put their images together, or take one away."
            )


def _listed(names: Mapping[str, object] | list[str]) -> str:
    return first_three(f"{name}/" for name in names)
