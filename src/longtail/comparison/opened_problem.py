"""Problems out of what people have: a folder or file of features, or arrays."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from longtail.arguments import as_array
from longtail.comparison.problem import FeatureProblem, check_problem
from longtail.errors import InputError
from longtail.features import SPLITS, FeatureFile, Reading, open_features
from longtail.heads.linear import LinearParameters

__all__ = ["Splits", "open_problem", "problem_of"]

Splits = Mapping[str, tuple[ArrayLike, ArrayLike]]


def open_problem(
    path: Path | str, reading: Reading | None = None, *, head: Path | LinearParameters | None = None
) -> FeatureProblem:
    """Open features of any format that `longtail fit` takes, check them, and seal the labels of test.

    Args:
        path: folder with feature_train.h5, train.npz, val.csv, ..., or one file with labels (.h5, .npz, .npy, .csv,
            .tsv, .parquet, .mat).
        reading: how columns are meant and what is split off; default: 10 % of train for val, 20 % for test, where the
            file has none.
        head: the network's own classifier: a file, or weight (C, D) and bias (C,); default: joint_head.npz beside.

    Raises:
        InputError: unusable features or labels, or a head of other features or classes.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "birds.npz"
        >>> rng, labels = np.random.default_rng(0), np.repeat([0, 1], 30)
        >>> np.savez(path, features=rng.normal(size=(60, 4)), labels=labels)
        >>> problem = open_problem(path)
        >>> {name: len(part.features) for name, part in problem.splits.items()}
        {'train': 44, 'val': 4, 'test': 12}
    """
    opened = open_features(Path(path), reading or Reading())
    if opened.head is not None and head is not None:
        raise InputError("`head`: logits are the classifier's own already. Leave it out.")
    problem = check_problem(opened.splits, head=opened.head or head)
    return replace(problem, notes=(*opened.notes, *problem.notes))


def problem_of(data: Path | str | Splits) -> FeatureProblem:
    """Return the checked problem of a path or of arrays.

    Args:
        data: as `compare` takes it.

    Raises:
        InputError: no train, an unknown split, or arrays that do not fit together.
    """
    if isinstance(data, str | Path):
        return open_problem(data)
    if not isinstance(data, Mapping) or "train" not in data or not set(data) <= set(SPLITS):
        came = ", ".join(map(str, data)) if isinstance(data, Mapping) else type(data).__name__
        raise InputError(
            f'`data` is {came}; expected a path, a problem, or {{"train": (features, labels), "val": ...}}.'
        )
    parts = {name: _part(name, data[name]) for name in SPLITS if name in data}
    names = np.unique(np.concatenate([labels for _, labels in parts.values()]))
    plain = tuple(map(str, names.tolist()))
    files = {
        name: FeatureFile(Path("arrays") / name, features, np.searchsorted(names, labels), {"class_names": plain})
        for name, (features, labels) in parts.items()
    }
    return check_problem(files)


def _part(name: str, part: Any) -> tuple[Any, Any]:
    if not isinstance(part, tuple | list) or len(part) != 2:
        raise InputError(f"`data` {name}: expected features (N, D) and labels (N,).")
    features, labels = as_array(part[0], f"{name} features"), as_array(part[1], f"{name} labels")
    if features.ndim != 2 or features.dtype.kind not in "fiu" or labels.shape != features.shape[:1]:
        raise InputError(
            f"`data` {name}: features {features.shape} of {features.dtype} and labels {labels.shape}; expected N x D "
            "numbers and N labels."
        )
    return features if features.dtype.kind == "f" else features.astype(np.float32), labels
