"""Logits and probabilities in the place of features: they are their own classifier."""

from dataclasses import replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from longtail.errors import InputError
from longtail.features.feature_file import FeatureFile
from longtail.files.text import printable

__all__ = ["are_probabilities", "as_logits", "log_probabilities"]


def are_probabilities(values: NDArray[Any]) -> bool:
    """Return whether every row of (N, C) lies between 0 and 1 and sums to 1."""
    some = np.asarray(values[:4096], dtype=np.float64)
    return bool((some >= 0).all() and (some <= 1).all() and np.allclose(some.sum(axis=1), 1, atol=1e-3))


def as_logits(
    splits: dict[str, FeatureFile], names: tuple[str, ...], notes: list[str]
) -> tuple[dict[str, FeatureFile], Literal["logits", "probabilities"]]:
    """Put logits in the order of the classes, by the names of their columns where they have any; take the logarithm of
    probabilities.

    Args:
        splits: files whose values are logits or probabilities.
        names: of the classes, in the order of their numbers.
        notes: for people, to which is added what was done.

    Raises:
        InputError: fewer columns than classes.
    """
    train = splits["train"]
    if train.views is not None:
        raise InputError(f"{printable(train.path)}: has further views of images, which are of features, not of logits.")
    columns = train.features.shape[1]
    if len(names) > columns:
        raise InputError(
            f"{printable(train.path)}: {columns} logits a row, but {len(names)} classes; expected one logit for each "
            "class."
        )
    called = train.feature_names
    if called is not None and set(names) <= set(called):
        order = [called.index(name) for name in names]
        if order != list(range(columns)):
            splits = {
                split: replace(file, features=np.ascontiguousarray(file.features[:, order]))
                for split, file in splits.items()
            }
            notes.append(
                f"the logits are put in the order of the classes by the names of their columns: {names[0]}, ..."
            )
    elif list(names) != [str(number) for number in range(len(names))]:
        notes.append(f"the logits are taken to be in the order of the classes: {', '.join(names[:5])}, ...")
    if not all(are_probabilities(file.features) for file in splits.values()):
        return splits, "logits"
    notes.append("the logits are probabilities: their logarithm is taken")
    return {
        split: replace(file, features=log_probabilities(file.features)) for split, file in splits.items()
    }, "probabilities"


def log_probabilities(values: NDArray[Any]) -> NDArray[np.float32]:
    """Return the logarithm of probabilities, finite where they are 0."""
    logs: NDArray[np.float32] = np.log(np.maximum(values, np.finfo(np.float32).tiny)).astype(np.float32)
    return logs
