"""The class and the group of each row as they are handed in, checked and numbered."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from longtail.errors import InputError

__all__ = ["checked_labels", "group_codes"]

IntArray = NDArray[np.int64]


def group_codes(groups: Any, num_rows: int) -> IntArray:
    """Number groups in the order of their first rows, so that what they are called is no matter.

    Args:
        groups: what tells the group of each row, numbers or strings, shape (N,).
        num_rows: N.

    Returns:
        Numbers from 0, shape (N,).

    Raises:
        InputError: another shape, a row without group, or names of several kinds.

    Example:
        >>> group_codes(["b", "a", "b"], 3).tolist()
        [0, 1, 0]
    """
    names = np.asarray(groups)
    if names.shape != (num_rows,):
        raise InputError(f"`groups` has the shape {names.shape}; expected a group for each row, ({num_rows},).")
    if names.dtype.kind == "f" and np.isnan(names).any():
        row = int(np.flatnonzero(np.isnan(names))[0])
        raise InputError(
            f"row {row} of `groups` is not a number; expected a group for each row: give it one of its own."
        )
    try:
        _, first, inverse = np.unique(names, return_index=True, return_inverse=True)
    except TypeError as error:
        raise InputError(
            "`groups` holds things of several kinds, such as numbers beside strings or gaps; expected one kind, and "
            "a group for each row."
        ) from error
    place = np.empty(len(first), dtype=np.int64)
    place[np.argsort(first)] = np.arange(len(first))
    return place[inverse]


def checked_labels(labels: Any) -> IntArray:
    """Return class indices as an array of one axis.

    Raises:
        InputError: they are none.
    """
    result = np.asarray(labels)
    if result.ndim != 1 or not len(result) or result.dtype.kind not in "iu" or result.min() < 0:
        raise InputError(
            f"`labels` is an array of {result.dtype} with the shape {result.shape}; expected class indices from 0, "
            "one for each row, and at least one row."
        )
    return result.astype(np.int64)
