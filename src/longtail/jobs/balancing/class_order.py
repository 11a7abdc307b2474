"""In which order outputs stand for the classes: by names, by what the model says of rows, or as timm sorts folders."""

import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from longtail.errors import InputError

__all__ = [
    "class_order",
    "follows",
    "rare_order",
    "refuse_order",
    "renumbered",
    "same_names",
    "separation",
    "timm_order",
    "unsure_classes",
]

FEWEST_ROWS = 5  # of a class in each half, below which its recall says too little
GAIN = 0.3  # of recall, that a swapped class wins at least
FAINTEST = 3.0  # standard deviations, below which scores and labels have nothing to do with each other
CLEAR = 5.0  # standard deviations a class, by which scores speak for another order
NAMED = 5  # classes that a message names
Logits = NDArray[np.floating]


def timm_order(class_names: Sequence[str]) -> NDArray[np.int64]:
    """Return the output of each class of a model whose classes were numbered by timm's reader of folders.

    It sorts them as people count, whatever their case: x1, x2, x10, Y. torchvision's, and ours, sorts by character: Y,
    x1, x10, x2.

    Args:
        class_names: in the order of the labels.

    Example:
        >>> timm_order(["Y", "x1", "x10", "x2"]).tolist()
        [3, 0, 2, 1]
    """
    result = np.empty(len(class_names), dtype=np.int64)
    result[sorted(range(len(class_names)), key=lambda c: _natural(class_names[c]))] = np.arange(len(class_names))
    return result


def follows(logits: Logits, labels: NDArray[np.int64], order: NDArray[np.int64]) -> bool:
    """Return whether scores speak for an order of the outputs, and clearly against the order of the labels.

    Args:
        logits: shape (N, C).
        labels: class indices, shape (N,).
        order: output of each class, shape (C,).

    Example:
        >>> labels, order = np.repeat([0, 1, 2], 20), np.array([0, 2, 1])
        >>> logits = np.random.default_rng(0).normal(size=(60, 3)) + 3 * np.eye(3)[order[labels]]
        >>> follows(logits, labels, order), follows(logits[:, order], labels, order)
        (True, False)
    """
    moved = order != np.arange(len(order))
    if not moved[np.unique(labels)].any():
        return False
    theirs, ours = (separation(logits, labels, outputs, moved) for outputs in (order, np.arange(len(order))))
    return theirs >= FAINTEST and theirs - ours >= FAINTEST


def separation(
    logits: Logits,
    labels: NDArray[np.int64],
    order: NDArray[np.int64] | None = None,
    classes: NDArray[np.bool_] | None = None,
) -> float:
    """Measure whether rows of a class have a higher score for it than all rows have.

    z = 1 / sqrt(C) sum_c sqrt(n_c) (mean of z_c over rows of class c - mean of z_c) / (deviation of z_c)

    About a standard normal variable where scores and labels have nothing to do with each other, be the layer as unfair
    as it may: a layer that says the commonest class always still ranks.

    Args:
        logits: shape (N, C).
        labels: class indices, shape (N,).
        order: output of each class, shape (C,); default: its own number.
        classes: those that count, shape (C,); default: all that have rows.

    Example:
        >>> scores = np.random.default_rng(0).normal(size=(60, 3))
        >>> labels = np.repeat([0, 1, 2], 20)
        >>> separation(scores + 9 * np.eye(3)[labels], labels) > 10, abs(separation(scores, labels)) < 3
        (True, True)
    """
    evidence, counts = _evidence(logits, labels)
    seen = (counts > 0) if classes is None else (counts > 0) & classes
    outputs = np.arange(logits.shape[1]) if order is None else order
    return float(evidence[np.arange(len(outputs)), outputs][seen].sum() / np.sqrt(seen.sum()))


def refuse_order(order: NDArray[np.int64], class_names: Sequence[str], origin: str) -> None:
    """Refuse a model whose outputs stand for the classes in another order than the labels.

    Args:
        order: output of each class, shape (C,).
        class_names: C names.
        origin: the model, for messages.

    Raises:
        InputError: names the classes whose outputs are others'.
    """
    moved = np.flatnonzero(order != np.arange(len(order)))
    if not len(moved):
        return
    named = ", ".join(f"{class_names[c]} ({c}) is its output {order[c]}" for c in moved[:NAMED])
    more = f" and {len(moved) - NAMED} more" if len(moved) > NAMED else ""
    raise InputError(
        f"{origin}: the classes of model and data are in another order: by the training rows, {named}{more}. Give the "
        "model's class names, one a line in the order of its outputs, with --class-names, or number the labels so."
    )


