"""The large long-tailed benchmarks: their published class counts, their lists, their images."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from longtail.class_names import AlikeNames, settled_names
from longtail.counts import class_counts
from longtail.data.coco_file import read_coco
from longtail.data.files import ImageFiles
from longtail.data.list_file import read_class_names, read_list
from longtail.data.list_problems import images_of_two_lists, repeated_images
from longtail.data.missing import absent_files, missing_report, why_missing
from longtail.data.statistics import STATISTICS, Statistics
from longtail.errors import InputError
from longtail.files.text import printable, read_text

__all__ = ["DRAWN_MARK", "PUBLISHED", "PublishedData", "open_published", "published_counts"]

DRAWN_MARK = "_drawn.txt"  # behind the prefix: a file beside lists that were drawn by the counts


@dataclass(frozen=True)
class PublishedData:
    """What is known of a benchmark without its images.

    Attributes:
        title: as papers write it.
        prefix: of its list files: `<prefix>_train.txt`.
        held_out: images of each list besides train, by the split that it is here.
        list_of: the name of the list that serves as each split.
        json_of: the COCO file that may stand in a list's place.
        statistics: mean and deviation of each channel, on the scale 0 to 1.
        source: where the lists come from.
    """

    title: str
    prefix: str
    held_out: Mapping[str, int]
    list_of: Mapping[str, str]
    json_of: Mapping[str, str]
    statistics: Statistics
    source: str


_OWN = {"train": "train", "val": "val", "test": "test"}

PUBLISHED: dict[str, PublishedData] = {
    "imagenet-lt": PublishedData(
        "ImageNet-LT",
        "ImageNet_LT",
        {"val": 20_000, "test": 50_000},
        _OWN,
        {},
        STATISTICS["imagenet"],
        "Train comes from the release of Liu et al. (Large-Scale Long-Tailed Recognition in an Open World, CVPR 2019), "
        "val and test also from the decoupling paper's released code; `longtail describe imagenet-lt --build-lists` "
        "draws lists like them from ImageNet",
    ),
    "places-lt": PublishedData(
        "Places-LT",
        "Places_LT",
        {"val": 7_300, "test": 36_500},
        _OWN,
        {},
        STATISTICS["imagenet"],
        "All three come with the decoupling paper's released code, and with the release of Liu et al. (Large-Scale "
        "Long-Tailed Recognition in an Open World, CVPR 2019)",
    ),
    # it has no test list: what papers report is its validation list, which is therefore test here
    "inat18": PublishedData(
        "iNaturalist 2018",
        "iNaturalist18",
        {"test": 24_426},
        {"train": "train", "test": "val"},
        {"train": "train2018.json", "test": "val2018.json"},
        STATISTICS["inaturalist"],
        "The competition's train2018.json and val2018.json will do as they are",
    ),
}


def published_counts(name: str) -> NDArray[np.int64]:
    """Return the training images of each class, in the order of the labels.

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
    alike_names: AlikeNames = "ask",
    bits: int | None = None,
) -> tuple[dict[str, ImageFiles], tuple[str, ...], list[dict[str, str]]]:
    """Open a benchmark from its lists and its images.

    Args:
        name: key of `PUBLISHED`.
        root: folder that the paths in the lists are relative to.
        lists: folder of the lists; default: root, or a folder in it that is named like them.
        other_counts: accept a train list whose class counts are not the published ones.
        skip_missing: leave images that are not there out instead of refusing.
        alike_names: of classes that differ in case, blanks, "_", "-" or Unicode form only, as of `settled_names`.
        bits: of grey images of more than 8 bits, as of `decode_image`.

    Returns:
        A source for each split that there is a list of, notes for people, and each image that was left out with its
        split and the reason.

    Raises:
        InputError: no list, other counts, labels that train lacks, or missing images.
    """
    about, expected = PUBLISHED[name], published_counts(name)
    if not root.is_dir():
        raise InputError(f"{printable(root)}: no such folder. Expected as `root` the folder of {about.title}'s images.")
    files = _find_lists(about, root, lists)
    paths, labels, class_names, list_notes = _read_lists(files)
    notes = [*list_notes, *_compare_counts(about, files["train"], labels["train"], expected, other_counts)]
    _check_labels(files, labels)
    for split, size in about.held_out.items():
        if split in paths and len(paths[split]) != size:
            notes.append(f"{files[split].name}: {len(paths[split]):,} images; the published list has {size:,}")
    mark = files["train"].with_name(about.prefix + DRAWN_MARK)
    if mark.is_file():
        notes.append(read_text(mark, expected="a sentence").strip())
    absent = {split: absent_files(root, listed) for split, listed in paths.items()}
    if any(absent.values()):
        report = missing_report(root, paths, absent)
        if not skip_missing:
            raise InputError(
                f"{report} {why_missing(root, paths, absent)}Give the folder that the lists' paths are relative to as "
                "`root`, or leave them out with `skip_bad=True`."
            )
        empty = next((split for split, rows in absent.items() if len(rows) == len(paths[split])), None)
        if empty is not None:
            raise InputError(f"{report} No image of {empty} would be left: give their folder as `root`.")
        notes.append(f"left out: {report.rstrip('.')}")
    sources = {}
    class_names = class_names or _folder_names(paths["train"], labels["train"].tolist())
    class_names, numbers = settled_names(class_names, alike_names, printable(files["train"]))
    labels = {split: np.array(numbers)[codes] for split, codes in labels.items()}
    for split, listed in paths.items():
        present = np.setdiff1d(np.arange(len(listed)), absent[split])
        present_files = [root / listed[row] for row in present]
        sources[split] = ImageFiles(present_files, labels[split][present], class_names, name, root=root, bits=bits)
    skipped = [
        {"split": split, "image": printable(root / paths[split][row]), "reason": "is not there"}
        for split, rows in absent.items()
        for row in rows
    ]
    return sources, tuple(notes), skipped


