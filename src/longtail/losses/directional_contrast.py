"""ProCo: contrast with infinitely many samples of each class, drawn from a von Mises-Fisher, in closed form."""

import torch
from torch import Tensor
from torch.nn import functional

from longtail.losses.log_bessel import log_reduced_bessel

__all__ = ["LARGEST_CONCENTRATION", "concentrations_of", "directional_logits"]

LARGEST_CONCENTRATION = 1e5


def concentrations_of(means: Tensor) -> Tensor:
    """Return the concentration of a von Mises-Fisher for each mean of unit vectors.

    kappa = D R / (1 - R^2),   R = |mean|

    Args:
        means: shape (C, D), of length 0 to 1.

    Returns:
        Shape (C,), at most 1e5, which also stands for a mean of length 1 or, by rounding, above.

    Reference:
        Du, Wang, Song, Huang, "Probabilistic Contrastive Learning for Long-Tailed Visual Recognition", TPAMI 2024,
        arXiv 2403.06726, its released code; Sra, "A Short Note on Parameter Approximation for von Mises-Fisher
        Distributions", 2012, of whose estimate this is the leading part for many dimensions.

    Example:
        >>> [round(kappa.item(), 3) for kappa in concentrations_of(torch.tensor([[0.6, 0.0], [1.0, 0.0]]))]
        [1.875, 100000.0]
    """
    length = means.square().sum(dim=1).sqrt()
    spread = (1 - length.square()).clamp(min=torch.finfo(means.dtype).tiny)
    return (means.shape[1] * length / spread).clamp(max=LARGEST_CONCENTRATION)


def directional_logits(features: Tensor, means: Tensor, concentrations: Tensor, *, temperature: float) -> Tensor:
    """Return the log of each class's mean similarity to a feature, over all samples that the class could have.

    g_c(f) = log E[exp(f . v / T)] = log C(kappa_c) - log C(|kappa_c mu_c + f / T|),   v ~ vMF(mu_c, kappa_c)
    log C(k) = nu log k - log I_nu(k) + constant,   nu = D / 2 - 1

    Cross-entropy of g + log prior is contrast with infinitely many samples of every class, each class as common as its
    prior. Nothing of shape B x C x D is made.

    Args:
        features: f, shape (B, D), of length 1 where they are directions.
        means: directions mu, of any length above 0, shape (C, D).
        concentrations: kappa, at least 0, shape (C,).
        temperature: T, above 0.

    Returns:
        g, shape (B, C), in the type of the features.

    Raises:
        InputError: fewer than 2 dimensions.

    Reference:
        Du, Wang, Song, Huang, "Probabilistic Contrastive Learning for Long-Tailed Visual Recognition", TPAMI 2024,
        arXiv 2403.06726.

    Example:
        >>> f = torch.tensor([[1.0, 0.0, 0.0]])
        >>> far = directional_logits(f, -f, torch.tensor([1e5]), temperature=0.5)  # next to one direction: f . mu / T
        >>> round(far.item(), 3)
        -2.0
    """
    order = features.shape[1] / 2 - 1
    wide = features if features.device.type == "mps" else features.double()
    directions = functional.normalize(means.to(wide.dtype), dim=1)
    kappa = concentrations.to(wide.dtype)
    # |kappa mu + f / T|^2; never below 0 by rounding, where a class points away from the feature
    dot = wide @ directions.T
    squared = kappa.square() + 2 / temperature * kappa * dot + wide.square().sum(dim=1, keepdim=True) / temperature**2
    lengths = squared.clamp(min=torch.finfo(torch.float32).tiny).sqrt()
    return (log_reduced_bessel(order, lengths) - log_reduced_bessel(order, kappa)).to(features.dtype)
