"""The flow of DLSA: a masked autoregressive flow whose latents follow a mixture of Gaussians."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from longtail.flows.autoregressive import AutoregressiveLayer
from longtail.flows.batch_norm import FlowBatchNorm
from longtail.flows.mixture import GaussianMixture, center_scale
from longtail.global_draws import drawn_by

__all__ = ["MixtureFlow"]

ALIKE = 64  # rows; products round those at the end of a batch otherwise, and the same row is to be as likely anywhere


class MixtureFlow(nn.Module):
    """Map features to latents of a Gaussian mixture, and so give each row a likelihood and a cluster.

    log p(x, k) = log p(u, k) + log |det du/dx|,   u = f(x),   log p(x) = logsumexp_k log p(x, k)

    f first standardises with the given location and scale, then runs blocks of a masked autoregressive layer
    (u_d = x_d exp(a_d) + b_d, where a_d and b_d depend on the features before d; the order is turned round in each
    block) and a batch normalisation.

    Args:
        dimension: D.
        clusters: K.
        blocks: how many.
        hidden: widths of the layers inside each block; default (D, D).
        scale: standard deviation of the cluster centres; None takes `center_scale`.
        location: subtracted from the features first, shape (D,); default 0.
        spread: divides them then, shape (D,), above 0; default 1.
        seed: of weights and centres.

    Reference:
        Papamakarios, Pavlakou, Murray, "Masked Autoregressive Flow for Density Estimation", NeurIPS 2017, arXiv
        1705.07057; Xu, Chen, Li, Lu, "Constructing Balance from Imbalance for Long-tailed Image Recognition", ECCV
        2022, arXiv 2208.02567.

    Example:
        >>> flow = MixtureFlow(4, clusters=3, seed=0).eval()
        >>> flow.log_densities(torch.zeros(5, 4)).shape, flow.log_likelihood(torch.zeros(5, 4)).shape
        (torch.Size([5, 3]), torch.Size([5]))
    """

    location: Tensor
    spread: Tensor

    def __init__(
        self,
        dimension: int,
        clusters: int,
        *,
        blocks: int = 2,
        hidden: Sequence[int] | None = None,
        scale: float | None = None,
        location: Tensor | None = None,
        spread: Tensor | None = None,
        seed: int = 0,
    ) -> None:
        super().__init__()
        self.register_buffer("location", torch.zeros(dimension) if location is None else location)
        self.register_buffer("spread", torch.ones(dimension) if spread is None else spread)
        widths = hidden or (dimension, dimension)
        with drawn_by(seed):
            self.blocks = nn.ModuleList(_layer(dimension, widths, reverse=number % 2 == 1) for number in range(blocks))
            self.norms = nn.ModuleList(FlowBatchNorm(dimension) for _ in range(blocks))
            self.mixture = GaussianMixture(
                clusters, dimension, scale=center_scale(dimension) if scale is None else scale
            )

    def forward(self, x: Tensor, sides: int = 1) -> tuple[Tensor, Tensor]:
        """Map features (B, D) to latents u (B, D); give them with log |det du/dx|, shape (B,).

        Args:
            x: features.
            sides: as many equal parts of the batch are normalised by themselves in training, one after the other.
        """
        missing = 0 if self.training else -len(x) % ALIKE
        if missing:
            u, log_det = self(nn.functional.pad(x, (0, 0, 0, missing)))
            return u[: len(x)].contiguous(), log_det[: len(x)]
        u = (x - self.location) / self.spread
        log_det = -self.spread.log().sum().expand(len(x))
        if not len(x):  # no row reaches a late block
            return u, log_det
        for block, norm in zip(self.blocks, self.norms, strict=True):
            u, of_block = block(u) if isinstance(block, AutoregressiveLayer) else block().call_and_ladj(u)
            u, of_norm = norm(u, sides)
            log_det = log_det + of_block + of_norm
        return u, log_det

    def inverse(self, u: Tensor) -> Tensor:
        """Map latents u (B, D) back to features, one feature after the other: D passes a block."""
        for block, norm in zip(reversed(self.blocks), reversed(self.norms), strict=True):
            u = norm.inverse(u)  # type: ignore[operator]
            u = block.inverse(u) if isinstance(block, AutoregressiveLayer) else block().inv(u)
        return u * self.spread + self.location

    def log_densities(self, x: Tensor, sides: int = 1) -> Tensor:
        """Return log p(x, k) of features (B, D), shape (B, K)."""
        latent, log_det = self(x, sides)
        densities: Tensor = self.mixture.log_densities(latent) + log_det[:, None]
        return densities

    def log_likelihood(self, x: Tensor) -> Tensor:
        """Return log p(x) of features (B, D), shape (B,)."""
        return torch.logsumexp(self.log_densities(x), dim=1)


def _layer(dimension: int, hidden: Sequence[int], *, reverse: bool) -> nn.Module:
    if dimension > 1:
        return AutoregressiveLayer(dimension, hidden, reverse=reverse)
    from zuko.flows import MaskedAutoregressiveTransform

    # of one feature there is nothing to be autoregressive about: zuko then learns one scale and shift
    transform: nn.Module = MaskedAutoregressiveTransform(dimension)
    return transform
