"""Means of classes, and how features scatter around them, in bounded memory."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from longtail.heads.rows import Features, chunks

__all__ = ["class_means", "within_class_scatter", "without_noise"]

NOISE = 2.0**-96  # of squares in double precision: some bits more than rounding moves a row by
PANEL = 128  # columns of a product whose lower half is left out


def class_means(features: Features, codes: NDArray[np.int64], num_classes: int, *, device: str = "cpu") -> Tensor:
    """Average the features of each class.

    Args:
        features: shape (N, D), memory-mapped or not.
        codes: class indices, shape (N,); every class occurs.
        num_classes: C.
        device: where to compute.

    Returns:
        float64, shape (C, D).

    Example:
        >>> class_means(np.array([[1.0], [3.0], [5.0]]), np.array([0, 0, 1]), 2).tolist()
        [[2.0], [5.0]]
    """
    sums = torch.zeros(num_classes, features.shape[1], dtype=torch.float64, device=device)
    for rows, block in chunks(features, device):
        sums.index_add_(0, torch.from_numpy(codes[rows]).to(device), block.double())
    counts = torch.from_numpy(np.bincount(codes, minlength=num_classes)).to(device)
    return sums / counts[:, None]


def within_class_scatter(
    features: Features,
    codes: NDArray[np.int64],
    means: Tensor,
    row_weights: Tensor,
    *,
    device: str = "cpu",
) -> Tensor:
    """Sum the products of what rows differ by from the mean of their class, weighted by class.

    S_g = sum_i w_g,y_i (x_i - m_y_i) (x_i - m_y_i)'

    Args:
        features: shape (N, D), memory-mapped or not.
        codes: class indices, shape (N,).
        means: m, of each class, shape (C, D).
        row_weights: w, of a row of each class, several sets of them, shape (G, C).
        device: where to compute.

    Returns:
        float64, shape (G, D, D).

    Example:
        >>> features, codes = np.array([[1.0], [3.0], [5.0]]), np.array([0, 0, 1])
        >>> within_class_scatter(features, codes, torch.tensor([[2.0], [5.0]]), torch.tensor([[1.0, 1.0]])).tolist()
        [[[2.0]]]
    """
    dimension = features.shape[1]
    scatter = torch.zeros(len(row_weights), dimension, dimension, dtype=torch.float64, device=device)
    near: Tensor | None = None  # the means in the type of the rows
    for rows, block in chunks(features, device):
        block_codes = torch.from_numpy(codes[rows]).to(device)
        near = means.to(block) if near is None else near
        deviations = block - near[block_codes]
        for total, weights in zip(scatter, row_weights.to(block), strict=True):
            weighted = weights[block_codes, None] * deviations
            for start in range(0, dimension, PANEL):  # the other half of the products is the same
                panel = slice(start, start + PANEL)
                total[panel, start:] += weighted[:, panel].T @ deviations[:, start:]
    for total in scatter:
        total.copy_(total.triu() + total.triu(1).T)
    return scatter


def without_noise(values: Tensor, size: Tensor) -> Tensor:
    """Return the eigenvalues of a scatter, all 0 where rows are equal but for rounding.

    Args:
        values: eigenvalues, float64, some perhaps a little below 0, shape (D,).
        size: what they would add up to, at most, if rows were as far from each other as they are from 0.

    Returns:
        At least 0, shape (D,).

    Example:
        >>> without_noise(torch.tensor([-1e-40, 1e-33]), torch.tensor(1.0)).tolist()
        [0.0, 0.0]
        >>> without_noise(torch.tensor([-1e-40, 2.0]), torch.tensor(1.0)).tolist()
        [0.0, 2.0]
    """
    return values.clamp(min=0) if values.sum() > NOISE * size else torch.zeros_like(values)
