"""What rows belong together: images of a site, lesion, specimen or sequence, which stay on one side of a split."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["LIKELY_GROUPS", "Grouping", "concatenated", "grouping_of", "joined_groups"]

# columns of such names say what belongs together, where nobody says so
LIKELY_GROUPS = (
    *("site", "location", "location_id", "deployment", "deployment_id", "deploymentid", "camera", "camera_id"),
    *("station", "station_id", "cruise", "haul", "transect", "plot", "patient", "patient_id", "lesion", "lesion_id"),
    *("specimen", "specimen_id", "individual", "individual_id", "subject", "subject_id", "seq_id", "sequence"),
    *("sequence_id", "burst", "object_id", "slide", "slide_id", "well", "plate"),
)
IntArray = NDArray[np.int64]


@dataclass(frozen=True)
class Grouping:
    """The group of each row, by name.

    Attributes:
        names: of the groups.
        codes: place of each row's group among them, shape (N,).
        by: what says so: the name of a column, or a pattern.
    """

    names: tuple[str, ...]
    codes: IntArray
    by: str = ""

    def __len__(self) -> int:
        return len(self.codes)

    def take(self, rows: IntArray) -> "Grouping":
        """Return the groups of some rows; the names stay as they are."""
        return Grouping(self.names, self.codes[rows], self.by)

    @property
    def words(self) -> list[str]:
        """The name of each row's group, N of them; "" of a row that is a group of its own."""
        return [self.names[code] for code in self.codes.tolist()]

    @property
    def number(self) -> int:
        """How many groups have a row."""
        return len(np.unique(self.codes))


def grouping_of(words: Sequence[str], by: str = "") -> Grouping:
    """Group rows by what stands in a column; a row where nothing stands is a group of its own.

    Args:
        words: of each row the name of its group, as it stands; "" for none; N of them.
        by: what says so.

    Example:
        >>> grouping_of(["lake", "", "hill", "lake", ""])
        Grouping(names=('lake', '', 'hill', ''), codes=array([0, 1, 2, 0, 3]), by='')
    """
    numbers: dict[str, int] = {}
    names: list[str] = []
    codes = np.empty(len(words), dtype=np.int64)
    for row, word in enumerate(words):
        number = numbers.get(word) if word else None
        if number is None:
            number = len(names)
            names.append(word)
            if word:
                numbers[word] = number
        codes[row] = number
    return Grouping(tuple(names), codes, by)


def concatenated(parts: Sequence[Grouping | None], lengths: Sequence[int]) -> Grouping | None:
    """Return the groups of rows that follow each other.

    Args:
        parts: groups of each part; those of one list of names are the same groups. In a part without any, each row is
            a group of its own.
        lengths: rows of each part.

    Returns:
        Groups of all rows, or None where no part has any.

    Example:
        >>> concatenated([Grouping(("a", "b"), np.array([0, 1])), None], [2, 1])
        Grouping(names=('a', 'b', ''), codes=array([0, 1, 2]), by='')
    """
    known = [part for part in parts if part is not None]
    if not known:
        return None
    names: list[str] = []
    starts: dict[tuple[str, ...], int] = {}
    codes = []
    for part, length in zip(parts, lengths, strict=True):
        if part is None:
            codes.append(np.arange(len(names), len(names) + length))
            names += [""] * length
            continue
        if part.names not in starts:
            starts[part.names] = len(names)
            names += part.names
        codes.append(part.codes + starts[part.names])
    return Grouping(tuple(names), np.concatenate(codes), known[0].by)


def joined_groups(first: IntArray, second: IntArray) -> IntArray:
    """Return groups so large that rows which share a group of either kind share one.

    Args:
        first: a number for each row, shape (N,).
        second: another for each row, shape (N,).

    Returns:
        Numbers from 0 without gaps, shape (N,).

    Example:
        >>> joined_groups(np.array([5, 5, 7, 8]), np.array([0, 1, 1, 2])).tolist()
        [0, 0, 0, 1]
    """
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    left = np.unique(first, return_inverse=True)[1].reshape(-1)
    right = np.unique(second, return_inverse=True)[1].reshape(-1)
    size = int(left.max(initial=-1)) + 1
    edges = coo_matrix((np.ones(len(left), dtype=np.int8), (left, size + right)))
    whole = size + int(right.max(initial=-1)) + 1
    edges.resize(whole, whole)
    _, part = connected_components(edges, directed=False)
    _, codes = np.unique(part[left], return_inverse=True)
    return codes.reshape(-1).astype(np.int64)
