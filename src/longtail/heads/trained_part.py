"""What can be trained on fixed features: how it maps rows to logits, and a gradient of the logits to its parameters."""

from collections.abc import Callable
from typing import Protocol

import torch
from torch import Tensor

from longtail.heads.precision import Precision, computing_in

__all__ = ["AnyLayer", "TrainedPart"]


class TrainedPart(Protocol):
    """What `descend` trains.

    Attributes:
        parameters: whose `grad` is set.
    """

    parameters: list[Tensor]

    @property
    def rows_dtype(self) -> torch.dtype | None:
        """The type that rows are wanted in; None: that of the features."""
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
        # of a scalar: torch looks at a gradient that it is given by a part of its compiler, which takes long to load
        with torch.enable_grad():
            (self._computed * of_logits.to(self._computed)).sum().backward()  # type: ignore[no-untyped-call]
