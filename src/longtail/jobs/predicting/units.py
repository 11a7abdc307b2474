"""Predictions of what belongs together: of the images of an event, the boxes of an image, the images of an object."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["complete_units", "pool", "pooled_units"]

Blocks = Iterator[tuple[list[str], NDArray[Any]]]
Unit = tuple[NDArray[np.int64], NDArray[Any]]


def pool(probabilities: NDArray[Any], events: NDArray[np.int64]) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Pool the probabilities of the rows of each event: their geometric mean.

    p_ec proportional to exp(mean_(i in e) log p_ic)

    Where the probabilities were moved to a prior before, that prior counts once an event.

    Args:
        probabilities: rows that sum to 1, shape (N, C).
        events: a whole number for each row, equal for rows of one event, shape (N,).

    Returns:
        Pooled probabilities, shape (E, C), of the events in the order of their first rows; and the event of each row, 0
        to E - 1, shape (N,).

    Example:
        >>> pooled, event = pool(np.array([[0.9, 0.1], [0.5, 0.5], [0.2, 0.8]]), np.array([7, 3, 7]))
        >>> pooled.round(2).tolist(), event.tolist()
        ([[0.6, 0.4], [0.5, 0.5]], [0, 1, 0])
    """
    _, first, inverse = np.unique(events, return_index=True, return_inverse=True)
    place = np.argsort(np.argsort(first))
    event = place[inverse.reshape(-1)].astype(np.int64)
    number = len(first)
    logs = np.log(np.maximum(probabilities, np.finfo(probabilities.dtype).tiny).astype(np.float64))
    mean, possible = np.zeros((number, logs.shape[1])), np.zeros((number, logs.shape[1]), dtype=bool)
    np.add.at(mean, event, logs)
    np.logical_or.at(possible, event, probabilities > 0)
    mean /= np.bincount(event, minlength=number)[:, None]
    mean[~possible] = -np.inf
    pooled = np.exp(mean - mean.max(axis=1, keepdims=True))
    return pooled / pooled.sum(axis=1, keepdims=True), event


def complete_units(blocks: Blocks, codes: NDArray[np.int64]) -> Iterator[Unit]:
    """Walk over what belongs together, each as soon as its last row has come.

    Args:
        blocks: what rows are called, and their probabilities (B, C).
        codes: a whole number for each row, equal for rows of one unit, shape (N,).

    Yields:
        Rows of a unit, rising, and their probabilities.

    Example:
        >>> blocks = iter([(["a", "b"], np.eye(2)), (["c"], np.ones((1, 2)))])
        >>> [rows.tolist() for rows, _ in complete_units(blocks, np.array([4, 8, 4]))]
        [[1], [0, 2]]
    """
    _, first = np.unique(codes[::-1], return_index=True)
    is_last = np.zeros(len(codes), dtype=np.bool_)
    is_last[len(codes) - 1 - first] = True
    waiting: dict[int, tuple[list[int], list[NDArray[Any]]]] = {}
    row = 0
    for _, probabilities in blocks:
        for one in probabilities:
            code = int(codes[row])
            rows, parts = waiting.setdefault(code, ([], []))
            rows.append(row)
            parts.append(one)
            if is_last[row]:
                del waiting[code]
                yield np.array(rows), np.stack(parts)
            row += 1


def pooled_units(blocks: Blocks, codes: NDArray[np.int64]) -> Iterator[Unit]:
    """Walk over what belongs together with its one, pooled, row of probabilities (C,)."""
    for rows, probabilities in complete_units(blocks, codes):
        if len(rows) == 1:
            yield rows, probabilities[0]
        else:
            yield rows, pool(probabilities, np.zeros(len(rows), dtype=np.int64))[0][0]
