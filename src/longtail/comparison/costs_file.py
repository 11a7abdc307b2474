"""A CSV of what each mistake costs, as people write it."""

import csv
import math
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from longtail.errors import InputError
from longtail.evaluation.selection import check_costs
from longtail.files.text import printable, read_text

__all__ = ["read_costs"]


def read_costs(path: Path, num_classes: int) -> NDArray[np.float64]:
    r"""Read a square of numbers, a line a true class and a column a predicted one.

    Args:
        path: the file; columns are parted by commas, empty lines are passed over.
        num_classes: C.

    Returns:
        Shape (C, C).

    Raises:
        InputError: no such file, no text, a cell that is no number from 0 to 10^9, or another shape.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "costs.csv"
        >>> _ = path.write_text("0,1\n5,0\n")
        >>> read_costs(path, 2).tolist()
        [[0.0, 1.0], [5.0, 0.0]]
    """
    expected = f"a CSV of {num_classes} x {num_classes} numbers alone, a line a true class, a column a predicted one"
    origin = f"`costs` {printable(path)}"
    try:
        rows = list(csv.reader(read_text(path, expected=expected).split("\n")))
    except csv.Error as error:
        raise InputError(f"{origin}: no table ({error}). Expected {expected}.") from error
    costs = []
    for line, row in enumerate(rows, start=1):
        if not any(cell.strip() for cell in row):
            continue
        if len(row) != num_classes:
            raise InputError(f"{origin}, line {line}: holds {len(row)} values. Expected {expected}.")
        costs.append([_number(cell, f"{origin}, line {line}", expected) for cell in row])
    if len(costs) != num_classes:
        raise InputError(f"{origin}: holds {len(costs)} lines of numbers. Expected {expected}.")
    try:
        return check_costs(costs, num_classes)
    except InputError as error:
        raise InputError(f"{origin}: {error}") from error


def _number(cell: str, where: str, expected: str) -> float:
    try:
        value = float(cell)
    except ValueError:
        value = math.nan
    if not (math.isfinite(value) and cell.isascii() and "_" not in cell):
        raise InputError(f"{where}: {cell[:40]!r} is no finite number. Expected {expected}.")
    return value
