"""Augmentation policies: random operations on images and hidden parts of them, batched or on one image."""

from longtail.data.policies.batched import apply_operations
from longtail.data.policies.draws import AUTOAUGMENT, Drawn, draw_operations
from longtail.data.policies.erasing import cutout_boxes, erase_boxes, erasing_boxes
from longtail.data.policies.operations import Operation
from longtail.data.policies.policy import Policy, PolicyName
from longtail.data.policies.single import apply_operation

__all__ = [
    "AUTOAUGMENT",
    "Drawn",
    "Operation",
    "Policy",
    "PolicyName",
    "apply_operation",
    "apply_operations",
    "cutout_boxes",
    "draw_operations",
    "erase_boxes",
    "erasing_boxes",
]
