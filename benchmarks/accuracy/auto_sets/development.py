"""Sets to learn from how `auto` should be made: none of their test rows is a test row of the tables of `auto.py`.

Of plankton the test rows are a fifth of train, class by class, and the network's own classifier, which has seen them,
is left out; of CIFAR-10 everything is drawn from the 50,000 training images. The test rows of digits are the same for
every seed, so that other ones are taken: of the rows that training draws from, those that it left.
"""

import numpy as np

from auto_sets.bases import RATIO, VALIDATION, Bases, pixels
from auto_sets.derived import make_set
from auto_sets.splits import DataSet, at_most
from longtail.counts import exponential_counts
from longtail.data.digits import digits_splits
from longtail.holdout import stratified_folds, stratified_holdout

__all__ = ["CHEAP", "DevelopmentBases", "development_set"]

POOL, LARGEST = 40_000, 3900  # images of CIFAR-10 that the tail is drawn from, and its largest class
FIRST_DIGITS_SEED, LARGEST_DIGIT, DIGITS_TEST = 100, 79, 40  # rows of the largest class, and of each class in test
FOLDS = 5

# that take seconds to a minute each
CHEAP = (
    "digits",
    "digits, no validation",
    "600 rows",
    "five rows a class",
    "one row a class",
    "40 rarest classes",
    "binary, 1,000 and ten",
    "2,000 rows",
    "20 classes",
    "cifar10-lt, 600 rows",
    "16 principal directions",
)


class DevelopmentBases(Bases):
    """Base sets by name and seed, as `Bases`, with other test rows."""

    def base(self, name: str, seed: int) -> DataSet:
        """Return a base set; the seed draws the long tail of CIFAR and digits, and takes a fifth of plankton."""
        if name == "cifar10-lt":
            return self._tail(seed)
        if name == "plankton":
            return _other_test(super().base(name, seed), seed)
        return _digits(FIRST_DIGITS_SEED + seed)

    def _tail(self, seed: int) -> DataSet:
        images, _ = self._cifar_images
        order = np.random.default_rng(0).permutation(len(images.labels))
        pool, test = images.take(np.sort(order[:POOL])), images.take(np.sort(order[POOL:]))
        counts = exponential_counts(10, LARGEST, RATIO)
        tail = pool.take(at_most(pool.labels, counts, np.random.default_rng(seed)))
        rest, held_out = stratified_holdout(tail.labels, VALIDATION, seed)
        return DataSet("cifar10-lt", {"train": tail.take(rest), "val": tail.take(held_out), "test": test})


def development_set(bases: DevelopmentBases, name: str, seed: int) -> DataSet:
    """Return a set of `auto_sets.derived.SETS`, made of development bases.

    Args:
        bases: with other test rows.
        name: of the set.
        seed: at least 1: with 0 some sets are what they are for every seed.
    """
    return make_set(bases, name, seed)


def _digits(seed: int) -> DataSet:
    """79 down to 1 digits a class; the 119 of each that training draws from leave 40 for test."""
    splits = digits_splits(largest=LARGEST_DIGIT, seed=seed)
    assert splits.held_back is not None  # what the tail leaves
    assert splits.val is not None
    left = pixels(splits.held_back)
    rows = at_most(left.labels, np.full(10, DIGITS_TEST), np.random.default_rng(seed))
    return DataSet("digits", {"train": pixels(splits.train), "val": pixels(splits.val), "test": left.take(rows)})


def _other_test(data: DataSet, seed: int) -> DataSet:
    """Take a fifth of train for test, class by class, another for each of five seeds; leave the network's head out."""
    train = data.splits["train"]
    is_test = stratified_folds(train.labels, FOLDS, seed=0) == seed % FOLDS
    kept, test = train.take(np.flatnonzero(~is_test)), train.take(np.flatnonzero(is_test))
    return data.with_split("train", kept).with_split("test", test)
