"""RIDE: experts that learn the same classes by LDAM, and are driven apart."""

import torch
from numpy.typing import ArrayLike
from torch import Tensor, nn
from torch.nn import functional

from longtail.losses.counted import counts_tensor
from longtail.losses.ldam import LDAM
from longtail.ranges import Range

__all__ = ["RIDE", "class_temperatures", "expert_diversity"]


def class_temperatures(class_counts: Tensor | ArrayLike, share: float = 0.02) -> Tensor:
    """Return the temperature of each class in `expert_diversity`: common classes have the highest, 1.

    T_c = a_c / max_j a_j,   a_c = share C n_c / N + 1 - share

    Args:
        class_counts: n_c, shape (C,).
        share: 0 to below 1; 0: all are 1.

    Raises:
        InputError: share out of range, or class_counts that are no numbers of images.

    Example:
        >>> [round(one, 4) for one in class_temperatures(torch.tensor([90.0, 10.0]), 0.5).tolist()]
        [1.0, 0.4286]
    """
    Range(0, below=1).check(share, "share")
    counts = counts_tensor(class_counts)
    scales = share * len(counts) * counts / counts.sum() + 1 - share
    return scales / scales.max()


def expert_diversity(logits: Tensor, temperatures: Tensor) -> Tensor:
    """Return how far experts are from what they say on average.

    diversity = mean_c(T_c)^2 sum_e mean_i KL( softmax(m_i / T) || softmax(z_ei / T) ),   m = mean_e z_e

    The average counts as given: gradients reach each expert through its own z_e alone.

    Args:
        logits: z of each expert, shape (B, E, C).
        temperatures: T_c, above 0, shape (C,).

    Returns:
        At least 0, a scalar.
    """
    mean = functional.softmax(logits.detach().mean(dim=1, keepdim=True) / temperatures, dim=2)
    own = functional.log_softmax(logits / temperatures, dim=2)
    divergence: Tensor = (torch.special.xlogy(mean, mean) - mean * own).sum() / len(logits)
    return temperatures.mean() ** 2 * divergence


class RIDE(nn.Module):
    """The sum of the experts' LDAM losses, less a multiple of their diversity.

    loss = sum_e LDAM(z_e / s, y) - lambda expert_diversity(z, T)

    s is the scale of the cosines that z_e are made of. As published the weights, and the temperatures by class, come
    in after 80 % of the epochs (`Deferred`); until then all of them are 1.

    Args:
        class_counts: n_c, all above 0, shape (C,).
        diversity: lambda, at least 0; published 0.45 for CIFAR and 0.2 for large images.
        temperature_share: of `class_temperatures`; published 0.05 for CIFAR, 0.02 for ImageNet-LT, 0.015 for
            iNaturalist.
        largest_margin: of LDAM.
        scale: s.
        weight: of each class in LDAM, shape (C,); None weighs all alike.

    Raises:
        InputError: a class without an image, class_counts that are no numbers of images, or a number out of its range.

    Reference:
        Wang, Lian, Miao, Liu, Yu, "Long-tailed Recognition by Routing Diverse Distribution-Aware Experts", ICLR 2021,
        arXiv 2010.01809, and its released code.

    Example:
        >>> loss = RIDE(torch.tensor([100.0, 1.0]), diversity=0.0)
        >>> logits, labels = torch.zeros(4, 3, 2), torch.tensor([0, 0, 1, 1])
        >>> torch.allclose(loss(logits, labels), 3 * LDAM(torch.tensor([100.0, 1.0]))(logits[:, 0], labels))
        True
    """

    temperatures: Tensor

    def __init__(
        self,
        class_counts: Tensor | ArrayLike,
        *,
        diversity: float = 0.2,
        temperature_share: float = 0.0,
        largest_margin: float = 0.5,
        scale: float = 30.0,
        weight: Tensor | None = None,
    ) -> None:
        super().__init__()
        Range(0).check(diversity, "diversity")
        self.diversity = diversity
        self.ldam = LDAM(class_counts, largest_margin=largest_margin, scale=scale, weight=weight)
        self.register_buffer("temperatures", class_temperatures(class_counts, temperature_share), persistent=False)

    def forward(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Return the loss of the experts' logits (B, E, C) and labels (B,)."""
        cosines = logits / self.ldam.scale
        individual = torch.stack([self.ldam(expert, labels) for expert in cosines.unbind(dim=1)]).sum()
        return individual - self.diversity * expert_diversity(logits, self.temperatures)
