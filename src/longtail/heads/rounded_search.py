"""The most similar of many rows by products in bfloat16, settled exactly, where the processor multiplies it faster."""

from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from longtail import processor
from longtail.heads.nearest_rows import Similarity, center_of, keep_largest, leave_out, nearest_rows
from longtail.heads.rows import chunks, torch_rows

__all__ = ["pays_to_round", "rounded_nearest"]

UNIT = 2.0**-8  # what rounding to bfloat16 changes a number by, at most, as a share of it
SUM = 1e-4  # what rounding to float32 changes a sum of products by, as a share of the lengths of its factors
SPARE = 32  # more candidates than asked for, at least
GATHERED = 2**21  # numbers of candidates that are compared at once
FEW = 1e-3  # of the rows may be candidates


def pays_to_round(num_rows: int, k: int, device: torch.device) -> bool:
    """Return whether `rounded_nearest` is likely to be faster than `nearest_rows`.

    Example:
        >>> pays_to_round(1000, 20, torch.device("cpu"))
        False
    """
    return device.type == "cpu" and _wanted(k) <= FEW * num_rows and processor.cpu_has_bfloat16()


def _wanted(k: int) -> int:
    return k + max(k, SPARE)


def rounded_nearest(
    features: Tensor,
    known: NDArray[Any],
    k: int,
    *,
    metric: Similarity = "cosine",
    left_out: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """Find what `nearest_rows` finds: candidates by rounded products, and the best of them by float32.

    Of equally similar rows those with the lowest numbers come first. A row that is no candidate has at most the score
    of the last one, plus what rounding can change. Where that is not below the score of the k-th best, all rows are
    compared in float32.

    Args:
        features: as of `nearest_rows`, as are `k`, `metric` and `left_out`; float32.
        known: rows to search, shape (N, D), in memory or mapped.
        k: how many.
        metric: "cosine" or "l2".
        left_out: row numbers, or None.

    Returns:
        What `nearest_rows` returns.

    Example:
        >>> import numpy as np
        >>> known = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]], dtype=np.float32)
        >>> rounded_nearest(torch.tensor([[0.9, 0.1]]), known, k=2)[1].tolist()
        [[0, 2]]
    """
    k = min(k, len(known))
    center = center_of(next(block for _, block in chunks(known)).to(features)) if metric == "l2" else None
    scaled = _scaled(features, center)
    rounded, rounding = _rounded(scaled)
    if metric == "l2":
        rounded = functional.pad(rounded, (0, 3), value=1.0)
    scores, candidates, longest = _candidates(rounded, known, _wanted(k), center, left_out)
    least, candidates = scores[:, -1], candidates.sort(dim=1).values
    similarity = _exactly(scaled, known, candidates, center)
    if left_out is not None:
        similarity[candidates == left_out[:, None]] = -torch.inf
    best, order = (part[:, :k] for part in similarity.sort(dim=1, descending=True, stable=True))
    rows = candidates.gather(1, order)
    if candidates.shape[1] < len(known):
        lengths = scaled.norm(dim=1)
        # of a product: by rounding either factor, the sum in float32, and what comes out
        error = longest * (rounding + (UNIT * (1 + UNIT) + SUM) * lengths) + UNIT * least.abs()
        kth = best[:, -1] if metric == "cosine" else (lengths.square() + best[:, -1]) / 2
        unsure = torch.nonzero(kth <= least + error)[:, 0]
        if len(unsure):
            own = None if left_out is None else left_out[unsure]
            blocks = ((part, block.to(features)) for part, block in chunks(known))
            best[unsure], rows[unsure] = nearest_rows(features[unsure], blocks, k, metric=metric, left_out=own)
    return best, rows


def _scaled(features: Tensor, center: Tensor | None) -> Tensor:
    """Return what products are scores of: directions or, for l2, the rows less a center."""
    if center is not None:
        return features - center
    return functional.normalize(features, dim=1, eps=torch.finfo(features.dtype).tiny)


def _rounded(features: Tensor) -> tuple[Tensor, Tensor]:
    """Round to bfloat16; return also how far each row moved, shape (M,)."""
    rounded = features.bfloat16()
    return rounded, (features - rounded.float()).norm(dim=1)


def _candidates(
    rounded: Tensor, known: NDArray[Any], count: int, center: Tensor | None, left_out: Tensor | None
) -> tuple[Tensor, Tensor, float]:
    """Return scores x . z, or x . z - ||z||^2 / 2 for l2, falling, their row numbers, and the largest ||z||."""
    found: tuple[Tensor, Tensor] | None = None
    longest = 1.0 if center is None else 0.0
    for rows, block in chunks(known):
        scaled = _scaled(block, center)
        factors = scaled.bfloat16()
        if center is not None:
            squares = scaled.square().sum(dim=1, keepdim=True)
            longest = max(longest, float(squares.max()) ** 0.5)
            factors = torch.cat([factors, *_parts(-squares / 2)], dim=1)
        scores = rounded @ factors.T
        leave_out(scores, rows, left_out)
        found = keep_largest(found, scores, rows.start, count)
    assert found is not None
    return found[0].float(), found[1], longest


def _parts(values: Tensor) -> list[Tensor]:
    """Return three numbers in bfloat16 that add up to each in float32."""
    parts = []
    for _ in range(3):
        parts.append(values.bfloat16())
        values = values - parts[-1].float()
    return parts


def _exactly(features: Tensor, known: NDArray[Any], candidates: Tensor, center: Tensor | None) -> Tensor:
    """Compare each row, as `_scaled` gives it, with its own candidates, shape (M, count)."""
    result = torch.empty(candidates.shape)
    size = max(GATHERED // (candidates.shape[1] * features.shape[1]), 1)
    for start in range(0, len(features), size):
        numbers, part = candidates[start : start + size], features[start : start + size, None]
        others = torch_rows(known, numbers.flatten().numpy()).to(features).view(*numbers.shape, -1)
        # number by number: a matrix product gives equal rows unlike last bits, by their places in it
        if center is None:
            lengths = others.norm(dim=2).clamp(min=torch.finfo(features.dtype).tiny)
            result[start : start + size] = (others * part).sum(dim=2) / lengths
        else:
            result[start : start + size] = -(others - center - part).square().sum(dim=2)
    return result
