"""Head images made similar to a tail class: mixtures of two images that keep the head's label."""

import os
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor
from torch.nn import functional

from longtail.data.fingerprint import fingerprint_of_pixels
from longtail.data.source import ImageSource
from longtail.errors import InputError

__all__ = ["MixedImages", "SimilarPairs", "original_subset", "similar_pairs"]

IntArray = NDArray[np.int64]


@dataclass(frozen=True)
class SimilarPairs:
    """Which images are replaced, and by a mixture with which.

    Attributes:
        rows: images of the head class that are replaced, shape (n,).
        partners: the image of the tail class that each is mixed with, shape (n,).
    """

    rows: IntArray
    partners: IntArray


def similar_pairs(
    labels: ArrayLike, fraction: float, *, head: int, tail: int, rng: np.random.Generator | np.random.RandomState
) -> SimilarPairs:
    """Choose the head images that are replaced and their partners.

    floor(p n_head) images of the head class are drawn without repetition. The tail images, in random order, are their
    partners in turn: each is used equally often, give or take one.

    Args:
        labels: class indices, shape (N,).
        fraction: p, 0 to 1.
        head: class whose images are replaced; they keep its label.
        tail: class that they come to resemble.
        rng: source of randomness.

    Raises:
        InputError: p out of range, or a class without images.

    Reference:
        "Investigate the Essence of Long-Tailed Recognition from a Unified Perspective", 2021, arXiv 2107.03758
        (withdrawn), its released verification experiment.

    Example:
        >>> pairs = similar_pairs([0] * 10 + [1, 1], 0.5, head=0, tail=1, rng=np.random.default_rng(0))
        >>> len(pairs.rows), sorted(np.bincount(pairs.partners)[10:].tolist())
        (5, [2, 3])
    """
    labels = np.asarray(labels)
    if not 0 <= fraction <= 1:
        raise InputError(f"the fraction of replaced images is {fraction}; expected 0 to 1.")
    of_head, of_tail = (np.flatnonzero(labels == c) for c in (head, tail))
    if head == tail or not len(of_head) or not len(of_tail):
        raise InputError(
            f"head class {head} has {len(of_head)} images, tail class {tail} has {len(of_tail)}; expected two "
            "different classes with images."
        )
    number = int(len(of_head) * fraction + 1e-9)  # a product such as 28.99999999 means 29
    rows = of_head[rng.choice(len(of_head), number, replace=False)]
    order = rng.permutation(len(of_tail))
    return SimilarPairs(rows, np.resize(of_tail[order], number) if number else of_tail[:0])


class MixedImages:
    """An image source some of whose images are mixtures.

    x = floor((1 - t) x_head + t x_tail), where t is the tail's share

    Args:
        source: where the images are; where the two of a pair differ in size, the tail's is brought to the head's.
        pairs: which images are replaced.
        tail_share: t, 0 (nothing changes) to 1 (the tail image under the head's label). The released code writes its
            "lambda" = 1 - t = 0.2; its tables use the letter for both.

    Raises:
        InputError: the share is out of range.
    """

    def __init__(self, source: ImageSource, pairs: SimilarPairs, tail_share: float) -> None:
        if not 0 <= tail_share <= 1:
            raise InputError(f"the tail's share of a mixture is {tail_share}; expected 0 to 1.")
        self._source, self._tail_share = source, tail_share
        self._partner = dict(zip(pairs.rows.tolist(), pairs.partners.tolist(), strict=True))
        self.name, self.class_names = source.name, source.class_names

    @property
    def labels(self) -> IntArray:
        """Class indices, shape (N,): those of the source."""
        return np.asarray(self._source.labels)

    def __len__(self) -> int:
        return len(self._source)

    def load(self, index: int, *, least: int | None = None) -> Tensor:
        """Return one image, whole, mixed or as it is: uint8, shape (channels, H, W)."""
        image = self._source.load(index)
        partner = self._partner.get(int(index))
        if partner is None:
            return image
        # in double precision and cut off, as numpy's astype does to the originals; 1 - 0.8 is a little below 0.2, and
        # would cut whole numbers down
        head_share = round(1 - self._tail_share, 12)
        other = self._source.load(partner).double()
        if other.shape != image.shape:
            size = image.shape[1:]
            other = functional.interpolate(other[None], size, mode="bilinear", antialias=True)[0].clamp(0, 255)
        return (head_share * image.double() + self._tail_share * other).to(torch.uint8)

    def identify(self, index: int) -> str:
        """Name one image, and the image that it is mixed with."""
        name, partner = self._source.identify(index), self._partner.get(int(index))
        return name if partner is None else f"{name} with {self._source.identify(partner)}"

    def identity(self, index: int) -> str:
        """Name one image, and the image that it is mixed with, relative to the data."""
        name, partner = self._source.identity(index), self._partner.get(int(index))
        return name if partner is None else f"{name} with {self._source.identity(partner)}"

    def fingerprint(self, index: int) -> bytes:
        """Return 16 bytes that say what the image holds, mixed or as it is."""
        return (
            self._source.fingerprint(index) if index not in self._partner else fingerprint_of_pixels(self.load(index))
        )

    def status(self, index: int) -> os.stat_result | None:
        """Return what the system says of the file of the image that is mixed with another, or not."""
        return self._source.status(index)


def original_subset(labels: ArrayLike, counts: ArrayLike, rng: np.random.RandomState) -> IntArray:
    """Choose the long-tailed subset that the released CIFAR-LT code chooses.

    Class after class, the images of the class are shuffled by numpy's legacy generator and the first n_c taken.

    Args:
        labels: of all images in file order, shape (N,).
        counts: n_c, shape (C,).
        rng: `np.random.RandomState(0)` for the published subset; the similar samples are drawn from it afterwards.

    Returns:
        Indices, class after class.

    Raises:
        InputError: a class has fewer images than wanted.

    Example:
        >>> original_subset([0, 0, 0, 1, 1], [2, 1], np.random.RandomState(0)).tolist()
        [2, 1, 3]
    """
    labels = np.asarray(labels)
    chosen = []
    for c, number in enumerate(np.asarray(counts)):
        rows = np.flatnonzero(labels == c)
        if len(rows) < number:
            raise InputError(
                f"class {c} has {len(rows)} images, the profile wants {number}. Lower the largest class, or the ratio."
            )
        rng.shuffle(rows)
        chosen.append(rows[:number])
    return np.concatenate(chosen)
