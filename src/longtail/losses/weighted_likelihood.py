"""Weighted likelihood: a density model that is to fit rare classes well."""

import torch
from numpy.typing import ArrayLike
from torch import Tensor

from longtail.losses.counted import counts_tensor

__all__ = ["likelihood_weights", "weighted_likelihood"]


def likelihood_weights(class_counts: Tensor | ArrayLike, power: float) -> Tensor:
    """Return the weight of each class in the likelihood loss.

    r_c = (n_max / n_c)^q / sum_j (n_max / n_j)^q

    Args:
        class_counts: n_c, shape (C,); a class without an image gets weight 0.
        power: q; 0 weighs classes alike, 2 (the paper's code) gives nearly all weight to the rarest.

    Returns:
        Weights that sum to 1, shape (C,).

    Raises:
        InputError: class_counts that are no numbers of images.

    Example:
        >>> likelihood_weights(torch.tensor([100.0, 50.0]), 2.0)
        tensor([0.2000, 0.8000])
    """
    counts = counts_tensor(class_counts)
    present = counts > 0
    ratio = torch.where(present, counts.max() / counts.clamp(min=1), 0.0) ** power
    ratio = torch.where(present, ratio, 0.0)
    return ratio / ratio.sum()


def weighted_likelihood(log_likelihood: Tensor, weights: Tensor) -> Tensor:
    """Return the negative mean of weighted log-likelihoods.

    loss = -mean_b w_b log p(x_b)

    Args:
        log_likelihood: log p(x_b), shape (B,).
        weights: w_b, the weight of each image's class, shape (B,).

    Reference:
        Xu, Chen, Li, Lu, "Constructing Balance from Imbalance for Long-tailed Image Recognition", ECCV 2022, arXiv
        2208.02567; the likelihood loss of its released code.

    Example:
        >>> weighted_likelihood(torch.tensor([-1.0, -3.0]), torch.tensor([1.0, 0.5]))
        tensor(1.2500)
    """
    return -(weights * log_likelihood).mean()
