"""Columns of tables in memory, which go by their names as those of files do."""

from collections.abc import Sequence
from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from longtail.errors import InputError
from longtail.features.memory_arrays import in_memory

__all__ = ["in_order_of", "named_columns"]

LISTED = 5


def named_columns(values: Any, origin: str) -> tuple[str, ...] | None:
    """Return the names of the columns of a table of pandas, polars or Arrow.

    Args:
        values: that table, or anything else.
        origin: what it is called in messages.

    Returns:
        A name a column, without blanks around it; None for what has none, or has the numbers 0, 1, ... for names.

    Raises:
        InputError: a name that stands twice.

    Example:
        >>> import pyarrow
        >>> named_columns(pyarrow.table({"width": [1.0], "height": [2.0]}), "train")
        ('width', 'height')
        >>> named_columns(np.eye(2), "train")
    """
    labels = _labels_of(values)
    if labels is None or labels == list(range(len(labels))):
        return None
    names = tuple(str(label).strip() for label in labels)
    twice = next((name for name in names if names.count(name) > 1), None) if len(set(names)) < len(names) else None
    if twice is not None:
        raise InputError(f"{origin}: two columns are called {twice!r}. Expected another name for each.")
    return names


def in_order_of(names: Sequence[str] | None, values: ArrayLike, origin: str) -> NDArray[Any]:
    """Return features as an array whose columns stand in the order of others.

    Args:
        names: of the columns of train, in their order; None where they have none.
        values: a table whose columns have names, or an array, which is taken as it stands.
        origin: what they are called in messages.

    Raises:
        InputError: columns that are missing, or that train does not have; or no array of numbers.

    Example:
        >>> import pyarrow
        >>> in_order_of(("width", "height"), pyarrow.table({"height": [2.0], "width": [1.0]}), "test").tolist()
        [[1.0, 2.0]]
    """
    array, here = in_memory(values, origin), named_columns(values, origin)
    if here is None or array.ndim != 2 or array.shape[1] != len(here):
        return array
    if names is None:  # train may have had numbers for names, and these be the same in another order
        names = tuple(map(str, range(len(here))))
        if set(here) != set(names):
            return array
    absent, other = ([name for name in one if name not in set(two)] for one, two in ((names, here), (here, names)))
    if absent or other:
        says = [f"{what} {_listed(which)}" for what, which in (("lacks", absent), ("has besides", other)) if which]
        raise InputError(
            f"{origin}: {' and '.join(says)}; expected the columns that train has: {_listed(names)}. Columns go by "
            "their names; hand over an array (`.to_numpy()`) for those that are meant by their order."
        )
    place = {name: number for number, name in enumerate(here)}
    return array if tuple(names) == here else array[:, [place[name] for name in names]]


def _labels_of(values: Any) -> list[Any] | None:
    if isinstance(values, np.ndarray | list | tuple):
        return None
    # Arrow's `columns` are the values themselves; a table of pandas may have a column of such a name
    attribute = "column_names" if hasattr(type(values), "column_names") else "columns"
    labels = getattr(values, attribute, None)
    if labels is None or callable(labels):
        return None
    try:
        return [int(label) if isinstance(label, Integral) else label for label in labels]
    except TypeError:
        return None


def _listed(names: Sequence[str]) -> str:
    return ", ".join(map(repr, names[:LISTED])) + (", ..." if len(names) > LISTED else "")
