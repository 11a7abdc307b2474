"""The sets that others are derived from: plankton, CIFAR-10-LT, digits; and any that someone gives by its path."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from auto_sets.mobilenet import cached_features
from auto_sets.splits import DataSet, Split, at_most
from longtail.comparison.opened_problem import check_opened
from longtail.counts import exponential_counts
from longtail.data.digits import digits_splits
from longtail.data.image_pack import pack_splits
from longtail.data.source import ImageSource
from longtail.features import FeatureFile, open_features
from longtail.holdout import stratified_holdout

__all__ = ["Bases", "opened", "pixels"]

LARGEST, RATIO, VALIDATION = 5000, 100, 0.1


@dataclass(frozen=True)
class Bases:
    """Base sets by name and seed.

    Attributes:
        shared: folder with data/ and models/.
        cache: folder for features that are extracted here.
    """

    shared: Path
    cache: Path

    def base(self, name: str, seed: int) -> DataSet:
        """Return a base set; the seed draws the long tail of CIFAR and digits, plankton is what it is."""
        if name == "plankton":
            return self._plankton
        return self._cifar(seed) if name == "cifar10-lt" else _digits(seed)

    @cached_property
    def _plankton(self) -> DataSet:
        return opened(self.shared / "data/features_plankton121", "plankton")

    @cached_property
    def _cifar_images(self) -> tuple[Split, Split]:
        """All images of CIFAR-10, train and test."""
        network = self.shared / "models/mobilenet_v1_0.75_imagenet"
        features, labels, images = cached_features(self.shared / "data/cifar10.h5", network, self.cache)
        rows = pack_splits(images)
        return Split(features[rows["train"]], labels[rows["train"]]), Split(
            features[rows["test"]], labels[rows["test"]]
        )

    def _cifar(self, seed: int) -> DataSet:
        """5,000 images down to 50, of which a tenth is split off for validation, as in the recipe cifar10-lt."""
        images, test = self._cifar_images
        counts = exponential_counts(10, LARGEST, RATIO)
        tail = images.take(at_most(images.labels, counts, np.random.default_rng(seed)))
        rest, held_out = stratified_holdout(tail.labels, VALIDATION, seed)
        return DataSet("cifar10-lt", {"train": tail.take(rest), "val": tail.take(held_out), "test": test})


def opened(path: Path, name: str) -> DataSet:
    """Open features of any format that `longtail fit` takes, with the network's head where it lies beside them.

    Raises:
        InputError: unusable features.
    """
    features = open_features(path)
    head = check_opened(features).head
    return DataSet(name, {split: _split(file) for split, file in features.splits.items()}, head)


def _split(file: FeatureFile) -> Split:
    return Split(np.asarray(file.features, dtype=np.float32), np.asarray(file.labels, dtype=np.int64))


def _digits(seed: int) -> DataSet:
    """The pixels of the demonstration's digits: 119 down to 2 a class."""
    splits = digits_splits(seed=seed)
    named = {"train": splits.train, "val": splits.val, "test": splits.test}
    return DataSet("digits", {name: pixels(source) for name, source in named.items() if source is not None})


def pixels(source: ImageSource) -> Split:
    """Return grey levels as features."""
    rows = np.stack([source.load(row).numpy().ravel() for row in range(len(source))])
    return Split(rows.astype(np.float32), np.asarray(source.labels))
