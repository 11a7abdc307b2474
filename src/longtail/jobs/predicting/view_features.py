"""The features of two random views of each image, which nobody has to label."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray

from longtail.data.policies.policy import Policy
from longtail.data.source import ImageSource
from longtail.data.transforms import Augmentation

if TYPE_CHECKING:
    from lightning_fabric import Fabric

    from longtail.jobs.stage_one.trained_model import TrainedModel

__all__ = ["view_features"]

BATCH = 128


@dataclass(frozen=True)
class _InOrder:
    """A stream of all images, and then of the first ones until the last batch is full."""

    num_images: int

    @property
    def num_samples(self) -> int:
        return -(-self.num_images // BATCH) * BATCH

    def epoch_indices(self, epoch: int) -> NDArray[np.int64]:
        return np.arange(self.num_samples) % self.num_images


def view_features(
    fabric: "Fabric", model: "TrainedModel", source: ImageSource, *, workers: int, seed: int
) -> Iterator[NDArray[np.float32]]:
    """Walk over the features of two random views of each image; every process gets all.

    Images of up to 64 pixels are changed as they were in training (shifted where they were not), larger ones as MoCo v2
    does: what was published, but for the colours of small ones.

    Args:
        fabric: launched.
        model: whose features.
        source: of the images.
        workers: processes that load images of more than 64 pixels.
        seed: of the views.

    Yields:
        float32, shape (2, rows, D), rows in order.
    """
    from longtail.jobs.compiled import settle_features
    from longtail.jobs.stage_one.images import prepare
    from longtail.training.batches import LoaderBatches, ResidentBatches
    from longtail.training.passes import in_passes

    trained = model.preprocessing
    still = trained.augmentation in ("none", "growing-crop")  # the latter has ended at the whole image
    small: Augmentation = "shift" if still else trained.augmentation
    augmentation: Augmentation = small if trained.resident else "moco"
    preprocessing = replace(trained, augmentation=augmentation, policy=Policy())
    images, order = prepare(source, preprocessing, fabric.device), _InOrder(len(source))
    shared: dict[str, Any] = {"batch_size": BATCH, "seed": seed, "views": 2}
    batches: LoaderBatches | ResidentBatches
    if images.pixels is None:
        batches = LoaderBatches(source, order, preprocessing, device=fabric.device, workers=workers, **shared)
    else:
        none = torch.zeros(len(source), device=fabric.device)
        batches = ResidentBatches(images.pixels, none, order, preprocessing, **shared)
    features_of, left = settle_features(fabric, model, 2 * len(source), quiet=True), len(source)
    for ((first, second),) in batches.steps(0, 0):
        with torch.inference_mode(), fabric.autocast():
            pair = [in_passes(features_of, view).float().cpu().numpy()[:left] for view in (first, second)]
        yield np.stack(pair)
        left -= len(pair[0])
