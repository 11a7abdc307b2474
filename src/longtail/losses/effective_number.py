"""Class weights by the effective number of images."""

import torch
from numpy.typing import ArrayLike
from torch import Tensor

from longtail.errors import InputError
from longtail.losses.counted import counts_tensor

__all__ = ["effective_number_weights"]


def effective_number_weights(class_counts: Tensor | ArrayLike, beta: float = 0.9999) -> Tensor:
    """Weigh classes by the inverse of their effective number of images.

    w_c = C a_c / sum_j a_j,   a_c = (1 - beta) / (1 - beta^n_c)

    Images of a class overlap, so that the n-th adds less than the first: beta = 0 takes every class for one image (all
    weights 1), beta towards 1 counts each image in full (w_c proportional to 1 / n_c).

    Args:
        class_counts: n_c, shape (C,); a class without an image gets weight 0.
        beta: 0 to below 1.

    Returns:
        Weights whose sum is the number of classes that have images, shape (C,).

    Raises:
        InputError: beta out of range, or class_counts that are no numbers of images.

    Reference:
        Cui et al., "Class-Balanced Loss Based on Effective Number of Samples", CVPR 2019, arXiv 1901.05555, eq. 4 and
        section 4.

    Example:
        >>> effective_number_weights(torch.tensor([100.0, 10.0]), beta=0.0)
        tensor([1., 1.])
        >>> weights = effective_number_weights(torch.tensor([100.0, 10.0]), beta=0.9999)
        >>> round(float(weights[1] / weights[0]), 2)
        9.96
    """
    if not 0 <= beta < 1:
        raise InputError(f"beta is {beta}; expected at least 0 and below 1.")
    given = counts_tensor(class_counts)
    counts = given.double()
    present = counts > 0
    # 1 - beta^n loses all its digits where beta is close to 1: expm1 keeps them
    effective = -torch.expm1(counts * torch.log(torch.tensor(beta, dtype=torch.float64)))
    inverse = torch.where(present, (1 - beta) / torch.where(present, effective, 1.0), 0.0)
    return (inverse * present.sum() / inverse.sum()).to(torch.result_type(given, 1.0))
