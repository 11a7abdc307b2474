"""Open a data set by name or path, and split it."""

import difflib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from longtail.counts import PROFILES, class_counts
from longtail.data.cifar import open_cifar
from longtail.data.decode import IMAGE_SUFFIXES
from longtail.data.digits import digits_splits
from longtail.data.files import ImageFiles
from longtail.data.folder import image_files, open_folder
from longtail.data.list_file import open_lists
from longtail.data.long_tailed import long_tailed_indices
from longtail.data.pack import ImagePack, pack_splits
from longtail.data.published import PUBLISHED, open_published
from longtail.data.readable import find_unreadable
from longtail.data.source import DataSplits, ImageSource, Subset
from longtail.errors import InputError
from longtail.holdout import stratified_holdout

__all__ = ["DATA_NAMES", "open_data", "open_unlabelled"]

DATA_NAMES = ("digits", "cifar10", "cifar100", *PUBLISHED)
DEFAULT_RATIOS = {"digits": 40.0, "cifar10": 100.0, "cifar100": 100.0}
PACK_SUFFIXES = (".h5", ".hdf5")


def open_data(
    dataset: str,
    *,
    root: Path | None = None,
    profile: str = "auto",
    ratio: float | None = None,
    largest: int | None = None,
    val_fraction: float = 0.1,
    test_fraction: float = 0.2,
    seed: int = 0,
    skip_bad: bool = False,
    download: bool = False,
    lists: Path | None = None,
    original_splits: bool = False,
    other_counts: bool = False,
) -> DataSplits:
    """Open a data set, make it long-tailed where that is wanted, and complete its splits.

    Splits that the data has are taken as they are. A missing test split, then a missing validation split, are split off
    train, class by class.

    Args:
        dataset: "digits", "cifar10", "cifar100", "imagenet-lt", "places-lt", "inat18", or the path of an image folder,
            list file (.txt) or image pack (.h5).
        root: of CIFAR: folder of torchvision's files, or an image pack of it; else folder of a list's images.
        profile: "exp", "step" or "pareto"; "none" leaves train as it is; "auto" is "exp" for digits and CIFAR and
            wherever a ratio is given, and "none" for all others.
        ratio: largest class over smallest of the profile; default: 40 for digits, 100 for CIFAR.
        largest: images of the profile's largest class; default: as many as there are.
        val_fraction: share of train to split off for validation; 0 for none.
        test_fraction: share to split off for testing.
        seed: of the long-tailed choice and of the splits.
        skip_bad: leave unreadable images out and name them, instead of failing when one is met.
        download: fetch CIFAR.
        lists: of imagenet-lt, places-lt and inat18: folder of the lists, where it is not the images'.
        original_splits: of inat18: split nothing off for validation, as the published numbers were chosen on test.
        other_counts: accept lists of these whose class counts are not the published ones.

    Returns:
        Splits, with a record of every choice. The indices in it count the images of that split of the data, less
        those of a list that are not there; those of a split that was split off count the images of train.

    Raises:
        InputError: an unknown name, a missing path, or data that cannot be used.

    Example:
        >>> splits = open_data("digits")
        >>> len(splits.test), splits.train.load(0).shape
        (400, torch.Size([1, 8, 8]))
    """
    if original_splits and dataset != "inat18":
        raise InputError(f"--original-splits is for inat18, which has no test list; {dataset} needs no such choice.")
    if (lists is not None or other_counts) and dataset not in PUBLISHED:
        raise InputError(f"--lists and --other-counts are for {', '.join(PUBLISHED)}; {dataset} has no use for them.")
    if profile == "auto":
        profile = "exp" if dataset in DEFAULT_RATIOS or ratio is not None else "none"
    if profile not in ("none", *PROFILES):
        raise InputError(f"no profile {profile!r}. Profiles: auto, none, {', '.join(PROFILES)}.")
    if largest is not None and profile == "none":
        raise InputError(f"--largest {largest} is of a profile, and --profile is none. Leave one of them out.")
    ratio = DEFAULT_RATIOS.get(dataset) if ratio is None else ratio
    if dataset == "digits":
        return digits_splits(profile, ratio, seed, largest=largest)
    if dataset in PUBLISHED:
        if root is None:
            raise InputError(f"{dataset} needs --data: the folder that the paths in its lists are relative to.")
        found, notes, missing = open_published(dataset, root, lists, other_counts=other_counts, skip_missing=skip_bad)
        parts: dict[str, ImageSource] = dict(found)
    else:
        (parts, notes), missing = _sources(dataset, root, download), []
    if original_splits:
        val_fraction = 0.0
        notes = (*notes, "nothing was split off train: choices are made on the test images, as the published ones are")
    record: dict[str, Any] = {
        "source": dataset,
        "root": None if root is None else str(root),
        "profile": profile,
        "ratio": ratio,
        "largest": largest,
        "seed": seed,
        "val_fraction": val_fraction,
        "test_fraction": test_fraction,
        "original_splits": original_splits,
        "lists": None if lists is None else str(lists),
        "other_counts": other_counts,
    }
    rows = {split: np.arange(len(source)) for split, source in parts.items()}
    told = list(notes)
    if skip_bad:
        record["skipped"] = [*missing, *_skip_bad(parts, rows, told)]
    pool = parts["train"]
    labels = np.asarray(pool.labels)
    left_out = None
    if profile != "none":
        chosen = _profiled(labels[rows["train"]], profile, ratio, largest, seed, len(pool.class_names))
        left_out = Subset(pool, np.delete(rows["train"], chosen))
        rows["train"] = rows["train"][chosen]
    for split, fraction in (("test", test_fraction), ("val", val_fraction)):
        if split in parts or fraction == 0:
            continue
        rest, held_out = stratified_holdout(labels[rows["train"]], fraction, seed)
        told.append(
            f"no {split} split: {len(held_out):,} of {len(rows['train']):,} training images were split off, class by "
            f"class, seed {seed}"
        )
        parts[split], rows[split] = pool, rows["train"][held_out]
        rows["train"] = rows["train"][rest]
    record["indices"] = {split: found.tolist() for split, found in rows.items()}
    sources: dict[str, ImageSource] = {split: Subset(parts[split], rows[split]) for split in rows}
    _check_train(sources["train"], dataset)
    return DataSplits(
        pool.name if dataset not in DATA_NAMES else dataset,
        pool.class_names,
        sources["train"],
        sources.get("val"),
        sources.get("test"),
        record,
        tuple(told),
        held_back=left_out,
    )


