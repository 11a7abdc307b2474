"""Open a data set by name or path, and split it."""

from contextlib import nullcontext
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray

from longtail.class_names import AlikeNames
from longtail.counts import PROFILES, class_counts
from longtail.data.carving import Carving, Progress
from longtail.data.decode import check_bits
from longtail.data.digits import digits_splits
from longtail.data.folder_layout import FolderLayout
from longtail.data.group_by import grouped_by, is_table_of_groups
from longtail.data.long_tailed import long_tailed_indices
from longtail.data.manifests.rows import ManifestChoice
from longtail.data.parts import DATA_NAMES, open_parts
from longtail.data.published import PUBLISHED, open_published
from longtail.data.source import DataSplits, ImageSource, weights_of
from longtail.errors import InputError
from longtail.files.text import printable
from longtail.row_weights import check_weighted, weights_note

__all__ = ["DATA_NAMES", "open_data"]

DEFAULT_RATIOS = {"digits": 40.0, "cifar10": 100.0, "cifar100": 100.0}


def open_data(
    dataset: str,
    *,
    root: Path | str | None = None,
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
    layout: FolderLayout = "auto",
    alike_names: AlikeNames = "ask",
    bits: int | None = None,
    table: ManifestChoice | None = None,
    group_by: str | None = None,
    progress: Progress = lambda what, images: nullcontext(lambda done: None),
) -> DataSplits:
    """Open a data set, make it long-tailed where that is wanted, and complete its splits.

    Splits that the data has are taken as they are. A missing test split, then a missing validation split, are split off
    train, class by class; images that are the same byte for byte stay on one side.

    Args:
        dataset: "digits", "cifar10", "cifar100", "imagenet-lt", "places-lt", "inat18", or the path of an image folder,
            list file (.txt), image pack (.h5), or table of images (.csv, ...; any format of `longtail.data.manifests`).
        root: of CIFAR: folder of torchvision's files, or an image pack of it; else folder of a list's images.
        profile: "exp", "step" or "pareto"; "none" leaves train as it is; "auto" is "exp" for digits and CIFAR and
            wherever a ratio is given, and "none" for all others.
        ratio: largest class over smallest of the profile, at least 1; default: 40 for digits, 100 for CIFAR.
        largest: images of the profile's largest class; default: as many as there are.
        val_fraction: share of train to split off for validation, below 1; 0 for none.
        test_fraction: share to split off for testing, below 1.
        seed: of the long-tailed choice and of the splits, 0 to 2^64 - 1.
        skip_bad: leave unreadable images out and name them, instead of failing when one is met.
        download: fetch CIFAR.
        lists: of imagenet-lt, places-lt and inat18: folder of the lists, where it is not the images'.
        original_splits: of inat18: split nothing off for validation, as the published numbers were chosen on test.
        other_counts: accept lists of these whose class counts are not the published ones.
        layout: of a folder: "classes" or "splits", as `open_folder` says; "auto" refuses what looks like neither.
        alike_names: of classes whose names differ in case, blanks, "_", "-" or Unicode form only: "keep" or "merge";
            "ask" refuses them.
        bits: of grey images of more than 8 bits: white is 2^bits - 1; default: as their files state it.
        table: what a person said of a table of images, or of an export of another program.
        group_by: which images belong together, as of `longtail.data.group_by.group_words`; those stay on one side of
            every split that is made.
        progress: shows how far a look at all images is.

    Returns:
        Splits, with a record of every choice. The indices in it count the images of that split of the data, less
        those of a list that are not there; those of a split that was split off count the images of train. Images that
        several splits share stand in `shared`, but for the published lists, which are taken as they are.

    Raises:
        InputError: an unknown name, a missing path, a setting out of range, or data that cannot be used.

    Example:
        >>> splits = open_data("digits")
        >>> len(splits.test), splits.train.load(0).shape
        (400, torch.Size([1, 8, 8]))
    """
    root = None if root is None else Path(root)
    _check_settings(dataset, ratio, largest, val_fraction, test_fraction, seed)
    _check_words(layout, alike_names)
    check_bits(bits)
    if original_splits and dataset != "inat18":
        raise InputError(f"`original_splits` is for inat18, which has no test list; {dataset} needs no such choice.")
    if (lists is not None or other_counts) and dataset not in PUBLISHED:
        raise InputError(f"`lists` and `other_counts` are for {', '.join(PUBLISHED)}; {dataset} has no use for them.")
    if profile == "auto":
        profile = "exp" if dataset in DEFAULT_RATIOS or ratio is not None else "none"
    if profile not in ("none", *PROFILES):
        raise InputError(f"no profile {profile!r}. Profiles: auto, none, {', '.join(PROFILES)}.")
    if largest is not None and profile == "none":
        raise InputError(f"`largest={largest}` is of a profile, and `profile` is none. Leave one of them out.")
    ratio = DEFAULT_RATIOS.get(dataset) if ratio is None else ratio
    if dataset == "digits":
        return digits_splits(profile, ratio, seed, largest=largest)
    parts: dict[str, ImageSource]
    missing: list[dict[str, str]] = []
    if dataset in PUBLISHED:
        if root is None:
            raise InputError(f"{dataset} needs `root`: the folder that the paths in its lists are relative to.")
        listed, notes, missing = open_published(
            dataset,
            root,
            lists,
            other_counts=other_counts,
            skip_missing=skip_bad,
            alike_names=alike_names,
            bits=bits,
        )
        parts = dict(listed)
    else:
        parts, notes = open_parts(
            dataset,
            root,
            layout=layout,
            alike_names=alike_names,
            bits=bits,
            download=download,
            table=replace(table or ManifestChoice(), root=root),
            skip_missing=skip_bad,
            known=Path(group_by) if group_by is not None and is_table_of_groups(group_by) else None,
        )
    if group_by is not None:
        parts, note = grouped_by(parts, group_by)
        notes = (*notes, note)
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
        "layout": layout,
        "alike_names": alike_names,
        "bits": bits,
        "table": None if table is None or table == ManifestChoice() else _plain(table),
        "group_by": group_by,
    }
    carving = Carving(parts, progress)
    carving.notes += notes
    if skip_bad:
        record["skipped"] = [*missing, *carving.leave_out_unreadable()]
    train = carving.sources["train"]
    left_out = None
    if profile != "none":
        left_out = carving.keep_of_train(_profiled(train, profile, ratio, largest, seed))
    _check_train(carving.sources["train"], dataset)
    if dataset not in PUBLISHED:  # hundreds of thousands of files, whose lists are taken as they are
        carving.look(bits)
    carving.tell_of_crossing_groups()
    carving.split_off({"test": test_fraction, "val": val_fraction}, seed)
    _check_train(carving.sources["train"], dataset)
    weights = weights_of(carving.sources["train"])
    if weights is not None:
        check_weighted(weights, carving.sources["train"].labels, origin=printable(dataset))
        carving.notes.append(weights_note(weights))
    shared = carving.shared()
    carving.tell_of_classes_without_images()
    record["indices"] = {split: rows.tolist() for split, rows in carving.rows.items()}
    if shared is not None:
        record["shared"] = shared.to_json()
    sources = carving.sources
    return DataSplits(
        train.name if dataset not in DATA_NAMES else dataset,
        train.class_names,
        sources["train"],
        sources.get("val"),
        sources.get("test"),
        record,
        tuple(carving.notes),
        held_back=left_out,
        shared=shared,
    )


