"""Balanced softmax: tell the logits in training how common each class is, and leave it out afterwards."""

import torch
from numpy.typing import ArrayLike
from torch import Tensor

from longtail.losses.counted import counts_tensor

__all__ = ["log_counts"]


def log_counts(class_counts: Tensor | ArrayLike, *, floor: float = 0.0) -> Tensor:
    """Return what balanced softmax adds to the logits in training.

    loss = cross-entropy(logits + log n_c, label)

    The logits then need not learn how common a class is, and used without the term they are those of a balanced world.
    With a floor of 0 a class without an image gets -inf: it takes no part in the loss, and keeps its weights.

    Args:
        class_counts: n_c, shape (C,).
        floor: added to each count; the DLSA code has 1e-6.

    Returns:
        log(n_c + floor), shape (C,).

    Raises:
        InputError: class_counts that are no numbers of images.

    Reference:
        Ren et al., "Balanced Meta-Softmax for Long-Tailed Visual Recognition", NeurIPS 2020, arXiv 2007.10740, eq. 3.

    Example:
        >>> log_counts(torch.tensor([1.0, 0.0]))
        tensor([0., -inf])
    """
    return torch.log(counts_tensor(class_counts) + floor)
