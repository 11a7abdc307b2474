"""A policy as it stands in the preprocessing of a checkpoint."""

from dataclasses import dataclass
from typing import Literal

from longtail.errors import InputError
from longtail.ranges import Range

__all__ = ["Policy", "PolicyName"]

PolicyName = Literal["none", "randaugment", "autoaugment"]


@dataclass(frozen=True)
class Policy:
    """What training does to an image after it was cropped and mirrored: random operations, then hidden parts.

    Args:
        name: "randaugment" draws `operations` of 14 alike; "autoaugment" one of the 25 pairs that were learnt on CIFAR.
        operations: n of RandAugment.
        magnitude: m of RandAugment, 0 to 10, the greatest strengths; the paper's ResNet-50 has 9.
        spread: standard deviation of each operation's magnitude around m, cut off at 0 and 10.
        erasing: probability that a part (2 to 33 %) is hidden behind the mean colour.
        cutout: side of a square that is hidden wherever it falls, in pixels; 0: none. Beyond the border it is cut off.

    Raises:
        InputError: a number out of its range.

    Reference:
        Cubuk, Zoph, Shlens, Le, "RandAugment: Practical Automated Data Augmentation with a Reduced Search Space",
        NeurIPS 2020, arXiv 1909.13719; Cubuk et al., CVPR 2019, arXiv 1805.09501; Zhong, Zheng, Kang, Li, Yang, "Random
        Erasing Data Augmentation", AAAI 2020, arXiv 1708.04896; DeVries and Taylor, "Improved Regularization of
        Convolutional Neural Networks with Cutout", 2017, arXiv 1708.04552.

    Example:
        >>> Policy("randaugment", cutout=16).changes, Policy().changes
        (True, False)
    """

    name: PolicyName = "none"
    operations: int = 2
    magnitude: float = 9.0
    spread: float = 0.5
    erasing: float = 0.0
    cutout: int = 0

    def __post_init__(self) -> None:
        Range(1, most=16).check(self.operations, "operations", whole=True)
        Range(0, most=10).check(self.magnitude, "magnitude")
        Range(0, most=10).check(self.spread, "spread")
        Range(0, most=1).check(self.erasing, "erasing")
        Range(0, most=8192).check(self.cutout, "cutout", whole=True)
        if self.name not in ("none", "randaugment", "autoaugment"):
            raise InputError(f"no policy {self.name!r}. Policies: none, randaugment, autoaugment.")

    @property
    def changes(self) -> bool:
        """Whether it does anything."""
        return self.name != "none" or self.erasing > 0 or self.cutout > 0
