"""Images that lie in more than one split: what is measured on them is remembered, not recognised."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["SharedImages", "shared_images"]

IntArray = NDArray[np.int64]
_SHOWN = 3


@dataclass(frozen=True)
class SharedImages:
    """Images that are in more than one split, byte for byte.

    Attributes:
        counts: of each pair of splits that share some, such as ("train", "test"): images of the second that are in the
            first too.
        rows: of val those that are in train, of test those that are in train or val; rising.
        pairs: of each pair of splits the names of those images, each with that of its copy in the first.
        other_labels: how many of `rows` have another label than their copy.
    """

    counts: Mapping[tuple[str, str], int]
    rows: Mapping[str, IntArray]
    pairs: Mapping[tuple[str, str], tuple[tuple[str, str], ...]]
    other_labels: int

    def sentences(self, sizes: Mapping[str, int]) -> tuple[str, ...]:
        """Return a sentence for each pair of splits.

        Args:
            sizes: images of each split.
        """
        sentences = []
        for (first, second), number in self.counts.items():
            named = ", ".join(f"{name} = {copy}" for name, copy in self.pairs[first, second][:_SHOWN])
            sentences.append(
                f"{number:,} of {sizes[second]:,} {second} images are in {first} too, byte for byte ({named}"
                f"{', ...' if number > _SHOWN else ''}): what is {'chosen' if second == 'val' else 'measured'} on "
                "them is remembered, not recognised"
            )
        if self.other_labels:
            sentences.append(f"{self.other_labels:,} of the images that are in two splits have another label there")
        return tuple(sentences)

    def to_json(self) -> dict[str, Any]:
        """Return plain values for a record."""
        return {
            "counts": {f"{first}/{second}": number for (first, second), number in self.counts.items()},
            "rows": {split: rows.tolist() for split, rows in self.rows.items()},
            "pairs": {f"{first}/{second}": list(map(list, named)) for (first, second), named in self.pairs.items()},
            "other_labels": self.other_labels,
        }


def shared_images(
    content: Mapping[str, IntArray], labels: Mapping[str, IntArray], names: Mapping[str, Any]
) -> SharedImages | None:
    """Find the images that several splits share.

    Args:
        content: of train, val and test, as far as they are there: a number for each image that its copies share.
        labels: class indices, of the same shapes.
        names: of each split a function that names the image of a row.

    Returns:
        What is shared, or None where nothing is.

    Example:
        >>> splits = {"train": np.array([0, 1, 2]), "test": np.array([2, 3])}
        >>> nothing = {split: np.zeros(len(numbers), dtype=int) for split, numbers in splits.items()}
        >>> shared_images(splits, nothing, {split: str for split in splits}).counts
        {('train', 'test'): 1}
    """
    counts: dict[tuple[str, str], int] = {}
    rows: dict[str, IntArray] = {}
    pairs: dict[tuple[str, str], tuple[tuple[str, str], ...]] = {}
    differing: set[tuple[str, int]] = set()
    for first, second in combinations([split for split in ("train", "val", "test") if split in content], 2):
        place = {number: row for row, number in reversed(list(enumerate(content[first].tolist())))}
        result = [(row, place[number]) for row, number in enumerate(content[second].tolist()) if number in place]
        if not result:
            continue
        counts[first, second] = len(result)
        shared_rows = np.array([row for row, _ in result], dtype=np.int64)
        rows[second] = np.union1d(rows.get(second, shared_rows), shared_rows)
        pairs[first, second] = tuple((names[second](row), names[first](other)) for row, other in result)
        differing |= {(second, row) for row, other in result if labels[second][row] != labels[first][other]}
    return SharedImages(counts, rows, pairs, len(differing)) if counts else None