def _check_settings(
    dataset: str, ratio: float | None, largest: int | None, val_fraction: float, test_fraction: float, seed: int
) -> None:
    if not dataset:
        raise InputError(
            f"`dataset` is empty. Expected {', '.join(DATA_NAMES)}, or the path of a folder, list or pack."
        )
    for name, fraction in (("val_fraction", val_fraction), ("test_fraction", test_fraction)):
        if not 0 <= fraction < 1:
            raise InputError(f"`{name}` is {fraction}; expected at least 0 and below 1.")
    if ratio is not None and not (1 <= ratio < np.inf):
        raise InputError(f"`ratio` is {ratio}; expected at least 1: the largest class over the smallest.")
    if largest is not None and largest < 1:
        raise InputError(f"`largest` is {largest}; expected at least 1 image.")
    if not 0 <= seed < 2**64:
        raise InputError(f"`seed` is {seed}; expected a whole number from 0 to 2^64 - 1.")


def _check_words(layout: str, alike_names: str) -> None:
    for name, value, words in (
        ("layout", layout, get_args(FolderLayout)),
        ("alike_names", alike_names, get_args(AlikeNames)),
    ):
        if value not in words:
            raise InputError(f"`{name}` is {value!r}; expected {', '.join(words)}.")


def _profiled(
    train: ImageSource, profile: str, ratio: float | None, largest: int | None, seed: int
) -> NDArray[np.int64]:
    if ratio is None:
        raise InputError(f"profile {profile} needs `ratio`: the largest class over the smallest, 100 for example.")
    num_classes = len(train.class_names)
    most = int(class_counts(train.labels, num_classes).max()) if largest is None else largest
    return long_tailed_indices(train.labels, PROFILES[profile](num_classes, most, ratio), seed)


def _plain(table: ManifestChoice) -> dict[str, Any]:
    """Return what a person said of a table as a record has it."""
    return {name: str(value) if isinstance(value, Path) else value for name, value in asdict(table).items()}


def _check_train(train: ImageSource, dataset: str) -> None:
    counts = class_counts(train.labels, len(train.class_names))
    where = printable(dataset)
    if len(counts) < 2:
        raise InputError(f"{where}: one class only. Expected at least two classes to tell apart.")
    empty = np.flatnonzero(counts == 0)
    if len(empty):
        raise InputError(
            f"{where}: class {empty[0]} ({train.class_names[empty[0]]}) has no training image, nor have "
            f"{len(empty) - 1} others. Add images of it, or take the class out."
        )
