"""Which images each setting of a grid gets right, where one matrix product gives the scores of all settings.

The product is computed roughly first. A proven bound of its rounding says for most images, without doubt, whether
their own class wins at each setting; the others are computed again, more exactly, and in float64 in the end. So the
result is that of float64 at the cost of the fastest arithmetic.
"""

from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from longtail.heads.exact_judge import ExactJudge
from longtail.heads.grid_scores import GridScores
from longtail.heads.rough_judge import GROUP, RoughJudge
from longtail.heads.rows import Features, SomeRows, chunks
from longtail.processor import cpu_has_bfloat16

__all__ = ["grid_hits"]

MANY_CLASSES = 256  # below, the product is no longer most of the work


class _Judge(Protocol):
    def __call__(self, block: Tensor, truth: Tensor) -> tuple[Tensor, Tensor]:
        """Return which rows are right at each setting, (T, B), and which are undecided, (B,)."""


def grid_hits(
    features: Features, codes: NDArray[np.int64], scores: GridScores, *, device: str = "cpu"
) -> NDArray[np.int64]:
    """Count how many images of each class every setting of a grid gets right.

    The same as the arg max of scores in float64, of equal ones the first. A score that is no number is never right.

    Args:
        features: shape (N, D), memory-mapped or not.
        codes: class indices, shape (N,).
        scores: how classes are scored.
        device: where to compute.

    Returns:
        Images found, shape (T, C).

    Example:
        >>> scores = GridScores(np.array([[4.0, 0.0], [0.0, 1.0]]), np.array([[1.0, 1.0], [0.25, 1.0]]))
        >>> grid_hits(np.array([[1.0, 0.2], [1.0, 3.0]]), np.array([0, 1]), scores)
        array([[1, 0],
               [1, 1]])
    """
    num_classes, classes = len(scores.weight), scores.first_of_equals
    if len(classes) < num_classes:  # else no product could tell equals apart, and each row would be judged exactly
        place = np.full(num_classes, -1)
        place[classes] = np.arange(len(classes))
        able = np.flatnonzero(place[codes] >= 0)
        hits = np.zeros((len(scores), num_classes), dtype=np.int64)
        hits[:, classes] = grid_hits(SomeRows(features, able), place[codes[able]], scores.of(classes), device=device)
        return hits
    right = np.zeros((len(scores), len(codes)), dtype=np.bool_)
    left = np.arange(len(codes))
    for judge in _judges(scores, device):
        rows_left = features if len(left) == len(codes) else SomeRows(features, left)
        undecided = [left[:0]]
        for rows, block in chunks(rows_left, device):
            numbers = left[rows]
            won, is_open = judge(block, torch.from_numpy(codes[numbers]).to(device))
            right[:, numbers] = won.cpu().numpy()
            undecided.append(numbers[is_open.cpu().numpy()])
        left = np.concatenate(undecided)
    return np.stack([np.bincount(codes[row], minlength=num_classes) for row in right])


def _judges(scores: GridScores, device: str) -> list[_Judge]:
    """Return who judges one after another, the fastest first."""
    is_wide = len(scores.weight) >= MANY_CLASSES and scores.shifts is None
    if is_wide and device == "cpu" and cpu_has_bfloat16():
        rough: list[_Judge] = [
            RoughJudge(scores, torch.bfloat16, (GROUP,), device),
            RoughJudge(scores, torch.float32, (1,), device),
        ]
    else:
        rough = [RoughJudge(scores, torch.float32, (GROUP, 1) if is_wide else (1,), device)]
    return [*rough, ExactJudge(scores, device)]
