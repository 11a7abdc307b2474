"""BCL: supervised contrast in which every class is present in every batch and counts alike."""

import torch
from torch import Tensor

from longtail.errors import InputError

__all__ = ["balanced_contrast"]


def balanced_contrast(features: Tensor, labels: Tensor, prototypes: Tensor, *, temperature: float) -> Tensor:
    """Return the balanced supervised contrastive loss.

    l_i = mean over p in P_i of -log( exp(f_i . f_p / T) / sum_c 1/|B_c| sum_{j in B_c} exp(f_i . f_j / T) )

    B_c holds the features of class c in the batch and its prototype, f_i itself left out; P_i is B_c of i's own class.
    Where every B_c has the same size m it is supervised contrastive loss minus log m, whose gradient is the same.

    Args:
        features: f, of length 1, all views of the batch, shape (B, D).
        labels: class of each feature, shape (B,).
        prototypes: one of length 1 for each class, shape (C, D).
        temperature: T, above 0.

    Returns:
        The mean over the features.

    Raises:
        InputError: another number of labels.

    Reference:
        Zhu, Wang, Chen, Chen, Jiang, "Balanced Contrastive Learning for Long-Tailed Visual Recognition", CVPR 2022,
        arXiv 2207.09052, eq. 5 to 7, and its released code. Supervised contrast: Khosla et al., NeurIPS 2020, arXiv
        2004.11362, eq. 2.

    Example:
        >>> corners = torch.eye(3)
        >>> loss = balanced_contrast(corners[:1], torch.tensor([0]), corners, temperature=1.0)
        >>> torch.allclose(loss, (1 + 2 * torch.tensor(-1.0).exp()).log())
        True
    """
    if len(features) != len(labels):
        raise InputError(f"{len(features)} features and {len(labels)} labels; expected a label for each.")
    num_classes = len(prototypes)
    samples = torch.cat([features, prototypes])
    classes = torch.cat([labels, torch.arange(num_classes, device=labels.device)])
    similarities = (features @ samples.T / temperature).fill_diagonal_(-torch.inf)
    is_own_class = labels[:, None] == classes
    sizes = torch.zeros(num_classes, dtype=torch.int64, device=labels.device)
    sizes = sizes.scatter_add_(0, classes, torch.ones_like(classes))
    # the class of a feature is one smaller for itself; its prototype is always there
    averaged = similarities - (sizes[classes] - is_own_class.long()).clamp_(min=1).log()
    is_positive = is_own_class.fill_diagonal_(False)
    near = torch.where(is_positive, similarities, 0.0).sum(dim=1) / is_positive.sum(dim=1)
    return (averaged.logsumexp(dim=1) - near).mean()
