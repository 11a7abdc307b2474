"""The gradient of a loss with respect to the logits, without autograd where the loss is a cross-entropy."""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional

from longtail.losses.deferred import Deferred
from longtail.losses.ldam import LDAM
from longtail.losses.logit_adjustment import LogitAdjusted

__all__ = ["LossOfLogits", "cross_entropy_gradient", "loss_gradient"]

LossOfLogits = Callable[[Tensor, Tensor], Tensor]


@torch.no_grad()
def cross_entropy_gradient(logits: Tensor, labels: Tensor, weight: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """Return the mean cross-entropy and its gradient.

    dl/dz_bc = w_y_b (softmax(z_b)_c - [c = y_b]) / sum_b w_y_b

    Args:
        logits: z, shape (B, C); overwritten by the gradient.
        labels: y, class indices, shape (B,).
        weight: w of each class, shape (C,); None weighs all alike.

    Returns:
        A scalar, and shape (B, C).

    Example:
        >>> loss, gradient = cross_entropy_gradient(torch.zeros(1, 2), torch.tensor([1]))
        >>> round(loss.item(), 4), gradient.tolist()
        (0.6931, [[0.5, -0.5]])
    """
    columns = labels[:, None]
    logits -= logits.amax(dim=1, keepdim=True)
    reached = logits.gather(1, columns)
    odds = logits.exp_()
    totals = odds.sum(dim=1, keepdim=True)
    if weight is None:
        parts = torch.full_like(totals, 1 / len(labels))
    else:
        parts = weight[columns]
        parts = parts / parts.sum()
    loss = (parts * (totals.log() - reached)).sum()
    return loss, odds.mul_(parts / totals).scatter_add_(1, columns, -parts)


def loss_gradient(loss: LossOfLogits, logits: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """Return a loss and its gradient with respect to the logits.

    Args:
        loss: maps logits (B, C) and labels (B,) to a scalar; autograd differentiates what is no cross-entropy.
        logits: shape (B, C); may be overwritten.
        labels: class indices, shape (B,).

    Returns:
        A scalar, and shape (B, C).

    Example:
        >>> adjusted = LogitAdjusted(torch.tensor([3.0, 1.0]))
        >>> loss_gradient(adjusted, torch.zeros(1, 2), torch.tensor([1]))[1]
        tensor([[ 0.7500, -0.7500]])
    """
    match loss:
        case Deferred():
            return loss_gradient(loss.present, logits, labels)
        case LogitAdjusted():
            return cross_entropy_gradient(logits.add_(loss.offset), labels, loss.weight)
        case LDAM():
            columns = labels[:, None]
            logits.scatter_add_(1, columns, -loss.margins[columns].to(logits))
            value, gradient = cross_entropy_gradient(logits.mul_(loss.scale), labels, loss.weight)
            return value, gradient.mul_(loss.scale)
        case nn.CrossEntropyLoss() if loss.reduction == "mean" and loss.label_smoothing == 0:
            return cross_entropy_gradient(logits, labels, loss.weight)
        case _ if loss is functional.cross_entropy:
            return cross_entropy_gradient(logits, labels)
    leaf = logits.detach().requires_grad_(True)
    with torch.enable_grad():
        value = loss(leaf, labels)
    return value.detach(), torch.autograd.grad(value, leaf)[0]
