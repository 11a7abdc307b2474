"""Problems out of what people have: a folder or file of features, or arrays."""

from collections.abc import Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from longtail.comparison.problem import FeatureProblem, check_problem
from longtail.errors import InputError, did_you_mean
from longtail.features import SPLITS, ColumnChoice, FeatureFile, FeatureSplits, Reading, open_features, splits_of_arrays
from longtail.features.memory_arrays import in_memory
from longtail.heads.linear import LinearParameters

__all__ = ["Splits", "check_opened", "label_values", "open_problem", "problem_of"]

Splits = (
    Mapping[str, tuple[ArrayLike, ArrayLike]]
    | Mapping[str, tuple[ArrayLike, ArrayLike, ArrayLike]]
    | Mapping[str, FeatureFile]
)
EXPECTED = 'a path, a problem, opened features, or {"train": (features, labels), "val": ..., "test": ...}'
# arguments of `open_problem` that errors of opened data name
ANSWERS = ("drop_nonfinite", *(one.name for one in fields(ColumnChoice)))


def open_problem(
    data: Path | str | Splits | FeatureSplits,
    reading: Reading | None = None,
    *,
    head: Path | str | LinearParameters | None = None,
    drop_nonfinite: bool = False,
    **columns: Any,
) -> FeatureProblem:
    """Open features of any format that `longtail fit` takes, check them, and seal the labels of test.

    Args:
        data: folder with feature_train.h5, train.npz, val.csv, ..., or one file with labels (.h5, .npz, .npy, .csv,
            .tsv, .parquet, .mat, .safetensors, .zarr); or arrays, {"train": (features, labels)} or (features, labels,
            groups), and opened features, as `compare` takes them.
        reading: how columns are meant and what is split off, of a path; default: 10 % of train for val, 20 % for test,
            where the file has none.
        head: the network's own classifier: a file, or weight (C, D) and bias (C,); default: joint_head.npz beside.
        drop_nonfinite: leave rows with NaN or infinity out.
        columns: of `ColumnChoice` by name, of a path: label_column="species", group_column="site", ...

    Raises:
        InputError: unusable features or labels, a head of other features or classes, or columns of what is no path.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "birds.npz"
        >>> rng, labels = np.random.default_rng(0), np.repeat([0, 1], 30)
        >>> np.savez(path, features=rng.normal(size=(60, 4)), labels=labels)
        >>> problem = open_problem(path)
        >>> {name: len(part.features) for name, part in problem.splits.items()}
        {'train': 44, 'val': 4, 'test': 12}
    """
    if isinstance(data, str | Path):
        return check_opened(
            open_features(data, _with_columns(reading or Reading(), columns)), head=head, drop_nonfinite=drop_nonfinite
        )
    if reading is not None or columns:
        raise InputError(f"`{next(iter(columns), 'reading')}` is of a path, and `data` is none. Leave it out.")
    if isinstance(data, FeatureSplits):
        return check_opened(data, head=head, drop_nonfinite=drop_nonfinite)
    if not isinstance(data, Mapping):
        raise InputError(f"`data` is {type(data).__name__}; expected {EXPECTED}.")
    unknown = [str(name) for name in data if name not in SPLITS]
    if unknown or "train" not in data:
        what = f"holds {unknown[0]!r}" if unknown else "holds no 'train'"
        raise InputError(f"`data` {what}; expected {EXPECTED}.")
    files = {name: part for name, part in data.items() if isinstance(part, FeatureFile)}
    if len(files) == len(data):
        return check_problem(files, head=head, drop_nonfinite=drop_nonfinite)
    opened = splits_of_arrays({name: _arrays(name, data[name]) for name in SPLITS if name in data})
    return check_opened(opened, head=head, drop_nonfinite=drop_nonfinite)


def check_opened(
    opened: FeatureSplits, *, head: Path | str | LinearParameters | None = None, drop_nonfinite: bool = False
) -> FeatureProblem:
    """Check opened features against each other, and keep what was noted when they were opened.

    Args:
        opened: of any format.
        head: the network's own classifier, of features; logits are their own.
        drop_nonfinite: leave rows with NaN or infinity out.

    Raises:
        InputError: a head beside logits; or as `check_problem`.
    """
    if opened.head is not None and head is not None:
        raise InputError("`head`: logits are the classifier's own already. Leave it out.")
    problem = check_problem(opened.splits, head=opened.head or head, drop_nonfinite=drop_nonfinite)
    return replace(problem, notes=opened.notes).with_notes(problem.notes)


def problem_of(data: Path | str | Splits | FeatureSplits) -> FeatureProblem:
    """Return the checked problem of a path, of arrays, or of what was opened before.

    Args:
        data: as `compare` takes it.

    Raises:
        InputError: no train, an unknown split, or arrays that do not fit together.
    """
    try:
        return open_problem(data)
    except InputError as error:
        argument = next((name for name in ANSWERS if f"`{name}" in str(error)), None)
        if argument is None:
            raise
        raise InputError(f"{error} Say it here: `longtail.open_problem(data, {argument}=...)`.") from error


def _with_columns(reading: Reading, columns: dict[str, Any]) -> Reading:
    known = [one.name for one in fields(ColumnChoice)]
    for name in columns:
        if name not in known:
            raise InputError(f"no argument `{name}`.{did_you_mean(name, ANSWERS)} Columns: {', '.join(known)}.")
    return replace(reading, columns=replace(reading.columns, **columns))


def label_values(data: Any, problem: FeatureProblem) -> NDArray[Any]:
    """Return what classes are called in `data`, shape (C,): whole numbers where labels in memory are numbers.

    Those are of the labels' own kind where it is one of whole numbers, else int64: of floats, truth values, and ones
    and zeros a column a class. Names, of files too, are words.
    """
    names = np.asarray(problem.class_names)
    if isinstance(data, Mapping) and all(isinstance(part, tuple | list) for part in data.values()):
        labels = in_memory(data["train"][1], "labels")
        is_column = labels.ndim == 1 or 1 in labels.shape
        if labels.dtype.kind in "biuf":
            return names.astype(labels.dtype if labels.dtype.kind in "iu" and is_column else np.int64)
    return names


def _arrays(name: str, part: Any) -> tuple[ArrayLike, ...]:
    if not isinstance(part, tuple | list) or len(part) not in (2, 3):
        raise InputError(f"`data` {name}: expected features (N, D) and labels (N,), and perhaps groups (N,).")
    return tuple(part)
