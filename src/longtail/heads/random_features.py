"""Random cosine features: coordinates in which a linear head is one of a Gaussian kernel."""

import math
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor

from longtail.heads.rows import Features, LazyRows, torch_rows

__all__ = ["RandomFeatureRows", "RandomFeatures"]


@dataclass(frozen=True)
class RandomFeatures:
    """A map to cosines of random projections, whose products tend to a Gaussian kernel as their number grows.

    phi(x) = sqrt(2 / K) cos(W x + b),  phi(x)' phi(z) -> exp(-||x - z||^2 / (2 width^2))

    Attributes:
        frequencies: W, normal numbers over the width, shape (K, D).
        phases: b, uniform in [0, 2 pi), shape (K,).

    Reference:
        Rahimi, Recht, "Random Features for Large-Scale Kernel Machines", NeurIPS 2007, algorithm 1.
    """

    frequencies: Tensor
    phases: Tensor

    @classmethod
    def drawn(cls, dimension: int, count: int, random: np.random.RandomState) -> Self:
        """Draw a map of width 1, in float64.

        Args:
            dimension: D.
            count: K.
            random: where from.

        Example:
            >>> features = RandomFeatures.drawn(3, 20_000, np.random.RandomState(0))
            >>> one, other = features.apply(torch.tensor([[0.0, 0.0, 0.0], [1.0, 0.0, 0.0]]))
            >>> round(float(one @ other), 1), round(float(np.exp(-0.5)), 1)
            (0.6, 0.6)
        """
        frequencies = random.normal(size=(count, dimension))
        return cls(torch.from_numpy(frequencies), torch.from_numpy(random.uniform(0, 2 * math.pi, size=count)))

    def of_width(self, width: float) -> Self:
        """Return the map for a kernel so many times as wide, above 0."""
        return replace(self, frequencies=self.frequencies / width)

    def first(self, count: int) -> Self:
        """Return the map with the first of its features alone, or with all where there are fewer."""
        return replace(self, frequencies=self.frequencies[:count], phases=self.phases[:count])

    def to(self, dtype: torch.dtype, device: str) -> Self:
        """Return the map as numbers of a type, on a device."""
        return replace(self, frequencies=self.frequencies.to(device, dtype), phases=self.phases.to(device, dtype))

    def apply(self, features: Tensor) -> Tensor:
        """Map features (B, D) to (B, K)."""
        angles = torch.addmm(self.phases.to(features), features, self.frequencies.to(features).T)
        return angles.cos_().mul_(math.sqrt(2 / len(self.phases)))


class RandomFeatureRows(LazyRows):
    """Rows that are mapped to random features when they are asked for.

    Args:
        features: shape (N, D), memory-mapped or not.
        mapping: to K random features.

    Example:
        >>> RandomFeatureRows(np.eye(3), RandomFeatures.drawn(3, 7, np.random.RandomState(0)))[1:].shape
        (2, 7)
    """

    def __init__(self, features: Features, mapping: RandomFeatures) -> None:
        self.features, self.mapping = features, mapping

    @property
    def dtype(self) -> Any:
        """float64 where the features are, else float32."""
        return np.dtype(np.float64 if self.features.dtype == np.float64 else np.float32)

    @property
    def shape(self) -> tuple[int, ...]:
        """(N, K)."""
        return len(self.features), len(self.mapping.phases)

    def tensor(self, rows: Any, device: str = "cpu") -> Tensor:
        """Return some rows on a device, mapped there."""
        return self.mapping.apply(torch_rows(self.features, rows, device))
