"""Masked matrices whose zeros are neither stored nor multiplied: sorted, they are stairs."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

__all__ = ["StaircaseLinear"]

STEP = 192  # rows that are multiplied at once; of fewer, products lose more speed than zeros cost
MOST_STEPS = 8


@dataclass(frozen=True)
class _Step:
    """Some rows of the stairs: where they are stored, the columns they reach, and the columns that all of them do."""

    rows: slice
    stored: slice
    columns: int
    shared: int

    def of(self, stored: Tensor) -> Tensor:
        """Return this step of a flat tensor as a matrix."""
        return stored[self.stored].view(self.rows.stop - self.rows.start, self.columns)


class StaircaseLinear(nn.Module):
    """A masked linear layer, W x + b for columns x, with half the arithmetic and memory that the mask would need.

    The mask of an autoregressive layer is one of stairs where its rows are sorted by how many columns they see, and its
    columns by how many rows see them: row i sees the first reach_i. Rows are taken in a few steps, each of which is
    stored, and multiplied, up to the longest reach in it; in between zeros are kept by zero gradients.

    Args:
        mask: True where a weight is, shape (R, C).
        rows: their order by reach, shape (R,).
        columns: their order, shape (C,).
        rectified: max(0, W x + b) instead.
    """

    mask: Tensor
    rows: Tensor
    columns: Tensor

    def __init__(self, mask: Tensor, rows: Tensor, columns: Tensor, *, rectified: bool) -> None:
        super().__init__()
        self.rectified = rectified
        self.register_buffer("rows", rows, persistent=False)
        self.register_buffer("columns", columns, persistent=False)
        self.steps = _steps(mask[rows].sum(dim=1).tolist())
        self.weight = nn.Parameter(torch.empty(self.steps[-1].stored.stop))
        self.bias = nn.Parameter(torch.empty(len(rows)))
        self.register_buffer("mask", self._stored(mask).float(), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """Map columns (C, B), in their order, to (R, B), in that of the rows."""
        return _product(x, self.weight, self.bias, self.mask, self.steps, self.rectified)

    def pack(self, weight: Tensor, bias: Tensor) -> tuple[Tensor, Tensor]:
        """Return what is stored of a weight (R, C) and a bias (R,) in their own order."""
        return self._stored(weight) * self.mask.to(weight), bias[self.rows.to(bias.device)]

    def unpack(self, stored: Tensor, bias: Tensor) -> tuple[Tensor, Tensor]:
        """Return weight (R, C) and bias (R,) in their own order of what is stored."""
        weight, shift = stored.new_zeros(len(self.rows), len(self.columns)), torch.empty_like(bias)
        for step in self.steps:
            weight[self.rows[step.rows, None], self.columns[None, : step.columns]] = step.of(stored)
        shift[self.rows] = bias
        return weight, shift

    def _stored(self, matrix: Tensor) -> Tensor:
        ordered = matrix[self.rows.to(matrix.device)][:, self.columns.to(matrix.device)]
        return torch.cat([ordered[step.rows, : step.columns].flatten() for step in self.steps])


def _steps(reach: list[int]) -> tuple[_Step, ...]:
    number = max(1, min(MOST_STEPS, round(len(reach) / STEP)))
    edges = [len(reach) * step // number for step in range(number + 1)]
    steps, stored = [], 0
    for start, stop in zip(edges, edges[1:], strict=False):
        size = (stop - start) * reach[stop - 1]
        steps.append(_Step(slice(start, stop), slice(stored, stored + size), reach[stop - 1], reach[start]))
        stored += size
    return tuple(steps)


class _Product(torch.autograd.Function):
    """W x + b step by step; under autocast its products, and what comes out, are of autocast's type."""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight: Tensor, bias: Tensor, mask: Tensor, steps: tuple[_Step, ...], rectified: bool
    ) -> Tensor:
        kind = weight.dtype
        if kind == torch.float32 and torch.is_autocast_enabled(x.device.type):
            kind = torch.get_autocast_dtype(x.device.type)
        columns, factor, shift = x.to(kind), weight.to(kind), bias.to(kind)
        result = columns.new_empty(len(bias), x.shape[1])
        for step in steps:
            product = result[step.rows]
            torch.addmm(shift[step.rows, None], step.of(factor), columns[: step.columns], out=product)
        if rectified:
            result.relu_()
        ctx.save_for_backward(columns, factor, mask, *([result] if rectified else []))
        ctx.steps, ctx.kinds = steps, (x.dtype, weight.dtype)
        return result

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, Tensor, Tensor, None, None, None]:
        columns, factor, mask, *rectified = ctx.saved_tensors
        steps, (kind, wide) = ctx.steps, ctx.kinds
        if rectified:
            gradient = torch.ops.aten.threshold_backward(gradient, rectified[0], 0)
        gradient = gradient.contiguous()
        of_weight = torch.empty_like(mask)
        for step in steps:
            piece, product = step.of(of_weight), columns[: step.columns].T
            if factor.dtype == wide:
                torch.mm(gradient[step.rows], product, out=piece)
            else:
                piece.copy_(gradient[step.rows] @ product)
            piece[:, step.shared :].mul_(step.of(mask)[:, step.shared :])
        of_bias = gradient.sum(dim=1, dtype=wide)
        of_columns = None
        if ctx.needs_input_grad[0]:
            of_columns = torch.zeros_like(columns)
            for step in steps:
                of_columns[: step.columns].addmm_(step.of(factor).T, gradient[step.rows])
            of_columns = of_columns.to(kind)
        return of_columns, of_weight, of_bias, None, None, None


def _product(*arguments: Any) -> Tensor:
    result: Tensor = _Product.apply(*arguments)  # type: ignore[no-untyped-call]
    return result
