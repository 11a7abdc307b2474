"""Harder, smaller and odder sets, each derived from a base set by a seed.

Where the seed changes nothing of a set, seed 0 is the set as it is, and every other seed drops a tenth of its training
rows. Rows of val are cut where they would turn the question into another one, since everything is fitted again on train
and val.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from auto_sets.bases import Bases
from auto_sets.splits import DataSet, Split, at_most, of_classes, without_a_tenth
from longtail.counts import class_counts

__all__ = ["SETS", "make_set"]

Make = Callable[[DataSet, int], DataSet]


@dataclass(frozen=True)
class Recipe:
    """How a set is made.

    Attributes:
        base: name of the base set.
        make: (base, seed) -> set.
        drawn: whether the seed changes it.
    """

    base: str
    make: Make
    drawn: bool


def make_set(bases: Bases, name: str, seed: int) -> DataSet:
    """Return a set of `SETS`."""
    recipe = SETS[name]
    data = replace(recipe.make(bases.base(recipe.base, seed), seed), name=name)
    return data if recipe.drawn or seed == 0 else without_a_tenth(data, np.random.default_rng(seed))


def as_it_is(data: DataSet, seed: int) -> DataSet:
    """Leave it."""
    return data


def without_head(data: DataSet, seed: int) -> DataSet:
    """Take the network's own classifier away."""
    return replace(data, head=None)


def without_validation(data: DataSet, seed: int) -> DataSet:
    """Take val away."""
    return DataSet(data.name, {name: split for name, split in data.splits.items() if name != "val"})


def some_classes(number: int) -> Make:
    """Keep so many classes, drawn."""
    return lambda data, seed: of_classes(data, _generator(seed).permutation(data.num_classes)[:number])


def rarest(number: int) -> Make:
    """Keep the classes of fewest training rows."""
    return lambda data, seed: of_classes(data, np.argsort(data.train_counts, kind="stable")[:number])


def most_frequent(number: int) -> Make:
    """Keep the classes of most training rows."""
    return lambda data, seed: of_classes(data, np.argsort(-data.train_counts, kind="stable")[:number])


def few_shot(number: int, of_val: int) -> Make:
    """Keep so many training rows of each class, drawn, and so many of val; without any, val is taken away."""

    def make(data: DataSet, seed: int) -> DataSet:
        result = _cut(data, "train", np.full(data.num_classes, number), seed)
        if of_val == 0:
            return without_validation(result, seed)
        return _cut(result, "val", np.full(data.num_classes, of_val), seed)

    return make


def one_of_val(data: DataSet, seed: int) -> DataSet:
    """Keep one row of val of each class, drawn."""
    return _cut(data, "val", np.ones(data.num_classes, dtype=np.int64), seed)


def balanced_train(number: int) -> Make:
    """Keep the classes of so many training rows at least, and so many rows of each, drawn."""

    def make(data: DataSet, seed: int) -> DataSet:
        kept = of_classes(data, np.flatnonzero(data.train_counts >= number))
        return _cut(kept, "train", np.full(kept.num_classes, number), seed)

    return make


