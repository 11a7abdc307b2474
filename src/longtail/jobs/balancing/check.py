"""Do features, labels and a model's last layer belong together?"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from longtail.errors import InputError
from longtail.evaluation import accuracy_report
from longtail.features import FeatureFile
from longtail.heads import Joint

__all__ = ["check_class_order", "check_fit", "check_shape", "class_order", "rare_note", "renumbered", "separation"]

FEWEST_ROWS = 5  # of a class in each half, below which its recall says too little
GAIN = 0.3  # of recall, that a swapped class wins at least
NAMED = 5  # classes that a message names
MOST_SCORES = 20_000_000  # logits that are looked at
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
    found = int(train.labels.max()) + 1 if stored is None else len(stored)
    if found != num_classes:
        raise InputError(
            f"{train.path}: {found} classes, but {origin} has {num_classes} outputs. Expected the classes that the "
            "model was trained on; leave others out, or give images of those that are missing."
        )


def rare_note(train_counts: NDArray[np.int64], class_names: Sequence[str]) -> tuple[str, ...]:
    """Say which classes have a single training row: what is learnt of them rests on it alone."""
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
        `all` and `balanced` accuracy of the layer as it is, in percent.

    Raises:
        InputError: classes in another order, or scores that have nothing to do with the labels.
    """
    layer = Joint().take(*linear)
    predictions = layer.predict(features)
    check_class_order(labels, predictions, class_names, origin)
    report = accuracy_report(labels, predictions, np.bincount(labels, minlength=len(class_names)))
    some = np.random.default_rng(0).permutation(len(labels))[: max(MOST_SCORES // len(class_names), 1000)]
    some.sort()
    if separation(layer.logits(features[some]), np.asarray(labels[some])) < FAINTEST:
        raise InputError(
            f"{origin}: its last layer finds {report['all']:.1f} % of the training rows, and its scores have nothing "
            "to do with their labels. Expected the features that this very layer sees, with labels in the order of its "
            "outputs."
        )
    return {"all": report["all"], "balanced": report["balanced"]}


def separation(logits: NDArray[Any], labels: NDArray[np.int64]) -> float:
    """Measure whether rows of a class have a higher score for it than all rows have.

    z = 1 / sqrt(C) sum_c sqrt(n_c) (mean of z_c over rows of class c - mean of z_c) / (deviation of z_c)

    About a standard normal variable where scores and labels have nothing to do with each other, be the layer as unfair
    as it may: a layer that says the commonest class always still ranks.

    Args:
        logits: shape (N, C).
        labels: class indices, shape (N,).

    Example:
        >>> scores = np.random.default_rng(0).normal(size=(60, 3))
        >>> labels = np.repeat([0, 1, 2], 20)
        >>> separation(scores + 9 * np.eye(3)[labels], labels) > 10, abs(separation(scores, labels)) < 3
        (True, True)
    """
    counts = np.bincount(labels, minlength=logits.shape[1])
    own = np.bincount(labels, weights=logits[np.arange(len(labels)), labels], minlength=logits.shape[1])
    seen = counts > 0
    gap = own[seen] / counts[seen] - logits[:, seen].mean(axis=0)
    deviation = np.maximum(logits[:, seen].std(axis=0), np.finfo(np.float32).tiny)
    return float((np.sqrt(counts[seen]) * gap / deviation).sum() / np.sqrt(seen.sum()))


def check_class_order(
    labels: NDArray[np.int64], predictions: NDArray[np.int64], class_names: Sequence[str], origin: str
) -> None:
    """Refuse a model whose outputs stand for the classes in another order than the labels.

    Raises:
        InputError: names the classes whose outputs are others'.
    """
    order = class_order(labels, predictions, len(class_names))
    moved = np.flatnonzero(order != np.arange(len(order)))
    if not len(moved):
        return
    named = ", ".join(f"{class_names[c]} ({c}) is its output {order[c]}" for c in moved[:NAMED])
    more = f" and {len(moved) - NAMED} more" if len(moved) > NAMED else ""
    raise InputError(
        f"{origin}: the classes of model and data are in another order: by the training rows, {named}{more}. Give the "
        "model's class names, one a line in the order of its outputs, with --class-names, or number the labels so."
    )


def class_order(labels: NDArray[np.int64], predictions: NDArray[np.int64], num_classes: int) -> NDArray[np.int64]:
    """Find which output stands for which class, where they are not in the same order.

    pi = argmax over permutations of sum_c M[c, pi(c)], M[c, k] the share of class c that is predicted as k

    The permutation comes from one half of the rows and is believed where it holds in the other half: of a class that
    moves, its new output must predict at least half, and 30 points more than its own does, and 30 points more than of
    the class that the output is named for. A rare class that is taken for a common one does not move: that output
    belongs to the common class.

    Args:
        labels: class indices, shape (N,).
        predictions: class indices, shape (N,).
        num_classes: C.

    Returns:
        Output of each class, shape (C,); 0 .. C - 1 where nothing is wrong.

    Example:
        >>> labels = np.repeat([0, 1, 2], 20)
        >>> class_order(labels, np.array([2, 1, 0])[labels], 3).tolist()
        [2, 1, 0]
    """
    own = np.arange(num_classes)
    # every second row of each class
    place = np.empty(len(labels), dtype=np.int64)
    place[np.argsort(labels, kind="stable")] = np.arange(len(labels))
    halves = [_shares(labels[place % 2 == k], predictions[place % 2 == k], num_classes) for k in (0, 1)]
    order = linear_sum_assignment(-halves[0][0])[1]
    shares, counts = halves[1]
    enough = (counts >= FEWEST_ROWS) & (halves[0][1] >= FEWEST_ROWS)
    gain = shares[own, order] - shares[own, own]
    # an output that its own class has as well was not given away: the layer takes two classes for one
    lead = shares[own, order] - shares[order, order]
    free = (lead >= GAIN) | ~enough[order]
    sure = (order != own) & enough & (gain >= GAIN) & (shares[own, order] >= 0.5) & free
    few = int((order != own).sum() - sure.sum())
    # classes change places: one alone cannot, unless those it changes with are too rare to say
    is_swap = sure.sum() >= 2 or (sure.sum() == 1 and few and not enough[(order != own) & ~sure].any())
    result: NDArray[np.int64] = np.where(sure, order, own) if is_swap else own
    return result


def renumbered(
    labels: NDArray[np.int64], data_names: Sequence[str], model_names: Sequence[str], origin: str
) -> NDArray[np.int64]:
    """Number labels as the model does, by the names of the classes.

    Args:
        labels: class indices in the order of `data_names`, shape (N,).
        data_names: names in the order of the data.
        model_names: names in the order of the model's outputs.
        origin: of the model's names, for messages.

    Raises:
        InputError: names that are only in one of them, or twice.

    Example:
        >>> renumbered(np.array([0, 1, 1]), ["cat", "dog"], ["dog", "cat"], "names.txt").tolist()
        [1, 0, 0]
    """
    if len(set(model_names)) != len(model_names):
        twice = next(name for name in model_names if list(model_names).count(name) > 1)
        raise InputError(f"{origin}: {twice!r} stands there twice. Expected one name a class.")
    absent = [name for name in model_names if name not in data_names]
    unknown = [name for name in data_names if name not in model_names]
    if absent or unknown:
        parts = [f"the data has no {', '.join(absent[:NAMED])}"] if absent else []
        parts += [f"the model does not know {', '.join(unknown[:NAMED])}"] if unknown else []
        raise InputError(
            f"{origin}: other classes ({len(model_names)}) than in the data ({len(data_names)}): {'; '.join(parts)}. "
            "Expected the same names in both."
        )
    place = {name: number for number, name in enumerate(model_names)}
    return np.array([place[name] for name in data_names], dtype=np.int64)[labels]


def _shares(
    labels: NDArray[np.int64], predictions: NDArray[np.int64], num_classes: int
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Give the row-normalised confusion matrix (C, C) and the rows of each class (C,)."""
    pairs = np.bincount(labels * num_classes + predictions, minlength=num_classes**2).reshape(num_classes, num_classes)
    counts = pairs.sum(axis=1)
    return pairs / np.maximum(counts, 1)[:, None], counts
