"""Splits of others' features: from files by split, or from one file."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from longtail.class_names import AlikeNames, settled_names
from longtail.errors import InputError
from longtail.features.array_file import ArrayFile
from longtail.features.array_table import table_of_arrays
from longtail.features.columns import ColumnChoice
from longtail.features.feature_file import SPLITS, FeatureFile
from longtail.features.feature_table import Table
from longtail.features.grouped_tables import grouped_alike
from longtail.features.known_rows import Changed, known_rows, part_of, row_identity
from longtail.features.labels import Labels, class_order
from longtail.features.logits import as_logits
from longtail.features.memory_arrays import IN_MEMORY, in_memory
from longtail.features.named_columns import in_order_of, named_columns
from longtail.features.split_tables import read_tables
from longtail.features.table import NO_CHOICE, WITH_COLUMNS
from longtail.files.arrays import words_of_objects
from longtail.files.text import printable
from longtail.holdout import stratified_holdout
from longtail.identity import RowIdentity
from longtail.whole_groups.grouped_split import carved_in_groups

__all__ = ["FeatureSplits", "Reading", "open_features", "splits_of_arrays"]

OTHER_NAMES = {"valid": "val", "validation": "val", "dev": "val", "training": "train", "testing": "test"}
FEWEST_ROWS = 10  # of which too many classes tell something
OF_COLUMNS = ("label_column", "id_column", "split_column", "drop_columns", "keep_columns")
STEMS = ("feature_{}", "{}", "features_{}", "embeddings_{}", "logits_{}")


@dataclass(frozen=True)
class Reading:
    """How a folder or file of features is to be read.

    Attributes:
        logits: the values are logits of a classifier, one a class; a file that calls them so needs no such word.
        val_fraction: share of train to split off for validation where one file has no such rows.
        test_fraction: the same for testing.
        seed: of these splits.
        columns: what a person said of the columns of tables.
    """

    logits: bool = False
    val_fraction: float = 0.1
    test_fraction: float = 0.2
    seed: int = 0
    columns: ColumnChoice = NO_CHOICE


AS_USUAL = Reading()


@dataclass(frozen=True)
class FeatureSplits:
    """Features of others, ready to be checked and fitted.

    Attributes:
        splits: "train" and, where there are, "val" and "test"; all numbered by the same class names.
        kind: "features", "logits", or "probabilities", whose logarithm was taken.
        notes: what a person should know.
        rows: by which these rows are known again, by split.
    """

    splits: dict[str, FeatureFile]
    kind: Literal["features", "logits", "probabilities"]
    notes: tuple[str, ...]
    rows: dict[str, RowIdentity] = field(default_factory=dict)

    @property
    def head(self) -> tuple[NDArray[Any], NDArray[Any]] | None:
        """Weight (C, C) and bias (C,) of logits, which are their own classifier; None for features."""
        if self.kind == "features":
            return None
        columns = self.splits["train"].features.shape[1]
        return np.eye(columns, dtype=np.float32), np.zeros(columns, dtype=np.float32)


def open_features(
    path: Path | str,
    reading: Reading = AS_USUAL,
    *,
    known: Mapping[str, RowIdentity] | None = None,
    features: Sequence[str] | None = None,
    changed: Changed = "ask",
) -> FeatureSplits:
    """Open features of any format: a folder with a file for each split, or one file.

    A folder holds feature_train.h5 or train.npz, train.csv, ... and so on for val and test. One file may say in `split`
    where each row belongs; a split that no row belongs to is split off train, class by class. Columns are matched by
    their names, classes by theirs. Probabilities in place of logits are recognised and their logarithm is taken.

    Args:
        path: folder or file.
        reading: how.
        known: the rows of each split of a run that was made of these data before: its rows are taken, wherever they
            stand now, and what else has changed is told.
        features: names of the columns that are the features, where that is known.
        changed: what becomes of rows of `known` whose content is another now.

    Raises:
        InputError: nothing usable there, files that do not fit together, a row that is in two splits, or rows that have
            changed.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "birds.npz"
        >>> np.savez(path, features=np.random.default_rng(0).normal(size=(60, 4)), labels=np.repeat(["a", "b"], 30))
        >>> opened = open_features(path)
        >>> opened.splits["train"].class_names, sorted(opened.splits)
        (('a', 'b'), ['test', 'train', 'val'])
    """
    path = Path(path)
    tables = read_tables(path, reading.columns, features=features)
    if known is None:
        _check_choice(reading.columns, tables)
    tables = _settled(path, tables, reading.columns.alike_names)
    tables = {split: _events_together(table, reading.columns) for split, table in tables.items()}
    notes = list(dict.fromkeys(note for table in tables.values() for note in table.notes))
    # over all rows of a file: of equal rows in two splits each is one of its own
    rows = {split: row_identity(table) for split, table in tables.items()} if known is None else dict(known)
    if known is not None:
        tables, more = known_rows(path, tables, known, changed)
        notes += more
    elif "" in tables:
        notes += _of_single_rows(tables[""])
        tables = _divided(tables[""], reading, notes)
        rows = {split: rows[""].take(table.rows) for split, table in tables.items() if table.rows is not None}
    splits = _fitting(path, tables, notes)
    names = splits["train"].class_names or ()
    kind: Literal["features", "logits", "probabilities"] = "features"
    if reading.logits or any(table.kind == "logits" for table in tables.values()):
        splits, kind = as_logits(splits, names, notes)
    return FeatureSplits(splits, kind, tuple(notes), rows)


def _events_together(table: Table, choice: ColumnChoice) -> Table:
    """Keep events whole where nothing is said of groups: rows of one event are alike."""
    if table.events is None or table.groups is not None or choice.group_column == "none":
        return table
    note = f"{printable(table.path)}: rows of one event are kept together, as no groups are given"
    return replace(table, groups=table.events, group_names=table.event_names, notes=(*table.notes, note))


def _check_choice(choice: ColumnChoice, tables: Mapping[str, Table]) -> None:
    """Refuse what is said of columns where no file has any."""
    argument = next((name for name in OF_COLUMNS if getattr(choice, name)), None)
    if argument is None or any(table.path.suffix.lower() in WITH_COLUMNS for table in tables.values()):
        return
    first = next(iter(tables.values())).path
    raise InputError(
        f"{printable(first)}: holds arrays, and no columns with names, which `{argument}` could mean. Leave it out, or "
        f"give a table ({', '.join(WITH_COLUMNS)})."
    )


def splits_of_arrays(arrays: Mapping[str, Sequence[ArrayLike]]) -> FeatureSplits:
    """Check features and labels that are in memory as those of a file are checked.

    Args:
        arrays: features (N, D) and labels (N,) of "train" and, where there are, "val" and "test", and perhaps groups
            (N,), words or numbers; labels are names, whole numbers, or ones and zeros, a column a class. Tables whose
            columns have names are put into the order of train.

    Raises:
        InputError: what is no number or no label, other columns than train has, or splits that do not fit together.

    Example:
        >>> splits_of_arrays({"train": (np.eye(4), ["ant", "bee", "ant", "bee"])}).splits["train"].class_names
        ('ant', 'bee')
    """
    tables = {}
    train = IN_MEMORY / "train"
    names = named_columns(arrays["train"][0], f"{train}: features") if "train" in arrays else None
    for split, (features, labels, *groups) in arrays.items():
        path = IN_MEMORY / split
        values = in_order_of(names, features, f"{path}: features")
        file = ArrayFile({"features": values, "labels": in_memory(labels, str(path))})
        for one in groups:
            array = np.asarray(one)
            what = f"{path}: groups"
            file.arrays["groups"] = words_of_objects(array, what) if array.dtype.kind == "O" else in_memory(array, what)
        tables[split] = table = table_of_arrays(path, file, NO_CHOICE, labelled=True)
        if names is not None and len(names) == table.values.shape[1]:  # else it lay D x N
            about = {"feature_names": json.dumps(names)}
            tables[split] = replace(table, feature_names=names, attributes=about)
    tables = _settled(IN_MEMORY, tables, "ask")
    notes = list(dict.fromkeys(note for table in tables.values() for note in table.notes))
    return FeatureSplits(_fitting(IN_MEMORY, tables, notes), "features", tuple(notes))


def _fitting(path: Path, tables: Mapping[str, Table], notes: list[str]) -> dict[str, FeatureFile]:
    """Number the rows of all splits alike, once their columns and ids are seen to fit together."""
    _check_ids(tables)
    _check_columns(path, tables)
    tables = grouped_alike(tables, notes)
    names = _class_names(tables)
    return {split: _numbered(table, names, tables["train"].path, split) for split, table in tables.items()}


def _divided(table: Table, reading: Reading, notes: list[str]) -> dict[str, Table]:
    labels = _labels_of(table)
    rows = {"train": np.arange(len(labels))}
    if table.split is not None:
        words = np.char.lower(np.strings.strip(table.split))
        split_of = np.array([OTHER_NAMES.get(word, word) for word in words.tolist()])
        unknown = sorted(set(split_of.tolist()) - set(SPLITS))
        if unknown:
            raise InputError(
                f"{printable(table.path)}: split {unknown[0]!r}; expected train, val or test. Where that column says "
                "something else: `split_column` none."
            )
        rows = {split: np.flatnonzero(split_of == split) for split in SPLITS if (split_of == split).any()}
        if "train" not in rows:
            raise InputError(f"{printable(table.path)}: no row is of the split train.")
    fractions = {"test": reading.test_fraction, "val": reading.val_fraction}
    missing = {split: share for split, share in fractions.items() if split not in rows and share}
    if table.groups is not None and missing:
        _split_off_groups(table, labels, missing, reading.seed, rows, notes)
        missing = {}
    for split, fraction in missing.items():
        rest, held_out = stratified_holdout(labels.codes[rows["train"]], fraction, reading.seed)
        if not len(held_out):  # every class has a single row
            continue
        notes.append(
            f"no {split} rows: {len(held_out):,} of {len(rows['train']):,} training rows were split off, class by "
            f"class, seed {reading.seed}"
        )
        rows[split], rows["train"] = rows["train"][held_out], rows["train"][rest]
    return {split: part_of(table, chosen) for split, chosen in rows.items()}


def _split_off_groups(
    table: Table,
    labels: Labels,
    missing: Mapping[str, float],
    seed: int,
    rows: dict[str, NDArray[np.int64]],
    notes: list[str],
) -> None:
    """Take splits off train at once, in whole groups."""
    train = rows["train"]
    result = carved_in_groups(labels.codes[train], np.asarray(table.groups)[train], missing, seed)
    notes += result.sentences(labels.names)
    rows |= {split: train[result.rows[split]] for split in ("train", *missing) if len(result.rows.get(split, ()))}


def _of_single_rows(table: Table) -> list[str]:
    labels = _labels_of(table)
    if len(labels) < FEWEST_ROWS or 2 * len(labels.names) <= len(labels):
        return []
    return [
        f"{printable(table.path)}: {len(labels.names):,} classes in {len(labels):,} rows, so most have one alone; if "
        "the label names rows instead of classes, say which column holds the class (`label_column`)"
    ]


def _check_ids(tables: Mapping[str, Table]) -> None:
    seen: dict[str, str] = {}
    for split, table in tables.items():
        for name in [] if table.ids is None else table.ids.tolist():
            if name in seen:
                where = f"twice in {split}" if seen[name] == split else f"in {seen[name]} and in {split}"
                raise InputError(
                    f"{printable(table.path)}: {name!r} is {where}. Expected each id once: a row that is learnt from "
                    "and measured on makes the result too good."
                )
            seen[name] = split


def _check_columns(path: Path, tables: Mapping[str, Table]) -> None:
    columns = {split: table.values.shape[1] for split, table in tables.items()}
    if len(set(columns.values())) > 1:
        raise InputError(
            f"{printable(path)}: features of {', '.join(f'{number} ({split})' for split, number in columns.items())} "
            "columns; expected the same number in all. Extract all splits with the same network."
        )


def _settled(path: Path, tables: Mapping[str, Table], answer: AlikeNames) -> dict[str, Table]:
    """Return the classes the names that a person wants where labels are written in several ways."""
    labels = {split: table.labels for split, table in tables.items() if table.class_names is None}
    names = class_order([one for one in labels.values() if one is not None])
    settled, numbers = settled_names(names, answer, printable(path)) if names else ((), ())
    if settled == names:
        return dict(tables)
    called = dict(zip(names, (settled[number] for number in numbers), strict=True))
    return {
        split: replace(table, labels=table.labels.renamed(called)) if split in labels and table.labels else table
        for split, table in tables.items()
    }


def _class_names(tables: Mapping[str, Table]) -> tuple[str, ...]:
    """Return the classes of train in the order of their numbers, to which all splits are numbered."""
    train = tables["train"]
    if train.class_names is not None:
        return train.class_names
    # a class that no training row has is told when the problem is checked
    return class_order([_labels_of(table) for table in tables.values()])


def _numbered(table: Table, names: tuple[str, ...], train: Path, split: str) -> FeatureFile:
    origin = printable(table.path)
    labels = _labels_of(table).numbered(names, origin=f"{origin} ({split})", known_from=printable(train))
    attributes = {"data": table.path.stem, **table.attributes, "class_names": json.dumps(list(names))}
    return replace(table, attributes=attributes).numbered(labels)


def _labels_of(table: Table) -> Labels:
    if table.labels is None:
        raise InputError(f"{printable(table.path)}: has no labels.")
    return table.labels
