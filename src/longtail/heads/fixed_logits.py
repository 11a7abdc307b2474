"""Logits of a head that is not trained any more: computed once, where they fit."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from longtail.heads.precision import Precision, computing_in
from longtail.heads.rows import Features, chunks, torch_rows

__all__ = ["MOST_CACHED_LOGITS", "FixedLogits", "fixed_products"]

MOST_CACHED_LOGITS = 2**28  # 1 GiB of float32: above it they are computed again for each batch


def fixed_products(features: Features, weight: Tensor, device: str) -> NDArray[Any]:
    """Compute features W^T in pieces.

    Args:
        features: shape (N, D), memory-mapped or not.
        weight: W, shape (C, D).
        device: where to compute.

    Returns:
        Shape (N, C), float32, or float64 where the features are.
    """
    kind = np.float64 if features.dtype == np.float64 else np.float32
    products = np.empty((len(features), len(weight)), dtype=kind)
    for rows, block in chunks(features, device):
        products[rows] = (block @ weight.T).to(block).cpu().numpy()
    return products


class FixedLogits:
    """Rows of a fixed head's logits, and of the features beside them where they are wanted.

    Each row is z = W x + b, or (z, x). z is kept in memory up to `MOST_CACHED_LOGITS` numbers; where there are more, it
    is computed for the rows that are asked for. x is read from where it lies.

    Args:
        features: shape (N, D), memory-mapped or not.
        weight: W, shape (C, D).
        bias: b, shape (C,).
        with_features: append the features.
        precision: of the products.
        device: where to compute them.

    Example:
        >>> import torch
        >>> rows = FixedLogits(np.eye(2), torch.eye(2, dtype=torch.float64), torch.ones(2), with_features=True)
        >>> rows[np.array([1])]
        array([[1., 2., 0., 1.]])
    """

    def __init__(
        self,
        features: Features,
        weight: Tensor,
        bias: Tensor,
        *,
        with_features: bool = False,
        precision: Precision = "float32",
        device: str = "cpu",
    ) -> None:
        self.features, self.weight, self.bias, self.with_features = features, weight, bias, with_features
        self.precision: Precision = precision
        self.device = device
        is_small = len(features) * len(bias) <= MOST_CACHED_LOGITS
        self.products = self._products(features) if is_small else None

    @property
    def dtype(self) -> Any:
        """Type of the numbers."""
        return np.dtype(np.float64 if self.features.dtype == np.float64 else np.float32)

    def __getitem__(self, rows: Any) -> NDArray[Any]:
        """Return some rows, shape (B, C) or (B, C + D)."""
        bias = self.bias.cpu().numpy()
        if self.products is not None and not self.with_features:
            return np.asarray(self.products[rows] + bias)
        block = torch_rows(self.features, rows).numpy()
        logits = (self._products(block) if self.products is None else self.products[rows]) + bias
        return np.concatenate([logits, block], axis=1) if self.with_features else logits

    def _products(self, features: Features) -> NDArray[Any]:
        with computing_in(self.precision, self.device):
            return fixed_products(features, self.weight, self.device)
