"""Signs that images belong together though nobody said so: their names, when they were taken, how alike they are."""

import re
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import PurePosixPath
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from longtail.data.capture_times import bursts, capture_times
from longtail.data.fingerprint import identities
from longtail.data.source import ImageSource, Joined
from longtail.files.text import counted
from longtail.grouping import grouping_of

__all__ = ["Sign", "signs_of_groups"]

IntArray = NDArray[np.int64]
SIDE = 16  # pixels of the small pictures that are compared
GAP = 10.0  # seconds between images of a burst
_MOST_TIMED, _MOST_COMPARED = 20_000, 20_000
_FEWEST_NEAR, _NEAR_SHARE = 3, 0.01
_FEWEST_SHARE, _LARGEST_MEAN, _FEWEST_GROUPS = 0.1, 50, 5
# of file names, what images of one origin share; the first that fits counts
_PATTERNS = (
    r"([^/]+)_(?:jpe?g|png|bmp|webp)\.rf\.[0-9a-f]+\.\w+$",  # copies that Roboflow makes of one photograph
    r"([^/]+?)(?:[-_ ](?:aug\w*|copy|flip\w*|rot\w*|crop\w*|bright\w*|\(\d+\))(?:[-_ ]?\d+)?)+\.\w+$",
    r"([^/]+?)[-_. ]+(?:frame|img|image|crop|view|part)?[-_. ]?\d{1,6}\.\w+$",
    r"([^/_-]+)[-_][^/]*$",
)


@dataclass(frozen=True)
class Sign:
    """Something that says that images belong together.

    Attributes:
        kind: "names", "times", or "near" duplicates.
        images: how many belong to others.
        groups: that they form.
        crossing: images of val and test that belong to one of an earlier split.
        held_out: images of val and test.
        how: what `group_by` would group them so, or None.
    """

    kind: Literal["names", "times", "near"]
    images: int
    groups: int
    crossing: int
    held_out: int
    how: str | None

    def sentence(self) -> str:
        """Return it for people, with what to do."""
        what = {
            "names": "by their names",
            "times": f"taken within {GAP:g} seconds of each other",
            "near": "nearly the same pictures",
        }[self.kind]
        crossing = (
            f"; {self.crossing:,} of {self.held_out:,} val and test images have such a one in an earlier split, where "
            "what is measured is too good"
            if self.crossing
            else ""
        )
        remedy = f". Keep them together: `group_by` {shlex.quote(self.how)}" if self.how else ""
        return (
            f"{counted(self.images, 'image')} belong together in {counted(self.groups, 'group')}, {what}{crossing}"
            f"{remedy}"
        )

    def to_json(self) -> dict[str, Any]:
        """Return plain values for a record."""
        return asdict(self)


def signs_of_groups(
    sources: Mapping[str, ImageSource], *, pictures: bool = True, advance: Callable[[int], object] = lambda images: None
) -> tuple[Sign, ...]:
    """Look for signs that images belong together.

    Names count where what they share says more of the class than chance: groups of several images, of one class far
    more often than images drawn at random. Times are those that cameras write (EXIF). Near duplicates are found among
    small grey copies of the images, as of `near_copies`.

    Args:
        sources: a source for each split.
        pictures: look into the images, and not at their names alone.
        advance: called with the number of images looked at since the last call.

    Returns:
        The signs, names first; up to 20,000 images are looked into.
    """
    joined = Joined(tuple(sources.values()))
    split = np.repeat(np.arange(len(sources)), [len(source) for source in sources.values()])
    labels = joined.labels
    names = [PurePosixPath(name).name for name in identities(joined)]
    result = [_of_names(names, labels, split)]
    if pictures and len(joined) <= _MOST_TIMED:
        result.append(_of_words(bursts(*capture_times(joined), GAP), labels, split, "times", f"time:{GAP:g}"))
    if pictures and len(joined) <= _MOST_COMPARED:
        result.append(_of_pictures(joined, labels, split, advance))
    return tuple(sign for sign in result if sign is not None)


def _of_names(names: Sequence[str], labels: IntArray, split: IntArray) -> Sign | None:
    for pattern in _PATTERNS:
        matches = [re.search(pattern, name) for name in names]
        words = ["" if match is None else match.group(1) for match in matches]
        sign = _of_words(words, labels, split, "names", pattern)
        if sign is not None:
            return sign
    return None


def _of_words(
    words: Sequence[str], labels: IntArray, split: IntArray, kind: Literal["names", "times"], how: str
) -> Sign | None:
    """Return a sign where groups of several images are of one class far more often than by chance."""
    codes = grouping_of(words).codes
    sizes = np.bincount(codes)
    together = sizes[codes] > 1
    several = int((sizes > 1).sum())
    num_classes = int(labels.max(initial=0)) + 1
    if together.mean() < _FEWEST_SHARE or several < max(_FEWEST_GROUPS, 2 * num_classes):
        return None
    if together.sum() > _LARGEST_MEAN * several:
        return None
    shares = np.bincount(labels) / len(labels)
    chance = float(shares @ shares)
    of_class = np.unique(codes[together] * num_classes + labels[together], return_counts=True)[1].astype(float)
    pairs = float((sizes[sizes > 1] * (sizes[sizes > 1] - 1.0)).sum())
    alike = float((of_class * (of_class - 1)).sum()) / pairs
    if alike < (1 + chance) / 2:
        return None
    return _sign(kind, codes, split, how)


def _of_pictures(joined: Joined, labels: IntArray, split: IntArray, advance: Callable[[int], object]) -> Sign | None:
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    from longtail.evaluation.copies import identical_rows, near_copies

    small = np.stack([_small(joined, row, advance) for row in range(len(joined))])
    first = identical_rows([small])
    rows = np.flatnonzero(first == np.arange(len(first)))
    near = near_copies(small[rows], labels[rows], across=False).renumbered(rows)
    # copies are told elsewhere, and kept on one side whatever else is done: each set of them counts as one picture
    edges = np.searchsorted(rows, near.first), np.searchsorted(rows, near.second)
    graph = coo_matrix((np.ones(len(edges[0])), edges), shape=(len(rows), len(rows)))
    codes = connected_components(graph, directed=False)[1].astype(np.int64)
    sign = _sign("near", codes, split[rows], None)
    # a pair or two are what chance brings, or are told as equal
    return sign if sign.groups >= _FEWEST_NEAR and sign.images >= _NEAR_SHARE * len(joined) else None


def _small(joined: Joined, row: int, advance: Callable[[int], object]) -> NDArray[np.float32]:
    import torch
    from torch.nn.functional import interpolate

    try:
        image = joined.load(row, least=2 * SIDE).float().mean(dim=0)
    except Exception:  # what cannot be read is told elsewhere, and like no other here
        image = torch.from_numpy(np.random.default_rng(row).normal(size=(SIDE, SIDE)))
    advance(1)
    small: NDArray[np.float32] = interpolate(image[None, None].float(), (SIDE, SIDE), mode="area").numpy().reshape(-1)
    return small


def _sign(kind: Literal["names", "times", "near"], codes: IntArray, split: IntArray, how: str | None) -> Sign:
    sizes = np.bincount(codes)
    earliest = np.full(len(sizes), split.max(initial=0))
    np.minimum.at(earliest, codes, split)
    crossing = int((split > earliest[codes]).sum())
    return Sign(kind, int((sizes[codes] > 1).sum()), int((sizes > 1).sum()), crossing, int((split > 0).sum()), how)
