"""The files of a folder by split, or the one that there is."""

from collections.abc import Sequence
from pathlib import Path

from longtail.errors import InputError
from longtail.features.columns import ColumnChoice
from longtail.features.feature_file import SPLITS
from longtail.features.feature_table import Table
from longtail.features.file_names import one_file_of, split_file_of
from longtail.features.labels import read_labels
from longtail.features.table import NO_CHOICE, SUFFIXES, read_table
from longtail.files.original_pickle import read_original_pickle
from longtail.files.text import printable
from longtail.files.zarr_file import is_zarr

__all__ = ["read_tables"]


def read_tables(
    path: Path, choice: ColumnChoice = NO_CHOICE, *, features: Sequence[str] | None = None
) -> dict[str, Table]:
    """Read the file of each split of a folder, or one file, which comes under "".

    Args:
        path: folder or file.
        choice: what a person said of the columns of tables.
        features: names of the columns that are the features, where that is known.

    Raises:
        InputError: nothing usable there.
    """
    if path.is_dir() and not is_zarr(path):
        return _of_folder(path, choice, features)
    if not path.exists() and path.suffix.lower() not in SUFFIXES:
        raise InputError(
            f"{printable(path)}: no such folder. Expected one with feature_train.h5, or a file of features."
        )
    return {"": read_table(path, choice, features=features)}


def _of_folder(folder: Path, choice: ColumnChoice, features: Sequence[str] | None) -> dict[str, Table]:
    """Read feature_train.h5, train.csv, X_train.npy, ... and so on for val and test, or features.npy alone."""
    found = {split: split_file_of(folder, split, SUFFIXES) for split in SPLITS}
    there = {split: file for split, file in found.items() if file is not None}
    if not there and (file := one_file_of(folder, SUFFIXES)) is not None:
        return {"": read_table(file, choice, features=features)}
    if "train" not in there:
        if (folder / "features").is_dir():
            inside = printable(folder / "features")
            raise InputError(f"{printable(folder)}: holds no features itself; those of a run lie in {inside}.")
        held = ", ".join(sorted(p.name for p in folder.iterdir() if p.suffix in SUFFIXES)[:6]) or "no file of features"
        raise InputError(
            f"{printable(folder)}: holds {held}; expected feature_train.h5 (and _val, _test), or train.csv, train.npz, "
            "and the like."
        )
    tables: dict[str, Table] = {}
    for split, file in there.items():
        if file.suffix == ".pkl":
            tables[split] = _of_pickle(file)
            continue
        # the columns of val and test are found by the names that those of train have
        known = features if not tables or tables["train"].feature_names is None else tables["train"].feature_names
        tables[split] = read_table(file, choice, features=known)
    return tables


def _of_pickle(path: Path) -> Table:
    values, labels, _ = read_original_pickle(path)
    return Table(path, values, read_labels(labels, len(values), origin=printable(path))[0], "features")
