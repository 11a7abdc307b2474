"""Mixtures of two images and of their labels: mixup, CutMix, Remix, CMO."""

from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from longtail.errors import InputError
from longtail.ranges import Range

__all__ = ["Mixed", "Mixing", "MixingName", "blend_images", "paste_box", "remixed_labels"]

MixingName = Literal["mixup", "cutmix", "remix", "cmo"]


@dataclass(frozen=True)
class Mixed:
    """A batch of mixtures, and what they are to be taken for.

    loss = l loss(logits, first) + (1 - l) loss(logits, second)

    For a loss that is linear in its targets, such as cross-entropy and logit adjustment, that is its value for the soft
    targets l [first] + (1 - l) [second]; the others are mixed as the released code of mixup mixes them.

    Attributes:
        images: shape (B, channels, H, W).
        first: labels, shape (B,).
        second: labels, shape (B,).
        share: l of the first, 0 to 1.
    """

    images: Tensor
    first: Tensor
    second: Tensor
    share: float


@dataclass(frozen=True)
class Mixing:
    """How the images of a batch are mixed with others.

    One share l, drawn from Beta(alpha, alpha), serves a whole batch, as in the released codes.

    - mixup: x = l x_i + (1 - l) x_j, j a permutation of the batch
    - cutmix: a box of x_j, of 1 - l of the area, in the place of that of x_i; l is then the share that is left
    - remix: mixup whose label is the rarer class's alone where the counts differ by `ratio` and its share is not too
      small (`remixed_labels`)
    - cmo: CutMix of a background from the batch with a foreground from a second one, in which rare classes are as
      common as others

    Args:
        name: "mixup", "cutmix", "remix" or "cmo".
        alpha: above 0; 1 draws the share uniformly.
        probability: that a batch is mixed at all.
        ratio: kappa of remix, at least 1.
        threshold: tau of remix, 0 to 1.
        class_counts: n_c of training, for remix, shape (C,).

    Raises:
        InputError: a number out of its range, or no counts for remix.

    Reference:
        Zhang, Cisse, Dauphin, Lopez-Paz, "mixup: Beyond Empirical Risk Minimization", ICLR 2018, arXiv 1710.09412; Yun
        et al., "CutMix", ICCV 2019, arXiv 1905.04899; Chou, Chang, Pan, Wei, Juan, "Remix: Rebalanced Mixup", ECCV
        workshops 2020, arXiv 2007.03943, eq. 8; Park, Hong, Heo, Yun, Choi, "The Majority Can Help the Minority:
        Context-rich Minority Oversampling for Long-tailed Classification", CVPR 2022, arXiv 2112.00412, algorithm 1.

    Example:
        >>> mixing = Mixing("mixup")
        >>> images, labels = torch.tensor([0.0, 1.0]).view(2, 1, 1, 1), torch.tensor([0, 1])
        >>> mixed = mixing.mix(images, labels, np.random.default_rng(1))
        >>> bool(torch.allclose(mixed.images.flatten(), mixed.share * mixed.first + (1 - mixed.share) * mixed.second))
        True
    """

    name: MixingName
    alpha: float = 1.0
    probability: float = 1.0
    ratio: float = 3.0
    threshold: float = 0.5
    class_counts: Tensor | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        if self.name not in ("mixup", "cutmix", "remix", "cmo"):
            raise InputError(f"no mixing {self.name!r}. Mixings: mixup, cutmix, remix, cmo.")
        Range(above=0).check(self.alpha, "alpha")
        Range(0, most=1).check(self.probability, "probability")
        Range(1).check(self.ratio, "ratio")
        Range(0, most=1).check(self.threshold, "threshold")
        if self.name == "remix" and self.class_counts is None:
            raise InputError("remix goes by the class counts; expected `class_counts`, shape (C,).")

    def mix(
        self,
        images: Tensor,
        labels: Tensor,
        rng: np.random.Generator,
        others: tuple[Tensor, Tensor] | None = None,
    ) -> Mixed:
        """Mix a batch.

        Args:
            images: normalised, shape (B, channels, H, W).
            labels: shape (B,).
            rng: source of randomness.
            others: images and labels of a second batch of as many, for cmo.

        Raises:
            InputError: no second batch for cmo.
        """
        if self.name == "cmo" and others is None:
            raise InputError("cmo pastes images of a second batch; expected `others`: its images and labels.")
        if rng.random() >= self.probability:
            return Mixed(images, labels, labels, 1.0)
        share = float(rng.beta(self.alpha, self.alpha))
        if self.name == "cmo" and others is not None:
            second_images, second = others
        else:
            order = torch.from_numpy(rng.permutation(len(images))).to(images.device)
            second_images, second = images[order], labels[order]
        if self.name in ("mixup", "remix"):
            mixed = blend_images(images, second_images, share)
            if self.name == "remix" and self.class_counts is not None:
                labels, second = remixed_labels(
                    labels, second, share, self.class_counts, ratio=self.ratio, threshold=self.threshold
                )
            return Mixed(mixed, labels, second, share)
        mixed, share = paste_box(images, second_images, share, rng)
        return Mixed(mixed, labels, second, share)


