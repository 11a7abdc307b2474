"""The large long-tailed benchmarks: their published class counts, their lists, their images."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from longtail.counts import class_counts
from longtail.data.coco_file import read_coco
from longtail.data.files import ImageFiles
from longtail.data.list_file import read_list
from longtail.data.missing import absent_files, missing_report
from longtail.errors import InputError

__all__ = ["PUBLISHED", "PublishedData", "open_published", "published_counts"]


@dataclass(frozen=True)
class PublishedData:
    """What is known of a benchmark without its images.

    Attributes:
        title: as papers write it.
        prefix: of its list files: `<prefix>_train.txt`.
        held_out: images of each list besides train, by the split that it is here.
        list_of: the name of the list that serves as each split.
        json_of: the COCO file that may stand in a list's place.
        mean: of each channel, on the scale 0 to 1.
        std: of each channel, on the scale 0 to 1.
        source: of the lists.
    """

    title: str
    prefix: str
    held_out: Mapping[str, int]
    list_of: Mapping[str, str]
    json_of: Mapping[str, str]
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    source: str


_IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
_OWN = {"train": "train", "val": "val", "test": "test"}

PUBLISHED: dict[str, PublishedData] = {
    "imagenet-lt": PublishedData(
        "ImageNet-LT",
        "ImageNet_LT",
        {"val": 20_000, "test": 50_000},
        _OWN,
        {},
        *_IMAGENET,
        "the release of Liu et al., Large-Scale Long-Tailed Recognition in an Open World, CVPR 2019; test is ILSVRC "
        "2012's validation set",
    ),
    "places-lt": PublishedData(
        "Places-LT",
        "Places_LT",
        {"val": 7_300, "test": 36_500},
        _OWN,
        {},
        *_IMAGENET,
        "the release of Liu et al., Large-Scale Long-Tailed Recognition in an Open World, CVPR 2019",
    ),
    # it has no test list: what papers report is its validation list, which is therefore test here
    "inat18": PublishedData(
        "iNaturalist 2018",
        "iNaturalist18",
        {"test": 24_426},
        {"train": "train", "test": "val"},
        {"train": "train2018.json", "test": "val2018.json"},
        (0.466, 0.471, 0.380),
        (0.195, 0.194, 0.192),
        "the competition's train2018.json and val2018.json",
    ),
}


def published_counts(name: str) -> NDArray[np.int64]:
    """Give the training images of each class, in the order of the labels.

    Args:
        name: "imagenet-lt", "places-lt" or "inat18".

    Returns:
        n_c, shape (C,).

    Raises:
        InputError: no such data set.

    Example:
        >>> counts = published_counts("imagenet-lt")
        >>> len(counts), int(counts.sum()), int(counts.max()), int(counts.min())
        (1000, 115846, 1280, 5)
    """
    if name not in PUBLISHED:
        raise InputError(f"no published counts of {name!r}. There are those of {', '.join(PUBLISHED)}.")
    file = Path(__file__).parent / "published_counts" / f"{name.replace('-', '_')}.txt"
    return np.loadtxt(file, dtype=np.int64)


def open_published(
    name: str,
    root: Path,
    lists: Path | None = None,
    *,
    other_counts: bool = False,
    skip_missing: bool = False,
) -> tuple[dict[str, ImageFiles], tuple[str, ...]]:
    """Open a benchmark from its lists and its images.

    Args:
        name: key of `PUBLISHED`.
        root: folder that the paths in the lists are relative to.
        lists: folder of the lists; default: root, or a folder in it that is named like them.
        other_counts: accept a train list whose class counts are not the published ones.
        skip_missing: leave images that are not there out, and say how many, instead of refusing.

    Returns:
        A source for each split that there is a list of, and notes for people.

    Raises:
        InputError: no list, other counts, or missing images.
    """
    about, expected = PUBLISHED[name], published_counts(name)
    files = _find_lists(about, root, lists)
    entries: dict[str, tuple[list[str], NDArray[np.int64]]] = {}
    class_names = tuple(str(c) for c in range(len(expected)))
    for split, file in files.items():
        if file.suffix == ".json":
            paths, labels, class_names = read_coco(file)
        else:
            paths, labels = read_list(file)
        entries[split] = (paths, np.asarray(labels, dtype=np.int64))
    names_file = files["train"].with_name("classes.txt")
    if names_file.is_file():
        class_names = tuple(names_file.read_text(encoding="utf-8").split("\n")[: len(expected)])
    notes = _compare_counts(about, files["train"], entries["train"][1], expected, other_counts)
    num_classes = max(len(class_names), 1 + max(int(labels.max()) for _, labels in entries.values()))
    class_names += tuple(str(c) for c in range(len(class_names), num_classes))
    for split, size in about.held_out.items():
        if split in entries and len(entries[split][0]) != size:
            notes.append(f"{files[split].name}: {len(entries[split][0]):,} images; the published list has {size:,}")
    absent = {split: absent_files(root, paths) for split, (paths, _) in entries.items()}
    if any(absent.values()):
        report = missing_report(root, absent, {split: len(paths) for split, (paths, _) in entries.items()})
        if not skip_missing:
            raise InputError(
                f"{report} Give the folder that the lists' paths are relative to with --data, or leave them out with "
                "--skip-bad."
            )
        notes.append(f"left out: {report}")
    sources = {}
    for split, (paths, numbers) in entries.items():
        gone = set(absent[split])
        kept = [row for row in range(len(paths)) if row not in gone]
        sources[split] = ImageFiles([root / paths[row] for row in kept], numbers[kept], class_names, name)
    return sources, tuple(notes)


def _find_lists(about: PublishedData, root: Path, lists: Path | None) -> dict[str, Path]:
    folders = [lists] if lists is not None else [root, root / about.prefix, root / "data" / about.prefix]
    found = {}
    for split, word in about.list_of.items():
        names = [f"{about.prefix}_{word}.txt", *([about.json_of[split]] if split in about.json_of else [])]
        places = [folder / name for folder in folders for name in names]
        there = next((place for place in places if place.is_file()), None)
        if there is not None:
            found[split] = there
    if "train" not in found:
        alternatives = f", or {about.json_of['train']}" if about.json_of else ""
        raise InputError(
            f"{about.title}: no {about.prefix}_train.txt in {', '.join(map(str, folders))}. Expected lists with "
            f"`relative/path label` a line{alternatives}; they come from {about.source}. "
            "Give their folder with --lists."
        )
    return found


def _compare_counts(
    about: PublishedData, file: Path, labels: NDArray[np.int64], expected: NDArray[np.int64], other_counts: bool
) -> list[str]:
    counts = class_counts(labels)
    if len(counts) == len(expected) and (counts == expected).all():
        return []
    size = max(len(counts), len(expected))
    ours, theirs = (np.pad(part, (0, size - len(part))) for part in (counts, expected))
    wrong = np.flatnonzero(ours != theirs)
    told = (
        f"{file}: {len(labels):,} images, {about.title} has {expected.sum():,}; {len(wrong):,} classes differ, class "
        f"{wrong[0]} for example has {ours[wrong[0]]:,} in place of {theirs[wrong[0]]:,}"
    )
    if not other_counts:
        raise InputError(f"{told}. Take the published list, or accept this one with --other-counts.")
    return [told]
