"""An image folder: a sub-folder for each class, with or without train/, val/ and test/ above them."""

from pathlib import Path

from longtail.data.decode import IMAGE_SUFFIXES
from longtail.data.files import ImageFiles
from longtail.errors import InputError

__all__ = ["image_files", "open_folder"]

SPLIT_NAMES = {
    "train": ("train", "training"),
    "val": ("val", "valid", "validation"),
    "test": ("test", "testing"),
}


def open_folder(folder: Path) -> tuple[dict[str, ImageFiles], tuple[str, ...]]:
    """Find the images of a folder.

    Args:
        folder: holds a folder for each class, or train/ (and val/, test/, in capitals or not) that hold them. Images
            may lie deeper; files and folders whose names begin with a dot are passed over.

    Returns:
        A source for each split that is there ("train" alone for an undivided folder), and notes for people.

    Raises:
        InputError: no image, one class only, a split without images, or a class that train lacks.
    """
    roots, notes = _split_folders(folder)
    images, others = {}, {}
    for split, root in roots.items():
        found = {child.name: image_files(child) for child in _folders(root)}
        images[split] = {name: paths for name, (paths, _) in found.items() if paths}
        if not images[split]:
            raise InputError(
                f"{root}: no image in any sub-folder. Expected a sub-folder for each class with images in it "
                f"({', '.join(sorted(IMAGE_SUFFIXES))})."
                + ("" if split == "train" else f" Remove {root.name}/ to have a part of train split off in its place.")
            )
        others[split] = sum(number for _, number in found.values())
        loose = sum(path.suffix.lower() in IMAGE_SUFFIXES for path in root.iterdir() if path.is_file())
        if loose:
            notes.append(f"{root}: {loose:,} images that lie in no class folder were passed over")
        if others[split]:
            notes.append(f"{root}: {others[split]:,} files that are no images were passed over")
        empty = [name for name, (paths, _) in found.items() if not paths]
        if empty and split == "train":
            notes.append(f"{root}: no image in {_first_three(empty)}: left out, not a class")
    class_names = tuple(images["train"])
    if len(class_names) == 1:
        raise InputError(f"{roots['train']}: one class only ({class_names[0]}). Expected at least two sub-folders.")
    numbers = {name: number for number, name in enumerate(class_names)}
    sources = {}
    for split, of_class in images.items():
        unknown = next((name for name in of_class if name not in numbers), None)
        if unknown is not None:
            raise InputError(
                f"{roots[split] / unknown}: the class {unknown!r} has no images in {roots['train']}. "
                "Add training images of it, or remove it from this split."
            )
        labelled = [(path, numbers[name]) for name, paths in of_class.items() for path in paths]
        paths, labels = zip(*labelled, strict=True)
        sources[split] = ImageFiles(list(paths), labels, class_names, folder.resolve().name)
    return sources, tuple(notes)


def image_files(folder: Path) -> tuple[list[Path], int]:
    """Give the image files below a folder, in order, and the number of its other files; hidden ones are neither."""
    files = [
        path
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not any(part.startswith(".") for part in path.relative_to(folder).parts)
    ]
    images = [path for path in files if path.suffix.lower() in IMAGE_SUFFIXES]
    return images, len(files) - len(images)


def _split_folders(folder: Path) -> tuple[dict[str, Path], list[str]]:
    children = {child.name.lower(): child for child in _folders(folder)}
    roots = {
        split: next(children[name] for name in names if name in children)
        for split, names in SPLIT_NAMES.items()
        if any(name in children for name in names)
    }
    beside = [child.name for child in children.values() if child not in roots.values()]
    # "train" may also be a class, between bus and ship: then it holds images and no folders
    if "train" in roots and _folders(roots["train"]):
        return roots, [f"{folder}: {_first_three(beside)} beside train/: passed over"] if beside else []
    if roots and not beside:
        there = ", ".join(sorted(root.name for root in roots.values()))
        raise InputError(
            f"{folder}: holds {there}, but no train/ with a sub-folder for each class. "
            "Expected train/ (val/, test/), or a sub-folder for each class at once."
        )
    return {"train": folder}, []


def _folders(folder: Path) -> list[Path]:
    return [child for child in sorted(folder.iterdir()) if child.is_dir() and not child.name.startswith(".")]


def _first_three(names: list[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3:,} more" if len(names) > 3 else "")
