"""Label-aware smoothing: targets of common classes are smoothed more than those of rare ones."""

import math

import torch
from numpy.typing import ArrayLike
from torch import Tensor, nn
from torch.nn import functional

from longtail.errors import InputError
from longtail.losses.counted import counts_tensor

__all__ = ["LabelAware", "smoothing_of_classes"]


def smoothing_of_classes(class_counts: Tensor | ArrayLike, head: float = 0.4, tail: float = 0.1) -> Tensor:
    """Return how much the targets of each class are smoothed.

    e_c = tail + (head - tail) sin(pi / 2 (n_c - n_min) / (n_max - n_min))

    Networks are surest of the classes that they saw most, more than they are right. Of classes that are equally common
    each is the most common one, with e = head.

    Args:
        class_counts: n_c, shape (C,).
        head: e of the most common class, 0 to below 1; published are 0.4 for CIFAR-100-LT and 0.3 for ImageNet-LT.
        tail: e of the rarest, 0 to head; there 0.1 and 0.

    Returns:
        e, shape (C,).

    Raises:
        InputError: numbers out of their range, or class_counts that are no numbers of images.

    Example:
        >>> smoothing_of_classes(torch.tensor([100.0, 10.0])).tolist()
        [0.4000000059604645, 0.10000000149011612]
    """
    if not 0 <= tail <= head < 1:
        raise InputError(f"smoothing goes from {tail} (tail) to {head} (head); expected 0 <= tail <= head < 1.")
    given = counts_tensor(class_counts)
    counts = given.double()
    least, most = counts.min(), counts.max()
    place = (counts - least) / (most - least) if most > least else torch.ones_like(counts)
    return (tail + (head - tail) * torch.sin(math.pi / 2 * place)).to(torch.result_type(given, 1.0))


class LabelAware(nn.Module):
    """Cross-entropy with targets that are the smoother, the more common the class.

    loss = -mean_b w_y sum_c t_c log softmax(z)_c,  t_y = 1 - e_y + e_y / C,  t_c = e_y / C for the others

    Its probabilities mean the training distribution, but those of common classes are less sure.

    Args:
        class_counts: n_c, shape (C,).
        head: e of the most common class.
        tail: e of the rarest.
        weight: w_c, shape (C,); None weighs all classes alike.

    Raises:
        InputError: as of `smoothing_of_classes`.

    Reference:
        Zhong, Cui, Liu, Jia, "Improving Calibration for Long-Tailed Recognition" (MiSLAS), CVPR 2021, arXiv 2104.00466,
        the concave form; e_y is spread over all classes, as in its released code.

    Example:
        >>> logits, labels = torch.tensor([[2.0, 0.0], [0.0, 0.5]]), torch.tensor([0, 1])
        >>> plain = LabelAware(torch.tensor([9.0, 1.0]), head=0.0, tail=0.0)(logits, labels)
        >>> torch.allclose(plain, functional.cross_entropy(logits, labels))
        True
    """

    smoothing: Tensor
    weight: Tensor | None

    def __init__(
        self,
        class_counts: Tensor | ArrayLike,
        *,
        head: float = 0.4,
        tail: float = 0.1,
        weight: Tensor | None = None,
    ) -> None:
        super().__init__()
        self.register_buffer("smoothing", smoothing_of_classes(class_counts, head, tail), persistent=False)
        self.register_buffer("weight", weight, persistent=False)

    def forward(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Return the loss of logits (B, C) and labels (B,)."""
        logs = torch.log_softmax(logits, dim=1)
        smoothing = self.smoothing[labels]
        losses = (1 - smoothing) * functional.nll_loss(logs, labels, reduction="none") - smoothing * logs.mean(dim=1)
        return losses.mean() if self.weight is None else (self.weight[labels] * losses).mean()
