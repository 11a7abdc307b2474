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
    """Some rows: where their weights are stored, the columns that they see, and which of those not all of them do."""

    rows: slice
    stored: slice
    columns: slice
    stairs: slice

    def of(self, stored: Tensor) -> Tensor:
        """Return this step of a flat tensor as a matrix."""
        return stored[self.stored].view(self.rows.stop - self.rows.start, self.columns.stop - self.columns.start)


class StaircaseLinear(nn.Module):
    """A masked linear layer, W x + b for columns x, with half the arithmetic and memory that the mask would need.

    The mask of an autoregressive layer is one of stairs where rows and columns are in the right order. Rows are taken
    in a few steps; each is stored, and multiplied, as far as its rows see, and zero gradients keep the zeros of its
    edge.

    Args:
        mask: True where a weight is, shape (R, C).
        rows: the order in which they see more and more columns, or fewer and fewer, shape (R,).
        columns: the order in which more and more rows see them, or fewer and fewer, shape (C,).
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
        self.steps = _steps(mask[rows][:, columns])
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
            weight[self.rows[step.rows, None], self.columns[None, step.columns]] = step.of(stored)
        shift[self.rows] = bias
        return weight, shift

    def _stored(self, matrix: Tensor) -> Tensor:
        ordered = matrix[self.rows.to(matrix.device)][:, self.columns.to(matrix.device)]
        return torch.cat([ordered[step.rows, step.columns].flatten() for step in self.steps])


def _steps(mask: Tensor) -> tuple[_Step, ...]:
    number = max(1, min(MOST_STEPS, round(len(mask) / STEP)))
    edges = [len(mask) * step // number for step in range(number + 1)]
    steps, stored = [], 0
    for rows in map(slice, edges, edges[1:]):
        columns = _range(mask[rows].any(dim=0))
        stairs = _range(~mask[rows, columns].all(dim=0))
        size = (rows.stop - rows.start) * (columns.stop - columns.start)
        steps.append(_Step(rows, slice(stored, stored + size), columns, stairs))
        stored += size
    return tuple(steps)


def _range(chosen: Tensor) -> slice:
    places = chosen.nonzero().flatten().tolist()
    return slice(places[0], places[-1] + 1) if places else slice(0, 0)


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
            torch.mm(step.of(factor), columns[step.columns], out=result[step.rows])
        result.add_(shift[:, None])
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
            piece, product = step.of(of_weight), columns[step.columns].T
            if factor.dtype == wide:
                torch.mm(gradient[step.rows], product, out=piece)
            else:
                piece.copy_(gradient[step.rows] @ product)
            piece[:, step.stairs].mul_(step.of(mask)[:, step.stairs])
        of_bias = gradient.sum(dim=1).to(wide)
        of_columns = None
        if ctx.needs_input_grad[0]:
            of_columns = torch.zeros_like(columns)
            for step in steps:
                of_columns[step.columns].addmm_(step.of(factor).T, gradient[step.rows])
            of_columns = of_columns.to(kind)
        return of_columns, of_weight, of_bias, None, None, None


def _product(*arguments: Any) -> Tensor:
    result: Tensor = _Product.apply(*arguments)
    return result
