"""The directions in which few rows lie: what is decomposed where there are fewer rows than features."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from longtail.heads.rows import Features, TransformedRows, kept_rows

__all__ = ["RowSpan", "in_span"]

Judged = tuple[Features, NDArray[np.int64]]


class _Inward(TransformedRows):
    """Coordinates in double precision: of few rows they cost little, and leaving one out takes differences of them."""

    @property
    def dtype(self) -> Any:
        return np.dtype(np.float64)


@dataclass(frozen=True)
class RowSpan:
    """An orthonormal basis of the span of some rows.

    A head whose weights are sums of rows and of their means, as those of a discriminant and of a ridge regression are,
    is found in the coordinates of the basis: of N rows N numbers each, and decompositions of N x N in place of D x D.
    What other rows have outside the span changes no score.

    Attributes:
        basis: Q, one direction a column, float64, shape (D, N).
    """

    basis: Tensor

    @classmethod
    def of(cls, features: Features, device: str = "cpu") -> "RowSpan | None":
        """Return the basis for features (N, D); None where there are as many rows as features, or more.

        Example:
            >>> span = RowSpan.of(np.array([[0.0, 3.0, 4.0]]))
            >>> abs(span.rows(np.array([[7.0, 6.0, 8.0]]))[:]).round(6).tolist()
            [[10.0]]
            >>> RowSpan.of(np.eye(2)) is None
            True
        """
        if len(features) >= features.shape[1]:
            return None
        rows = torch.from_numpy(np.asarray(features, dtype=np.float64)).to(device)
        return cls(torch.linalg.qr(rows.T)[0])

    def rows(self, features: Features) -> Features:
        """Return any rows (n, D) in the coordinates of the basis, shape (n, N)."""
        return kept_rows(_Inward(features, self._inward, width=self.basis.shape[1]))

    def _inward(self, block: Tensor) -> Tensor:
        return block.double() @ self.basis.to(block.device)

    def outward(self, weight: Tensor) -> Tensor:
        """Return weights (C, N) in the coordinates of the basis as weights of the features, shape (C, D)."""
        return weight @ self.basis.T


def in_span(features: Features, judged: Judged | None, device: str) -> tuple[Features, Judged | None, RowSpan | None]:
    """Return rows, and those that choices are made on, in the coordinates of the span; as they are without one.

    Args:
        features: that are learnt from, shape (N, D).
        judged: features and class indices of rows that are not.
        device: where to compute.
    """
    span = RowSpan.of(features, device)
    if span is None:
        return features, judged, None
    return span.rows(features), None if judged is None else (span.rows(judged[0]), judged[1]), span
