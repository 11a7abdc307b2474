"""Watch features while they are learnt without labels: the nearest training images classify those of validation."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from longtail.data.source import Subset
from longtail.data.transforms import Preprocessing
from longtail.jobs.stage_one.images import Images

if TYPE_CHECKING:
    from lightning.fabric import Fabric
    from torch import Tensor, nn

__all__ = ["knn_monitor", "some_of"]


def some_of(images: Images, most: int) -> Images:
    """Give at most so many of a split's images, the same ones at every call."""
    chosen = np.arange(len(images.source))
    if len(chosen) <= most:
        return images
    chosen = np.sort(np.random.default_rng(0).permutation(chosen)[:most])
    return Images(Subset(images.source, chosen), None if images.pixels is None else images.pixels[chosen])


def knn_monitor(
    fabric: "Fabric",
    model: "nn.Module",
    preprocessing: Preprocessing,
    known: Images,
    images: Images,
    num_classes: int,
    neighbours: int,
    workers: int,
) -> Callable[[], dict[str, float]]:
    """Give what a training loop calls after each epoch; `knn_accuracy` says what it measures.

    Args:
        fabric: launched.
        model: a backbone that ends in a linear classifier; its features count. In evaluation mode when it is called.
        preprocessing: of all images.
        known: whose labels vote.
        images: to classify.
        num_classes: C.
        neighbours: that vote.
        workers: processes that load large images.
    """
    from longtail.backbones import classifier_of, features_of
    from longtail.pretraining import knn_accuracy
    from longtail.training.inference import features_in_memory

    dimension = classifier_of(model).in_features

    def features(of: Images) -> "Tensor":
        batches = of.batches(fabric, preprocessing, workers=workers)
        return features_in_memory(fabric, lambda x: features_of(model, x), batches, len(of.source), dimension)

    def measure() -> dict[str, float]:
        return knn_accuracy(features(images), images.labels, features(known), known.labels, num_classes, k=neighbours)

    return measure
