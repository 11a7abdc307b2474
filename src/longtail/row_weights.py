"""Weights of rows: how many training rows each one counts for."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from longtail.arguments import one_a_row
from longtail.errors import InputError

__all__ = ["check_weighted", "copies_by_weight", "read_weights", "weighted_counts", "weights_note"]

MOST_COPIES = 20  # of a row, on average


def read_weights(values: NDArray[Any], rows: int, *, origin: str, place: Callable[[int], str]) -> NDArray[np.float64]:
    """Return the weight of each row.

    Args:
        values: numbers or words, shape (N,), (N, 1) or (1, N), each at least 0.
        rows: N.
        origin: the file and the column or array, for messages.
        place: where a row stands, in words.

    Raises:
        InputError: another number of them than rows, or what is no weight.

    Example:
        >>> read_weights(np.array(["1", "2.5"]), 2, origin="e.csv: weight", place="row {}".format)
        array([1. , 2.5])
    """
    array = one_a_row(values, rows, "weight", origin=origin)
    weights = np.fromiter(map(_number, array.tolist()), dtype=np.float64, count=rows)
    wrong = np.flatnonzero(~(weights >= 0) | np.isinf(weights))
    if len(wrong):
        row = int(wrong[0])
        raise InputError(
            f"{origin}: {place(row)}: {str(array[row])!r} is no weight ({len(wrong):,} such rows). Expected a number "
            "of at least 0: how many rows that one counts for."
        )
    return weights


def check_weighted(weights: NDArray[np.float64], labels: NDArray[np.int64], *, origin: str) -> None:
    """Make sure that weights are numbers of rows, and leave each class some.

    Args:
        weights: at least 0, shape (N,).
        labels: class indices, shape (N,).
        origin: the file, for messages.

    Raises:
        InputError: they sum to far less or far more than there are rows, or to nothing in a class.
    """
    total, rows = float(weights.sum()), len(weights)
    if not rows / MOST_COPIES <= total <= rows * MOST_COPIES:
        raise InputError(
            f"{origin}: the weights of {rows:,} training rows sum to {total:,.4g}; a weight is how many rows a row "
            f"counts for, so that about {rows:,} is expected. Multiply them by {float(f'{rows / total:.3g}'):,g}."
            if total
            else f"{origin}: the weights of all {rows:,} training rows are 0. Expected how many rows each counts for."
        )
    of_class = np.bincount(labels, weights=weights)
    gone = np.flatnonzero((of_class == 0) & (np.bincount(labels) > 0))
    if len(gone):
        raise InputError(
            f"{origin}: all training rows of class {gone[0]} have weight 0. Give one a weight, or leave the class out."
        )


def copies_by_weight(weights: NDArray[np.float64], labels: NDArray[np.int64], seed: int) -> NDArray[np.int64]:
    """Return rows as often as they count: of weight 2 twice, of weight 0 never, of weight 1.5 once or twice.

    Of a class, row i comes floor(u + w_1 + ... + w_i) - floor(u + w_1 + ... + w_(i-1)) times, which is w_i on average
    over u, uniform in [0, 1): systematic sampling. Whole weights leave nothing to chance. A class that would be left
    with no row keeps its heaviest.

    Args:
        weights: at least 0, shape (N,).
        labels: class indices, shape (N,).
        seed: of u, one a class.

    Returns:
        Numbers of rows, rising, each as often as it counts.

    Source:
        Madow, "On the Theory of Systematic Sampling, II", The Annals of Mathematical Statistics 20 (1949).

    Example:
        >>> copies_by_weight(np.array([1.0, 0.0, 3.0]), np.array([0, 0, 1]), seed=0).tolist()
        [0, 2, 2, 2]
    """
    starts = np.random.default_rng(seed).random(int(labels.max(initial=0)) + 1)
    order = np.argsort(labels, kind="stable")
    classes, first = np.unique(labels[order], return_index=True)
    times = np.zeros(len(weights), dtype=np.int64)
    for label, rows in zip(classes.tolist(), np.split(order, first[1:]), strict=True):
        # sums of a class alone, and rounded: adding up a million weights must not move a whole one off its floor
        ends = np.floor(np.round(starts[label] + np.cumsum(weights[rows]), 9))
        times[rows] = np.diff(ends, prepend=0.0)
        if not times[rows].any() and weights[rows].any():
            times[rows[np.argmax(weights[rows])]] = 1
    return np.repeat(np.arange(len(weights)), times)


def weighted_counts(
    labels: NDArray[np.int64], weights: NDArray[np.float64] | None, num_classes: int
) -> NDArray[np.int64]:
    """Return how many rows of each class are learnt from: as many as there are, or as they count for.

    n_c = max(round(sum of w over the rows of c), 1), and 0 where c has no row

    Args:
        labels: class indices, shape (N,).
        weights: above 0, shape (N,); None: each row counts for one.
        num_classes: C.

    Returns:
        Shape (C,).

    Example:
        >>> weighted_counts(np.array([0, 0, 2]), np.array([2.0, 1.4, 0.2]), 3).tolist()
        [3, 0, 1]
    """
    rows = np.bincount(labels, minlength=num_classes)
    if weights is None:
        return rows
    sums = np.bincount(labels, weights=weights, minlength=num_classes)
    return np.maximum(np.rint(sums).astype(np.int64), rows > 0)


def weights_note(weights: NDArray[np.float64]) -> str:
    """Return what a person should know of weights of training rows.

    Example:
        >>> weights_note(np.array([1.0, 0.5, 2.0]))
        'train: rows are weighted, by 0.5 to 2: 3 rows count for 3.5 in what is learnt; each counts once where it is \
measured or chosen on'
    """
    return (
        f"train: rows are weighted, by {weights.min():g} to {weights.max():g}: {len(weights):,} rows count for "
        f"{weights.sum():,.6g} in what is learnt; each counts once where it is measured or chosen on"
    )


def _number(cell: Any) -> float:
    word = cell.decode("ascii", "replace") if isinstance(cell, bytes) else str(cell)
    try:
        return float(word) if word.isascii() and "_" not in word else float("nan")
    except ValueError:
        return float("nan")
