"""What heads are fitted to: checked features of each split, class names, and the network's own linear head."""

import zipfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray

from longtail.counts import class_counts
from longtail.errors import InputError
from longtail.features import FeatureFile, check_finite
from longtail.heads.base import ImpliedPrior
from longtail.heads.linear import LinearParameters
from longtail.jobs.fitting.sealed import SealedFeatures

__all__ = ["FeatureProblem", "check_problem", "read_linear_head"]


@dataclass(frozen=True)
class FeatureProblem:
    """Features that were checked, and what is known of their classes.

    Attributes:
        splits: "train" and, where there are, "val" and "test"; the labels of test are sealed until `unseal_test`.
        class_names: one a class, C in all.
        train_counts: n_c, shape (C,).
        head: weight (C, D) and bias (C,) of the network's own classifier, or None.
        notes: what a person should know about the data.
        own_prior: world that the probabilities of that classifier mean, which may have been rebalanced in stage 1; None
            where that is not known.
    """

    splits: dict[str, FeatureFile | SealedFeatures]
    class_names: tuple[str, ...]
    train_counts: NDArray[np.int64]
    head: tuple[NDArray[Any], NDArray[Any]] | None
    notes: tuple[str, ...]
    own_prior: ImpliedPrior | None = None

    def unseal_test(self) -> None:
        """Let the labels of test be read: everything is chosen, or test is chosen on by an explicit word."""
        test = self.splits.get("test")
        if isinstance(test, SealedFeatures):
            test.unseal()

    def of_train(self, rows: NDArray[np.int64]) -> "FeatureProblem":
        """Give the problem of some training rows alone, among them rows of every class."""
        train = self.splits["train"]
        part = FeatureFile(train.path, np.asarray(train.features[rows]), train.labels[rows], train.attributes)
        return replace(self, splits={"train": part}, train_counts=class_counts(part.labels, len(self.class_names)))


def check_problem(
    splits: dict[str, FeatureFile],
    *,
    head: Path | LinearParameters | None = None,
    drop_nonfinite: bool = False,
) -> FeatureProblem:
    """Check features and labels of all splits against each other.

    Args:
        splits: as `open_feature_folder` gives them.
        head: .npz with weight and bias, a network's checkpoint, or both arrays; default `joint_head.npz` beside the
            features, where it is.
        drop_nonfinite: leave rows with NaN or infinity out.

    Raises:
        InputError: NaN or infinity, labels out of range, a class without a training row, one class only, or a head of
            another shape.
    """
    notes: list[str] = []
    checked = {}
    for split, file in splits.items():
        checked[split] = _finite(file, notes) if drop_nonfinite else file
        check_finite(checked[split].features, str(file.path), advice="--drop-nonfinite")
        zeros = int((~np.any(checked[split].features, axis=1)).sum())
        if zeros:
            notes.append(f"{split}: {zeros} rows are zero in every feature; no head can tell them apart")
    class_names = _class_names(checked)
    num_classes = len(class_names)
    for file in checked.values():
        _check_labels(file, num_classes)
    counts = class_counts(checked["train"].labels, num_classes)
    if num_classes < 2:
        raise InputError(f"{checked['train'].path}: one class only ({class_names[0]}). Expected at least two.")
    absent = np.flatnonzero(counts == 0)
    if len(absent):
        first = int(absent[0])
        more = f" and {len(absent) - 1} more" if len(absent) > 1 else ""
        raise InputError(
            f"{checked['train'].path}: class {first} ({class_names[first]}){more} has no training row. "
            "Expected every class from 0 to the highest label in train: add images of it, or number the classes "
            "without it."
        )
    beside = checked["train"].path.parent / "joint_head.npz"
    linear: tuple[NDArray[Any], NDArray[Any]] | None
    if isinstance(head, tuple):
        linear = (np.asarray(head[0]), np.asarray(head[1]))
    else:
        linear = read_linear_head(head or beside) if head or beside.is_file() else None
    if linear is not None:
        origin = "the given head" if isinstance(head, tuple) else head or beside
        expected = (num_classes, checked["train"].features.shape[1])
        if linear[0].shape != expected or linear[1].shape != expected[:1]:
            raise InputError(
                f"{origin}: weight {linear[0].shape} and bias {linear[1].shape}; expected {expected} and "
                f"{expected[:1]} for these features. Give the head of the network that made them with --head."
            )
    sealed = {split: SealedFeatures(file) if split == "test" else file for split, file in checked.items()}
    own_prior = _own_prior(None if isinstance(head, tuple) else head or beside)
    return FeatureProblem(sealed, class_names, counts, linear, tuple(notes), own_prior)


def read_linear_head(path: Path) -> tuple[NDArray[Any], NDArray[Any]]:
    """Read `weight` (C x D) and `bias` (C) from an .npz file, or the classifier of a network's checkpoint.

    Raises:
        InputError: no such file, truncated, or without a linear classifier.
    """
    if not path.is_file():
        raise InputError(f"{path}: no such file. Expected an .npz with `weight` (C x D) and `bias` (C).")
    if path.suffix != ".npz":
        from longtail.backbones.foreign import read_foreign

        classifier = read_foreign(path).classifier
        if classifier is None:
            raise InputError(
                f"{path}: no linear classifier in it. Expected `fc`, `linear` or `classifier` with weights."
            )
        return classifier[0].float().numpy(), classifier[1].float().numpy()
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as file:
            return file["weight"], file["bias"]
    except (OSError, ValueError, KeyError, EOFError, AttributeError, zipfile.BadZipFile) as error:
        raise InputError(f"{path}: truncated, or without `weight` (C x D) and `bias` (C) ({error}).") from error


def _own_prior(path: Path | None) -> ImpliedPrior | None:
    """Give the world that a stored classifier's probabilities mean; None where its file does not say."""
    if path is None or path.suffix != ".npz" or not path.is_file():
        return None
    with np.load(path, allow_pickle=False) as file:
        told = str(file["prior"]) if "prior" in file.files else None
    return told if told in get_args(ImpliedPrior) else None  # type: ignore[return-value]


def _finite(file: FeatureFile, notes: list[str]) -> FeatureFile:
    good = np.concatenate(
        [np.isfinite(file.features[start : start + 8192]).all(axis=1) for start in range(0, len(file.features), 8192)]
    )
    if good.all():
        return file
    if not good.any():
        raise InputError(f"{file.path}: every row holds NaN or infinity. Extract the features again.")
    notes.append(f"{file.path.name}: {int((~good).sum())} rows with NaN or infinity were left out")
    return replace(file, features=file.features[good], labels=file.labels[good])


def _class_names(splits: dict[str, FeatureFile]) -> tuple[str, ...]:
    stored = splits["train"].class_names
    if stored is not None:
        return stored
    highest = max(int(file.labels.max()) for file in splits.values())
    return tuple(str(number) for number in range(highest + 1))


def _check_labels(file: FeatureFile, num_classes: int) -> None:
    outside = np.flatnonzero((file.labels < 0) | (file.labels >= num_classes))
    if len(outside):
        row = int(outside[0])
        raise InputError(
            f"{file.path}: label {file.labels[row]} of row {row} is out of range ({len(outside)} such rows); "
            f"expected 0 to {num_classes - 1}. Number the classes from 0 without gaps, alike in all splits."
        )
