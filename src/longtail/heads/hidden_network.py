"""The network behind `MultilayerPerceptron`: its layers, what scales its inputs, and what both are for prediction."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from longtail.heads.feature_transform import unit_length
from longtail.heads.rows import Features, chunks

__all__ = ["HiddenNetwork", "Scaling", "scaling_of"]

LEVELS = 2**16  # of what dropout draws: small numbers are quicker to draw
BITS = {2: torch.int16, 4: torch.int32, 8: torch.int64}  # by bytes


@dataclass(frozen=True)
class Scaling:
    """Rows of length 1, less their mean, over their typical deviation."""

    unit_length: bool
    mean: Tensor
    deviation: float

    def apply(self, rows: Tensor) -> Tensor:
        rows = unit_length(rows) if self.unit_length else rows
        return (rows - self.mean.to(rows)) / self.deviation


def scaling_of(features: Features, is_unit: bool) -> Scaling:
    total = torch.zeros(features.shape[1], dtype=torch.float64)
    squares = torch.zeros_like(total)
    for _, rows in chunks(features):
        scaled = (unit_length(rows) if is_unit else rows).double()
        total += scaled.sum(dim=0)
        squares += scaled.square().sum(dim=0)
    mean = total / len(features)
    deviation = float((squares / len(features) - mean.square()).clamp(min=0).sqrt().mean())
    return Scaling(is_unit, mean, deviation or 1.0)


class _Dropout(nn.Dropout):
    """Dropout that draws, on the CPU, from a generator of its own: NumPy's, which is many times as fast as torch's."""

    def __init__(self, share: float, rng: np.random.Generator | None) -> None:
        super().__init__(share)
        self.rng = rng

    def forward(self, rows: Tensor) -> Tensor:
        if self.rng is None or rows.device.type != "cpu" or not self.training or self.p == 0:
            return super().forward(rows)
        draws = self.rng.integers(0, LEVELS, tuple(rows.shape), dtype=np.uint16)
        return rows * _where(draws >= round(LEVELS * self.p), 1 / (1 - self.p), rows.dtype)


def _where(stays: NDArray[np.bool_], value: float, dtype: torch.dtype) -> Tensor:
    """Return a value where something stays, and 0 elsewhere: its bits, multiplied, for torch converts bools slowly."""
    bits = torch.tensor(value, dtype=dtype).view(BITS[dtype.itemsize]).numpy()
    return torch.from_numpy(np.multiply(stays, bits)).view(dtype)


class _Linear(nn.Linear):
    """A layer with weights as torch draws them, but from a generator of its own."""

    def __init__(self, inputs: int, outputs: int, generator: torch.Generator | None) -> None:
        self.generator = generator
        super().__init__(inputs, outputs)

    def reset_parameters(self) -> None:
        nn.init.kaiming_uniform_(self.weight, a=math.sqrt(5), generator=self.generator)
        bound = 1 / math.sqrt(self.in_features)
        nn.init.uniform_(self.bias, -bound, bound, generator=self.generator)


class HiddenNetwork(nn.Module):
    """A hidden layer with batch norm, gelu and dropout, and a linear one.

    Args:
        width: D.
        hidden: H.
        num_classes: C.
        dropout: share of hidden units left out.
        input_dropout: share of features left out.
        seed: of the weights and, on the CPU, of dropout; None: torch's own generator.
    """

    def __init__(
        self, width: int, hidden: int, num_classes: int, dropout: float, input_dropout: float, seed: int | None = None
    ) -> None:
        super().__init__()
        generator = None if seed is None else torch.Generator().manual_seed(seed)
        rng = None if seed is None else np.random.Generator(np.random.SFC64(seed))
        self.input_dropout = _Dropout(input_dropout, rng)
        self.hidden = _Linear(width, hidden, generator)
        self.norm = nn.BatchNorm1d(hidden)
        self.dropout = _Dropout(dropout, rng)
        self.output = _Linear(hidden, num_classes, generator)

    def forward(self, rows: Tensor) -> Tensor:
        hidden = self.norm(self.hidden(self.input_dropout(rows)))
        return self.output(self.dropout(functional.gelu(hidden)))  # type: ignore[no-any-return]

    @torch.no_grad()
    def folded(self, scaling: Scaling) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Return both layers for prediction: batch norm and the scaling of the inputs are part of the first one."""
        norm: Any = self.norm
        gain = norm.weight / (norm.running_var + norm.eps).sqrt()
        weight = self.hidden.weight * gain[:, None] / scaling.deviation
        bias = (self.hidden.bias - norm.running_mean) * gain + norm.bias - weight @ scaling.mean.to(weight)
        return weight, bias, self.output.weight.clone(), self.output.bias.clone()
