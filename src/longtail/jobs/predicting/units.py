"""Predictions of what belongs together: of the images of an event, the boxes of an image, the images of an object."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from longtail.evaluation.event_pooling import pooled_by_event

__all__ = ["complete_units", "pooled_units"]

Blocks = Iterator[tuple[list[str], NDArray[Any]]]
Unit = tuple[NDArray[np.int64], NDArray[Any]]


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
            yield rows, pooled_by_event(probabilities, np.zeros(len(rows), dtype=np.int64))[0][0]