def open_unlabelled(path: Path, *, channels: int = 3, skip_bad: bool = False) -> ImageSource:
    """Open images whose classes are not known: one file, all images below a folder, or a pack.

    Args:
        path: image, folder or pack.
        channels: 1 or 3, as the network expects.
        skip_bad: leave unreadable images out.

    Raises:
        InputError: no image there.
    """
    source: ImageSource
    if path.suffix in PACK_SUFFIXES and path.is_file():
        source = ImagePack(path)
    else:
        if not path.exists():
            raise InputError(f"{path}: no such file or folder. Expected an image, a folder of images or a pack.")
        files = [path] if path.is_file() else image_files(path)[0]
        if not files:
            raise InputError(f"{path}: no image in it. Expected files such as {', '.join(sorted(IMAGE_SUFFIXES))}.")
        source = ImageFiles(files, np.zeros(len(files)), ("unknown",), path.name)
    if skip_bad:
        bad = {index for index, _ in find_unreadable(source)}
        source = Subset(source, np.array([i for i in range(len(source)) if i not in bad], dtype=np.int64))
    return _Grey(source) if channels == 1 else source


class _Grey(Subset):
    """All images of a source, with one channel."""

    def __init__(self, source: ImageSource) -> None:
        super().__init__(source, np.arange(len(source)))

    def load(self, index: int) -> torch.Tensor:
        image = super().load(index).float()
        # the usual weights of brightness; they sum to 1, so that an image that is grey already stays as it is
        grey = 0.299 * image[0] + 0.587 * image[1] + 0.114 * image[2]
        return grey.round().to(torch.uint8)[None]


def _sources(dataset: str, root: Path | None, download: bool) -> tuple[dict[str, ImageSource], tuple[str, ...]]:
    if dataset in ("cifar10", "cifar100"):
        if root is None:
            raise InputError(f"{dataset} needs --data: the folder of torchvision's files, or an image pack of it.")
        if root.suffix not in PACK_SUFFIXES:
            return dict(open_cifar(dataset, root, download=download)), ()
        path = Path(root)
    else:
        path = Path(dataset)
    if not path.exists():
        close = [] if dataset in DATA_NAMES else difflib.get_close_matches(dataset.replace("_", ""), DATA_NAMES, n=1)
        raise InputError(
            f"no data {str(path)!r}: no such file or folder.{f' Did you mean {close[0]}?' if close else ''} Expected "
            f"{', '.join(DATA_NAMES)}, or the path of an image folder, list file (.txt) or image pack (.h5)."
        )
    if path.is_dir():
        found, notes = open_folder(path)
        return dict(found), notes
    if path.suffix in PACK_SUFFIXES:
        pack = ImagePack(path)
        parts = pack_splits(pack)
        if dataset in DATA_NAMES and len(pack.class_names) != int(dataset.removeprefix("cifar")):
            raise InputError(
                f"{path}: {len(pack.class_names)} classes; expected those of {dataset}. Give its pack with --data."
            )
        if "train" not in parts:
            raise InputError(f"{path}: no image of it is of the training split (code 0). Make the pack again.")
        return {split: Subset(pack, rows) for split, rows in parts.items()}, ()
    if path.suffix in (".txt", ".lst", ".list"):
        listed, notes = open_lists(path, root)
        return dict(listed), notes
    raise InputError(f"{path}: expected a folder of images, a list file (.txt) or an image pack (.h5).")


def _skip_bad(
    parts: Mapping[str, ImageSource], rows: dict[str, NDArray[np.int64]], told: list[str]
) -> list[dict[str, str]]:
    skipped = []
    for split, source in parts.items():
        bad = find_unreadable(source)
        skipped += [{"split": split, "image": source.identify(index), "reason": reason} for index, reason in bad]
        rows[split] = np.setdiff1d(rows[split], [index for index, _ in bad])
    if skipped:
        names = ", ".join(item["image"] for item in skipped[:3])
        told.append(f"{len(skipped)} unreadable images were left out: {names}{', ...' if len(skipped) > 3 else ''}")
    return skipped


def _profiled(
    labels: NDArray[np.int64], profile: str, ratio: float | None, largest: int | None, seed: int, num_classes: int
) -> NDArray[np.int64]:
    if ratio is None:
        raise InputError(f"profile {profile} needs --ratio: the largest class over the smallest, 100 for example.")
    most = int(class_counts(labels, num_classes).max()) if largest is None else largest
    return long_tailed_indices(labels, PROFILES[profile](num_classes, most, ratio), seed)


def _check_train(train: ImageSource, dataset: str) -> None:
    counts = class_counts(train.labels, len(train.class_names))
    if len(counts) < 2:
        raise InputError(f"{dataset}: one class only. Expected at least two classes to tell apart.")
    empty = np.flatnonzero(counts == 0)
    if len(empty):
        raise InputError(
            f"{dataset}: class {empty[0]} ({train.class_names[empty[0]]}) has no training image, nor have "
            f"{len(empty) - 1} others. Add images of it, or take the class out."
        )
