"""A mixture of Gaussians with fixed centres: the prior of the flow filter's latent space."""

import math

import torch
from torch import Tensor, nn

__all__ = ["GaussianMixture", "center_scale"]


def center_scale(dimension: int) -> float:
    """Return a standard deviation of the centres that keeps clusters 3.2 apart in any dimension.

    3.2 / sqrt(2 D)

    Two centres drawn from N(0, s^2 I) lie about s sqrt(2 D) from each other, so that the published s = 0.05 means 3.2
    at D = 2048, but clusters that cannot be told apart at D = 64.

    Example:
        >>> round(center_scale(2048), 3), round(center_scale(64), 3)
        (0.05, 0.283)
    """
    return 3.2 / math.sqrt(2 * dimension)


class GaussianMixture(nn.Module):
    """K Gaussians of unit covariance and equal weight, their centres drawn once and never trained.

    log p(u, k) = -D/2 log(2 pi) - 1/2 |u - mu_k|^2 - log K,   mu_k ~ N(0, s^2 I)

    |u - mu|^2 = |u|^2 - 2 u . mu + |mu|^2 makes all densities one matrix product: nothing of size B x K x D exists.

    Args:
        clusters: K.
        dimension: D.
        scale: s.
        generator: source of the centres.

    Reference:
        Xu, Chen, Li, Lu, "Constructing Balance from Imbalance for Long-tailed Image Recognition", ECCV 2022, arXiv
        2208.02567; Izmailov et al., "Semi-Supervised Learning with Normalizing Flows", ICML 2020, arXiv 1912.13025.

    Example:
        >>> mixture = GaussianMixture(3, 2, scale=5.0, generator=torch.Generator().manual_seed(0))
        >>> mixture.log_densities(mixture.means).argmax(dim=1)
        tensor([0, 1, 2])
    """

    means: Tensor

    def __init__(
        self, clusters: int, dimension: int, *, scale: float, generator: torch.Generator | None = None
    ) -> None:
        super().__init__()
        self.register_buffer("means", scale * torch.randn(clusters, dimension, generator=generator))

    def log_densities(self, latent: Tensor) -> Tensor:
        """Return log p(u, k) of latents (B, D) for each cluster, shape (B, K)."""
        clusters, dimension = self.means.shape
        constant = -0.5 * dimension * math.log(2 * math.pi) - math.log(clusters)
        # autocast would round the densities to 8 bits: at D = 2048, steps of 8 where clusters differ by 3
        with torch.autocast(latent.device.type, enabled=False):
            of_latents = (latent * latent).sum(dim=1, keepdim=True)
            of_means = (self.means * self.means).sum(dim=1)
            # the constant of each cluster rides along with the product: one pass over B x K less
            products = torch.addmm(constant - 0.5 * of_means, latent, self.means.T)
            return products - 0.5 * of_latents
