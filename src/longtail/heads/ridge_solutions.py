"""Weighted ridge regression on one-hot targets for every penalty, from one eigendecomposition."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from longtail.heads.class_scatter import class_means, within_class_scatter, without_noise
from longtail.heads.rows import Features

__all__ = ["RidgeSolutions", "class_size_weights", "ridge_by_gamma"]


@dataclass(frozen=True)
class RidgeSolutions:
    """The solutions for every penalty, from one eigendecomposition F' D F = U diag(s) U'.

    Attributes:
        mean: weighted mean of the features, shape (D,).
        target_mean: that of the one-hot targets, shape (C,).
        values: s, shape (D,).
        vectors: U, shape (D, D).
        moments: U' F' D Y, shape (D, C).
        row_weights: of a row of each class, shape (C,); their sum over the rows is N.
        num_rows: N.
        dimension: over which the mean eigenvalue is taken; more than D where directions without rows are left out.
    """

    mean: Tensor
    target_mean: Tensor
    values: Tensor
    vectors: Tensor
    moments: Tensor
    row_weights: Tensor
    num_rows: int
    dimension: int

    @classmethod
    def of(cls, means: Tensor, counts: Tensor, row_weights: Tensor, within: Tensor, dimension: int) -> Self:
        """Decompose the scatter of all rows.

        Args:
            means: of each class, shape (C, D).
            counts: rows of each class, shape (C,).
            row_weights: of a row of each class, shape (C,), of sum N over the rows.
            within: weighted scatter within the classes, shape (D, D).
            dimension: features, where `within` is of fewer directions.
        """
        class_weights = row_weights * counts
        mean = class_weights @ means / class_weights.sum()
        weighted = class_weights[:, None] * (means - mean)
        values, vectors = torch.linalg.eigh(within + weighted.T @ (means - mean))
        values = without_noise(values, class_weights.sum() * mean.square().sum())
        # less their mean, features are of mean 0: the targets need not be centred in F' D Y
        moments = vectors.T @ weighted.T
        num_rows = int(counts.sum())
        shares = class_weights / num_rows
        return cls(mean, shares, values, vectors, moments, row_weights, num_rows, dimension)

    @classmethod
    def in_span(cls, rows: Tensor, codes: Tensor, counts: Tensor, row_weights: Tensor) -> Self:
        """Decompose the products of rows with each other: the same solutions where there are fewer rows than features.

        With A = D^(1/2) F, A A' = V diag(s) V' gives U = A' V diag(s)^(-1/2), the directions that rows have a part in.
        D of the attributes is N here, and the mean eigenvalue that of A A'.

        Args:
            rows: float64, shape (N, K).
            codes: class indices, shape (N,).
            counts: rows of each class, shape (C,).
            row_weights: of a row of each class, shape (C,), of sum N over the rows.
        """
        roots = row_weights[codes].sqrt()[:, None]
        mean = (roots.square() * rows).mean(dim=0)
        weighted = roots * (rows - mean)
        values, vectors = torch.linalg.eigh(weighted @ weighted.T)
        values = without_noise(values, (roots * rows).square().sum())
        values = torch.where(values > len(rows) * torch.finfo(values.dtype).eps * values.max(), values, 0)
        targets = torch.zeros(len(rows), len(counts), dtype=rows.dtype, device=rows.device)
        moments = values.sqrt()[:, None] * (vectors.T @ targets.scatter_(1, codes[:, None], roots))
        directions = weighted.T @ (vectors * torch.where(values > 0, values.rsqrt(), 0))
        shares = row_weights * counts / len(rows)
        return cls(mean, shares, values, directions, moments, row_weights, len(rows), len(rows))

    def level(self, penalty: float) -> float:
        """Return l for a penalty that is relative to the mean eigenvalue."""
        return penalty * float(self.values.sum()) / self.dimension or 1.0

    def at(self, penalty: float) -> tuple[Tensor, Tensor]:
        """Return weight (C, D) and bias (C,) for a penalty."""
        weight = (self.vectors @ (self.moments / (self.values[:, None] + self.level(penalty)))).T
        return weight, self.target_mean - weight @ self.mean

    def rotated(self, features: Tensor) -> Tensor:
        """Return features less the mean in the basis of the eigenvectors, shape (N, D)."""
        return (features - self.mean.to(features)) @ self.vectors.to(features)

    def scores(self, rotated: Tensor, penalty: float) -> Tensor:
        """Return x W + b of rotated features, shape (N, C)."""
        moments = (self.moments / (self.values[:, None] + self.level(penalty))).to(rotated)
        return torch.addmm(self.target_mean.to(rotated), rotated, moments)

    def left_out_scores(self, rotated: Tensor, codes: Tensor, penalty: float) -> Tensor:
        """Return the scores of training rows by the solutions that are fitted without each of them, shape (N, C).

        The level l and the weights of the other rows are kept.
        """
        inverse = (1 / (self.values + self.level(penalty))).to(rotated)
        leverage = self.row_weights.to(rotated)[codes] * (rotated.square() @ inverse + 1 / self.num_rows)
        factor = (leverage / (1 - leverage).clamp(min=torch.finfo(rotated.dtype).eps))[:, None]
        scores = self.scores(rotated, penalty)
        # less h / (1 - h) times the residual y - s
        return (scores * (1 + factor)).scatter_add_(1, codes[:, None], -factor)


def class_size_weights(counts: Tensor, gamma: float) -> Tensor:
    """Weigh a row of each class by n^-gamma, of mean 1 over the rows.

    Args:
        counts: n, rows of each class, shape (C,).
        gamma: at least 0.

    Returns:
        float64, shape (C,).

    Example:
        >>> class_size_weights(torch.tensor([30, 10]), 1.0).round(decimals=3).tolist()
        [0.667, 2.0]
    """
    weights = (counts / counts.min()).double() ** -gamma  # no power of it overflows
    return weights * counts.sum() / (weights @ counts.double())


def ridge_by_gamma(
    features: Features,
    codes: NDArray[np.int64],
    gammas: Sequence[float],
    *,
    dimension: int | None = None,
    device: str = "cpu",
) -> Callable[[float], RidgeSolutions]:
    """Sum up features for several weights of the classes in two passes, and give what decomposes them.

    Args:
        features: shape (N, D), memory-mapped or not.
        codes: class indices, shape (N,); every class occurs.
        gammas: rows are weighed by the size of their class to the power of minus gamma.
        dimension: features, where those that are given are coordinates in a `RowSpan`; default: D.
        device: where to compute.

    Returns:
        What maps one of the gammas to its solutions.

    Example:
        >>> features, codes = np.array([[0.0], [1.0], [3.0], [4.0]]), np.array([0, 0, 1, 1])
        >>> weight, bias = ridge_by_gamma(features, codes, [0.0])(0.0).at(1e-9)
        >>> weight.round(decimals=3).tolist(), bias.round(decimals=3).tolist()
        ([[-0.3], [0.3]], [1.1, -0.1])
    """
    counts = torch.from_numpy(np.bincount(codes)).to(device)
    means = class_means(features, codes, len(counts), device=device)
    weights = {gamma: class_size_weights(counts, gamma) for gamma in gammas}
    stacked = torch.stack(list(weights.values()))
    scatters = dict(zip(gammas, within_class_scatter(features, codes, means, stacked, device=device), strict=True))
    wide = features.shape[1] if dimension is None else dimension
    return lambda gamma: RidgeSolutions.of(means, counts, weights[gamma], scatters[gamma], wide)
