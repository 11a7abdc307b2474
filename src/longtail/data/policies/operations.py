"""The operations of augmentation policies, and what their strengths mean."""

from enum import IntEnum

import torch
from torch import Tensor

__all__ = ["AFFINE", "RANDAUGMENT", "Operation", "enhancement", "inverse_matrices", "kept_bits", "solarize_threshold"]

GREATEST_SHEAR, GREATEST_SHIFT, GREATEST_ANGLE, GREATEST_CHANGE = 0.3, 150 / 331, 30.0, 0.9


class Operation(IntEnum):
    """What a policy does to an image; the strength s of an operation is in -1 to 1.

    Shears go up to 0.3 s, shifts to 0.45 s of the side, rotations to 30 s degrees; brightness, colour, contrast and
    sharpness are multiplied by 1 + 0.9 s. Posterizing keeps 8 - 4 |s| bits, solarizing inverts values from
    255 (1 - |s|) on. The others have no strength.

    Reference:
        Cubuk, Zoph, Mane, Vasudevan, Le, "AutoAugment: Learning Augmentation Policies from Data", CVPR 2019, arXiv
        1805.09501, table 6, with the ranges of torchvision.
    """

    IDENTITY = 0
    SHEAR_X = 1
    SHEAR_Y = 2
    TRANSLATE_X = 3
    TRANSLATE_Y = 4
    ROTATE = 5
    BRIGHTNESS = 6
    COLOR = 7
    CONTRAST = 8
    SHARPNESS = 9
    POSTERIZE = 10
    SOLARIZE = 11
    AUTO_CONTRAST = 12
    EQUALIZE = 13
    INVERT = 14


AFFINE = (Operation.SHEAR_X, Operation.SHEAR_Y, Operation.TRANSLATE_X, Operation.TRANSLATE_Y, Operation.ROTATE)
RANDAUGMENT = tuple(operation for operation in Operation if operation != Operation.INVERT)


def inverse_matrices(operations: Tensor, strengths: Tensor, height: int, width: int) -> Tensor:
    """Return for each image where the pixels of the result come from, in pixels from the image's centre.

    (x, y) of the image = M (x, y, 1) of the result

    Args:
        operations: affine ones, shape (B,).
        strengths: s, shape (B,).
        height: of the images, in pixels.
        width: of the images, in pixels.

    Returns:
        M, float64, shape (B, 2, 3).

    Example:
        >>> inverse_matrices(torch.tensor([Operation.TRANSLATE_X]), torch.tensor([1.0]), 32, 32).tolist()
        [[[1.0, 0.0, -14.0], [0.0, 1.0, 0.0]]]
    """
    strengths = strengths.double()

    def where(operation: Operation, values: Tensor) -> Tensor:
        return torch.where(operations == operation, values, 0.0)

    shear_x, shear_y = (where(op, GREATEST_SHEAR * strengths) for op in (Operation.SHEAR_X, Operation.SHEAR_Y))
    right = where(Operation.TRANSLATE_X, (GREATEST_SHIFT * width * strengths).trunc())
    down = where(Operation.TRANSLATE_Y, (GREATEST_SHIFT * height * strengths).trunc())
    angle = where(Operation.ROTATE, torch.deg2rad(GREATEST_ANGLE * strengths))
    cos, sin = angle.cos(), angle.sin()
    # shears leave the upper left corner where it is, rotations the centre
    rows = [
        torch.stack([cos, shear_x - sin, shear_x * height / 2 - right], dim=1),
        torch.stack([shear_y + sin, cos, shear_y * width / 2 - down], dim=1),
    ]
    return torch.stack(rows, dim=1)


def enhancement(strengths: Tensor) -> Tensor:
    """Return the factors of brightness, colour, contrast or sharpness: 1 changes nothing; shapes (B,)."""
    return 1 + GREATEST_CHANGE * strengths


def kept_bits(strengths: Tensor) -> Tensor:
    """Return how many of 8 bits posterizing keeps, 4 to 8; shapes (B,)."""
    return 8 - (4 * strengths.abs()).round().long()


def solarize_threshold(strengths: Tensor) -> Tensor:
    """Return from which value on solarizing inverts, 0 to 255; shapes (B,)."""
    return 255 * (1 - strengths.abs())
