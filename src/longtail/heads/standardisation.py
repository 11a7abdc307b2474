"""Mean 0 and deviation 1 for every feature while a head learns, and the way back to plain features."""

from dataclasses import dataclass
from typing import Literal, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from longtail.heads.class_scatter import class_means
from longtail.heads.rows import Features, TransformedRows, chunks, compute_dtype

__all__ = ["AutoOrNot", "FeatureMoments", "Standardisation", "feature_moments", "scale_note", "unlike_note"]

AutoOrNot = bool | Literal["auto"]

SMALLEST = 1e-30  # a deviation that float32 cannot divide by
# what features of networks and pixels stay below (3 and 2), and what measurements in several units do not (30 to 8000)
MOST_UNLIKE, FARTHEST = 10.0, 10.0


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
        moments = feature_moments(features, device=device)
        return cls(moments.mean, moments.divisor)

    @classmethod
    def for_angles(
        cls, features: Features, codes: NDArray[np.int64], *, wanted: AutoOrNot = "auto", device: str = "cpu"
    ) -> Self:
        """Measure features whose directions are compared, or leave them as they are.

        The mean is that of the class means: around the mean of all rows a common class would lie on all sides.

        Args:
            features: shape (N, D), memory-mapped or not.
            codes: class indices, shape (N,).
            wanted: "auto" standardises where directions say little: where the deviation of some feature is more than 10
                times the median one, or the mean more than 10 times as long, squared, as rows typically are around it.
            device: where to compute.

        Example:
            >>> import numpy as np
            >>> rows, codes = np.array([[1.0, 900.0], [2.0, 100.0], [3.0, 500.0]]), np.array([0, 0, 1])
            >>> Standardisation.for_angles(rows, codes).mean.tolist()
            [2.25, 500.0]
            >>> Standardisation.for_angles(rows / [[1, 1000]], codes).is_identity
            True
        """
        if wanted is False:
            return cls.of(features, wanted=False)
        moments = feature_moments(features, device=device)
        if wanted == "auto" and not (moments.is_unlike or moments.is_far):
            return cls.of(features, wanted=False)
        means = class_means(features, codes, int(codes.max()) + 1, device=device)
        return cls(means.mean(dim=0).cpu(), moments.divisor)

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


@dataclass(frozen=True)
class FeatureMoments:
    """Mean and deviation of each feature.

    Attributes:
        mean: float64, on the CPU, shape (D,).
        deviation: 0 for a feature that never changes, but for rounding, float64, on the CPU, shape (D,).
    """

    mean: Tensor
    deviation: Tensor

    @property
    def divisor(self) -> Tensor:
        """The deviation, and 1 for features that never change, shape (D,)."""
        return torch.where(self.deviation > 0, self.deviation, 1.0)

    @property
    def unlikeness(self) -> float:
        """How many times the median deviation, of the features that change, the largest is."""
        changing = self.deviation[self.deviation > 0]
        return float(changing.max() / changing.median()) if len(changing) else 1.0

    @property
    def is_unlike(self) -> bool:
        """Whether distances and directions go by few of the features alone."""
        return self.unlikeness > MOST_UNLIKE

    @property
    def is_far(self) -> bool:
        """Whether all rows lie in nearly the same direction."""
        return bool(self.mean.square().sum() > FARTHEST * self.deviation.square().sum())


def scale_note(features: Features, *, device: str = "cpu") -> tuple[str, ...]:
    """Return what to say of a head that takes features as they are, where few of them decide; nothing elsewhere.

    Example:
        >>> import numpy as np
        >>> scale_note(np.array([[1.0, 2.0, 9000.0], [2.0, 1.0, 100.0]]))
        ("the deviation of one feature is 8900 times the median, and few features alone decide; ...",)
    """
    return unlike_note(feature_moments(features, device=device))


def unlike_note(moments: FeatureMoments) -> tuple[str, ...]:
    """Return the same of features whose moments are known."""
    if not moments.is_unlike:
        return ()
    return (
        f"the deviation of one feature is {moments.unlikeness:.0f} times the median, and few features alone decide; "
        "`feature_transform='standardise'` makes all count",
    )


def feature_moments(features: Features, *, device: str = "cpu") -> FeatureMoments:
    """Measure mean and deviation of each feature in one pass.

    Args:
        features: shape (N, D), memory-mapped or not.
        device: where to compute.

    Example:
        >>> import numpy as np
        >>> moments = feature_moments(np.array([[1.0, 7.0], [3.0, 7.0]]))
        >>> moments.mean.tolist(), moments.deviation.tolist(), moments.divisor.tolist()
        ([2.0, 7.0], [1.0, 0.0], [1.0, 1.0])
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
    return FeatureMoments(mean.cpu(), torch.where(changes, deviation, 0.0).cpu())
