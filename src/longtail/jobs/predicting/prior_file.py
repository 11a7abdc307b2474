"""A CSV of how common classes are, as people write it."""

import csv
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from longtail.errors import InputError
from longtail.files.text import printable, read_text
from longtail.priors import named_prior, prior_of_counts, uniform_prior

__all__ = ["listed", "read_prior"]

EXPECTED = "`class,share` or `class,count` a line"
REST = ("rest", "*")
# digits of ASCII alone: int() and isdigit() disagree on others
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_WHOLE = re.compile(r"[+-]?\d+", re.ASCII)


def read_prior(
    path: Path, class_names: Sequence[str], train_counts: NDArray[np.int64] | None = None
) -> NDArray[np.float64]:
    """Read a CSV with a class (name or number) and its share or count a line; a heading may come first.

    Whole numbers are counts, other ones shares, which sum to 1; `1 %` is a share too. Where classes are left out, a
    line `rest,train` says that they have what is left of 1 in the proportions of train, `rest,uniform` alike. Columns
    are parted by commas, semicolons or tabs; with the latter two a comma is a decimal point.

    Args:
        path: the file.
        class_names: C names.
        train_counts: n_c of the training split, shape (C,), for `rest,train`.

    Returns:
        Shape (C,), of sum 1.

    Raises:
        InputError: no text, a line that is none, an unknown class, one that is missing or named twice, or shares of
            another sum.
    """
    name = printable(path)
    number_of = {str(number): number for number in range(len(class_names))} | {
        text: number for number, text in enumerate(class_names)
    }
    shares: dict[int, str] = {}
    rest: str | None = None
    for line, cells in _rows(path):
        known = len(cells) == 2 and cells[0] in number_of
        if len(cells) == 2 and cells[0] in REST and not known and cells[1] in ("train", "uniform"):
            rest = cells[1]
            continue
        if len(cells) != 2 or not _NUMBER.fullmatch(cells[1].removesuffix("%").rstrip()):
            if line == 1 and len(cells) == 2 and not known:
                continue  # a heading
            raise InputError(f"{name}, line {line}: {','.join(cells)[:80]!r}; expected {EXPECTED}.")
        if not known:
            raise InputError(f"{name}, line {line}: no class {cells[0]!r}. Classes: {listed(list(class_names))}.")
        number = number_of[cells[0]]
        if number in shares:
            raise InputError(f"{name}, line {line}: class {class_names[number]} is named twice.")
        shares[number] = cells[1]
    missing = [text for number, text in enumerate(class_names) if number not in shares]
    if missing and rest is None:
        raise InputError(
            f"{name}: names {len(shares)} of {len(class_names)} classes; missing: {listed(missing)}. Write 0 for a "
            "class that does not occur, or a line `rest,train` (or `rest,uniform`), which shares out what is left of 1."
        )
    try:
        return _shares(shares, class_names, None if not missing else rest, train_counts)
    except InputError as error:
        raise InputError(f"{name}: {error}") from error


def listed(names: list[str], most: int = 8) -> str:
    """Return names as text, the first of them where they are many."""
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


def _rows(path: Path) -> list[tuple[int, list[str]]]:
    """Return line numbers and cells of the lines that hold something."""
    text = read_text(path, expected=EXPECTED)
    first = next((line for line in text.splitlines() if line.strip()), "")
    delimiter = max(";\t,", key=first.count)
    try:
        rows = list(csv.reader(text.splitlines(), delimiter=delimiter))
    except csv.Error as error:
        raise InputError(f"{printable(path)}: no table ({error}). Expected {EXPECTED}.") from error
    cells = [(line, [cell.strip() for cell in row]) for line, row in enumerate(rows, start=1)]
    filled = [(line, row) for line, row in cells if any(row)]
    if delimiter == ",":
        return filled
    return [(line, [*row[:1], *(cell.replace(",", ".") for cell in row[1:])]) for line, row in filled]


def _shares(
    shares: dict[int, str], class_names: Sequence[str], rest: str | None, train_counts: NDArray[np.int64] | None
) -> NDArray[np.float64]:
    values = {
        class_names[number]: float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
        for number, text in shares.items()
    }
    if rest is None and all(_WHOLE.fullmatch(text) for text in shares.values()):
        return prior_of_counts([values[name] for name in class_names])
    others = None
    if rest == "train":
        if train_counts is None:
            raise InputError("`rest,train`: how many training images each class has is not known. Take `rest,uniform`.")
        others = prior_of_counts(train_counts)
    elif rest == "uniform":
        others = uniform_prior(len(class_names))
    return named_prior(values, class_names, rest=others)
