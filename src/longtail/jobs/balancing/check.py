"""Do features, labels and a model's last layer belong together?"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from longtail.errors import InputError
from longtail.evaluation import accuracy_report
from longtail.features import FeatureFile
from longtail.heads import Joint
from longtail.jobs.balancing.class_order import class_order, rare_order, refuse_order, separation, unsure_classes

__all__ = ["check_fit", "check_shape", "rare_note", "some_rows"]

NAMED = 5  # classes that a message names
MOST_SCORES = 20_000_000  # logits that are looked at
MANY = 20  # rows of a class, of which some do
FAINTEST = 3.0  # standard deviations, below which layer and labels have nothing to do with each other


def check_shape(train: FeatureFile, shape: tuple[int, ...], origin: str) -> None:
    """Make sure that a layer takes as many features, and knows as many classes, as the data have.

    Args:
        train: features and labels.
        shape: (C, D) of the layer's weight.
        origin: the model and its layer, for messages.

    Raises:
        InputError: another D, or another C.
    """
    num_classes, dimension = shape
    if train.features.shape[1] != dimension:
        raise InputError(
            f"{train.path}: {train.features.shape[1]} features a row, but {origin} sees {dimension}. Expected the "
            "features of this model: what that layer sees."
        )
    stored = train.class_names
    result = int(train.labels.max()) + 1 if stored is None else len(stored)
    if result != num_classes:
        raise InputError(
            f"{train.path}: {result} classes, but {origin} has {num_classes} outputs. Expected the classes that the "
            "model was trained on; leave others out, or give images of those that are missing."
        )


def rare_note(train_counts: NDArray[np.int64], class_names: Sequence[str]) -> tuple[str, ...]:
    """Return which classes have a single training row: what is learnt of them rests on it alone."""
    rare = [name for name, count in zip(class_names, train_counts, strict=True) if count == 1]
    if not rare:
        return ()
    more = f" and {len(rare) - NAMED} more" if len(rare) > NAMED else ""
    return (f"{', '.join(rare[:NAMED])}{more}: a single training row each; add some, their results rest on it",)


def check_fit(
    features: NDArray[Any],
    labels: NDArray[np.int64],
    linear: tuple[NDArray[Any], NDArray[Any]],
    class_names: Sequence[str],
    origin: str,
) -> dict[str, Any]:
    """Make sure that a layer and the features that it is said to see belong together.

    Args:
        features: of the training rows, shape (N, D).
        labels: class indices, shape (N,).
        linear: the layer's weight (C, D) and bias (C,).
        class_names: C names.
        origin: the model, for messages.

    Returns:
        `all` and `balanced` accuracy of the layer as it is, in percent; and `unsure`, the names of rare classes whose
        rows do not say whether their output is their own.

    Raises:
        InputError: classes in another order, or scores that have nothing to do with the labels.
    """
    layer = Joint().take(*linear)
    predictions = layer.predict(features)
    counts = np.bincount(labels, minlength=len(class_names))
    refuse_order(class_order(labels, predictions, len(class_names)), class_names, origin)
    some = some_rows(labels, len(class_names))
    logits, their_labels = layer.logits(features[some]), np.asarray(labels[some])
    refuse_order(rare_order(logits, their_labels), class_names, origin)
    report = accuracy_report(labels, predictions, counts)
    if separation(logits, their_labels) < FAINTEST:
        raise InputError(
            f"{origin}: its last layer finds {report['all']:.1f} % of the training rows, and its scores have nothing "
            "to do with their labels. Expected the features that this very layer sees, with labels in the order of its "
            "outputs."
        )
    unsure = [class_names[c] for c in unsure_classes(logits, their_labels)]
    return {"all": report["all"], "balanced": report["balanced"], "unsure": unsure}


def some_rows(labels: NDArray[np.int64], num_classes: int) -> NDArray[np.int64]:
    """Return some rows, in order, whose logits are soon looked at: all of rare classes, and some of the others."""
    drawn = np.random.default_rng(0).permutation(len(labels))[: max(MOST_SCORES // num_classes, 1000)]
    rare = np.bincount(labels, minlength=num_classes) < MANY
    return np.union1d(drawn, np.flatnonzero(rare[labels]))
