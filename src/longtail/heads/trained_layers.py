"""What is trained on fixed features: how it maps rows to logits, and a gradient of the logits to its parameters."""

from collections.abc import Callable
from typing import Protocol

import torch
from torch import Tensor

from longtail.heads.feature_transform import unit_length
from longtail.heads.precision import Precision, computing_in
from longtail.heads.rows import Features, TransformedRows

__all__ = ["AnyLayer", "CosineLayer", "LinearLayer", "TrainedPart", "unit_rows"]


class TrainedPart(Protocol):
    """What `descend` trains.

    Attributes:
        parameters: whose `grad` is set.
    """

    parameters: list[Tensor]

    @property
    def rows_dtype(self) -> torch.dtype | None:
        """The type that rows are best kept in; None: that of the features."""
        ...

    def logits(self, rows: Tensor) -> Tensor:
        """Map rows (B, D) to logits (B, C) of the type of the parameters, in memory of their own."""
        ...

    def differentiate(self, rows: Tensor, of_logits: Tensor) -> None:
        """Set the gradients of the parameters, given that of the logits just computed, shape (B, C)."""
        ...


class AnyLayer:
    """Any function of rows and parameters, differentiated by autograd.

    Args:
        parameters: what is trained.
        logits_of: maps rows (B, D) to logits (B, C), using the parameters.
        precision: of its products.
        device: where it computes.
    """

    rows_dtype = None

    def __init__(
        self,
        parameters: list[Tensor],
        logits_of: Callable[[Tensor], Tensor],
        precision: Precision = "float32",
        device: str = "cpu",
    ) -> None:
        self.parameters, self.logits_of, self.precision, self.device = parameters, logits_of, precision, device
        self._computed = torch.zeros(0)

    def logits(self, rows: Tensor) -> Tensor:
        """Map rows (B, D) to logits (B, C)."""
        with torch.enable_grad(), computing_in(self.precision, self.device):
            self._computed = self.logits_of(rows)
        return self._computed.detach().to(self.parameters[0], copy=True)

    def differentiate(self, rows: Tensor, of_logits: Tensor) -> None:
        """Set the gradients of the parameters."""
        for parameter in self.parameters:
            parameter.grad = None
        self._computed.backward(of_logits.to(self._computed))  # type: ignore[no-untyped-call]


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
        self._of_weight = torch.empty_like(weight)
        self._rounded = torch.empty_like(weight, dtype=torch.bfloat16) if is_rounded else weight
        self._of_rounded = torch.empty_like(self._rounded) if is_rounded else self._of_weight

    def logits(self, rows: Tensor) -> Tensor:
        """Map rows (B, D) to logits (B, C)."""
        if self._rounded is self.weight:
            return torch.addmm(self.bias, rows, self.weight.T)
        self._rounded.copy_(self.weight)
        return (rows.to(self.rows_dtype) @ self._rounded.T).to(self.bias).add_(self.bias)

    def differentiate(self, rows: Tensor, of_logits: Tensor) -> None:
        """Set the gradients of weight and bias."""
        self.bias.grad = of_logits.sum(dim=0)
        # products of bfloat16 take twice as long where the first factor has to be turned on the way
        turned = of_logits.T if self._rounded is self.weight else of_logits.to(self.rows_dtype).T.contiguous()
        torch.mm(turned, rows.to(self.rows_dtype), out=self._of_rounded)
        if self._of_rounded is not self._of_weight:
            self._of_weight.copy_(self._of_rounded)
        self.weight.grad = self._of_weight


class CosineLayer:
    """Cosines to the weights of each class, of rows that have length 1 already.

    z = x U^T,  u_c = w_c / |w_c|;  dl/dw_c = (g_c - (g_c . u_c) u_c) / |w_c|,  g = (dl/dz)^T x

    Args:
        weight: W, shape (C, D).
        precision: of the products; float64 stays what it is.
    """

    def __init__(self, weight: Tensor, precision: Precision = "float32") -> None:
        self.weight, self.parameters = weight, [weight]
        self._units = torch.empty_like(weight)
        self._inner = LinearLayer(self._units, weight.new_zeros(len(weight)), precision)
        self.rows_dtype = self._inner.rows_dtype

    def logits(self, rows: Tensor) -> Tensor:
        """Map rows (B, D) of length 1 to cosines (B, C)."""
        self._units.copy_(unit_length(self.weight))
        return self._inner.logits(rows)

    def differentiate(self, rows: Tensor, of_logits: Tensor) -> None:
        """Set the gradient of the weight."""
        self._inner.differentiate(rows, of_logits)
        gradient = self._units.grad
        assert gradient is not None
        along = (gradient * self._units).sum(dim=1, keepdim=True)
        lengths = self.weight.norm(dim=1, keepdim=True).clamp(min=torch.finfo(self.weight.dtype).tiny)
        self.weight.grad = gradient.sub_(along * self._units).div_(lengths)


def unit_rows(features: Features) -> TransformedRows:
    """Return features (N, D) whose rows have length 1 when they are asked for."""
    return TransformedRows(features, unit_length)
