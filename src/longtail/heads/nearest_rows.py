"""The most similar of many rows, and the votes of their classes."""

from collections.abc import Iterable
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

__all__ = ["Similarity", "center_of", "class_votes", "keep_largest", "leave_out", "nearest_rows", "similarity_of"]

GROUP = 8  # columns, which are looked at one by one only where their maximum is among the largest

Similarity = Literal["cosine", "l2"]


def similarity_of(features: Tensor, others: Tensor, metric: Similarity = "cosine") -> Tensor:
    """Compare every row with every other.

    cosine: x . z / (||x|| ||z||), 0 where one of them is zero;  l2: -||x - z||^2

    Args:
        features: x, shape (..., M, D).
        others: z, shape (..., N, D).
        metric: "cosine" or "l2".

    Returns:
        Shape (..., M, N).

    Example:
        >>> similarity_of(torch.tensor([[1.0, 1.0]]), torch.tensor([[1.0, 0.0]]), "l2").tolist()
        [[-1.0]]
    """
    if metric == "cosine":
        eps = torch.finfo(features.dtype).tiny
        return functional.normalize(features, dim=-1, eps=eps) @ functional.normalize(others, dim=-1, eps=eps).mT
    scores = ((2 * features) @ others.mT).sub_(others.square().sum(dim=-1).unsqueeze(-2))
    return scores.sub_(features.square().sum(dim=-1, keepdim=True)).clamp_(max=0)


def nearest_rows(
    features: Tensor,
    blocks: Iterable[tuple[slice, Tensor]],
    k: int,
    *,
    metric: Similarity = "cosine",
    left_out: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """Find the k most similar rows, block by block.

    Args:
        features: to compare, shape (M, D).
        blocks: of known rows, each as (row numbers, features); at least one.
        k: how many; all of them where there are fewer.
        metric: "cosine" or "l2".
        left_out: number of each feature's own row among the known ones, which is left out, shape (M,).

    Returns:
        Similarities, falling, shape (M, k), and row numbers, int64, shape (M, k).

    Example:
        >>> known = torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
        >>> nearest_rows(torch.tensor([[0.9, 0.1]]), [(slice(0, 3), known)], k=2)[1].tolist()
        [[0, 2]]
    """
    best: tuple[Tensor, Tensor] | None = None
    center: Tensor | None = None
    for rows, block in blocks:
        if metric == "l2":
            if center is None:
                center = center_of(block)
                features = features - center
            block = block - center
        similarity = similarity_of(features, block, metric)
        leave_out(similarity, rows, left_out)
        best = keep_largest(best, similarity, rows.start, k)
    assert best is not None
    return best


def center_of(rows: Tensor) -> Tensor:
    """Return the mean of rows, shape (D,), less which distances are computed: far from 0 they are lost in rounding.

    Squared distances come from products, ||x||^2 - 2 x . z + ||z||^2, whose terms are large where all rows are.
    """
    return rows.mean(dim=0)


def leave_out(scores: Tensor, rows: slice, left_out: Tensor | None) -> None:
    """Give each feature's own row, where it is among those that scores (M, N) are of, the lowest score, in place."""
    if left_out is not None:
        inside = torch.nonzero((left_out >= rows.start) & (left_out < rows.stop))[:, 0]
        scores[inside, left_out[inside] - rows.start] = -torch.inf


def keep_largest(best: tuple[Tensor, Tensor] | None, scores: Tensor, start: int, k: int) -> tuple[Tensor, Tensor]:
    """Keep the k largest of each row among those known so far and new columns.

    Args:
        best: scores, falling, and column numbers so far, both (M, at most k); None before the first columns.
        scores: of new columns, shape (M, N).
        start: number of the first of them.
        k: how many.

    Returns:
        Scores, falling, and column numbers, both (M, k), or as many as there are.

    Example:
        >>> scores, columns = keep_largest(None, torch.arange(100.0).sin()[None], start=1000, k=2)
        >>> columns.tolist()
        [[1033, 1077]]
    """
    full = best is not None and best[0].shape[1] == k
    found, columns = _largest(scores, k, best[0][:, -1] if best is not None and full else None)
    columns = columns + start
    if best is None:
        return found, columns
    found, columns = torch.cat([best[0], found], dim=1), torch.cat([best[1], columns], dim=1)
    found, order = found.topk(min(k, found.shape[1]), dim=1)
    return found, columns.gather(1, order)


def _largest(scores: Tensor, k: int, bar: Tensor | None) -> tuple[Tensor, Tensor]:
    """Find the k largest of each row, or all that are above a bar where those are fewer: (M, at most k)."""
    num_groups = scores.shape[1] // GROUP
    if num_groups <= k:
        return scores.topk(min(k, scores.shape[1]), dim=1)
    # the k largest lie in the k groups with the largest maxima, or among the last few columns
    grouped = scores[:, : GROUP * num_groups].view(len(scores), GROUP, num_groups)
    maxima = grouped.amax(dim=1)
    several = k if bar is None else min(k, int((maxima > bar[:, None]).sum(dim=1).max()))
    groups = maxima.topk(several, dim=1, sorted=False).indices
    members = num_groups * torch.arange(GROUP, device=scores.device)
    last = torch.arange(GROUP * num_groups, scores.shape[1], device=scores.device).expand(len(scores), -1)
    columns = torch.cat([(groups[:, None] + members[:, None]).flatten(1), last], dim=1)
    values, order = scores.gather(1, columns).topk(min(k, columns.shape[1]), dim=1)
    return values, columns.gather(1, order)


def class_votes(nearest: Tensor, labels: Tensor, weights: Tensor, temperature: float) -> Tensor:
    """Let the nearest rows vote for their classes.

    votes_c = sum over the nearest i of class c of w_c exp((s_i - s_1) / T), s_1 the largest similarity

    Args:
        nearest: similarities s, falling, shape (M, k).
        labels: class index of each, shape (M, k).
        weights: w, of a vote for each class, shape (C,).
        temperature: T, above 0.

    Returns:
        Shape (M, C).

    Example:
        >>> class_votes(torch.tensor([[0.9, 0.9]]), torch.tensor([[1, 0]]), torch.tensor([1.0, 3.0]), 1.0).tolist()
        [[1.0, 3.0]]
    """
    # the most similar one has weight 1: exponents of large numbers would overflow
    votes = torch.exp((nearest - nearest[:, :1]) / temperature) * weights[labels]
    counted = torch.zeros(len(nearest), len(weights), dtype=votes.dtype, device=votes.device)
    return counted.scatter_add_(1, labels, votes)
