"""Whether files of labels beside a folder say the same as the folder's sub-folders."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from longtail.data.folder_names import is_about_images
from longtail.data.foreign_label_files import OtherFormat, label_files, recognised
from longtail.data.label_pairs import image_keys, label_pairs, names_images
from longtail.files.text import printable

__all__ = ["LabelsBeside", "labels_beside"]


class LabelsBeside:
    """What files of labels have to say of the images of a folder.

    Args:
        files: of labels, in the folder and beside it.
        folders: of each sub-folder the images.
        root: of the folders.

    Attributes:
        contradiction: the file that says of most sub-folders that they hold several classes, or all the same, and in
            which words; None where none does.
        unclear: a file of another program that names these images in a way that cannot be compared; None where there
            is none, or where another file says the same as the sub-folders.
        naming: all files that name these images.
    """

    def __init__(self, files: Sequence[OtherFormat], folders: Mapping[str, Iterable[Path]], root: Path) -> None:
        places = _places(folders, root)
        images = [path.relative_to(root).as_posix() for of_folder in folders.values() for path in of_folder]
        # of each format the labels of each sub-folder: two formats may call one class by two names
        result: dict[str, dict[str, set[str]]] = {}
        spoken: dict[str, OtherFormat] = {}
        silent: list[OtherFormat] = []
        self.naming: list[OtherFormat] = []
        for file in files:
            folder_labels = result.setdefault(file.name, {})
            before = sum(map(len, folder_labels.values()))
            for image, label in label_pairs(file, lambda word: any(places.get(key) for key in image_keys(word))):
                folder = next((places[key] for key in image_keys(image) if places.get(key)), None)
                if folder is not None:
                    folder_labels.setdefault(folder, set()).add(label)
            if sum(map(len, folder_labels.values())) > before:
                spoken.setdefault(file.name, file)
                self.naming.append(file)
            elif names_images(file.path, images):
                silent.append(file)
        self.naming += silent
        contradictions = [(file, _contradicts(result[name])) for name, file in spoken.items()]
        self.contradiction = next(
            ((file, f"{file.heading()} has other classes: {why}") for file, why in contradictions if why is not None),
            None,
        )
        unclear = [] if spoken else [file for file in silent if file.is_known and not file.are_results]
        self.unclear = next(iter(unclear), None)


def labels_beside(root: Path, inside: Iterable[Path]) -> tuple[list[OtherFormat], list[OtherFormat]]:
    """Return the files of labels in a folder, and those beside it: a data set's images/ has them there.

    Args:
        root: whose sub-folders are to be classes.
        inside: files in it that are no images.
    """
    return _formats(inside), _formats(_above(root))


def _formats(paths: Iterable[Path]) -> list[OtherFormat]:
    some = label_files(paths)
    unknown = (OtherFormat(path, "a file of another format", is_known=False) for path in some)
    return [recognised(path) or file for path, file in zip(some, unknown, strict=True)]


def _above(root: Path) -> Iterator[Path]:
    above = root.resolve().parent
    try:
        entries = sorted(above.iterdir())
        yield from (path for path in entries if path.is_file())
        for folder in entries:
            if folder.is_dir() and folder != root.resolve() and is_about_images(folder.name):
                yield from (path for path in sorted(folder.iterdir()) if path.is_file())
    except OSError:
        return


def _contradicts(folder_labels: Mapping[str, set[str]]) -> str | None:
    """Return which classes a sub-folder holds by the files, if most of them hold several, or all the same few."""
    mixed = [folder for folder, labels in folder_labels.items() if len(labels) > 1]
    distinct = set().union(*folder_labels.values())
    if 2 * len(mixed) < len(folder_labels) and 2 * len(distinct) > len(folder_labels):
        return None
    folder = mixed[0] if mixed else next(iter(folder_labels))
    held = sorted(label.encode("utf-8", "backslashreplace").decode() for label in folder_labels[folder])
    return f"{printable(folder)}/ holds {', '.join(held[:3])}{', ...' if len(held) > 3 else ''} by it"


def _places(folders: Mapping[str, Iterable[Path]], root: Path) -> dict[str, str]:
    """Map what an image may be called in a file to its sub-folder; "" where it could be in several."""
    place: dict[str, str] = {}
    for folder, images in folders.items():
        for path in images:
            for key in image_keys(path.relative_to(root).as_posix()):
                place[key] = folder if place.get(key, folder) == folder else ""
    return place
