"""Layers on fixed features whose gradients are written out."""

import torch
from torch import Tensor

from longtail.heads.feature_transform import unit_length
from longtail.heads.precision import Precision
from longtail.heads.rows import Features, TransformedRows

__all__ = ["SLOWNESS", "CosineLayer", "LinearLayer", "unit_rows"]

SLOWNESS = 0.1  # of a learned scale beside the directions: at first, while they are random, its gradient is to shrink


class LinearLayer:
    """A linear layer, whose gradient is one matrix product.

    z = x W^T + b;  dl/dW = (dl/dz)^T x,  dl/db = sum of dl/dz over the rows

    In bfloat16 the factors of both products and their results are rounded, the bias is not.

    Args:
        weight: W, shape (C, D).
        bias: b, shape (C,).
        precision: of the products; float64 stays what it is.

    Example:
        >>> layer = LinearLayer(torch.zeros(2, 3), torch.zeros(2))
        >>> layer.differentiate(torch.ones(1, 3), torch.tensor([[0.5, -0.5]]))
        >>> layer.parameters[0].grad
        tensor([[ 0.5000,  0.5000,  0.5000],
                [-0.5000, -0.5000, -0.5000]])
    """

    def __init__(self, weight: Tensor, bias: Tensor, precision: Precision = "float32") -> None:
        self.weight, self.bias, self.parameters = weight, bias, [weight, bias]
        is_rounded = precision == "bfloat16" and weight.dtype == torch.float32
        self.rows_dtype = torch.bfloat16 if is_rounded else weight.dtype
        # memory that each step fills anew
        self.of_weight = torch.empty_like(weight)
        self._rounded = torch.empty_like(weight, dtype=torch.bfloat16) if is_rounded else weight
        self._of_rounded = torch.empty_like(self._rounded) if is_rounded else self.of_weight

    def logits(self, rows: Tensor) -> Tensor:
        """Map rows (B, D) to logits (B, C), which lie class by class: so does their gradient, as its product wants."""
        if self._rounded is self.weight:
            return torch.addmm(self.bias[:, None], self.weight, rows.T).T
        self._rounded.copy_(self.weight)
        return (self._rounded @ rows.to(self.rows_dtype).T).to(self.bias.dtype).add_(self.bias[:, None]).T

    def differentiate(self, rows: Tensor, of_logits: Tensor) -> None:
        """Set the gradients of weight and bias."""
        self.bias.grad = of_logits.sum(dim=0)
        torch.mm(of_logits.to(self.rows_dtype).T, rows.to(self.rows_dtype), out=self._of_rounded)
        if self._of_rounded is not self.of_weight:
            self.of_weight.copy_(self._of_rounded)
        self.weight.grad = self.of_weight


class CosineLayer:
    """Cosines to the weights of each class, of rows that have length 1 already, times a scale.

    z = s x U^T,  u_c = w_c / |w_c|;  dl/dw_c = (g_c - (g_c . u_c) u_c) s / |w_c|,  g = (dl/dz)^T x

    Args:
        weight: W, shape (C, D).
        precision: of the products; float64 stays what it is.
        scale: s.
        growth: t, shape (1,): s exp(t / 10) stands in place of s, and t is trained too; None: it is not.
    """

    def __init__(
        self, weight: Tensor, precision: Precision = "float32", scale: float = 1.0, growth: Tensor | None = None
    ) -> None:
        self.weight, self.scale, self.growth = weight, scale, growth
        self.parameters = [weight] if growth is None else [weight, growth]
        self._units = torch.empty_like(weight)
        self._inner = LinearLayer(self._units, weight.new_zeros(len(weight)), precision)
        self._cosines = weight.new_zeros(0)

    @property
    def rows_dtype(self) -> torch.dtype:
        """The type that rows are wanted in."""
        return self._inner.rows_dtype

    @property
    def _factor(self) -> Tensor | float:
        return self.scale if self.growth is None else self.scale * (SLOWNESS * self.growth).exp()

    def logits(self, rows: Tensor) -> Tensor:
        """Map rows (B, D) of length 1 to logits (B, C)."""
        self._units.copy_(unit_length(self.weight))
        self._cosines = self._inner.logits(rows)
        return self._factor * self._cosines

    def differentiate(self, rows: Tensor, of_logits: Tensor) -> None:
        """Set the gradients of weight and growth."""
        of_cosines = of_logits * self._factor
        if self.growth is not None:
            self.growth.grad = SLOWNESS * (of_cosines * self._cosines).sum()[None]
        self._inner.differentiate(rows, of_cosines)
        gradient = self._inner.of_weight
        along = (gradient * self._units).sum(dim=1, keepdim=True)
        lengths = self.weight.norm(dim=1, keepdim=True).clamp(min=torch.finfo(self.weight.dtype).tiny)
        self.weight.grad = gradient.sub_(along * self._units).div_(lengths)


def unit_rows(features: Features) -> TransformedRows:
    """Return features (N, D) whose rows have length 1 when they are asked for."""
    return TransformedRows(features, unit_length)
