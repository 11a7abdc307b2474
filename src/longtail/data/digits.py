"""scikit-learn's handwritten digits, made long-tailed: real images that need no download."""

import numpy as np
import torch

from longtail.counts import PROFILES
from longtail.data.in_memory import ImagesInMemory
from longtail.data.long_tailed import long_tailed_indices
from longtail.data.source import DataSplits, Subset
from longtail.errors import InputError

__all__ = ["digits_splits"]

TEST_PER_CLASS, VAL_PER_CLASS = 40, 15


def digits_splits(
    profile: str = "exp", ratio: float | None = 40.0, seed: int = 0, *, largest: int | None = None
) -> DataSplits:
    """Split the digits: a fixed balanced test and validation split, and a long-tailed training split.

    The last 40 images of each class in the file's order are the test split, the 15 before them the validation split,
    whatever the seed: held out by place, not at random, because neighbours in the file may come from the same writer.
    The first 119 of each class are the pool that training images are drawn from.

    Args:
        profile: "exp", "step" or "pareto"; "none" keeps the whole pool.
        ratio: largest class over smallest; 40 gives 119 to 2 images.
        seed: of the drawn training images.
        largest: images of the profile's largest class; default 119.

    Returns:
        Splits of 8 x 8 images.

    Raises:
        InputError: a ratio that would leave a class without images.
    """
    source = _all_digits()
    members = [np.flatnonzero(source.labels == digit) for digit in range(10)]
    held = TEST_PER_CLASS + VAL_PER_CLASS
    test = np.sort(np.concatenate([rows[-TEST_PER_CLASS:] for rows in members]))
    val = np.sort(np.concatenate([rows[-held:-TEST_PER_CLASS] for rows in members]))
    smallest = min(len(rows) for rows in members) - held
    pool = np.sort(np.concatenate([rows[:smallest] for rows in members]))
    record: dict[str, object] = {
        "source": "digits",
        "profile": profile,
        "ratio": ratio,
        "largest": largest,
        "seed": seed,
    }
    train = pool
    if profile != "none":
        if profile not in PROFILES:
            raise InputError(f"no profile {profile!r}. Profiles: {', '.join(PROFILES)}.")
        counts = PROFILES[profile](10, largest or smallest, 40.0 if ratio is None else ratio)
        train = pool[long_tailed_indices(source.labels[pool], counts, seed)]
    record["indices"] = {"train": train.tolist(), "val": val.tolist(), "test": test.tolist()}
    return DataSplits(
        "digits",
        source.class_names,
        Subset(source, train),
        Subset(source, val),
        Subset(source, test),
        record,
        ("validation (15 a class) and test (40 a class) are fixed and balanced: the last ones of the file",),
        held_back=None if profile == "none" else Subset(source, np.setdiff1d(pool, train)),
    )


def _all_digits() -> ImagesInMemory:
    """Return the 1,797 digits of scikit-learn as grey uint8 images of 8 x 8 pixels."""
    from sklearn.datasets import load_digits

    bunch = load_digits()
    # the file holds grey levels 0 to 16
    pixels = torch.from_numpy(np.rint(bunch.images * 255 / 16).astype(np.uint8))[:, None]
    return ImagesInMemory(pixels, bunch.target.astype(np.int64), tuple(str(digit) for digit in range(10)), "digits")
