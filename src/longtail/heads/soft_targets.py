"""What a row is to be taken for: the few most probable classes of it, and the part of each."""

from dataclasses import dataclass
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

__all__ = ["MOST_CLASSES", "SoftTargets"]

MOST_CLASSES = 32  # of a row that are kept: N x C numbers may be more than all features


@dataclass(frozen=True)
class SoftTargets:
    """Probabilities of the classes that matter for each row; all others have none.

    Attributes:
        columns: class indices, int32, shape (N, K); one that comes twice has both parts.
        parts: at least 0, of sum 1 in each row, float32, shape (N, K).
    """

    columns: NDArray[np.int32]
    parts: NDArray[np.float32]

    @classmethod
    def of_labels(cls, codes: NDArray[np.int64], num_classes: int) -> Self:
        """Return targets that are the labels, with room for `mix`.

        Args:
            codes: class indices, shape (N,).
            num_classes: C; K is 1 + the smaller of C and 32.
        """
        width = 1 + min(num_classes, MOST_CLASSES)
        columns = np.repeat(codes[:, None].astype(np.int32), width, axis=1)
        parts = np.zeros((len(codes), width), dtype=np.float32)
        parts[:, 0] = 1
        return cls(columns, parts)

    def mix(self, rows: NDArray[np.int64], scores: Tensor, share: float) -> None:
        """Give a share of the targets of some rows, which are their labels, to probabilities.

        t = (1 - share) label + share softmax(scores), of which the most probable classes are kept and brought to sum 1

        Args:
            rows: numbers, shape (B,).
            scores: shape (B, C).
            share: 0 to 1.

        Example:
            >>> targets = SoftTargets.of_labels(np.array([0, 1]), 2)
            >>> targets.mix(np.array([1]), torch.tensor([[0.75, 0.25]]).log(), 0.5)
            >>> targets.columns.tolist(), targets.parts.round(3).tolist()
            ([[0, 0, 0], [1, 0, 1]], [[1.0, 0.0, 0.0], [0.5, 0.375, 0.125]])
        """
        best, columns = scores.topk(self.parts.shape[1] - 1, dim=1)
        self.columns[rows, 1:] = columns.cpu().numpy()
        self.parts[rows, 0] = 1 - share
        self.parts[rows, 1:] = share * best.softmax(dim=1).cpu().numpy()

    def block(self, rows: slice, like: Tensor) -> tuple[Tensor, Tensor]:
        """Return classes and parts of a block of rows, of the type and on the device of a tensor, shapes (B, K)."""
        columns = torch.from_numpy(self.columns[rows]).to(like.device)
        return columns.long(), torch.from_numpy(self.parts[rows]).to(like)
