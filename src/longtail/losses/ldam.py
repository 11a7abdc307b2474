"""LDAM: rare classes are to be right by a wider margin."""

import torch
from numpy.typing import ArrayLike
from torch import Tensor, nn
from torch.nn import functional

from longtail.errors import InputError
from longtail.losses.counted import counts_tensor

__all__ = ["LDAM", "ldam_margins"]


def ldam_margins(class_counts: Tensor | ArrayLike, largest: float = 0.5) -> Tensor:
    """Return the margin of each class.

    m_c = largest n_c^(-1/4) / max_j n_j^(-1/4)

    Args:
        class_counts: n_c, all above 0, shape (C,).
        largest: of the rarest class, above 0.

    Raises:
        InputError: a class without an image, or class_counts that are no numbers of images.

    Example:
        >>> ldam_margins(torch.tensor([1600.0, 100.0])).tolist()
        [0.25, 0.5]
    """
    counts = counts_tensor(class_counts)
    if (counts <= 0).any():
        raise InputError(
            "LDAM's margins need an image of every class: a class without one would have no finite margin."
        )
    margins = counts.double() ** -0.25
    return (margins * (largest / margins.max())).to(torch.result_type(counts, 1.0))


class LDAM(nn.Module):
    """Label-distribution-aware margin loss, for logits that are cosines.

    loss = cross-entropy(s (z_c - m_y [c = y]), y),   m_c proportional to n_c^(-1/4)

    z are cosine similarities of features and class weights, as `NormalizedLinear` with scale 1 gives them. Softmax of
    s z means no particular prior: the margins shift the boundaries in training, the weights (DRW) beyond that.

    Args:
        class_counts: n_c, all above 0, shape (C,).
        largest_margin: of the rarest class.
        scale: s.
        weight: of each class, shape (C,); None weighs all alike. As in the released code the mean is divided by the
            sum of the weights of the batch.

    Raises:
        InputError: a class without an image, or class_counts that are no numbers of images.

    Reference:
        Cao, Wei, Gaidon, Arechiga, Ma, "Learning Imbalanced Datasets with Label-Distribution-Aware Margin Loss",
        NeurIPS 2019, arXiv 1906.07413, eq. 13 and its released code.

    Example:
        >>> loss = LDAM(torch.tensor([100.0, 1.0]))
        >>> cosines = torch.tensor([[0.2, 0.2]])
        >>> bool(loss(cosines, torch.tensor([1])) > loss(cosines, torch.tensor([0])))
        True
    """

    margins: Tensor
    weight: Tensor | None

    def __init__(
        self,
        class_counts: Tensor | ArrayLike,
        *,
        largest_margin: float = 0.5,
        scale: float = 30.0,
        weight: Tensor | None = None,
    ) -> None:
        super().__init__()
        self.scale = scale
        self.register_buffer("margins", ldam_margins(class_counts, largest_margin), persistent=False)
        self.register_buffer("weight", weight, persistent=False)

    def forward(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Return the loss of cosines (B, C) and labels (B,)."""
        margins = functional.one_hot(labels, logits.shape[1]) * self.margins[labels, None]
        return functional.cross_entropy(self.scale * (logits - margins), labels, weight=self.weight)
