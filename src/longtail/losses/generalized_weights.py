"""Class weights by a power of how common each class is."""

import torch
from numpy.typing import ArrayLike
from torch import Tensor

from longtail.errors import InputError
from longtail.losses.counted import counts_tensor

__all__ = ["generalized_weights"]


def generalized_weights(class_counts: Tensor | ArrayLike, rho: float = 1.0) -> Tensor:
    """Weigh classes by a power of their share (generalised re-weighting).

    w_c = C (n_c / N)^-rho / sum_j (n_j / N)^-rho

    rho = 0 weighs all alike, rho = 1 makes the classes count as if all were equally common, more leans towards the rare
    ones.

    Args:
        class_counts: n_c, shape (C,); a class without an image gets weight 0.
        rho: at least 0.

    Returns:
        Weights whose sum is the number of classes that have images, shape (C,).

    Raises:
        InputError: rho below 0 or not a number, or class_counts that are no numbers of images.

    Reference:
        Zhang, Li, Yan, He, Sun, "Distribution Alignment: A Unified Framework for Long-tail Visual Recognition", CVPR
        2021, arXiv 2103.16370, section 3.4, for a balanced target; the scale is that of its released code.

    Example:
        >>> generalized_weights(torch.tensor([30.0, 10.0]), rho=1.0)
        tensor([0.5000, 1.5000])
    """
    if not rho >= 0:
        raise InputError(f"rho is {rho!r}; expected a number of at least 0.")
    given = counts_tensor(class_counts)
    counts = given.double()
    present = counts > 0
    inverse = torch.where(present, torch.where(present, counts / counts.sum(), 1.0) ** -rho, 0.0)
    return (inverse * present.sum() / inverse.sum()).to(torch.result_type(given, 1.0))
