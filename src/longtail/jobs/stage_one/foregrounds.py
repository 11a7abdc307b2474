"""CMO's second stream of images: as many as a step has, with rare classes as common as others."""

from typing import TYPE_CHECKING, Any

import torch

from longtail.data.transforms import Preprocessing
from longtail.jobs.options import StageOneOptions
from longtail.jobs.stage_one.image_batches import training_batches
from longtail.jobs.stage_one.images import Images
from longtail.jobs.stage_one.objective import sampler_of
from longtail.sampling import Sampler
from longtail.training.batches import LoaderBatches, ResidentBatches, draw_seed
from longtail.training.paired_batches import PairedBatches

if TYPE_CHECKING:
    from lightning_fabric import Fabric

__all__ = ["with_foregrounds"]

STREAM = 1  # what tells the seed of the foregrounds from that of the backgrounds


def with_foregrounds(
    fabric: "Fabric", images: Images, preprocessing: Preprocessing, stage: StageOneOptions, seed: int
) -> PairedBatches:
    """Build this process's batches, each with one of foregrounds behind it.

    Each image of a class of n_c counts 1 / n_c in the draws, so that all classes come alike, with replacement.

    Args:
        fabric: launched.
        images: to train on.
        preprocessing: with the augmentation, which both get.
        stage: epochs, batch size, accumulation, workers, and how backgrounds are sampled.
        seed: of both streams.
    """
    backgrounds = training_batches(fabric, images, preprocessing, stage, seed)
    other = draw_seed(seed, STREAM)
    num_samples = sampler_of(stage, images.labels, stage.representation, seed).num_samples
    sampler = Sampler(images.labels, strategy="class", draw="independent", num_samples=num_samples, seed=other)
    shared: dict[str, Any] = {
        "batch_size": stage.batch_size,
        "accumulate": stage.accumulate,
        "seed": other,
        "rank": fabric.global_rank,
        "num_ranks": fabric.world_size,
        "num_epochs": stage.epochs,
    }
    if images.pixels is None:
        foregrounds: LoaderBatches | ResidentBatches = LoaderBatches(
            images.source, sampler, preprocessing, device=fabric.device, workers=stage.workers, **shared
        )
    else:
        labels = torch.from_numpy(images.labels).to(fabric.device)
        foregrounds = ResidentBatches(images.pixels, labels, sampler, preprocessing, **shared)
    return PairedBatches(backgrounds, foregrounds)
