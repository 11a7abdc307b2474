"""The batches of a training, from images in memory or from workers that load them."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch

from longtail.data.transforms import Augmentation, Preprocessing
from longtail.jobs.options import StageOneOptions
from longtail.jobs.stage_one.images import Images
from longtail.jobs.stage_one.objective import sampler_of
from longtail.training.batches import LoaderBatches, ResidentBatches

if TYPE_CHECKING:
    from lightning_fabric import Fabric

__all__ = ["training_batches"]


def training_batches(
    fabric: "Fabric",
    images: Images,
    preprocessing: Preprocessing,
    stage: StageOneOptions,
    seed: int,
    views: int | None = None,
    further: Sequence[Augmentation] = (),
) -> LoaderBatches | ResidentBatches:
    """Build this process's batches.

    Args:
        fabric: launched.
        images: to train on.
        preprocessing: with the augmentation.
        stage: epochs, batch size, accumulation, workers, how the sampler draws (`representation`) and its settings.
        seed: of the sampler and of the augmentation.
        views: None for batches with labels; else so many views of each image, without labels.
        further: augmentations of further views beside images with labels.
    """
    sampler = sampler_of(stage, images.labels, stage.representation, seed)
    shared: dict[str, Any] = {
        "batch_size": stage.batch_size,
        "accumulate": stage.accumulate,
        "seed": seed,
        "rank": fabric.global_rank,
        "num_ranks": fabric.world_size,
        "views": views,
        "further": further,
        "num_epochs": stage.epochs,
    }
    if images.pixels is None:
        return LoaderBatches(
            images.source, sampler, preprocessing, device=fabric.device, workers=stage.workers, **shared
        )
    labels = torch.from_numpy(images.labels).to(fabric.device)
    return ResidentBatches(images.pixels, labels, sampler, preprocessing, **shared)
