"""Rows that stand in two splits: how many there are, and what is measured without them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from longtail.arguments import as_array
from longtail.errors import InputError
from longtail.evaluation.accuracy import accuracy_report
from longtail.evaluation.copies import NearCopies, identical_rows, near_copies

__all__ = ["SharedRows", "SplitCopies", "accuracy_without", "find_copies", "shared_rows"]

IntArray = NDArray[np.int64]
Mask = NDArray[np.bool_]
Rows = tuple[NDArray[Any], IntArray]


@dataclass(frozen=True)
class SplitCopies:
    """The rows of all splits one after another, which of them are the same, and which nearly so.

    Attributes:
        names: of the splits, train first.
        split: number of each row's split, shape (N,).
        place: of each row in its split, shape (N,).
        labels: class indices, shape (N,).
        first: number of the first row that equals it, shape (N,).
        near: pairs of rows that are nearly the same, each row standing for all that equal it.
    """

    names: tuple[str, ...]
    split: IntArray
    place: IntArray
    labels: IntArray
    first: IntArray
    near: NearCopies


@dataclass(frozen=True)
class SharedRows:
    """Rows of a split that stand in an earlier one too.

    Attributes:
        identical: for each split but the first, which rows equal one of the splits before, shape (N_split,).
        near: which others are nearly the same as one of them, shape (N_split,).
        left_out: why near ones were not looked for, or None.
    """

    identical: dict[str, Mask]
    near: dict[str, Mask]
    left_out: str | None


def find_copies(
    splits: Mapping[str, Rows], *, across: bool = True, false_share: float = 0.01, most: float | None = None
) -> SplitCopies:
    """Find the rows that are the same or nearly so, in all splits together.

    Args:
        splits: features (N_split, D) and class indices (N_split,) by name, train first.
        across: also compare rows of two classes; else equal ones alone are found there.
        false_share: as in `near_copies`.
        most: as in `near_copies`.

    Raises:
        InputError: no split, or features of different dimensions.

    Example:
        >>> train = (np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([0, 1]))
        >>> test = (np.array([[3.0, 4.0], [5.0, 6.0]]), np.array([1, 1]))
        >>> find_copies({"train": train, "test": test}).first.tolist()
        [0, 1, 1, 3]
    """
    if not splits:
        raise InputError("there is no split; expected train and others.")
    sizes = [len(labels) for _, labels in splits.values()]
    labels = np.concatenate([np.asarray(labels, dtype=np.int64) for _, labels in splits.values()])
    first = identical_rows([features for features, _ in splits.values()])
    distinct_rows = np.unique(first)
    starts = np.cumsum([0, *sizes])
    dtype = np.result_type(np.float32, *(features.dtype for features, _ in splits.values()))
    limit = np.inf if most is None else most
    dimension = next(iter(splits.values()))[0].shape[1]
    if (np.bincount(labels).astype(float) ** 2).sum() * dimension > limit:
        near = NearCopies.none("it takes long here")
    else:
        distinct = np.concatenate(
            [
                np.asarray(
                    features[distinct_rows[(distinct_rows >= start) & (distinct_rows < stop)] - start], dtype=dtype
                )
                for (features, _), start, stop in zip(splits.values(), starts, starts[1:], strict=False)
            ]
        )
        near = near_copies(
            distinct, labels[distinct_rows], across=across, false_share=false_share, most=most
        ).renumbered(distinct_rows)
    return SplitCopies(
        tuple(splits),
        np.repeat(np.arange(len(sizes)), sizes),
        np.concatenate([np.arange(size) for size in sizes]),
        labels,
        first,
        near,
    )


def shared_rows(copies: SplitCopies) -> SharedRows:
    """Tell which rows of each split stand in an earlier one too, identically or nearly so.

    Args:
        copies: of all splits.

    Example:
        >>> train = (np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([0, 1]))
        >>> test = (np.array([[3.0, 4.0], [5.0, 6.0]]), np.array([1, 1]))
        >>> shared_rows(find_copies({"train": train, "test": test})).identical["test"].tolist()
        [True, False]
    """
    identical, near = {}, {}
    total = len(copies.first)
    for number, name in enumerate(copies.names):
        if number == 0:
            continue
        earlier, in_split = copies.split < number, copies.split == number
        # of each kind of equal rows: does one of them stand in an earlier split
        seen = np.zeros(total, dtype=bool)
        seen[copies.first[earlier]] = True
        beside = np.zeros(total, dtype=bool)
        for one, other in ((copies.near.first, copies.near.second), (copies.near.second, copies.near.first)):
            beside[one[seen[other]]] = True
        identical[name] = seen[copies.first[in_split]]
        near[name] = beside[copies.first[in_split]] & ~identical[name]
    return SharedRows(identical, near, copies.near.left_out)


def accuracy_without(
    labels: ArrayLike,
    predictions: Mapping[str, ArrayLike],
    left_out: Mask,
    train_counts: ArrayLike,
    *,
    many_above: int = 100,
    few_below: int = 20,
) -> dict[str, dict[str, Any]] | None:
    """Measure predictions once more without some rows.

    Args:
        labels: class indices, shape (N,).
        predictions: class indices by method, shape (N,) each.
        left_out: the rows that do not count, shape (N,).
        train_counts: n_c of the training split, shape (C,).
        many_above: a class with more training images is "many".
        few_below: a class with fewer is "few".

    Returns:
        By method `images`, `all`, `balanced`, `many`, `medium` and `few` as `accuracy_report` gives them; None where no
        row is left.

    Raises:
        InputError: arrays that do not fit.

    Example:
        >>> found = accuracy_without([0, 0, 1], {"tau": [0, 1, 1]}, np.array([True, False, False]), [5, 5])
        >>> found["tau"]["images"], found["tau"]["balanced"]
        (2, 50.0)
    """
    truth, dropped = as_array(labels, "labels"), as_array(left_out, "left_out")
    if dropped.shape != truth.shape or dropped.dtype != bool:
        raise InputError(f"{dropped.shape} marks of rows for {truth.shape} labels; expected True or False for each.")
    if dropped.all():
        return None
    wanted = ("images", "all", "balanced", "many", "medium", "few")
    reports = {}
    for name, predicted in predictions.items():
        left = as_array(predicted, "predictions")[~dropped]
        reports[name] = accuracy_report(truth[~dropped], left, train_counts, many_above=many_above, few_below=few_below)
    return {name: {key: report[key] for key in wanted} for name, report in reports.items()}
