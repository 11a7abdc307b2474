"""Cluster balance: all clusters of a mixture are to be used, not a few."""

import math

import torch
from torch import Tensor

__all__ = ["ClusterBalance"]


class ClusterBalance:
    """Negative entropy of the mean posterior over clusters, the mean taken over the last steps.

    loss = sum_k q_k log q_k + log K,   q = e_t / (1 - m^t),   e_t = m e_{t-1} + (1 - m) (mean_b p(k | x_b) + 1e-7)

    It is 0 where all clusters are used alike, and log K where one is. The moving average makes small batches speak for
    more than themselves; the gradient passes through the current batch alone.

    Args:
        momentum: m, 0 to below 1.

    Reference:
        Xu, Chen, Li, Lu, "Constructing Balance from Imbalance for Long-tailed Image Recognition", ECCV 2022, arXiv
        2208.02567; the balance loss of its released code.

    Example:
        >>> balance = ClusterBalance(momentum=0.7)
        >>> balance(torch.full((8, 4), 0.25)).abs().item() < 1e-5
        True
    """

    def __init__(self, momentum: float = 0.7) -> None:
        self.momentum = momentum
        self._steps = 0
        self._average: Tensor | None = None

    def __call__(self, posteriors: Tensor) -> Tensor:
        """Return the loss after a step with posteriors p(k | x_b), shape (B, K), rows that sum to 1."""
        current = posteriors.mean(dim=0) + 1e-7
        before = torch.zeros_like(current) if self._average is None else self._average
        average = self.momentum * before + (1 - self.momentum) * current
        self._average = average.detach()
        self._steps += 1
        share = average / (1 - self.momentum**self._steps)
        return (share * share.log()).sum() + math.log(len(share))