def unsure_classes(logits: Logits, labels: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the classes whose few rows do not say whether their output is their own, as class indices."""
    evidence, counts = _evidence(logits, labels)
    class_evidence = np.diagonal(evidence)
    result: NDArray[np.int64] = np.flatnonzero((counts > 0) & (counts < 2 * FEWEST_ROWS) & (class_evidence < FAINTEST))
    return result


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
    classes = np.arange(num_classes)
    # every second row of each class
    place = np.empty(len(labels), dtype=np.int64)
    place[np.argsort(labels, kind="stable")] = np.arange(len(labels))
    halves = [_shares(labels[place % 2 == k], predictions[place % 2 == k], num_classes) for k in (0, 1)]
    order = linear_sum_assignment(-halves[0][0])[1]
    shares, counts = halves[1]
    enough = (counts >= FEWEST_ROWS) & (halves[0][1] >= FEWEST_ROWS)
    gain = shares[classes, order] - shares[classes, classes]
    # an output that its own class has as well was not given away: the layer takes two classes for one
    lead = shares[classes, order] - shares[order, order]
    free = (lead >= GAIN) | ~enough[order]
    sure = (order != classes) & enough & (gain >= GAIN) & (shares[classes, order] >= 0.5) & free
    few = int((order != classes).sum() - sure.sum())
    # classes change places: one alone cannot, unless those it changes with are too rare to say
    is_swap = sure.sum() >= 2 or (sure.sum() == 1 and few and not enough[(order != classes) & ~sure].any())
    result: NDArray[np.int64] = np.where(sure, order, classes) if is_swap else classes
    return result


def rare_order(logits: Logits, labels: NDArray[np.int64]) -> NDArray[np.int64]:
    """Find which output stands for which class among those that are too rare for `class_order`.

    Z[c, k] = sqrt(n_c) (mean of z_k over rows of class c - mean of z_k) / (deviation of z_k)

    The assignment of rare classes to their outputs that makes the sum of Z largest; a cycle of it is believed where
    each class speaks for its new output, and the sum wins 5 a class: a class that looks like another speaks for both.

    Args:
        logits: shape (N, C).
        labels: class indices, shape (N,).

    Returns:
        Output of each class, shape (C,); 0 .. C - 1 where nothing is wrong.

    Example:
        >>> labels = np.repeat([0, 1, 2], [200, 9, 9])
        >>> logits = np.random.default_rng(0).normal(size=(218, 3)) + 4 * np.eye(3)[np.array([0, 2, 1])[labels]]
        >>> rare_order(logits, labels).tolist()
        [0, 2, 1]
    """
    evidence, counts = _evidence(logits, labels)
    rare = np.flatnonzero((counts > 0) & (counts < 2 * FEWEST_ROWS))
    result = np.arange(len(counts))
    among = evidence[np.ix_(rare, rare)]
    chosen = linear_sum_assignment(-among)[1]
    for cycle in _cycles(chosen):
        ours, theirs = among[cycle, cycle], among[cycle, chosen[cycle]]
        if len(cycle) > 1 and theirs.min() >= FAINTEST and (theirs - ours).sum() >= CLEAR * len(cycle):
            result[rare[cycle]] = rare[chosen[cycle]]
    return result


def same_names(data_names: Sequence[str], model_names: Sequence[str], origin: str) -> list[str]:
    """Return a model's class names as the data spell them: case, and signs between words, make no other class.

    Args:
        data_names: in any order.
        model_names: in the order of the outputs.
        origin: of the model's names, for messages.

    Raises:
        InputError: names that are only in one of them, or twice.

    Example:
        >>> same_names(["golden_retriever", "cat"], ["Cat", "golden retriever"], "config.json")
        ['cat', 'golden_retriever']
    """
    if sorted(data_names) != sorted(model_names):
        spelled = {_plain(name): name for name in data_names}
        plain = [_plain(name) for name in model_names]
        if len(spelled) == len(data_names) and sorted(plain) == sorted(spelled):
            return [spelled[name] for name in plain]
    renumbered(np.zeros(0, dtype=np.int64), data_names, model_names, origin)
    return list(model_names)


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
            "Expected the same names in both; --class-names FILE gives the data's names in the order of the model's "
            "outputs."
        )
    if len(labels) and not 0 <= int(labels.min()) <= int(labels.max()) < len(data_names):
        raise InputError(
            f"{origin}: labels go from {labels.min()} to {labels.max()}, and there are {len(data_names)} class names. "
            f"Expected 0 to {len(data_names) - 1}."
        )
    place = {name: number for number, name in enumerate(model_names)}
    return np.array([place[name] for name in data_names], dtype=np.int64)[labels]


def _evidence(logits: Logits, labels: NDArray[np.int64]) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return by how many deviations rows of a class have higher scores for each output than all rows, (C, C)."""
    num_classes = logits.shape[1]
    counts = np.bincount(labels, minlength=num_classes)
    sums = np.zeros((num_classes, num_classes))
    order = np.argsort(labels, kind="stable")
    seen = np.flatnonzero(counts)
    sums[seen] = np.add.reduceat(logits[order], np.r_[0, np.cumsum(counts[seen])[:-1]], axis=0, dtype=np.float64)
    deviation = np.maximum(logits.std(axis=0, dtype=np.float64), np.finfo(np.float32).tiny)
    gap = sums / np.maximum(counts, 1)[:, None] - logits.mean(axis=0, dtype=np.float64)
    return np.sqrt(counts)[:, None] * gap / deviation, counts


def _cycles(permutation: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    left, cycles = set(range(len(permutation))), []
    while left:
        cycle = [left.pop()]
        while (following := int(permutation[cycle[-1]])) in left:
            left.remove(following)
            cycle.append(following)
        cycles.append(np.array(cycle))
    return cycles


def _natural(name: str) -> list[tuple[int, int, str]]:
    # numbers before words, as timm's own key would fail to compare them
    return [
        (0, int(part), "") if part.isdecimal() else (1, 0, part) for part in re.split(r"(\d+)", name.lower()) if part
    ]


def _plain(name: str) -> str:
    return re.sub(r"[\s_-]+", " ", name.casefold()).strip()


def _shares(
    labels: NDArray[np.int64], predictions: NDArray[np.int64], num_classes: int
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return the row-normalised confusion matrix (C, C) and the rows of each class (C,)."""
    pairs = np.bincount(labels * num_classes + predictions, minlength=num_classes**2).reshape(num_classes, num_classes)
    counts = pairs.sum(axis=1)
    return pairs / np.maximum(counts, 1)[:, None], counts
