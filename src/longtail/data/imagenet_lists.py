"""Draw lists like ImageNet-LT's from ImageNet, for those who have the images and not the lists."""

import os
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from longtail.data.image_kinds import IMAGE_SUFFIXES
from longtail.data.published import DRAWN_MARK, PUBLISHED, published_counts
from longtail.errors import InputError
from longtail.files.atomic import write_text

__all__ = ["build_imagenet_lt"]


def build_imagenet_lt(
    root: Path, out: Path, seed: int = 0, *, counts: ArrayLike | None = None, val_per_class: int = 20
) -> dict[str, Path]:
    """Draw train and validation images as ImageNet-LT did, and write the three lists.

    The published counts say how many training images a class has, not which. Results on a drawn list are near those on
    the published one, not the same: a file beside the lists marks them, and every run on them says so.

    Args:
        root: of ImageNet: train/ and val/, each with a folder for every class.
        out: folder for ImageNet_LT_{train,val,test}.txt.
        seed: of the draw, which depends on it and on the file names alone.
        counts: training images of each class in the order of the folders' names, shape (C,); default: the published
            ones.
        val_per_class: other images of train/ for validation.

    Returns:
        The lists, by split. test holds all of val/.

    Raises:
        InputError: the folders are not the classes, a class has too few images, or lists are there already.

    Reference:
        Liu, Miao, Zhan, Wang, Gong, Yu, "Large-Scale Long-Tailed Recognition in an Open World", CVPR 2019,
        arXiv 1904.05160, section 4.
    """
    prefix = PUBLISHED["imagenet-lt"].prefix
    files = {split: out / f"{prefix}_{split}.txt" for split in ("train", "val", "test")}
    there = next((file for file in files.values() if file.exists()), None)
    if there is not None:
        raise InputError(f"{there} is there already. Choose another --out, so that no list is lost.")
    wanted = published_counts("imagenet-lt") if counts is None else np.asarray(counts, dtype=np.int64)
    classes = _class_folders(root / "train", len(wanted))
    if _class_folders(root / "val", len(wanted)) != classes:
        raise InputError(
            f"{root / 'val'}: its folders are not those of train. Expected the same {len(classes):,} synset names."
        )
    lines: dict[str, list[str]] = {split: [] for split in files}
    for label, (synset, number) in enumerate(zip(classes, wanted, strict=True)):
        images = _images(root / "train" / synset)
        if len(images) < number + val_per_class:
            raise InputError(
                f"{root / 'train' / synset}: {len(images):,} images; expected at least {number:,} for train and "
                f"{val_per_class} others for validation."
            )
        # a generator a class: an image that one class gains or loses leaves the draw of the others as it was
        order = np.random.default_rng((seed, label)).permutation(len(images))
        drawn = [f"train/{synset}/{images[place]} {label}" for place in order[: number + val_per_class]]
        lines["train"] += drawn[:number]
        lines["val"] += drawn[number:]
        lines["test"] += [f"val/{synset}/{name} {label}" for name in _images(root / "val" / synset)]
    # the mark first: no list may lie there without it
    write_text(
        out / f"{prefix}{DRAWN_MARK}",
        f"the lists were drawn with seed {seed} by ImageNet-LT's class counts and are not the published ones: results "
        "compare with published ones only roughly\n",
    )
    for split, file in files.items():
        write_text(file, "\n".join(lines[split]) + "\n")
    return files


def _class_folders(folder: Path, expected: int) -> list[str]:
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder. Expected ImageNet's train/ and val/ in --data.")
    with os.scandir(folder) as entries:
        names = sorted(entry.name for entry in entries if entry.is_dir() and not entry.name.startswith("."))
    if len(names) != expected:
        raise InputError(
            f"{folder}: {len(names):,} folders; expected {expected:,}, one for each synset (n01440764, ...). Arrange "
            "the images in them."
        )
    return names


def _images(folder: Path) -> list[str]:
    with os.scandir(folder) as entries:
        names = [entry.name for entry in entries if not entry.name.startswith(".")]
    return sorted(name for name in names if Path(name).suffix.lower() in IMAGE_SUFFIXES)