def some_rows(number: int) -> Make:
    """Keep so many training rows, drawn, at least one a class, and a quarter as many of val."""

    def make(data: DataSet, seed: int) -> DataSet:
        rng, train, val = _generator(seed), data.splits["train"], data.splits["val"]
        one_each = at_most(train.labels, np.ones(data.num_classes, dtype=np.int64), rng)
        others = rng.permutation(np.setdiff1d(np.arange(len(train.labels)), one_each))
        kept = train.take(np.sort(np.concatenate([one_each, others[: number - len(one_each)]])))
        return data.with_split("train", kept).with_split(
            "val", val.take(rng.permutation(len(val.labels))[: number // 4])
        )

    return make


def two_classes(common: int, rare: int) -> Make:
    """Keep the largest class and one that looks like it: `common` and `rare` training rows, half as many rare in val.

    The other class is, by the seed, the nearest, second nearest, ... in the means of standardised features, among those
    of a hundred training rows or more.
    """

    def make(data: DataSet, seed: int) -> DataSet:
        first = int(np.argmax(data.train_counts))
        near = [label for label in _nearest(data, first) if data.train_counts[label] >= 100]
        pair = of_classes(data, np.array([first, near[seed % len(near)]]))
        cut = _cut(pair, "train", np.array([common, rare]), seed)
        return _cut(cut, "val", np.array([common, rare // 2]), seed)

    return make


def one_against_the_rest(data: DataSet, seed: int) -> DataSet:
    """Ask for one class, drawn among those of 20 to 200 training rows: is it this, or any other?"""
    counts = data.train_counts
    wanted = int(_generator(seed).choice(np.flatnonzero((counts >= 20) & (counts <= 200))))
    splits = {
        name: Split(split.features, (split.labels == wanted).astype(np.int64)) for name, split in data.splits.items()
    }
    return DataSet(data.name, splits)


def wrong_labels(share: float) -> Make:
    """Give a share of the training rows another class, drawn; a class keeps one row that is its own."""

    def make(data: DataSet, seed: int) -> DataSet:
        rng, train = _generator(seed), data.splits["train"]
        safe = at_most(train.labels, np.ones(data.num_classes, dtype=np.int64), rng)
        wrong = np.setdiff1d(np.flatnonzero(rng.random(len(train.labels)) < share), safe)
        labels = train.labels.copy()
        labels[wrong] = (labels[wrong] + rng.integers(1, data.num_classes, len(wrong))) % data.num_classes
        return data.with_split("train", Split(train.features, labels))

    return make


def principal(number: int) -> Make:
    """Project on the first principal directions of train."""

    def make(data: DataSet, seed: int) -> DataSet:
        features = data.splits["train"].features.astype(np.float64)
        mean = features.mean(axis=0)
        directions = np.linalg.eigh(np.cov(features, rowvar=False))[1][:, ::-1][:, :number]
        return _changed(data, lambda rows: (rows - mean) @ directions)

    return make


def standardised(data: DataSet, seed: int) -> DataSet:
    """Bring each column to mean 0 and standard deviation 1 on train."""
    features = data.splits["train"].features
    mean, deviation = features.mean(axis=0), features.std(axis=0)
    return _changed(data, lambda rows: (rows - mean) / np.where(deviation > 0, deviation, 1))


def times(factor: float) -> Make:
    """Multiply all features."""
    return lambda data, seed: _changed(data, lambda rows: rows * factor)


def unit_length(data: DataSet, seed: int) -> DataSet:
    """Divide each row by its length."""

    def change(rows: NDArray[np.float32]) -> NDArray[np.float32]:
        return rows / np.linalg.norm(rows, axis=1, keepdims=True).clip(1e-12)

    return _changed(data, change)


def _changed(data: DataSet, change: Callable[[NDArray[np.float32]], NDArray[np.floating]]) -> DataSet:
    splits = {
        name: Split(change(split.features).astype(np.float32), split.labels) for name, split in data.splits.items()
    }
    return DataSet(data.name, splits)


def _cut(data: DataSet, name: str, limits: NDArray[np.int64], seed: int) -> DataSet:
    split = data.splits[name]
    return data.with_split(name, split.take(at_most(split.labels, limits, _generator(seed))))


def _nearest(data: DataSet, label: int) -> NDArray[np.int64]:
    """Return the other classes, the most similar first."""
    train = standardised(data, 0).splits["train"]
    counts = class_counts(train.labels, data.num_classes)
    sums = np.zeros((data.num_classes, train.features.shape[1]))
    np.add.at(sums, train.labels, train.features)
    means = sums / counts[:, None]
    order = np.argsort(np.linalg.norm(means - means[label], axis=1), kind="stable")
    return order[order != label]


def _generator(seed: int) -> np.random.Generator:
    return np.random.default_rng([seed, 20])


# from cheap to costly: a run that is stopped has the most sets
SETS: dict[str, Recipe] = {
    "digits": Recipe("digits", as_it_is, True),
    "digits, no validation": Recipe("digits", without_validation, True),
    "binary, 1:500": Recipe("plankton", two_classes(2000, 4), True),
    "binary, 1,000 and ten": Recipe("plankton", two_classes(1000, 10), True),
    "one row a class": Recipe("plankton", few_shot(1, 1), True),
    "five rows a class": Recipe("plankton", few_shot(5, 0), True),
    "600 rows": Recipe("plankton", some_rows(600), True),
    "40 rarest classes": Recipe("plankton", rarest(40), False),
    "2,000 rows": Recipe("plankton", some_rows(2000), True),
    "20 classes": Recipe("plankton", some_classes(20), True),
    "16 principal directions": Recipe("plankton", principal(16), False),
    "10 most frequent classes": Recipe("plankton", most_frequent(10), False),
    "one class against the rest": Recipe("plankton", one_against_the_rest, True),
    "balanced train": Recipe("plankton", balanced_train(50), True),
    "cifar10-lt": Recipe("cifar10-lt", as_it_is, True),
    "cifar10-lt, no validation": Recipe("cifar10-lt", without_validation, True),
    "cifar10-lt, 600 rows": Recipe("cifar10-lt", some_rows(600), True),
    "60 classes": Recipe("plankton", some_classes(60), True),
    "plankton": Recipe("plankton", as_it_is, False),
    "plankton, no head": Recipe("plankton", without_head, False),
    "one row of val a class": Recipe("plankton", one_of_val, True),
    "wrong labels": Recipe("plankton", wrong_labels(0.1), True),
    "no validation": Recipe("plankton", without_validation, False),
    "rows of length 1": Recipe("plankton", unit_length, False),
    "times 1,000": Recipe("plankton", times(1000.0), False),
    "standardised": Recipe("plankton", standardised, False),
}
