"""The splits that a data set has, whatever it is: a name, a folder, lists or a pack."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np

from longtail.class_names import AlikeNames, settled_names
from longtail.data.cifar import open_cifar
from longtail.data.files import ImageFiles
from longtail.data.folder import open_folder
from longtail.data.folder_layout import FolderLayout
from longtail.data.foreign_label_files import READ_TODAY, recognised
from longtail.data.image_file import exists
from longtail.data.image_pack import PACK_SUFFIXES, ImagePack, pack_splits
from longtail.data.list_file import LIST_SUFFIXES, open_lists
from longtail.data.manifests.formats import format_in_folder, format_of
from longtail.data.manifests.images import ManifestImages
from longtail.data.manifests.opened import open_manifest
from longtail.data.manifests.rows import ManifestChoice
from longtail.data.manifests.shards import is_pattern
from longtail.data.published import PUBLISHED
from longtail.data.source import ImageSource, Relabelled
from longtail.errors import InputError, did_you_mean
from longtail.files.text import printable

__all__ = ["DATA_NAMES", "open_parts"]

DATA_NAMES = ("digits", "cifar10", "cifar100", *PUBLISHED)

Parts = dict[str, ImageSource]
_OF_TABLES = (
    *("image_column", "label_column", "split_column", "group_column", "event_column", "weight_column"),
    "box_columns",
)


def open_parts(
    dataset: str,
    root: Path | None = None,
    *,
    layout: FolderLayout = "auto",
    alike_names: AlikeNames = "ask",
    bits: int | None = None,
    download: bool = False,
    table: ManifestChoice | None = None,
    skip_missing: bool = False,
    known: Path | None = None,
) -> tuple[Parts, tuple[str, ...]]:
    """Open the splits that CIFAR, a folder, a list file or a pack has.

    Args:
        dataset: "cifar10", "cifar100", or a path.
        root: of CIFAR: folder of torchvision's files, or an image pack of it; else folder of a list's images.
        layout: of a folder, as of `open_folder`.
        alike_names: as of `settled_names`.
        bits: of grey images of more than 8 bits, as of `decode_image`.
        download: fetch CIFAR.
        table: what a person said of a table of images.
        skip_missing: leave rows of a table out whose images are not there.
        known: a file beside a folder of which is known that it holds no labels.

    Returns:
        A source for each split that is there, "train" among them; and notes for people.

    Raises:
        InputError: nothing there, or nothing that is read here: then it says what it is.
    """
    if dataset in ("cifar10", "cifar100"):
        if root is None:
            raise InputError(f"{dataset} needs `root`: the folder of torchvision's files, or an image pack of it.")
        if root.suffix not in PACK_SUFFIXES:
            return dict(open_cifar(dataset, root, download=download)), ()
        path = Path(root)
    else:
        path = Path(dataset)
    if not exists(path) and not is_pattern(str(path)):
        perhaps = "" if dataset in DATA_NAMES else did_you_mean(dataset.replace("_", ""), DATA_NAMES)
        raise InputError(
            f"no data '{printable(path)}': no such file or folder.{perhaps} "
            f"Expected {', '.join(DATA_NAMES)}, or the path of an image folder, table of images, list file (.txt) or "
            "image pack (.h5)."
        )
    choice = table or ManifestChoice(root=root)
    opened = partial(open_manifest, path, choice, alike_names=alike_names, bits=bits, skip_missing=skip_missing)
    if choice.format is not None:
        return _of_table(opened)
    if path.is_dir():
        folders = partial(open_folder, path, layout=layout, alike_names=alike_names, bits=bits, known=known)
        return _of_folder(path, opened, folders, choice)
    if path.suffix.lower() in PACK_SUFFIXES:
        return _of_pack(path, dataset, alike_names, bits), ()
    other = recognised(path)
    if path.suffix.lower() in LIST_SUFFIXES and not (other and other.is_known):
        listed, notes = open_lists(path, root, alike_names=alike_names, bits=bits)
        return dict(listed), notes
    if format_of(path) is not None:
        return _of_table(opened)
    raise InputError(
        other.sentence()
        if other
        else f"{printable(path)}: nothing that is known. {READ_TODAY} Features go to `longtail fit`."
    )


def _of_table(opened: Callable[[], tuple[dict[str, ManifestImages], tuple[str, ...]]]) -> tuple[Parts, tuple[str, ...]]:
    tables, notes = opened()
    return dict(tables), notes


def _of_folder(
    folder: Path,
    opened: Callable[[], tuple[dict[str, ManifestImages], tuple[str, ...]]],
    folders: "partial[tuple[dict[str, ImageFiles], tuple[str, ...]]]",
    choice: ManifestChoice,
) -> tuple[Parts, tuple[str, ...]]:
    """Open a folder by its sub-folders; where those are no classes, by the table in it that says what it holds."""
    try:
        of_classes, notes = folders()
    except InputError:
        form = format_in_folder(folder) if folders.keywords["layout"] == "auto" else None
        if form is None:
            raise
        tables, notes = opened()
        return dict(tables), (f"{printable(folder)}: read as {form.title}", *notes)
    given = next((name for name in _OF_TABLES if getattr(choice, name) and getattr(choice, name) != "none"), None)
    if given is not None:
        raise InputError(
            f"`{given}` is of a table, and {printable(folder)} is a folder of classes. Give the table as the data, or "
            "say what belongs together by `group_by`."
        )
    return dict(of_classes), notes


def _of_pack(path: Path, dataset: str, alike_names: AlikeNames, bits: int | None) -> Parts:
    pack = ImagePack(path, bits=bits)
    parts = pack_splits(pack)
    if dataset in DATA_NAMES and len(pack.class_names) != int(dataset.removeprefix("cifar")):
        raise InputError(
            f"{printable(path)}: {len(pack.class_names)} classes; expected those of {dataset}. Give its pack as `root`."
        )
    if "train" not in parts:
        raise InputError(f"{printable(path)}: no image of it is of the training split (code 0). Make the pack again.")
    names, numbers = settled_names(pack.class_names, alike_names, printable(path))
    labels = np.array(numbers)[pack.labels]
    return {split: Relabelled(pack, rows, labels[rows], names) for split, rows in parts.items()}
