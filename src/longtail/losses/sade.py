"""SADE: three experts, for classes as common as in train, all alike, and the other way round."""

import torch
from numpy.typing import ArrayLike
from torch import Tensor, nn
from torch.nn import functional

from longtail.errors import InputError
from longtail.losses.counted import counts_tensor

__all__ = ["SADE", "reversed_counts"]


def reversed_counts(class_counts: Tensor | ArrayLike) -> Tensor:
    """Return the same counts the other way round: the most common class gets that of the rarest, and so on.

    Args:
        class_counts: n_c, shape (C,); of classes with as many images the earlier counts as the rarer.

    Raises:
        InputError: class_counts that are no numbers of images.

    Example:
        >>> reversed_counts(torch.tensor([50, 1, 9])).tolist()
        [1, 50, 9]
    """
    counts = counts_tensor(class_counts)
    order = torch.argsort(counts, stable=True)
    result = torch.empty_like(counts)
    result[order] = counts[order.flip(0)]
    return result


class SADE(nn.Module):
    """The sum of three experts' cross-entropies, each of which is told of another world.

    loss = CE(z_1, y) + CE(z_2 + log prior, y) + CE(z_3 + log prior - tau log prior_reversed, y)

    The first learns the classes as common as they are in train (its softmax means that world), the second as if all
    were alike, the third as if rare ones were common and common ones rare. Of a uniform prior all three are
    cross-entropy.

    Args:
        class_counts: n_c, all above 0, shape (C,).
        tau: how far the third goes, at least 0; published 2, for iNaturalist 1.

    Raises:
        InputError: a class without an image, class_counts that are no numbers of images, or a tau below 0.

    Reference:
        Zhang, Hooi, Hong, Feng, "Self-Supervised Aggregation of Diverse Experts for Test-Agnostic Long-Tailed
        Recognition", NeurIPS 2022, arXiv 2107.09249, and its released code, whose tau multiplies the reversed prior
        alone.

    Example:
        >>> loss = SADE(torch.tensor([50.0, 50.0]))
        >>> round(float(loss(torch.zeros(4, 3, 2), torch.tensor([0, 0, 1, 1]))) / 3, 4)  # log 2
        0.6931
    """

    offsets: Tensor

    def __init__(self, class_counts: Tensor | ArrayLike, *, tau: float = 2.0) -> None:
        super().__init__()
        counts = counts_tensor(class_counts)
        if (counts <= 0).any():
            raise InputError("SADE needs an image of every class: the third expert expects those of none without end.")
        if not 0 <= tau < float("inf"):
            raise InputError(f"tau is {tau}; expected a number of at least 0.")
        prior, back = (torch.log(each / counts.sum()) for each in (counts, reversed_counts(counts)))
        offsets = torch.stack([torch.zeros_like(prior), prior, prior - tau * back])
        self.register_buffer("offsets", offsets, persistent=False)

    def forward(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Return the loss of the three experts' logits (B, 3, C) and labels (B,)."""
        if logits.shape[1] != len(self.offsets):
            raise InputError(f"logits of {logits.shape[1]} experts; expected {len(self.offsets)}.")
        told = logits + self.offsets
        return torch.stack([functional.cross_entropy(expert, labels) for expert in told.unbind(dim=1)]).sum()
