"""How many of several experts are asked about each image, one after the other, and what the fewer cost in accuracy."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from longtail.errors import InputError
from longtail.ranges import Range

__all__ = ["RoutingPoint", "chosen_point", "experts_asked", "help_wanted", "right_after", "routing_curve"]

_MOST_THRESHOLDS = 256


def right_after(logits: Tensor, labels: Tensor) -> Tensor:
    """Return whether the mean of the first k experts is right, k = 1 .. E.

    Args:
        logits: of each expert, shape (N, E, C).
        labels: shape (N,).

    Returns:
        Booleans, shape (N, E).

    Example:
        >>> import torch
        >>> logits = torch.tensor([[[2.0, 0.0], [0.0, 3.0]]])
        >>> right_after(logits, torch.tensor([1])).tolist()
        [[False, True]]
    """
    return logits.cumsum(dim=1).argmax(dim=2) == labels[:, None]


def help_wanted(right: Tensor) -> Tensor:
    """Return whether the first k experts are wrong together and some more of them would be right, k = 1 .. E - 1.

    Args:
        right: as `right_after` gives it, shape (N, E).

    Returns:
        Booleans, shape (N, E - 1): what a router learns to say.

    Reference:
        Wang, Lian, Miao, Liu, Yu, "Long-tailed Recognition by Routing Diverse Distribution-Aware Experts", ICLR 2021,
        arXiv 2010.01809, and its released code.

    Example:
        >>> import torch
        >>> help_wanted(torch.tensor([[False, False, True], [True, False, True], [False, False, False]])).tolist()
        [[True, True], [False, True], [False, False]]
    """
    later = right.flip(1).cummax(dim=1).values.flip(1)  # right after k experts or more
    return ~right[:, :-1] & later[:, 1:]


def experts_asked(scores: ArrayLike, threshold: float) -> NDArray[np.int64]:
    """Return how many experts are asked: one more as long as all scores so far are above a threshold.

    Args:
        scores: of a router, shape (N, E - 1).
        threshold: of the scores.

    Returns:
        1 .. E, shape (N,).

    Example:
        >>> experts_asked([[1.0, -1.0], [-1.0, 1.0], [1.0, 1.0]], 0.0).tolist()
        [2, 1, 3]
    """
    asked: NDArray[np.int64] = 1 + (np.minimum.accumulate(np.asarray(scores), axis=1) > threshold).sum(axis=1)
    return asked


@dataclass(frozen=True)
class RoutingPoint:
    """What a threshold leads to on some images.

    Attributes:
        threshold: of the router's scores.
        asked: experts an image, on average.
        balanced: balanced accuracy in percent.
    """

    threshold: float
    asked: float
    balanced: float


def routing_curve(
    scores: ArrayLike, right: ArrayLike, labels: ArrayLike, thresholds: ArrayLike | None = None
) -> list[RoutingPoint]:
    """Measure thresholds, by default as many as tell images apart, 256 at most, from "ask all" to "ask the first".

    Args:
        scores: of a router, shape (N, E - 1).
        right: as `right_after` gives it, shape (N, E).
        labels: shape (N,).
        thresholds: to measure.

    Returns:
        A point a threshold; without `thresholds` in ascending order, so that ever fewer experts are asked.

    Raises:
        InputError: no images, or scores of another number of images or experts.
    """
    scores, right, labels = np.asarray(scores), np.asarray(right), np.asarray(labels)
    num_images, num_experts = right.shape
    if num_images == 0 or scores.shape != (num_images, num_experts - 1) or labels.shape != (num_images,):
        raise InputError(
            f"`scores` have shape {scores.shape}, `labels` {labels.shape}, `right` {right.shape}; expected (N, E - 1), "
            "(N,) and (N, E), N above 0."
        )
    if thresholds is None:
        steps = np.unique(np.minimum.accumulate(scores, axis=1))
        steps = steps[np.unique(np.linspace(0, len(steps) - 1, _MOST_THRESHOLDS).round().astype(int))]
        thresholds = np.r_[steps[0] - 1, steps]
    rows, totals = np.arange(num_images), np.bincount(labels)
    present = totals > 0
    points = []
    for threshold in np.asarray(thresholds, dtype=float).tolist():
        asked = experts_asked(scores, threshold)
        hits = np.bincount(labels, weights=right[rows, asked - 1], minlength=len(totals))
        points.append(
            RoutingPoint(threshold, float(asked.mean()), 100 * float((hits[present] / totals[present]).mean()))
        )
    return points


def chosen_point(curve: list[RoutingPoint], most_loss: float, highest: float = math.inf) -> RoutingPoint:
    """Return the point where the fewest experts are asked and balanced accuracy is that of all, or little less.

    Few images of rare classes are easily satisfied by chance, and the fewest experts that satisfy them too few:
    `highest` is the threshold that a router was trained for, 0, and the images can only ask for more experts than that.

    Args:
        curve: of `routing_curve`, on images that the router was not fitted to.
        most_loss: points of balanced accuracy that may be lost against the one where most are asked, at least 0.
        highest: threshold above which no point is taken.

    Raises:
        InputError: `most_loss` below 0.

    Example:
        >>> curve = [RoutingPoint(-9.0, 3.0, 60.0), RoutingPoint(0.0, 1.5, 59.8), RoutingPoint(9.0, 1.0, 61.0)]
        >>> chosen_point(curve, 0.5).asked, chosen_point(curve, 0.5, highest=0).asked, chosen_point(curve, 0.1, 0).asked
        (1.0, 1.5, 3.0)
    """
    Range(0).check(most_loss, "most_loss")
    every = max(curve, key=lambda point: point.asked)
    enough = [point for point in curve if point.threshold <= highest and point.balanced >= every.balanced - most_loss]
    return min(enough, key=lambda point: (point.asked, -point.balanced), default=every)
