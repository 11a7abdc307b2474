"""An image folder: a sub-folder for each class, with or without train/, val/ and test/ above them."""

from pathlib import Path

from longtail.data.decode import IMAGE_SUFFIXES
from longtail.data.files import ImageFiles
from longtail.errors import InputError

__all__ = ["open_folder"]

SPLIT_NAMES = {
    "train": ("train", "training"),
    "val": ("val", "valid", "validation"),
    "test": ("test", "testing"),
}


def open_folder(folder: Path) -> tuple[dict[str, ImageFiles], tuple[str, ...]]:
    """Find the images of a folder.

    Args:
        folder: holds a folder for each class, or train/ (and val/, test/) that hold them. Images may lie deeper;
            files and folders whose names begin with a dot are passed over.

    Returns:
        A source for each split that is there ("train" alone for an undivided folder), and notes for people.

    Raises:
        InputError: no image, one class only, or a class that train lacks.
    """
    parts = {
        split: next((folder / name for name in names if (folder / name).is_dir()), None)
        for split, names in SPLIT_NAMES.items()
    }
    divided = parts["train"] is not None
    roots = {split: root for split, root in parts.items() if root is not None} if divided else {"train": folder}
    class_names = tuple(_class_folders(roots["train"]))
    if not class_names:
        raise InputError(
            f"{roots['train']}: no image in any sub-folder. Expected a sub-folder for each class with images in it "
            f"({', '.join(sorted(IMAGE_SUFFIXES))})."
        )
    if len(class_names) == 1:
        raise InputError(f"{roots['train']}: one class only ({class_names[0]}). Expected at least two sub-folders.")
    numbers = {name: number for number, name in enumerate(class_names)}
    sources, notes = {}, []
    for split, root in roots.items():
        paths, labels, others = [], [], 0
        for name, (images, passed_over) in _class_folders(root).items():
            if name not in numbers:
                raise InputError(
                    f"{root / name}: the class {name!r} has no images in {roots['train']}. "
                    "Add training images of it, or remove it from this split."
                )
            paths += images
            labels += [numbers[name]] * len(images)
            others += passed_over
        if others:
            notes.append(f"{root}: {others} files that are no images were passed over")
        sources[split] = ImageFiles(paths, labels, class_names, folder.resolve().name)
    return sources, tuple(notes)


def _class_folders(root: Path) -> dict[str, tuple[list[Path], int]]:
    """Give, for each sub-folder with images, its image files in order and the number of other files."""
    found = {}
    for folder in sorted(root.iterdir()):
        if not folder.is_dir() or folder.name.startswith("."):
            continue
        files = [
            path
            for path in sorted(folder.rglob("*"))
            if path.is_file() and not any(part.startswith(".") for part in path.relative_to(root).parts)
        ]
        images = [path for path in files if path.suffix.lower() in IMAGE_SUFFIXES]
        if images:
            found[folder.name] = (images, len(files) - len(images))
    return found
