"""Mean 0 and deviation 1 for every feature while a head learns, and the way back to plain features."""

from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor

from longtail.heads.rows import Features, TransformedRows, chunks, compute_dtype

__all__ = ["Standardisation", "feature_moments"]

SMALLEST = 1e-30  # a deviation that float32 cannot divide by


@dataclass(frozen=True)
class Standardisation:
    """What is subtracted from each feature, and what divides it then.

    t(x) = (x - m) / s

    A linear layer on t(x) is one on x, so that a head that learns on t(x) knows neither size nor unit of a feature.

    Attributes:
        mean: m, float64, shape (D,).
        deviation: s, above 0, float64, shape (D,).
        is_identity: whether m is 0 and s is 1.
    """

    mean: Tensor
    deviation: Tensor
    is_identity: bool = False

    @classmethod
    def of(cls, features: Features, *, wanted: bool = True, device: str = "cpu") -> Self:
        """Measure features, or leave them as they are where it is not wanted.

        Args:
            features: shape (N, D), memory-mapped or not.
            wanted: False gives m = 0 and s = 1.
            device: where to compute.

        Example:
            >>> import numpy as np
        >>> Standardisation.of(np.array([[1.0, 7.0], [3.0, 7.0]])).rows(np.array([[5.0, 8.0]]))[:].tolist()
            [[3.0, 1.0]]
        """
        if not wanted:
            dimension = features.shape[1]
            return cls(torch.zeros(dimension, dtype=torch.float64), torch.ones(dimension, dtype=torch.float64), True)
        return cls(*feature_moments(features, device=device))

    def apply(self, features: Tensor) -> Tensor:
        """Return t(x) of features (B, D)."""
        return (features - self.mean.to(features)).mul_((1 / self.deviation).to(features))

    def rows(self, features: Features) -> Features:
        """Return features (N, D) whose rows are standardised when they are asked for."""
        return features if self.is_identity else TransformedRows(features, self.apply)

    def folded(self, weight: Tensor, bias: Tensor) -> tuple[Tensor, Tensor]:
        """Return the layer on x that a layer on t(x) is.

        W t(x) + b = (W / s) x + b - (W / s) m

        Args:
            weight: W, shape (C, D).
            bias: b, shape (C,).
        """
        if self.is_identity:
            return weight, bias
        scaled = weight.double() / self.deviation.to(weight.device)
        return scaled.to(weight), (bias.double() - scaled @ self.mean.to(weight.device)).to(bias)

    def unfolded(self, weight: Tensor, bias: Tensor) -> tuple[Tensor, Tensor]:
        """Return the layer on t(x) that a layer on x is: W s and b + W m."""
        if self.is_identity:
            return weight, bias
        wide = weight.double()
        shifted = bias.double() + wide @ self.mean.to(weight.device)
        return (wide * self.deviation.to(weight.device)).to(weight), shifted.to(bias)


def feature_moments(features: Features, *, device: str = "cpu") -> tuple[Tensor, Tensor]:
    """Measure mean and deviation of each feature in one pass.

    Args:
        features: shape (N, D), memory-mapped or not.
        device: where to compute.

    Returns:
        Mean and deviation, float64 on the CPU, both (D,). The deviation of a feature that never changes, but for
        rounding, is 1: divided by its own it would be noise.

    Example:
        >>> import numpy as np
        >>> mean, deviation = feature_moments(np.array([[1.0, 7.0], [3.0, 7.0]]))
        >>> mean.tolist(), deviation.tolist()
        ([2.0, 7.0], [1.0, 1.0])
    """
    origin = total = squares = torch.zeros(())
    for rows, block in chunks(features, device):
        wide = block.double()
        if rows.start == 0:  # near all rows, so that squares of large means do not cancel
            origin = wide.mean(dim=0)
            total, squares = torch.zeros_like(origin), torch.zeros_like(origin)
        wide = wide - origin
        total += wide.sum(dim=0)
        squares += wide.square().sum(dim=0)
    shift = total / len(features)
    mean, deviation = origin + shift, (squares / len(features) - shift.square()).clamp(min=0).sqrt()
    rounding = 1e-12 if compute_dtype(features) == torch.float64 else 1e-6
    changes = deviation > torch.maximum(rounding * mean.abs(), torch.full_like(mean, SMALLEST))
    return mean.cpu(), torch.where(changes, deviation, 1.0).cpu()
