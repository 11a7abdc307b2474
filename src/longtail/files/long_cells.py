"""Cells of a table that are longer than Python's reader takes by itself."""

import csv
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["long_cells"]


@contextmanager
def long_cells(most: int) -> Iterator[None]:
    """Read tables whose cells have up to so many characters; the limit is one for all of Python, and is put back.

    Args:
        most: characters of a cell.

    Example:
        >>> with long_cells(2**24):
        ...     len(next(csv.reader(["x" * 200_000]))[0])
        200000
    """
    before = csv.field_size_limit(most)
    try:
        yield
    finally:
        csv.field_size_limit(before)
