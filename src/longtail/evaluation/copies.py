"""Rows that are the same, and rows that are nearer to each other than rows of their class are by chance."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from longtail.arguments import as_array, check_share
from longtail.counts import class_counts
from longtail.errors import InputError

__all__ = ["NearCopies", "identical_rows", "near_copies"]

IntArray = NDArray[np.int64]
FloatArray = NDArray[np.float64]

NEIGHBOURS = 10  # of the same class, that a row's nearest one is compared with
FEWEST_NEIGHBOURS = 6  # of a class, below which a row's surroundings are taken to be as wide as the others'
FEWEST_ROWS = 20  # whose surroundings say how many directions rows vary in
MOST_DIRECTIONS = 30.0
MOST_UNLIKE = 10.0  # times the median deviation of a feature, above which features are in several units
RESOLUTION = 1e-3  # of distances that come from float32 cosines
BLOCK = 2**23  # similarities that are held at once
ROWS = 8192  # that are read at once


@dataclass(frozen=True)
class NearCopies:
    """Pairs of rows that are nearly the same.

    Attributes:
        first: row numbers, shape (P,).
        second: row numbers, each above its first, shape (P,).
        similarity: cosine of the two, less the mean of all rows, shape (P,); falling.
        left_out: why rows of one class, or of two, were not compared; None where they were.
        left_out_across: the same of rows of two classes.
    """

    first: IntArray
    second: IntArray
    similarity: FloatArray
    left_out: str | None = None
    left_out_across: str | None = None

    @classmethod
    def none(cls, reason: str) -> "NearCopies":
        """Return that rows were not compared, and why."""
        empty = np.zeros(0, dtype=np.int64)
        return cls(empty, empty, np.zeros(0), reason, reason)

    def renumbered(self, numbers: IntArray) -> "NearCopies":
        """Return the same pairs by other, rising numbers of the rows."""
        return replace(self, first=numbers[self.first], second=numbers[self.second])


def identical_rows(parts: Sequence[NDArray[Any]]) -> IntArray:
    """Find rows that equal an earlier one in every number, in memory for a hash a row.

    Args:
        parts: arrays of shape (N_k, D), whose rows are numbered one after another.

    Returns:
        For each row the number of the first row that equals it, its own where there is none; shape (sum N_k,).

    Raises:
        InputError: parts of other shapes.

    Example:
        >>> identical_rows([np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([[1.0, 2.0]])]).tolist()
        [0, 1, 0]
    """
    shapes = [np.shape(part) for part in parts]
    if not parts or any(len(shape) != 2 or shape[1] != shapes[0][1] for shape in shapes):
        raise InputError(f"rows of the shapes {shapes}; expected N x D with the same D for all.")
    # of float16 and float32 alike: equal numbers are equal in both
    dtype = np.float64 if any(part.dtype == np.float64 or part.dtype.kind != "f" for part in parts) else np.float32
    number_of: dict[bytes, int] = {}
    first: list[int] = []
    for part in parts:
        for start in range(0, len(part), ROWS):
            block: NDArray[Any] = np.ascontiguousarray(part[start : start + ROWS], dtype=dtype)
            for row in block + dtype(0):  # -0 becomes 0
                key = hashlib.blake2b(row.data, digest_size=16).digest()
                first.append(number_of.setdefault(key, len(first)))
    return np.array(first, dtype=np.int64)


def near_copies(
    features: NDArray[np.floating],
    labels: IntArray,
    *,
    across: bool = True,
    false_share: float = 0.01,
    most: float | None = None,
) -> NearCopies:
    """Find pairs of rows that are nearer to each other than chance brings them, such as frames of one video.

    What is near depends on the features: of a well-trained network all images of a class may have a cosine of 0.999,
    of others not even copies have. A row is therefore compared with its own surroundings. Let r_1 <= ... <= r_k be the
    distances of its nearest rows of the same class, k = 10 (or all, where there are fewer). Of rows that lie around it
    at random in d directions,

        P(r_1 <= r) = 1 - (1 - (r / r_k)^d)^(k - 1),        d = log 2 / log median(r_10 / r_5)

    and pairs whose P is small enough are copies: so small that of all rows called so about `false_share` are not. Rows
    of two classes are copies where they are as near as that in the surroundings of both.

    Distances are those of directions, after the mean of all rows was taken off, and each feature divided by its
    deviation where the largest is more than 10 times the median one. Rows of one class are compared with
    each other, about sum n_c^2 D operations, and then those of two classes, N^2 D; in memory for the rows and 2^23
    similarities. Up to nine copies of a row are found. Where rows vary in fewer than about four directions, near ones
    are no sign, and none may be found.

    Args:
        features: no two rows the same (`identical_rows`), shape (N, D).
        labels: class indices, shape (N,).
        across: also compare rows of two classes.
        false_share: of the rows that are called copies, above 0 and below 1.
        most: operations above which a comparison is left out; default: none is.

    Raises:
        InputError: shapes that do not fit, or a share that is out of range.

    Reference:
        d: after Facco, d'Errico, Rodriguez, Laio, "Estimating the intrinsic dimension of datasets by a minimal
        neighborhood information", Scientific Reports 7, 2017 (there of the first two neighbours, which may be copies).
        The share of false ones: Storey, "A direct approach to false discovery rates", Journal of the Royal Statistical
        Society B 64, 2002, with lambda = 1/2.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> rows = rng.normal(size=(100, 16))
        >>> rows[99] = rows[7] + 0.05 * rng.normal(size=16)
        >>> found = near_copies(rows, np.zeros(100, dtype=int))
        >>> list(zip(found.first.tolist(), found.second.tolist()))
        [(7, 99)]
    """
    features, labels = as_array(features, "features"), as_array(labels, "labels")
    if features.ndim != 2 or labels.shape != features.shape[:1] or features.dtype.kind not in "iuf":
        raise InputError(
            f"rows of shape {features.shape}, labels of shape {labels.shape}; expected N x D numbers and N labels."
        )
    check_share("false_share", false_share, 0.01)
    rows, dimension = features.shape
    counts = class_counts(labels) if rows else np.zeros(1, dtype=np.int64)
    limit = np.inf if most is None else most
    if (counts.astype(float) ** 2).sum() * dimension > limit:
        return NearCopies.none("it takes long here")
    directions = _directions(features)
    distances, neighbours = _within_classes(directions, labels)
    spread = _surroundings(distances)
    if spread is None:
        return NearCopies.none("too few rows of a class, or too much alike, to say what is near")
    radius, others, varied = spread
    pairs = [_accepted(distances, neighbours, radius, others, varied, false_share)]
    left_out_across = "it takes long here" if float(rows) ** 2 * dimension > limit else None
    if across and left_out_across is None and (counts > 0).sum() > 1:
        distances, neighbours, inside = _across_classes(directions, labels, radius)
        # a row that lies among those of another class is near to them without being a copy
        smaller = np.minimum(radius, radius[neighbours[:, 0]])
        pairs.append(_accepted(distances, neighbours, smaller, np.maximum(inside, others), varied, false_share))
    return _sorted_pairs(np.concatenate(pairs), directions, left_out_across)


@torch.no_grad()
def _directions(features: NDArray[np.floating]) -> torch.Tensor:
    number = max(len(features), 1)
    total, squares = np.zeros(features.shape[1]), np.zeros(features.shape[1])
    for start in range(0, len(features), ROWS):
        total += features[start : start + ROWS].sum(axis=0, dtype=np.float64)
    mean = total / number
    for start in range(0, len(features), ROWS):
        squares += ((features[start : start + ROWS] - mean) ** 2).sum(axis=0)
    deviation = np.sqrt(squares / number)
    rows = torch.from_numpy(np.array(features, dtype=np.float32))
    rows -= torch.from_numpy(mean.astype(np.float32))
    changing = deviation[deviation > 0]
    if len(changing) and changing.max() > MOST_UNLIKE * np.median(changing):
        # in several units: the directions would be those of the feature with the largest numbers
        rows /= torch.from_numpy(np.where(deviation > 0, deviation, 1.0).astype(np.float32))
    return torch.nn.functional.normalize(rows, dim=1)


@torch.no_grad()
def _within_classes(directions: torch.Tensor, labels: IntArray) -> tuple[FloatArray, IntArray]:
    """Return distances and numbers of each row's nearest ones in its class, shape (N, 10); infinite where none is."""
    distances = np.full((len(labels), NEIGHBOURS), np.inf)
    neighbours = np.full((len(labels), NEIGHBOURS), -1, dtype=np.int64)
    order = np.argsort(labels, kind="stable")
    for members in np.split(order, np.flatnonzero(np.diff(labels[order])) + 1):
        wanted = min(NEIGHBOURS, len(members) - 1)
        if wanted < 1:
            continue
        of_class = directions[torch.from_numpy(members)]
        step = max(BLOCK // len(members), 1)
        for start in range(0, len(members), step):
            similarity = of_class[start : start + step] @ of_class.T
            place = torch.arange(len(similarity))
            similarity[place, place + start] = -torch.inf
            values, numbers = similarity.topk(wanted, dim=1)
            block = members[start : start + step]
            distances[block, :wanted] = _distance(values)
            neighbours[block, :wanted] = members[numbers.numpy()]
    return distances, neighbours


@torch.no_grad()
def _across_classes(
    directions: torch.Tensor, labels: IntArray, radius: FloatArray
) -> tuple[FloatArray, IntArray, IntArray]:
    """Return distance and number of each row's nearest one of another class, shape (N, 1), and how many surround it."""
    distances, neighbours = np.empty((len(labels), 1)), np.empty((len(labels), 1), dtype=np.int64)
    inside = np.empty(len(labels), dtype=np.int64)
    of_rows = torch.from_numpy(np.asarray(labels, dtype=np.int64))
    cosines = torch.from_numpy((1 - radius**2 / 2).astype(np.float32))
    step = max(BLOCK // max(len(labels), 1), 1)
    for start in range(0, len(labels), step):
        block = slice(start, start + step)
        similarity = directions[block] @ directions.T
        similarity[of_rows[block, None] == of_rows] = -torch.inf
        inside[block] = (similarity >= cosines[block, None]).sum(dim=1).numpy()
        values, numbers = similarity.max(dim=1, keepdim=True)
        distances[block], neighbours[block] = _distance(values), numbers.numpy()
    return distances, neighbours, inside


def _distance(cosines: torch.Tensor) -> FloatArray:
    distances: FloatArray = (2 - 2 * cosines.double()).clamp(min=RESOLUTION**2).sqrt().numpy()
    return distances


def _surroundings(distances: FloatArray) -> tuple[FloatArray, IntArray, float] | None:
    """Return for each row the radius of its surroundings, how many rows lie inside, and d; None where none is known."""
    full = np.isfinite(distances).all(axis=1) & (distances[:, NEIGHBOURS // 2 - 1] > 0)
    if full.sum() < FEWEST_ROWS or np.median(distances[full, NEIGHBOURS // 2 - 1]) < 2 * RESOLUTION:
        return None
    growth = float(np.median(distances[full, -1] / distances[full, NEIGHBOURS // 2 - 1]))
    directions = min(np.log(2) / np.log(growth), MOST_DIRECTIONS) if growth > 1 else MOST_DIRECTIONS
    known = np.isfinite(distances).sum(axis=1)
    enough = known >= FEWEST_NEIGHBOURS
    radius = distances[np.arange(len(distances)), np.maximum(known - 1, 0)]
    return (
        np.where(enough, radius, np.median(distances[full, -1])),
        np.where(enough, known, NEIGHBOURS) - 1,
        float(directions),
    )


def _accepted(
    distances: FloatArray,
    neighbours: IntArray,
    radius: FloatArray,
    others: IntArray,
    directions: float,
    false_share: float,
) -> IntArray:
    """Return the pairs (P, 2) that are nearer than chance explains."""
    nearer = np.minimum(distances / np.maximum(radius, np.finfo(np.float64).tiny)[:, None], 1.0)
    chance = -np.expm1(others[:, None] * np.log1p(-np.minimum(nearer**directions, 1 - 1e-16)))
    nearest = np.sort(chance[:, 0])
    at_random = min(1.0, (np.sum(nearest > 0.5) + 1) / (0.5 * len(nearest)))
    allowed = np.flatnonzero(nearest * at_random <= false_share * np.arange(1, len(nearest) + 1) / len(nearest))
    if not len(allowed):
        return np.zeros((0, 2), dtype=np.int64)
    row, place = np.nonzero((chance <= nearest[allowed[-1]]) & (neighbours >= 0))
    return np.stack([row, neighbours[row, place]], axis=1)


def _sorted_pairs(pairs: IntArray, directions: torch.Tensor, left_out_across: str | None) -> NearCopies:
    """Take each pair once, the most similar first."""
    ordered = np.unique(np.sort(pairs, axis=1), axis=0)
    first, second = ordered[:, 0], ordered[:, 1]
    similarity = np.concatenate(
        [
            (directions[first[start : start + ROWS]] * directions[second[start : start + ROWS]]).sum(dim=1).numpy()
            for start in range(0, len(first), ROWS)
        ]
        or [np.zeros(0)]
    ).astype(np.float64)
    order = np.argsort(-similarity, kind="stable")
    return NearCopies(first[order], second[order], similarity[order].clip(-1, 1), None, left_out_across)
