"""An image folder: a sub-folder for each class, with or without train/, val/ and test/ above them."""

import os
from collections.abc import Mapping
from pathlib import Path

from longtail.class_names import AlikeNames, settled_names
from longtail.data.files import ImageFiles
from longtail.data.folder_layout import FolderLayout, check_classes, split_folders, walked_folders
from longtail.data.folder_names import is_doubtful, is_unlabelled
from longtail.data.folder_walk import Walked, first_three
from longtail.data.image_kinds import IMAGE_SUFFIXES
from longtail.errors import InputError
from longtail.files.text import printable

__all__ = ["open_folder"]


def open_folder(
    folder: Path,
    *,
    layout: FolderLayout = "auto",
    alike_names: AlikeNames = "ask",
    bits: int | None = None,
    known: Path | None = None,
) -> tuple[dict[str, ImageFiles], tuple[str, ...]]:
    """Find the images of a folder.

    Args:
        folder: holds a folder for each class, or train/ (and val/, test/, in capitals or not) that hold them. Images
            may lie deeper; files and folders whose names begin with a dot are passed over.
        layout: "classes": every sub-folder is a class, whatever it looks like; "splits": every sub-folder of train/
            (val/, test/) is; "auto" refuses what looks like something else, and leaves out what nobody has labelled.
        alike_names: of classes that differ in case, blanks, "_", "-" or Unicode form only: "keep" or "merge"; "ask"
            refuses them.
        bits: of grey images of more than 8 bits, as of `decode_image`.
        known: a file of which is known that it holds no labels, such as a table of groups.

    Returns:
        A source for each split that is there ("train" alone for an undivided folder), and notes for people.

    Raises:
        InputError: no image, one class only, a split without images, a class that train lacks, folders that look like
            something else than classes, or names that cannot be told apart.
    """
    where = split_folders(folder, layout)
    notes = list(where.notes)
    images: dict[str, dict[str, list[Path]]] = {}
    for split, root in where.roots.items():
        walked = _of_split(split, root)
        if layout == "auto":
            walked = _labelled(root, walked, notes)
            notes += check_classes(root, walked, where.answer, known) if split == "train" else []
        _refuse_unread(root, walked)
        images[split] = {_text(root, name): result.images for name, result in walked.items() if result.images}
        notes += _passed_over(split, root, walked)
    names = sorted({name for of_class in images.values() for name in of_class})
    settled, numbers = settled_names(names, alike_names, printable(folder))
    number_of = dict(zip(names, numbers, strict=True))
    class_names = _of_train(settled, number_of, images, where.roots)
    place = {name: class_names.index(settled[number]) for name, number in number_of.items()}
    sources = {}
    for split, of_class in images.items():
        labelled = [(path, place[name]) for name, paths in of_class.items() for path in paths]
        paths, labels = zip(*labelled, strict=True)
        title = printable(folder.resolve().name)
        sources[split] = ImageFiles(list(paths), labels, class_names, title, root=folder, bits=bits)
    return sources, tuple(notes)


def _of_split(split: str, root: Path) -> dict[str, Walked]:
    try:
        return walked_folders(root)
    except InputError as error:
        if split == "train":
            raise
        raise InputError(f"{error} Remove {root.name}/ to have a part of train split off in its place.") from error


def _labelled(root: Path, walked: dict[str, Walked], notes: list[str]) -> dict[str, Walked]:
    """Leave out the folders of what nobody has labelled."""
    left_out = {name: result for name, result in walked.items() if is_unlabelled(name)}
    if left_out and not any(result.images for name, result in walked.items() if name not in left_out):
        raise InputError(
            f"{printable(root)}: {first_three(left_out)} alone holds images, and its name says that they have no "
            "class. Sort them into a folder for each class, or say `layout='classes'`."
        )
    for name, result in left_out.items():
        notes.append(f"{printable(root / name)}: {len(result.images):,} images without a class, left out")
    doubtful = [name for name, result in walked.items() if result.images and is_doubtful(name)]
    if doubtful:
        notes.append(
            f"{printable(root)}: {first_three(doubtful)} learnt as a class like any other; take the folder away if "
            "what lies in it is of no single class"
        )
    return {name: result for name, result in walked.items() if name not in left_out}


def _refuse_unread(root: Path, walked: Mapping[str, Walked]) -> None:
    """Refuse a class that has images, none of which can be read: it would be missing without a word."""
    full = {name for name, result in walked.items() if result.images}
    pointers = [
        path.name for path in sorted(root.glob("*.dvc")) if path.stem not in full and not path.with_suffix("").is_file()
    ]
    if pointers:
        raise InputError(
            f"{printable(root)}: {first_three(pointers)} stand for data that are not here. `dvc pull` fetches them; or "
            "take these files away."
        )
    for name, result in walked.items():
        if result.images:
            continue
        where = printable(root / name)
        if result.foreign:
            raise InputError(
                f"{where}: all its images are such as are not read here: {result.foreign_counts()}. Convert them to "
                "PNG or JPEG, or take the folder away."
            )
        if result.unnamed:
            raise InputError(
                f"{where}: {len(result.unnamed):,} files are images by their content, but have no ending such as .jpg "
                f"({first_three(result.unnamed)}). Rename them, or take the folder away."
            )
        if result.broken:
            fetch = "`git annex get` fetches what they stand for." if result.is_annex() else "Mend them."
            raise InputError(
                f"{where}: {len(result.broken):,} links lead nowhere ({first_three(result.broken)}), and there is "
                f"nothing else. {fetch}"
            )


def _passed_over(split: str, root: Path, walked: Mapping[str, Walked]) -> list[str]:
    notes = []
    loose = sum(path.suffix.lower() in IMAGE_SUFFIXES for path in root.iterdir() if path.is_file())
    if loose:
        notes.append(f"{printable(root)}: {loose:,} images that lie in no class folder were passed over")
    whole = Walked()
    for result in walked.values():
        whole.extend(result)
    notes += whole.notes(printable(root))
    empty = [name for name, result in walked.items() if not result.images]
    if empty and split == "train":
        notes.append(f"{printable(root)}: no image in {first_three(empty)}: left out, not a class")
    return notes


def _text(root: Path, name: str) -> str:
    """Return the name of a folder as text, whatever this system takes its bytes for."""
    try:
        return os.fsencode(name).decode("utf-8")
    except UnicodeDecodeError as error:
        raise InputError(
            f"{printable(root / name)}: the name of this class is no text in UTF-8. Rename the folder."
        ) from error


def _of_train(
    names: tuple[str, ...],
    number_of: Mapping[str, int],
    images: Mapping[str, Mapping[str, list[Path]]],
    roots: Mapping[str, Path],
) -> tuple[str, ...]:
    """Return the classes, all of which train has."""
    there = {number_of[name] for name in images["train"]}
    for split, of_class in images.items():
        unknown = next((name for name in of_class if number_of[name] not in there), None)
        if unknown is not None:
            raise InputError(
                f"{printable(roots[split] / unknown)}: the class {unknown!r} has no images in "
                f"{printable(roots['train'])}. Add training images of it, or remove it from this split."
            )
    return tuple(names[number] for number in sorted(there))
