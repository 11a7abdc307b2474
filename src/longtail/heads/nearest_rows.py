"""The most similar of many rows, and the votes of their classes."""

from collections.abc import Iterable
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

__all__ = ["Similarity", "class_votes", "nearest_rows", "similarity_of"]

Similarity = Literal["cosine", "l2"]


def similarity_of(features: Tensor, others: Tensor, metric: Similarity = "cosine") -> Tensor:
    """Compare every row with every other.

    cosine: x . z / (||x|| ||z||), 0 where one of them is zero;  l2: -||x - z||^2

    Args:
        features: x, shape (M, D).
        others: z, shape (N, D).
        metric: "cosine" or "l2".

    Returns:
        Shape (M, N).

    Example:
        >>> similarity_of(torch.tensor([[1.0, 1.0]]), torch.tensor([[1.0, 0.0]]), "l2").tolist()
        [[-1.0]]
    """
    if metric == "cosine":
        eps = torch.finfo(features.dtype).tiny
        return functional.normalize(features, dim=1, eps=eps) @ functional.normalize(others, dim=1, eps=eps).T
    scores = torch.addmm(-others.square().sum(dim=1), features, others.T, alpha=2)
    return scores.sub_(features.square().sum(dim=1, keepdim=True)).clamp_(max=0)


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
    for rows, block in blocks:
        similarity = similarity_of(features, block, metric)
        if left_out is not None:
            inside = torch.nonzero((left_out >= rows.start) & (left_out < rows.stop))[:, 0]
            similarity[inside, left_out[inside] - rows.start] = -torch.inf
        nearest, places = similarity.topk(min(k, similarity.shape[1]), dim=1)
        places = places + rows.start
        if best is not None:
            nearest, order = torch.cat([best[0], nearest], dim=1).topk(
                min(k, best[0].shape[1] + nearest.shape[1]), dim=1
            )
            places = torch.cat([best[1], places], dim=1).gather(1, order)
        best = nearest, places
    assert best is not None
    return best


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
