"""Who judges in float64 which class wins at each setting of a grid."""

import numpy as np
import torch
from torch import Tensor

from longtail.heads.grid_scores import GridScores

__all__ = ["ExactJudge"]


class ExactJudge:
    """Judge every row, in float64."""

    def __init__(self, scores: GridScores, device: str) -> None:
        first: dict[bytes, int] = {}
        weight = np.asarray(scores.weight)
        # classes with the same weights get the same product to the last bit
        kind = [first.setdefault(row.tobytes(), len(first)) for row in weight]
        _, start = np.unique(kind, return_index=True)
        self._kind = torch.tensor(kind, dtype=torch.int64, device=device)
        self._matrix = torch.from_numpy(weight[start].astype(np.float64)).to(device).T
        self._factors = torch.from_numpy(scores.factors).to(device).expand(len(scores), -1)
        self._shifts = None if scores.shifts is None else torch.from_numpy(scores.shifts).to(device)

    def __call__(self, block: Tensor, truth: Tensor) -> tuple[Tensor, Tensor]:
        """Return which rows are right at each setting, (T, B), and that none is undecided, (B,)."""
        products = (block.double() @ self._matrix)[:, self._kind]
        right = []
        for number, factor in enumerate(self._factors):
            scores = products * factor
            if self._shifts is not None:
                scores += self._shifts[number]
            own = scores.gather(1, truth[:, None])[:, 0]
            is_right = own >= scores.amax(dim=1)  # the largest alone is much cheaper than its index
            is_right[is_right.clone()] = scores[is_right].argmax(dim=1) == truth[is_right]
            right.append(is_right)
        return torch.stack(right), torch.zeros_like(truth, dtype=torch.bool)
