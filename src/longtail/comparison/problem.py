"""What heads are fitted to: checked features of each split, class names, and the network's own linear head."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray

from longtail.arguments import brief
from longtail.comparison.sealed import SealedFeatures
from longtail.counts import class_counts
from longtail.errors import InputError
from longtail.features import SPLITS, FeatureFile, check_finite
from longtail.features.views import views_note
from longtail.files.arrays import read_npz
from longtail.files.text import counted, printable
from longtail.heads.base import ImpliedPrior
from longtail.heads.linear import LinearParameters, check_linear
from longtail.row_weights import check_weighted, weighted_counts, weights_note

__all__ = ["FeatureProblem", "StoredHead", "check_problem", "read_linear_head"]

MOST_CLASSES = 10_000_000  # that labels without names may number


@dataclass(frozen=True)
class FeatureProblem:
    """Features that were checked, and what is known of their classes.

    Attributes:
        splits: "train" and, where there are, "val" and "test"; the labels of test are sealed until `unseal_test`.
        class_names: one a class, C in all.
        train_counts: n_c, shape (C,): training rows, or where they have weights what these sum to.
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

    @property
    def feature_names(self) -> tuple[str, ...] | None:
        """Names of the D columns, where they have any."""
        return self.splits["train"].feature_names

    def unseal_test(self) -> None:
        """Let the labels of test be read: everything is chosen, or test is chosen on by an explicit word."""
        test = self.splits.get("test")
        if isinstance(test, SealedFeatures):
            test.unseal()

    def with_notes(self, notes: Iterable[str]) -> "FeatureProblem":
        """Return the same problem with more that a person should know."""
        return replace(self, notes=(*self.notes, *notes))

    def sealed(self) -> "FeatureProblem":
        """Return the same problem with the labels of test sealed, also where they were read before."""
        test = self.splits.get("test")
        return (
            replace(self, splits={**self.splits, "test": test.sealed()}) if isinstance(test, SealedFeatures) else self
        )

    def of_train(self, rows: NDArray[np.int64]) -> "FeatureProblem":
        """Return the problem of some training rows alone, among them rows of every class."""
        train = self.splits["train"]
        part = train.take(rows)
        counts = weighted_counts(np.asarray(part.labels), part.weights, len(self.class_names))
        return replace(self, splits={"train": part}, train_counts=counts)


