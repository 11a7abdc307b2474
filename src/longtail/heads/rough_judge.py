"""Who judges by rounded products which class wins at each setting of a grid, and knows where it cannot."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from longtail.heads.grid_scores import GridScores

__all__ = ["GROUP", "RoughJudge"]

PART = 512  # rows whose scores stay in the cache while every setting is tried
GROUP = 8  # classes of like length, of which the largest product is compared first
VECTOR = 16  # numbers of float32 in the widest registers
DEPTH = 512  # numbers that are summed up at once


class RoughJudge:
    """Judge by rounded products of rows with weight vectors of length 1, where their error cannot change the outcome.

    Of a group of classes only the largest product is looked at, with the smallest and the largest factor in it.

    Args:
        scores: how classes are scored.
        dtype: of the product.
        groups: sizes of groups to try one after another, each 1 or GROUP.
        device: where to compute.
    """

    def __init__(self, scores: GridScores, dtype: torch.dtype, groups: tuple[int, ...], device: str) -> None:
        weight = np.asarray(scores.weight, dtype=np.float64)
        num_classes, dimension = weight.shape
        lengths = np.linalg.norm(weight, axis=1)
        lengths[lengths == 0] = 1
        # the largest of GROUP columns that lie a GROUP-th of the width apart is found by halving the matrix; rows of
        # whole vectors of the processor are compared several times faster
        width = -(-num_classes // (GROUP * VECTOR)) * GROUP * VECTOR if GROUP in groups else num_classes
        self._column = np.empty(width, dtype=np.int64)
        order = np.concatenate([np.argsort(lengths, kind="stable"), np.arange(num_classes, width)])
        self._column[order] = np.arange(width).reshape(GROUP, -1).T.ravel() if GROUP in groups else np.arange(width)
        self._empty = torch.from_numpy(self._column[num_classes:]).to(device)
        unit = np.zeros((width, dimension))
        unit[self._column[:num_classes]] = weight / lengths[:, None]
        self._matrix = torch.from_numpy(unit).to(device, dtype).T
        self._groups = groups
        # a common factor of a setting's scores changes no winner: its largest is about 1, and none that counts vanishes
        factors = scores.factors * lengths
        unit_of_setting = _powers_of_two(factors.max(axis=1, keepdims=True))
        self._factors = self._placed(factors / unit_of_setting).to(device, torch.float32)
        shifts = scores.shifts
        self._shifts = None if shifts is None else self._placed(shifts / unit_of_setting).to(device, torch.float32)
        self._column_of = torch.from_numpy(self._column[:num_classes]).to(device)
        # by Cauchy and Schwarz: x, w and sums are rounded; sums of bfloat16 are counted with twice their last bit
        self._depth = dimension if dtype == torch.bfloat16 else DEPTH
        sums = min(self._depth, dimension) + -(-dimension // self._depth)
        self._error = 2.02 * _rounding(dtype) + (sums + 16) * (2.0**-23 if dtype == torch.bfloat16 else 2.0**-24)
        self._underflow = dimension * 2.0**-120
        self._relative = 2.0**-8 if dtype == torch.bfloat16 else 2.0**-20  # of products and scores, when stored
        self._dtype = dtype

    def _placed(self, values: NDArray[np.float64]) -> Tensor:
        last = int(self._column[: values.shape[1]].argmax())  # the class beside the empty columns, to be like them
        result = np.repeat(values[:, [last]], len(self._column), axis=1)
        result[:, self._column[: values.shape[1]]] = values
        return torch.from_numpy(result)

    def __call__(self, block: Tensor, truth: Tensor) -> tuple[Tensor, Tensor]:
        """Return which rows are right at each setting, (T, B), and which are undecided, (B,)."""
        length = torch.linalg.vector_norm(block, dim=1).float()
        error = self._error * length + self._underflow
        error[~(length > 2.0**-40)] = torch.inf  # squares may have vanished
        products = self._products(block.to(self._dtype))
        parts = [slice(start, start + PART) for start in range(0, len(block), PART)]
        column = self._column_of[truth]
        judged = [self._judge(products[rows].float(), error[rows], column[rows]) for rows in parts]
        return torch.cat([won for won, _ in judged], dim=1), torch.cat([is_open for _, is_open in judged])

    def _products(self, block: Tensor) -> Tensor:
        # short sums, added up after, have a smaller bound
        products = block[:, : self._depth] @ self._matrix[: self._depth]
        for start in range(self._depth, block.shape[1], self._depth):
            columns = slice(start, start + self._depth)
            products += block[:, columns] @ self._matrix[columns]
        return products

    def _judge(self, products: Tensor, error: Tensor, column: Tensor) -> tuple[Tensor, Tensor]:
        own = products.gather(1, column[:, None])[:, 0]
        products.scatter_(1, column[:, None], -torch.inf)
        products[:, self._empty] = -torch.inf
        factor = self._factors[:, column]
        score = own * factor
        if self._shifts is not None:
            score = score + self._shifts[:, column]
        doubt = error * factor + self._relative * score.abs()
        won = torch.zeros_like(score, dtype=torch.bool)
        left = torch.arange(len(own), device=own.device)
        for group in self._groups:
            low, high = self._largest_of_others(products[left] if len(left) < len(own) else products, group)
            others_doubt = error[left] * self._factors.amax(dim=1, keepdim=True)
            high = high + self._relative * high.abs() + others_doubt
            low = low - self._relative * low.abs() - others_doubt
            is_right = score[:, left] - doubt[:, left] > high
            is_wrong = score[:, left] + doubt[:, left] < low
            won[:, left] = is_right
            left = left[~(is_right | is_wrong).all(dim=0)]
        is_open = torch.zeros(len(own), dtype=torch.bool, device=own.device)
        is_open[left] = True
        return won, is_open

    def _largest_of_others(self, products: Tensor, group: int) -> tuple[Tensor, Tensor]:
        """Return bounds of the largest score at each setting as far as products are right, each (T, B)."""
        if group == 1:
            largest = self._largest(products, self._factors, self._shifts)
            return largest, largest
        factors = self._factors.view(len(self._factors), group, -1)
        width = products.shape[1]
        while width > factors.shape[2]:
            width //= 2
            products = torch.maximum(products[:, :width], products[:, width:])
        products = products.clamp(min=0)
        high = self._largest(products, factors.amax(dim=1), None)
        low = self._largest(products, factors.amin(dim=1), None)
        # of a negative product the smallest factor would give the largest score
        return low.where(low > 0, low.new_tensor(-torch.inf)), high

    def _largest(self, products: Tensor, factors: Tensor, shifts: Tensor | None) -> Tensor:
        scores = torch.empty_like(products)
        if len(factors) == 1 and shifts is not None:
            products = products * factors
            return torch.stack([torch.add(products, shift, out=scores).amax(dim=1) for shift in shifts])
        largest = []
        for number, factor in enumerate(factors):
            torch.mul(products, factor, out=scores)
            if shifts is not None:
                scores += shifts[number]
            largest.append(scores.amax(dim=1))
        return torch.stack(largest)


def _powers_of_two(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the power of two below each value, by which is divided without rounding; 1 where there is none."""
    usual = np.isfinite(values) & (values > 0)
    powers: NDArray[np.float64] = np.exp2(np.floor(np.log2(np.where(usual, values, 1.0))).clip(-1000, 1000))
    return powers


def _rounding(dtype: torch.dtype) -> float:
    """Return how much a factor of a product is rounded at most, relative to it."""
    if dtype == torch.bfloat16:
        return 2.0**-9
    # a person may have allowed faster products of float32 that round their factors
    return 2.0**-24 if torch.get_float32_matmul_precision() == "highest" else 2.0**-8
