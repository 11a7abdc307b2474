"""Batch normalisation as a layer of a flow: it is invertible, and its Jacobian is known."""

from typing import Any

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
        if self.training and len(x) > sides:
            columns = x.T.reshape(x.shape[1], sides, -1)
            y, log_det, mean, var = _normalise(columns, self.gamma, self.beta, self.eps)
            for of_mean, of_var in zip(mean.T, var.T, strict=True):
                self.running_mean.lerp_(of_mean, 1 - self.momentum)
                self.running_var.lerp_(of_var, 1 - self.momentum)
            return y.flatten(1).T, log_det[0] if sides == 1 else log_det.repeat_interleave(columns.shape[2])
        # the variance of a single row is not defined
        mean, var = self.running_mean, self.running_var
        y = (x - mean) * (torch.rsqrt(var + self.eps) * self.gamma.exp()) + self.beta
        log_det = (self.gamma - 0.5 * torch.log(var + self.eps)).sum()
        return y, log_det if sides == 1 else log_det.expand(len(x))

    def inverse(self, y: Tensor) -> Tensor:
        """Map y (B, D) back to x, with the running statistics."""
        return (y - self.beta) * (-self.gamma).exp() * torch.sqrt(self.running_var + self.eps) + self.running_mean


class _Normalise(torch.autograd.Function):
    """Standardise columns (D, S, B) over B, scale and shift them: y, log |det dy/dx| (S,), mean and variance (D, S).

    With n = (x - mean) r, r = (var + eps)^(-1/2), g the gradient of y, l that of the logarithm and e = exp(gamma):

    dx = r e (g - mean g) - r n (e sum g n + l) / (B - 1)
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, gamma: Tensor, beta: Tensor, eps: float) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        mean = x.mean(dim=2, keepdim=True)
        standard = x - mean
        var = standard.square().sum(dim=2, keepdim=True).div_(x.shape[2] - 1)
        inverse, scale = torch.rsqrt(var + eps), gamma.exp()[:, None, None]
        standard.mul_(inverse)
        ctx.save_for_backward(standard, inverse, scale)
        mean, var = mean[..., 0], var[..., 0]
        ctx.mark_non_differentiable(mean, var)
        log_det = (gamma[:, None] + inverse[..., 0].log()).sum(dim=0)
        return torch.addcmul(beta[:, None, None], standard, scale), log_det, mean, var

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, of_y: Tensor, of_log_det: Tensor, *_: Any) -> tuple[Tensor, Tensor, Tensor, None]:
        standard, inverse, scale = ctx.saved_tensors
        rows = standard.shape[2]
        total = of_y.sum(dim=2, keepdim=True)
        along = scale * (of_y * standard).sum(dim=2, keepdim=True) + of_log_det[:, None]
        of_x = torch.addcmul(-inverse * scale * total / rows, standard, -inverse * along / (rows - 1))
        of_x.addcmul_(of_y, inverse * scale)
        return of_x, along.sum(dim=(1, 2)), total.sum(dim=(1, 2)), None


def _normalise(x: Tensor, gamma: Tensor, beta: Tensor, eps: float) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    return _Normalise.apply(x, gamma, beta, eps)  # type: ignore[no-any-return]