def check_problem(
    splits: dict[str, FeatureFile],
    *,
    head: Path | str | LinearParameters | None = None,
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
    for split in (name for name in SPLITS if name in splits):
        file = splits[split]
        checked[split] = file = _finite(file, notes) if drop_nonfinite else file
        check_finite(file.features, printable(file.path), advice="`drop_nonfinite`", name_row=file.row_name)
        if file.views is not None:
            check_finite(file.views.features, f"{printable(file.path)}: further views")
        zeros = int((~np.any(file.features, axis=1)).sum())
        if zeros:
            are = "is" if zeros == 1 else "are"
            notes.append(f"{split}: {counted(zeros, 'row')} {are} zero in every feature; no head can tell them apart")
    _check_widths(checked)
    class_names = _class_names(checked)
    num_classes = len(class_names)
    for file in checked.values():
        _check_labels(file, num_classes)
    train = checked["train"] = _weighted(checked["train"], notes)
    checked = {
        split: file if split == "train" else replace(file, weights=None, views=None) for split, file in checked.items()
    }
    counts = weighted_counts(train.labels, train.weights, num_classes)
    if num_classes < 2:
        raise InputError(f"{printable(train.path)}: one class only ({class_names[0]}). Expected at least two.")
    absent = np.flatnonzero(counts == 0)
    if len(absent):
        first = int(absent[0])
        more = f" and {len(absent) - 1} more" if len(absent) > 1 else ""
        raise InputError(
            f"{printable(train.path)}: class {first} ({class_names[first]}){more} has no training row. "
            "Expected every class in train: add rows of it, or leave the class out."
        )
    notes += _unmeasured(checked, class_names)
    if train.views is not None:
        notes.append(views_note(train.views, np.asarray(train.labels)))
    network_head = _network_head(head, train, class_names)
    sealed = {split: SealedFeatures(file) if split == "test" else file for split, file in checked.items()}
    linear = None if network_head is None else (network_head.weight, network_head.bias)
    return FeatureProblem(
        sealed, class_names, counts, linear, tuple(notes), None if network_head is None else network_head.prior
    )


@dataclass(frozen=True)
class StoredHead:
    """A network's own linear classifier, as a file holds it.

    Attributes:
        weight: shape (C, D).
        bias: shape (C,).
        prior: world that its probabilities mean, or None where the file does not say.
        class_names: in the order of its outputs, or None.
    """

    weight: NDArray[Any]
    bias: NDArray[Any]
    prior: ImpliedPrior | None = None
    class_names: tuple[str, ...] | None = None


def read_linear_head(path: Path) -> StoredHead:
    """Read `weight` (C x D) and `bias` (C) from an .npz file, or the classifier of a network's checkpoint.

    Raises:
        InputError: no such file, damaged, or without a linear classifier.
    """
    expected = "an .npz with `weight` (C x D) and `bias` (C)"
    if path.suffix != ".npz":
        from longtail.backbones.foreign import read_foreign

        if not path.is_file():
            raise InputError(f"{printable(path)}: no such file. Expected {expected}.")
        classifier = read_foreign(path).classifier
        if classifier is None:
            raise InputError(
                f"{printable(path)}: no linear classifier in it. Expected `fc`, `linear` or `classifier` with weights."
            )
        return StoredHead(classifier[0].float().numpy(), classifier[1].float().numpy())
    arrays = read_npz(path, expected=expected)
    absent = [name for name in ("weight", "bias") if name not in arrays]
    if absent:
        raise InputError(f"{printable(path)}: holds no `{absent[0]}`. Expected {expected}.")
    prior, names = str(arrays.get("prior", "")), arrays.get("class_names")
    return StoredHead(
        arrays["weight"],
        arrays["bias"],
        prior if prior in get_args(ImpliedPrior) else None,  # type: ignore[arg-type]
        None if names is None else tuple(names.astype(str).ravel().tolist()),
    )


def _network_head(
    given: Path | str | LinearParameters | None, train: FeatureFile, class_names: tuple[str, ...]
) -> StoredHead | None:
    """Return the network's own classifier: the given one, or the one that lies beside the features."""
    beside = train.path.parent / "joint_head.npz"
    if given is None and not beside.is_file():
        return None
    given = Path(given) if isinstance(given, str) else given
    if not (given is None or isinstance(given, Path) or (isinstance(given, tuple) and len(given) == 2)):
        raise InputError(f"`head` is {brief(given)}; expected a path, or (weight, bias) of shapes (C, D) and (C,).")
    origin = "the given head" if isinstance(given, tuple) else printable(given or beside)
    if isinstance(given, tuple):
        head = StoredHead(np.asarray(given[0]), np.asarray(given[1]))
    else:
        head = read_linear_head(given or beside)
    if head.class_names is not None and head.class_names != class_names:
        other = next((name for name in head.class_names if name not in class_names), None)
        what = "in another order" if other is None else f"{other!r} among them, which is no class here"
        raise InputError(
            f"{origin}: is of other classes than {printable(train.path)}: {what}. Expected the head of the network "
            "that made these features."
        )
    dimension = train.features.shape[1]
    try:
        weight, bias = check_linear((head.weight, head.bias), len(class_names), dimension)
    except InputError as error:
        raise InputError(f"{origin}: {error} Name another with `head`.") from error
    return replace(head, weight=weight, bias=bias)


def _weighted(train: FeatureFile, notes: list[str]) -> FeatureFile:
    """Return training rows of which each counts for something; weights are told of, and checked."""
    if train.weights is None:
        return train
    check_weighted(train.weights, np.asarray(train.labels), origin=printable(train.path))
    notes.append(weights_note(train.weights))
    return train if train.weights.all() else train.take(np.flatnonzero(train.weights))


def _unmeasured(splits: Mapping[str, FeatureFile], class_names: tuple[str, ...]) -> list[str]:
    """Name the classes that a split has no row of: nothing is measured, or chosen, by them."""
    notes = []
    for split, file in splits.items():
        absent = np.flatnonzero(class_counts(file.labels, len(class_names)) == 0)
        if split != "train" and len(absent):
            names = ", ".join(class_names[c] for c in absent[:5]) + (
                f" and {len(absent) - 5} more" if len(absent) > 5 else ""
            )
            what = "nothing is measured of them" if split == "test" else "nothing is chosen by them"
            notes.append(f"{split} has no row of {len(absent)} of {len(class_names)} classes ({names}): {what}")
    return notes


def _check_widths(splits: Mapping[str, FeatureFile]) -> None:
    width = splits["train"].features.shape[1]
    for split, file in splits.items():
        if not len(file.features):
            raise InputError(f"{printable(file.path)}: {split} has no row. Leave the split out, or give it some.")
        if file.features.shape[1] != width:
            raise InputError(
                f"{printable(file.path)}: {split} has {file.features.shape[1]} columns; expected {width}, as train has."
            )


def _finite(file: FeatureFile, notes: list[str]) -> FeatureFile:
    if file.views is not None:
        file = replace(file, views=file.views.finite())
    good = np.concatenate(
        [np.isfinite(file.features[start : start + 8192]).all(axis=1) for start in range(0, len(file.features), 8192)]
    )
    if good.all():
        return file
    if not good.any():
        raise InputError(f"{printable(file.path)}: every row holds NaN or infinity. Extract the features again.")
    notes.append(f"{file.path.name}: {counted(int((~good).sum()), 'row')} with NaN or infinity left out")
    return file.take(good)


def _class_names(splits: dict[str, FeatureFile]) -> tuple[str, ...]:
    stored = splits["train"].class_names
    for split, file in splits.items():
        if stored is not None and file.class_names is not None and file.class_names != stored:
            raise InputError(
                f"{printable(file.path)}: the classes of {split} are others than those of train, or in another order. "
                "Expected the same names in the same order."
            )
    if stored is not None:
        return stored
    highest = max(int(file.labels.max(initial=0)) for file in splits.values())
    if highest > MOST_CLASSES:
        raise InputError(
            f"{printable(splits['train'].path)}: a label {highest:,}. Expected classes that are numbered from 0, "
            "without gaps."
        )
    return tuple(str(number) for number in range(highest + 1))


def _check_labels(file: FeatureFile, num_classes: int) -> None:
    outside = np.flatnonzero((file.labels < 0) | (file.labels >= num_classes))
    if len(outside):
        row = int(outside[0])
        raise InputError(
            f"{file.path}: label {file.labels[row]} of row {row} is out of range ({len(outside)} such rows); "
            f"expected 0 to {num_classes - 1}. Number the classes from 0 without gaps, alike in all splits."
        )