def blend_images(first: Tensor, second: Tensor, share: float) -> Tensor:
    """Return share first + (1 - share) second; all of shape (B, channels, H, W)."""
    return torch.lerp(second, first, share)


def paste_box(first: Tensor, second: Tensor, share: float, rng: np.random.Generator) -> tuple[Tensor, float]:
    """Put a box of the second images into the same place of the first.

    Its sides are sqrt(1 - l) of the images', its centre is any pixel; beyond the border it is cut off.

    Args:
        first: shape (B, channels, H, W).
        second: of the same shape.
        share: l that is wanted, 0 to 1.
        rng: draws the centre.

    Returns:
        The images, and the share of the area that is the first's.

    Example:
        >>> first, second = torch.zeros(1, 1, 8, 8), torch.ones(1, 1, 8, 8)
        >>> images, share = paste_box(first, second, 0.75, np.random.default_rng(0))
        >>> float(images.mean()) == 1 - share
        True
    """
    H, W = first.shape[2:]
    side = (1 - share) ** 0.5
    bounds = []
    for size in (H, W):
        center, half = int(rng.integers(size)), int(size * side) // 2
        bounds.append((max(center - half, 0), min(center + half, size)))
    (top, bottom), (left, right) = bounds
    images = first.clone()
    images[:, :, top:bottom, left:right] = second[:, :, top:bottom, left:right]
    return images, 1 - (bottom - top) * (right - left) / (H * W)


def remixed_labels(
    first: Tensor, second: Tensor, share: float, class_counts: Tensor, *, ratio: float, threshold: float
) -> tuple[Tensor, Tensor]:
    """Give a mixture the label of the rarer class alone, where that is much rarer and its share is large enough.

    The label is that of j alone where n_i / n_j >= kappa and l < tau, of i alone where n_i / n_j <= 1 / kappa and
    1 - l < tau, else both with l and 1 - l.

    Args:
        first: i, labels, shape (B,).
        second: j, labels, shape (B,).
        share: l of i in the mixture of the images.
        class_counts: n_c, shape (C,).
        ratio: kappa, at least 1.
        threshold: tau, 0 to 1.

    Returns:
        Two labels for each mixture, the same twice where it has one alone, shapes (B,).

    Example:
        >>> counts = torch.tensor([90, 10])
        >>> i, j = torch.tensor([0, 1, 0]), torch.tensor([1, 0, 0])
        >>> [labels.tolist() for labels in remixed_labels(i, j, 0.4, counts, ratio=3.0, threshold=0.5)]
        [[1, 1, 0], [1, 0, 0]]
    """
    counts = class_counts.to(first.device)
    of_first, of_second = counts[first], counts[second]
    only_second = (of_first >= ratio * of_second) & (share < threshold)
    only_first = (of_first * ratio <= of_second) & (1 - share < threshold)
    return torch.where(only_second, second, first), torch.where(only_first & ~only_second, first, second)
