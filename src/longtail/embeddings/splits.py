"""Splits of others' features: from files by split, or from one file."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from longtail.embeddings.table import SUFFIXES, Table, read_table
from longtail.errors import InputError
from longtail.features import SPLITS, FeatureFile, open_feature_folder
from longtail.holdout import stratified_holdout

__all__ = ["Embeddings", "are_probabilities", "open_embeddings"]

OTHER_NAMES = {"valid": "val", "validation": "val", "dev": "val", "training": "train", "testing": "test"}


@dataclass(frozen=True)
class Embeddings:
    """Features of others, ready to be checked and fitted.

    Attributes:
        splits: "train" and, where there are, "val" and "test".
        head: weight (C, C) and bias (C,) of logits, which are their own classifier; None for features.
        notes: what a person should know.
    """

    splits: dict[str, FeatureFile]
    head: tuple[NDArray[Any], NDArray[Any]] | None
    notes: tuple[str, ...]


def open_embeddings(
    path: Path,
    *,
    logits: bool = False,
    val_fraction: float = 0.1,
    test_fraction: float = 0.2,
    seed: int = 0,
) -> Embeddings:
    """Open a folder with a file for each split, or one file.

    A folder holds feature_train.h5 or train.npz, train.csv, ... and so on for val and test. One file may say in `split`
    where each row belongs; a split that no row belongs to is split off train, class by class. Classes that are named by
    strings are numbered in their order. Probabilities in place of logits are recognised and their logarithm is taken.

    Args:
        path: folder or file.
        logits: the values are logits of a classifier, one a class, in the order of the classes.
        val_fraction: share of train to split off for validation where one file has no such rows.
        test_fraction: the same for testing.
        seed: of these splits.

    Raises:
        InputError: nothing usable there, files that do not fit together, or a row that is in two splits.
    """
    notes: list[str] = []
    if path.is_dir():
        tables = _by_split(path)
        if tables is None:
            splits = open_feature_folder(path)
            return _with_head(splits, logits, notes)
    elif not path.exists() and path.suffix not in SUFFIXES:
        raise InputError(f"{path}: no such folder. Expected one with feature_train.h5, or a file of features.")
    else:
        tables = _divided(read_table(path), val_fraction, test_fraction, seed, notes)
    _check_ids(tables)
    dimensions = {split: table.values.shape[1] for split, table in tables.items()}
    if len(set(dimensions.values())) > 1:
        raise InputError(f"{path}: the splits have {dimensions} columns; expected the same number in all.")
    names, codes = _numbered(tables)
    attributes = {"data": path.stem, **({} if names is None else {"class_names": json.dumps(names)})}
    splits = {split: FeatureFile(table.path, table.values, codes[split], attributes) for split, table in tables.items()}
    return _with_head(splits, logits or any(table.are_logits for table in tables.values()), notes)


def _by_split(folder: Path) -> dict[str, Table] | None:
    """Read train.csv, features_val.npz, ... of a folder; None where it holds feature files of ours."""
    found = {}
    for split in SPLITS:
        stems = (split, f"features_{split}", f"feature_{split}", f"embeddings_{split}", f"logits_{split}")
        files = [folder / f"{stem}{suffix}" for stem in stems for suffix in SUFFIXES]
        here = [file for file in files if file.is_file()]
        if len(here) > 1:
            raise InputError(f"{folder}: {here[0].name} and {here[1].name} are both there; expected one of them.")
        if here:
            found[split] = here[0]
    if "train" not in found or found["train"].suffix in (".h5", ".hdf5"):
        return None
    return {split: read_table(file) for split, file in found.items()}


def _divided(table: Table, val_fraction: float, test_fraction: float, seed: int, notes: list[str]) -> dict[str, Table]:
    rows = {"train": np.arange(len(table.labels))}
    if table.split is not None:
        words = np.char.lower(table.split)
        split_of = np.array([OTHER_NAMES.get(word, word) for word in words.tolist()])
        unknown = sorted(set(split_of.tolist()) - set(SPLITS))
        if unknown:
            raise InputError(f"{table.path}: split {unknown[0]!r}; expected train, val or test.")
        rows = {split: np.flatnonzero(split_of == split) for split in SPLITS if (split_of == split).any()}
        if "train" not in rows:
            raise InputError(f"{table.path}: no row is of the split train.")
    codes = np.unique(table.labels, return_inverse=True)[1]
    for split, fraction in (("test", test_fraction), ("val", val_fraction)):
        if split in rows or fraction == 0:
            continue
        rest, held_out = stratified_holdout(codes[rows["train"]], fraction, seed)
        if not len(held_out):  # every class has a single row
            continue
        notes.append(
            f"no {split} rows: {len(held_out):,} of {len(rows['train']):,} training rows were split off, class by "
            f"class, seed {seed}"
        )
        rows[split], rows["train"] = rows["train"][held_out], rows["train"][rest]
    return {
        split: Table(
            table.path,
            table.values[chosen],
            table.labels[chosen],
            None,
            None if table.ids is None else table.ids[chosen],
            table.are_logits,
        )
        for split, chosen in rows.items()
    }


def _check_ids(tables: dict[str, Table]) -> None:
    seen: dict[str, str] = {}
    for split, table in tables.items():
        for name in [] if table.ids is None else table.ids.tolist():
            if name in seen:
                where = f"twice in {split}" if seen[name] == split else f"in {seen[name]} and in {split}"
                raise InputError(
                    f"{table.path}: {name!r} is {where}. Expected each id once: a row that is learnt from and measured "
                    "on makes the result too good."
                )
            seen[name] = split


def _numbered(tables: dict[str, Table]) -> tuple[list[str] | None, dict[str, NDArray[np.int64]]]:
    """Number the classes from 0; names are None where the labels are such numbers already."""
    kinds = {table.labels.dtype.kind in "iu" for table in tables.values()}
    labels = {split: table.labels if kinds == {True} else table.labels.astype(str) for split, table in tables.items()}
    classes = np.unique(np.concatenate(list(labels.values())))
    if kinds == {True} and np.array_equal(classes, np.arange(len(classes))):
        return None, {split: found.astype(np.int64) for split, found in labels.items()}
    return [str(name) for name in classes], {
        split: np.searchsorted(classes, found).astype(np.int64) for split, found in labels.items()
    }


def _with_head(splits: dict[str, FeatureFile], logits: bool, notes: list[str]) -> Embeddings:
    if not logits:
        return Embeddings(splits, None, tuple(notes))
    columns = splits["train"].features.shape[1]
    highest = max(int(file.labels.max()) for file in splits.values())
    if highest >= columns:
        raise InputError(
            f"{splits['train'].path}: {columns} logits a row, but a label {highest}; expected one logit for each class."
        )
    if all(are_probabilities(file.features) for file in splits.values()):
        notes.append("the logits are probabilities: their logarithm is taken")
        smallest = np.finfo(np.float32).tiny
        splits = {
            split: FeatureFile(
                file.path, np.log(np.maximum(file.features, smallest)).astype(np.float32), file.labels, file.attributes
            )
            for split, file in splits.items()
        }
    return Embeddings(splits, (np.eye(columns, dtype=np.float32), np.zeros(columns, dtype=np.float32)), tuple(notes))


def are_probabilities(values: NDArray[Any]) -> bool:
    """Say whether every row of (N, C) lies between 0 and 1 and sums to 1."""
    some = np.asarray(values[:4096], dtype=np.float64)
    return bool((some >= 0).all() and (some <= 1).all() and np.allclose(some.sum(axis=1), 1, atol=1e-3))
