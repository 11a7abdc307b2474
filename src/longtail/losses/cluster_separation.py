"""Cluster separation: images of different classes are to lie in different clusters."""

from torch import Tensor
from torch.nn import functional

__all__ = ["cluster_separation"]


def cluster_separation(first: Tensor, second: Tensor) -> Tensor:
    """Return the purity loss of pairs of images whose classes differ.

    loss = mean_b sum_k p(k | first_b) log p(k | second_b)

    The negative of a cross-entropy: it falls without bound as the second image leaves the clusters of the first. No
    gradient passes through the first image's posterior.

    Args:
        first: log-densities log p(x_b, k) of the first images up to a term without k, shape (B, K).
        second: the same of the second images.

    Returns:
        A scalar, at most 0.

    Reference:
        Xu, Chen, Li, Lu, "Constructing Balance from Imbalance for Long-tailed Image Recognition", ECCV 2022, arXiv
        2208.02567; `soft_ce` of its released code.

    Example:
        >>> import torch
        >>> together, apart = torch.tensor([[9.0, 0.0]]), torch.tensor([[0.0, 9.0]])
        >>> bool(cluster_separation(together, apart) < cluster_separation(together, together))
        True
    """
    target = functional.softmax(first, dim=1).detach()
    return (target * functional.log_softmax(second, dim=1)).sum(dim=1).mean()
