"""Arrays as people hold them in memory, as the arrays that a file would give."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from longtail.errors import InputError

__all__ = ["IN_MEMORY", "in_memory"]

IN_MEMORY = Path("arrays")  # where their splits lie, in messages; there is no such folder


def in_memory(values: ArrayLike, origin: str) -> NDArray[Any]:
    """Return numbers or names as an array of a plain kind.

    Args:
        values: an array, a list, a tensor on the CPU, a column of a table.
        origin: what they are called in messages.

    Returns:
        The same array where it is of a plain kind; else one of names, whole numbers or float64.

    Raises:
        InputError: rows of different lengths, a value that is neither name nor number, or kinds that are mixed.

    Example:
        >>> in_memory(np.array(["ant", "bee"], dtype=object), "labels")
        array(['ant', 'bee'], dtype='<U3')
    """
    try:
        array = np.asarray(values)
    except (ValueError, TypeError, RuntimeError) as error:
        raise InputError(f"{origin}: no array of numbers or names ({' '.join(str(error).split())[:120]}).") from error
    if array.dtype.kind == "b":
        return array.astype(np.float32)
    if array.dtype.kind in "iufSU":
        return array
    items = array.ravel().tolist()
    kinds = {str: "names", bool: "truth values", int: "whole numbers", float: "numbers"}
    wrong = next((place for place, item in enumerate(items) if type(item) not in kinds), None)
    if array.dtype.kind != "O" or wrong is not None:
        came = f"a {type(items[wrong]).__name__} in row {wrong}" if wrong is not None else f"{array.dtype}"
        raise InputError(f"{origin}: came {came}; expected numbers or names.")
    if len({isinstance(item, str) for item in items}) > 1:
        raise InputError(f"{origin}: came names and numbers mixed; expected one of them.")
    plain: NDArray[Any] = np.array(items).reshape(array.shape)
    return plain
