"""Which operations a policy draws for each image of a batch, and how strong."""

from dataclasses import dataclass

import torch
from torch import Tensor

from longtail.data.policies.operations import RANDAUGMENT, Operation
from longtail.data.policies.policy import Policy

__all__ = ["AUTOAUGMENT", "Drawn", "draw_operations"]

LEVELS = 9  # AutoAugment's magnitudes are 0 to 9

_O = Operation
# pairs of (operation, probability in tenths, magnitude), as published for CIFAR-10 (table 7); -1 has no magnitude
AUTOAUGMENT: tuple[tuple[tuple[Operation, int, int], tuple[Operation, int, int]], ...] = (
    ((_O.INVERT, 1, -1), (_O.CONTRAST, 2, 6)),
    ((_O.ROTATE, 7, 2), (_O.TRANSLATE_X, 3, 9)),
    ((_O.SHARPNESS, 8, 1), (_O.SHARPNESS, 9, 3)),
    ((_O.SHEAR_Y, 5, 8), (_O.TRANSLATE_Y, 7, 9)),
    ((_O.AUTO_CONTRAST, 5, -1), (_O.EQUALIZE, 9, -1)),
    ((_O.SHEAR_Y, 2, 7), (_O.POSTERIZE, 3, 7)),
    ((_O.COLOR, 4, 3), (_O.BRIGHTNESS, 6, 7)),
    ((_O.SHARPNESS, 3, 9), (_O.BRIGHTNESS, 7, 9)),
    ((_O.EQUALIZE, 6, -1), (_O.EQUALIZE, 5, -1)),
    ((_O.CONTRAST, 6, 7), (_O.SHARPNESS, 6, 5)),
    ((_O.COLOR, 7, 7), (_O.TRANSLATE_X, 5, 8)),
    ((_O.EQUALIZE, 3, -1), (_O.AUTO_CONTRAST, 4, -1)),
    ((_O.TRANSLATE_Y, 4, 3), (_O.SHARPNESS, 2, 6)),
    ((_O.BRIGHTNESS, 9, 6), (_O.COLOR, 2, 8)),
    ((_O.SOLARIZE, 5, 2), (_O.INVERT, 0, -1)),
    ((_O.EQUALIZE, 2, -1), (_O.AUTO_CONTRAST, 6, -1)),
    ((_O.EQUALIZE, 2, -1), (_O.EQUALIZE, 6, -1)),
    ((_O.COLOR, 9, 9), (_O.EQUALIZE, 6, -1)),
    ((_O.AUTO_CONTRAST, 8, -1), (_O.SOLARIZE, 2, 8)),
    ((_O.BRIGHTNESS, 1, 3), (_O.COLOR, 7, 0)),
    ((_O.SOLARIZE, 4, 5), (_O.AUTO_CONTRAST, 9, -1)),
    ((_O.TRANSLATE_Y, 9, 9), (_O.TRANSLATE_Y, 7, 9)),
    ((_O.AUTO_CONTRAST, 9, -1), (_O.SOLARIZE, 8, 3)),
    ((_O.EQUALIZE, 8, -1), (_O.INVERT, 1, -1)),
    ((_O.TRANSLATE_Y, 7, 9), (_O.AUTO_CONTRAST, 9, -1)),
)


@dataclass(frozen=True)
class Drawn:
    """What is done to each image, one operation after the other.

    Attributes:
        operations: numbers of `Operation`, on the CPU, shape (n, B).
        strengths: s of each, -1 to 1, on the CPU, shape (n, B).
    """

    operations: Tensor
    strengths: Tensor


def draw_operations(policy: Policy, count: int, generator: torch.Generator | None) -> Drawn:
    """Draw operations and strengths for `count` images, each by its own draws.

    RandAugment: n operations, uniform over 14, with replacement; magnitudes normal around m, cut off at 0 and 10, of
    either sign alike. AutoAugment: one of 25 pairs, each of its two operations with its probability.

    Args:
        policy: what is drawn.
        count: B.
        generator: on the CPU, so that every device draws the same; None: torch's own.

    Returns:
        Drawn operations; with the policy "none", of n = 0.

    Example:
        >>> draw_operations(Policy("randaugment", operations=3), 5, None).operations.shape
        torch.Size([3, 5])
    """
    if policy.name == "none":
        return Drawn(torch.zeros(0, count, dtype=torch.int64), torch.zeros(0, count))
    if policy.name == "randaugment":
        shape = (policy.operations, count)
        operations = torch.randint(len(RANDAUGMENT), shape, generator=generator)
        magnitudes = policy.magnitude + policy.spread * torch.randn(shape, generator=generator)
        strengths = magnitudes.clamp_(0, 10) / 10
    else:
        table = torch.tensor(AUTOAUGMENT)
        pairs = table[torch.randint(len(table), (count,), generator=generator)].permute(2, 1, 0)  # what, pair, image
        applied = torch.rand(2, count, generator=generator) < pairs[1] / 10
        operations = torch.where(applied, pairs[0], int(Operation.IDENTITY))
        strengths = pairs[2].clamp(min=0) / LEVELS
    signs = torch.randint(2, strengths.shape, generator=generator) * 2 - 1
    return Drawn(operations, strengths * signs)
