"""Watch features while they are learnt without labels: the nearest training images classify those of validation."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from longtail.data.source import Subset
from longtail.jobs.stage_one.images import Images
from longtail.jobs.stage_one.pretrain_options import PretrainOptions
from longtail.jobs.stage_one.setup import TrainingSetup

if TYPE_CHECKING:
    from lightning_fabric import Fabric
    from torch import Tensor

__all__ = ["knn_monitor", "some_of"]


def some_of(images: Images, most: int) -> Images:
    """Return at most so many of a split's images, the same ones at every call."""
    chosen = np.arange(len(images.source))
    if len(chosen) <= most:
        return images
    chosen = np.sort(np.random.default_rng(0).permutation(chosen)[:most])
    return Images(Subset(images.source, chosen), None if images.pixels is None else images.pixels[chosen])


def knn_monitor(
    fabric: "Fabric", setup: TrainingSetup, options: PretrainOptions
) -> Callable[[], dict[str, float]] | None:
    """Return what a training loop calls after each epoch, if anything; `knn_accuracy` says what it measures.

    Args:
        fabric: launched.
        setup: its network ends in a linear classifier, whose features count; in evaluation mode when it is called.
        options: whether to watch, how many training images vote, and among how many they are looked for.

    Returns:
        None where nothing is to be watched, or there are no images to classify.
    """
    from longtail.backbones import classifier_of, features_of
    from longtail.pretraining import knn_accuracy
    from longtail.training.inference import features_in_memory

    images = None if options.monitor == "none" else setup.images_of_val(fabric.device)
    if images is None:
        return None
    train, pixels = setup.splits.train, setup.images.pixels
    # the labelled images come first
    voters = some_of(Images(train, None if pixels is None else pixels[: len(train)]), options.monitor_images)
    dimension = classifier_of(setup.model).in_features

    def features(of: Images) -> "Tensor":
        batches = of.batches(fabric, setup.preprocessing, workers=options.workers)
        return features_in_memory(fabric, lambda x: features_of(setup.model, x), batches, len(of.source), dimension)

    def measure() -> dict[str, float]:
        return knn_accuracy(
            features(images), images.labels, features(voters), voters.labels, setup.num_classes, k=options.neighbours
        )

    return measure
