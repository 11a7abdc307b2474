"""What each method predicts for each row of a split, as a CSV."""

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from longtail.errors import InputError
from longtail.features.groups import group_words
from longtail.files.atomic import atomic_path
from longtail.files.text import printable, read_text

if TYPE_CHECKING:
    from longtail.comparison.sealed import SealedFeatures
    from longtail.features import FeatureFile

__all__ = ["PredictedRows", "read_predicted_rows", "read_predictions", "write_predictions"]

BESIDE = ("row", "id", "label", "group")  # columns that are no method's


@dataclass(frozen=True)
class PredictedRows:
    """What methods predict for the rows of a split.

    Attributes:
        labels: class indices, shape (N,).
        predictions: of each method, class indices, shape (N,).
        words: by name of a column of words (`row`, `id`, `group`), N of them.
    """

    labels: NDArray[np.int64]
    predictions: Mapping[str, NDArray[np.int64]]
    words: Mapping[str, list[str]]


def write_predictions(
    path: Path, file: "FeatureFile | SealedFeatures", predictions: Mapping[str, NDArray[np.int64]]
) -> None:
    """Write the number of each row in the person's file, label and predictions as class numbers, groups, and ids last.

    Args:
        path: the CSV.
        file: the split.
        predictions: class indices of each method, shape (N,).
    """
    rows = np.arange(len(file.labels)) if file.rows is None else file.rows
    columns = [rows.tolist(), np.asarray(file.labels).tolist(), *(result.tolist() for result in predictions.values())]
    names = ["row", "label", *predictions]
    if file.groups is not None:
        names.append("group")
        columns.append([printable(name) for name in group_words(file.groups, file.group_names or ()).tolist()])
    if file.ids is not None:
        names.append("id")
        columns.append([printable(name) for name in file.ids.tolist()])
    with atomic_path(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(names)
        writer.writerows(zip(*columns, strict=True))


def read_predictions(path: Path) -> tuple[NDArray[np.int64], dict[str, NDArray[np.int64]]]:
    """Read labels and predictions, by whomever they were written.

    Args:
        path: CSV with the columns label and prediction, or one column a method.

    Returns:
        Class indices, shape (N,), and those of each method.

    Raises:
        InputError: unreadable, without these columns, or cells that are no class numbers.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "p.csv"
        >>> _ = path.write_text("label,prediction\\n0,1\\n2,2\\n")
        >>> read_predictions(path)
        (array([0, 2]), {'prediction': array([1, 2])})
    """
    rows = read_predicted_rows(path)
    return rows.labels, dict(rows.predictions)


def read_predicted_rows(path: Path) -> PredictedRows:
    """Read labels and predictions, and what names the rows.

    Args:
        path: as `read_predictions` takes it.

    Raises:
        InputError: as `read_predictions`.
    """
    expected = "a CSV with the columns label and prediction"
    lines = csv.reader(read_text(path, expected=expected).split("\n"))
    try:
        rows = [row for row in lines if row]
    except csv.Error as error:
        raise InputError(f"{printable(path)}: is no table ({error}). Expected {expected}.") from error
    names = [name.strip() for name in rows[0]] if rows else []
    if "label" not in names:
        problem = f"has the columns {', '.join(names[:8])}" if names else "is empty"
        raise InputError(f"{printable(path)}: {problem}; expected {expected}.")
    others = [name for name in names if name not in BESIDE]
    wanted = ["label", *(["prediction"] if "prediction" in names else others)]
    if len(wanted) < 2:
        raise InputError(f"{printable(path)}: has no column of predictions beside label.")
    if len(rows) < 2:
        raise InputError(f"{printable(path)}: holds no row. Expected {expected}.")
    columns = {name: np.empty(len(rows) - 1, dtype=np.int64) for name in wanted}
    for number, row in enumerate(rows[1:]):
        if len(row) != len(names):
            raise InputError(
                f"{printable(path)}: row {number} has {len(row)} values; expected {len(names)}, as the first line."
            )
        for name in wanted:
            columns[name][number] = _class_number(row[names.index(name)], f"{printable(path)}: row {number}: {name}")
    words = {name: [row[names.index(name)] for row in rows[1:]] for name in BESIDE if name in names and name != "label"}
    return PredictedRows(columns["label"], {name: columns[name] for name in wanted[1:]}, words)


def _class_number(cell: str, where: str) -> int:
    text = cell.strip().removesuffix(".0")
    if not (text.isascii() and text.isdecimal() and len(text) < 10):
        raise InputError(f"{where} {cell[:40]!r}; expected a class number, 0, 1, ...")
    return int(text)
