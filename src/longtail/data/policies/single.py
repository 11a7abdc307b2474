"""Operations of policies on one image, by torchvision: for what workers load, and to test the batched by."""

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from longtail.data.policies import operations as ranges
from longtail.data.policies.draws import draw_operations
from longtail.data.policies.erasing import hide_parts
from longtail.data.policies.operations import Operation
from longtail.data.policies.policy import Policy

__all__ = ["SingleImagePolicy", "apply_operation"]


def apply_operation(image: Tensor, operation: Operation, strength: float) -> Tensor:
    """Do one operation to one image.

    Args:
        image: uint8, shape (channels, H, W).
        operation: which.
        strength: -1 to 1.

    Returns:
        uint8, of the same shape.
    """
    from torchvision.transforms import v2

    functional: Any = v2.functional
    result: Tensor = _applied(functional, image, operation, strength)
    return result


def _applied(functional: Any, image: Tensor, operation: Operation, strength: float) -> Any:
    height, width = image.shape[1:]
    tensor = torch.tensor(strength)
    if operation in (Operation.SHEAR_X, Operation.SHEAR_Y):
        degrees = math.degrees(math.atan(ranges.GREATEST_SHEAR * strength))
        shear = [degrees, 0.0] if operation == Operation.SHEAR_X else [0.0, degrees]
        return functional.affine(image, 0.0, [0, 0], 1.0, shear, center=[0.0, 0.0])
    if operation in (Operation.TRANSLATE_X, Operation.TRANSLATE_Y):
        across = operation == Operation.TRANSLATE_X
        shift = int(ranges.GREATEST_SHIFT * (width if across else height) * strength)
        return functional.affine(image, 0.0, [shift, 0] if across else [0, shift], 1.0, [0.0, 0.0])
    match operation:
        case Operation.ROTATE:
            return functional.rotate(image, ranges.GREATEST_ANGLE * strength)
        case Operation.BRIGHTNESS:
            return functional.adjust_brightness(image, float(ranges.enhancement(tensor)))
        case Operation.COLOR:
            return functional.adjust_saturation(image, float(ranges.enhancement(tensor)))
        case Operation.CONTRAST:
            return functional.adjust_contrast(image, float(ranges.enhancement(tensor)))
        case Operation.SHARPNESS:
            return functional.adjust_sharpness(image, float(ranges.enhancement(tensor)))
        case Operation.POSTERIZE:
            return functional.posterize(image, int(ranges.kept_bits(tensor)))
        case Operation.SOLARIZE:
            return functional.solarize(image, float(ranges.solarize_threshold(tensor)))
        case Operation.AUTO_CONTRAST:
            return functional.autocontrast(image)
        case Operation.EQUALIZE:
            return functional.equalize(image)
        case Operation.INVERT:
            return functional.invert(image)
        case _:
            return image


@dataclass(frozen=True)
class SingleImagePolicy:
    """Apply a policy to one image, drawn from torch's own generator.

    Attributes:
        policy: what is drawn.
        mean: colour behind which parts are hidden, on the scale 0 to 1.
    """

    policy: Policy
    mean: tuple[float, ...]

    def __call__(self, image: Tensor) -> Tensor:
        """Change one uint8 image of shape (channels, H, W)."""
        drawn = draw_operations(self.policy, 1, None)
        for operation, strength in zip(drawn.operations[:, 0], drawn.strengths[:, 0], strict=True):
            image = apply_operation(image, Operation(int(operation)), float(strength))
        return hide_parts(image[None], self.policy, self.mean, None)[0]