def _find_lists(about: PublishedData, root: Path, lists: Path | None) -> dict[str, Path]:
    below = [root / about.prefix, root / about.prefix / "data", root / "data" / about.prefix]
    folders = [lists] if lists is not None else [root, *below]
    result = {}
    for split, word in about.list_of.items():
        names = [f"{about.prefix}_{word}.txt", *([about.json_of[split]] if split in about.json_of else [])]
        places = [folder / name for folder in folders for name in names]
        there = next((place for place in places if place.is_file()), None)
        if there is not None:
            result[split] = there
        elif split != "val":  # which can be split off train; a test split of our own would be no benchmark
            raise InputError(
                f"{about.title}: no {' or '.join(names)} in {', '.join(map(str, folders))}. Expected a text file with "
                f"`relative/path label` a line. {about.source}. Give the folder of the lists as `lists`."
            )
    return result


def _read_lists(
    files: Mapping[str, Path],
) -> tuple[dict[str, list[str]], dict[str, NDArray[np.int64]], tuple[str, ...], list[str]]:
    paths: dict[str, list[str]] = {}
    labels: dict[str, NDArray[np.int64]] = {}
    notes: list[str] = []
    names_of: dict[Path, tuple[str, ...]] = {}
    lines: dict[str, tuple[Sequence[str], Sequence[int], Sequence[int]]] = {}
    for split, file in files.items():
        if file.suffix == ".json":
            paths[split], numbers, names_of[file], coco_notes = read_coco(file)
            lines[file.name] = paths[split], numbers, range(1, len(numbers) + 1)
            notes += coco_notes
        else:
            listed = read_list(file)
            paths[split], numbers = listed.paths, listed.labels
            lines[file.name] = listed.paths, listed.labels, listed.lines
        labels[split] = np.asarray(numbers, dtype=np.int64)
    if len(set(names_of.values())) > 1:
        raise InputError(f"{' and '.join(map(str, names_of))}: their categories differ. Take both of one release.")
    notes += [*repeated_images(lines), *images_of_two_lists(lines)]
    names = next(iter(names_of.values()), ())
    num_classes = int(labels["train"].max()) + 1
    return paths, labels, read_class_names(files["train"], num_classes) or names[:num_classes], notes


def _check_labels(files: Mapping[str, Path], labels: Mapping[str, NDArray[np.int64]]) -> None:
    highest = int(labels["train"].max())
    for split, file in files.items():
        if labels[split].max() > highest:
            raise InputError(
                f"{file}: label {labels[split].max():,} is in it, but labels of train go up to {highest:,}. Take lists "
                "of one release."
            )


def _folder_names(paths: Sequence[str], labels: Sequence[int]) -> tuple[str, ...]:
    """Name classes by their images' folders (n01440764, airfield) where each class has one of its own; else number."""
    folders: dict[int, set[str]] = {}
    for path, label in zip(paths, labels, strict=True):
        folders.setdefault(label, set()).add(path.rpartition("/")[0].rpartition("/")[2])
    num_classes = max(folders) + 1
    names = {name for result in folders.values() for name in result}
    if len(folders) == len(names) == num_classes and all(len(result) == 1 for result in folders.values()):
        return tuple(next(iter(folders[label])) for label in range(num_classes))
    return tuple(str(label) for label in range(num_classes))


def _compare_counts(
    about: PublishedData, file: Path, labels: NDArray[np.int64], expected: NDArray[np.int64], other_counts: bool
) -> list[str]:
    if labels.max() >= max(len(labels), len(expected)):  # counting up to a mistyped label could take all memory
        raise InputError(
            f"{file}: label {labels.max():,} among {len(labels):,} images. Expected 0 to {len(expected) - 1:,}."
        )
    counts = class_counts(labels)
    if np.array_equal(counts, expected):
        return []
    size = max(len(counts), len(expected))
    ours, theirs = (np.pad(part, (0, size - len(part))) for part in (counts, expected))
    wrong = np.flatnonzero(ours != theirs)
    difference = (
        f"{file}: {len(labels):,} images, {about.title} has {expected.sum():,}; {len(wrong):,} classes differ, class "
        f"{wrong[0]} for example has {ours[wrong[0]]:,} in place of {theirs[wrong[0]]:,}"
    )
    if not other_counts:
        raise InputError(f"{difference}. Take the published list, or accept this one with `other_counts=True`.")
    return [difference]
