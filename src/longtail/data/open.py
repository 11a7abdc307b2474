"""Open a data set by name or path, and split it."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray

from longtail.class_names import AlikeNames
from longtail.counts import PROFILES, class_counts
from longtail.data.decode import check_bits
from longtail.data.digits import digits_splits
from longtail.data.fingerprint import fingerprints, same_content
from longtail.data.folder_layout import FolderLayout
from longtail.data.long_tailed import long_tailed_indices
from longtail.data.parts import DATA_NAMES, open_parts
from longtail.data.published import PUBLISHED, open_published
from longtail.data.readable import check_white_levels, find_unreadable, has_deep_images, note_on_stacks
from longtail.data.shared_images import shared_images
from longtail.data.source import DataSplits, ImageSource, Joined, Subset
from longtail.errors import InputError
from longtail.files.text import printable
from longtail.holdout import stratified_holdout

__all__ = ["DATA_NAMES", "Progress", "open_data"]

DEFAULT_RATIOS = {"digits": 40.0, "cifar10": 100.0, "cifar100": 100.0}

# of a piece of work and its number of images: enters into what is called with the number that is done
Progress = Callable[[str, int], AbstractContextManager[Callable[[int], object]]]


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
    layout: FolderLayout = "auto",
    alike_names: AlikeNames = "ask",
    bits: int | None = None,
    progress: Progress = lambda what, images: nullcontext(lambda done: None),
) -> DataSplits:
    """Open a data set, make it long-tailed where that is wanted, and complete its splits.

    Splits that the data has are taken as they are. A missing test split, then a missing validation split, are split off
    train, class by class; images that are the same byte for byte stay on one side.

    Args:
        dataset: "digits", "cifar10", "cifar100", "imagenet-lt", "places-lt", "inat18", or the path of an image folder,
            list file (.txt) or image pack (.h5).
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
        parts, notes = open_parts(dataset, root, layout=layout, alike_names=alike_names, bits=bits, download=download)
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
    }
    rows = {split: np.arange(len(source)) for split, source in parts.items()}
    told = list(notes)
    if skip_bad:
        record["skipped"] = [*missing, *_skip_bad(parts, rows, told, progress)]
    pool = parts["train"]
    labels = np.asarray(pool.labels)
    left_out = None
    if profile != "none":
        chosen = _profiled(labels[rows["train"]], profile, ratio, largest, seed, len(pool.class_names))
        left_out = Subset(pool, np.delete(rows["train"], chosen))
        rows["train"] = rows["train"][chosen]
    _check_train(Subset(pool, rows["train"]), dataset)
    told += note_on_stacks(Subset(pool, rows["train"]))
    content: dict[str, NDArray[np.int64]] = {}
    if dataset not in PUBLISHED:  # hundreds of thousands of files, whose lists are taken as they are
        looked_at = {split: Subset(parts[split], own) for split, own in rows.items()}
        _ask_for_white(looked_at, bits, progress)
        content = _content(looked_at, progress)
        told += _of_two_classes(Subset(pool, rows["train"]), content["train"])
    wanted = {"test": test_fraction, "val": val_fraction}
    split_off = {split: fraction for split, fraction in wanted.items() if split not in parts and fraction > 0}
    copies = len(content["train"]) - len(np.unique(content["train"])) if content else 0
    if copies and split_off:
        told.append(f"training images that are copies of others, byte for byte: {copies:,}; they stay in one split")
    for split, fraction in split_off.items():
        rest, held_out = stratified_holdout(labels[rows["train"]], fraction, seed, content.get("train"))
        told.append(
            f"no {split} split: {len(held_out):,} of {len(rows['train']):,} training images were split off, class by "
            f"class, seed {seed}"
        )
        parts[split], rows[split] = pool, rows["train"][held_out]
        rows["train"] = rows["train"][rest]
        if content:
            content[split], content["train"] = content["train"][held_out], content["train"][rest]
    record["indices"] = {split: own.tolist() for split, own in rows.items()}
    sources: dict[str, ImageSource] = {split: Subset(parts[split], own) for split, own in rows.items()}
    _check_train(sources["train"], dataset)
    shared = shared_images(
        content,
        {split: np.asarray(source.labels) for split, source in sources.items()},
        {split: source.identity for split, source in sources.items()},
    )
    if shared is not None:
        record["shared"] = shared.to_json()
        told += shared.sentences({split: len(source) for split, source in sources.items()})
    told += _without_images(sources)
    return DataSplits(
        pool.name if dataset not in DATA_NAMES else dataset,
        pool.class_names,
        sources["train"],
        sources.get("val"),
        sources.get("test"),
        record,
        tuple(told),
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


def _skip_bad(
    parts: Mapping[str, ImageSource], rows: dict[str, NDArray[np.int64]], told: list[str], progress: Progress
) -> list[dict[str, str]]:
    skipped = []
    with progress("look", sum(map(len, parts.values()))) as advance:
        for split, source in parts.items():
            bad = find_unreadable(source, advance=advance)
            skipped += [{"split": split, "image": source.identify(index), "reason": reason} for index, reason in bad]
            rows[split] = np.setdiff1d(rows[split], [index for index, _ in bad])
            if len(source) and not len(rows[split]):
                raise InputError(f"none of the {len(source):,} {split} images can be read. The first: {bad[0][1]}")
    if skipped:
        names = ", ".join(item["image"] for item in skipped[:3])
        told.append(f"{len(skipped)} unreadable images were left out: {names}{', ...' if len(skipped) > 3 else ''}")
    return skipped


def _ask_for_white(sources: Mapping[str, ImageSource], bits: int | None, progress: Progress) -> None:
    """Look at all images of more than 8 bits, where there are some and nobody said what is white."""
    if bits is None and has_deep_images(sources["train"]):
        joined = Joined(tuple(sources.values()))
        with progress("range", len(joined)) as advance:
            check_white_levels(joined, advance=advance)


def _content(sources: Mapping[str, ImageSource], progress: Progress) -> dict[str, NDArray[np.int64]]:
    """Return a number for each image that it shares with its copies."""
    joined = Joined(tuple(sources.values()))
    with progress("compare", len(joined)) as advance:
        marks = fingerprints(joined, advance=advance)
    content = same_content(joined, marks)
    ends = np.cumsum([len(source) for source in sources.values()])[:-1]
    return dict(zip(sources, np.split(content, ends), strict=True))


def _of_two_classes(train: ImageSource, content: NDArray[np.int64]) -> list[str]:
    """Tell of training images that lie under two labels."""
    first = {number: row for row, number in reversed(list(enumerate(content.tolist())))}
    labels = np.asarray(train.labels)
    found = [
        (first[number], row) for row, number in enumerate(content.tolist()) if labels[first[number]] != labels[row]
    ]
    if not found:
        return []
    named = ", ".join(f"{train.identity(row)} = {train.identity(other)}" for row, other in found[:3])
    return [
        f"training images that lie in another class too, byte for byte: {len(found):,} ({named}"
        f"{', ...' if len(found) > 3 else ''}); one of the labels is wrong"
    ]


def _profiled(
    labels: NDArray[np.int64], profile: str, ratio: float | None, largest: int | None, seed: int, num_classes: int
) -> NDArray[np.int64]:
    if ratio is None:
        raise InputError(f"profile {profile} needs `ratio`: the largest class over the smallest, 100 for example.")
    most = int(class_counts(labels, num_classes).max()) if largest is None else largest
    return long_tailed_indices(labels, PROFILES[profile](num_classes, most, ratio), seed)


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


def _without_images(sources: Mapping[str, ImageSource]) -> list[str]:
    """Tell of classes on which nothing can be chosen, or measured."""
    told = []
    for split in ("val", "test"):
        if split not in sources or not len(sources[split]):
            continue
        names = sources[split].class_names
        empty = np.flatnonzero(class_counts(sources[split].labels, len(names)) == 0)
        if len(empty):
            shown = ", ".join(names[c] for c in empty[:3]) + (f" and {len(empty) - 3:,} more" if len(empty) > 3 else "")
            told.append(
                f"no {split} image of {shown}: {split} figures say nothing of {'it' if len(empty) == 1 else 'them'}"
            )
    return told
