"""Batch normalisation as a layer of a flow: it is invertible, and its Jacobian is known."""

import torch
from torch import Tensor, nn

__all__ = ["FlowBatchNorm"]


class FlowBatchNorm(nn.Module):
    """Standardise each feature, then scale and shift it.

    y = exp(gamma) (x - mean) / sqrt(var + eps) + beta,   log |det dy/dx| = sum_d gamma_d - 1/2 log(var_d + eps)

    Mean and variance are the batch's in training and their running averages afterwards. The Jacobian takes them for
    constants, as is usual: in training it is that of the layer with these statistics.

    Args:
        dimension: D.
        momentum: of the running averages: running = momentum running + (1 - momentum) batch.
        eps: added to the variance.

    Reference:
        Dinh, Sohl-Dickstein, Bengio, "Density estimation using Real NVP", ICLR 2017, arXiv 1605.08803, section 3.7;
        Papamakarios, Pavlakou, Murray, "Masked Autoregressive Flow for Density Estimation", NeurIPS 2017, arXiv
        1705.07057, section 3.5.

    Example:
        >>> layer = FlowBatchNorm(2)
        >>> outputs, log_det = layer(torch.tensor([[1.0, 2.0], [3.0, 6.0]]))
        >>> outputs.mean(dim=0).tolist(), log_det.shape
        ([0.0, 0.0], torch.Size([]))
    """

    running_mean: Tensor
    running_var: Tensor

    def __init__(self, dimension: int, *, momentum: float = 0.9, eps: float = 1e-5) -> None:
        super().__init__()
        self.momentum = momentum
        self.eps = eps
        self.gamma = nn.Parameter(torch.zeros(dimension))
        self.beta = nn.Parameter(torch.zeros(dimension))
        self.register_buffer("running_mean", torch.zeros(dimension))
        self.register_buffer("running_var", torch.ones(dimension))

    def forward(self, x: Tensor, sides: int = 1) -> tuple[Tensor, Tensor]:
        """Map x (B, D) to y (B, D); give it with log |det dy/dx|, a scalar that holds for every row.

        Args:
            x: a batch.
            sides: as many equal parts of it are normalised by themselves in training, one after the other; the
                logarithm is then one for each row, shape (B,).
        """
        parts = x.unflatten(0, (sides, -1))
        if self.training and parts.shape[1] > 1:
            mean = parts.mean(dim=1, keepdim=True)
            centred = parts - mean
            var = centred.square().sum(dim=1, keepdim=True) / (parts.shape[1] - 1)
            with torch.no_grad():
                for of_mean, of_var in zip(mean, var, strict=True):
                    self.running_mean.lerp_(of_mean[0], 1 - self.momentum)
                    self.running_var.lerp_(of_var[0], 1 - self.momentum)
        else:  # the variance of a single row is not defined
            centred, var = parts - self.running_mean, self.running_var.expand(sides, 1, -1)
        y = centred * (torch.rsqrt(var + self.eps) * self.gamma.exp()) + self.beta
        log_det = (self.gamma - 0.5 * torch.log(var + self.eps)).sum(dim=(1, 2))
        return y.flatten(0, 1), log_det[0] if sides == 1 else log_det.repeat_interleave(parts.shape[1])

    def inverse(self, y: Tensor) -> Tensor:
        """Map y (B, D) back to x, with the running statistics."""
        return (y - self.beta) * (-self.gamma).exp() * torch.sqrt(self.running_var + self.eps) + self.running_mean
