"""How long a network takes for the images of a split, from some of them."""

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from longtail.waiting import told_if_slow

if TYPE_CHECKING:
    from lightning_fabric import Fabric

    from longtail.data.source import ImageSource
    from longtail.data.transforms import Preprocessing

__all__ = ["seconds_of_images"]

MOST_IMAGES = 512
BATCH = 32
ENOUGH_SECONDS = 5.0


def seconds_of_images(
    fabric: "Fabric",
    compute: Callable[[Any], Any],
    source: "ImageSource",
    preprocessing: "Preprocessing",
    *,
    workers: int,
) -> float:
    """Return the seconds of one image, read, prepared and computed, behind the first batch.

    Args:
        fabric: launched.
        compute: maps normalised images to what is wanted of them; in evaluation mode.
        source: the images, of which some are taken.
        preprocessing: of these images.
        workers: processes that load.
    """
    with told_if_slow("timing some of the images", quiet=not fabric.is_global_zero):
        return _seconds_of_images(fabric, compute, source, preprocessing, workers)


def _seconds_of_images(
    fabric: "Fabric",
    compute: Callable[[Any], Any],
    source: "ImageSource",
    preprocessing: "Preprocessing",
    workers: int,
) -> float:
    import torch

    from longtail.data.source import Subset
    from longtail.jobs.stage_one.images import prepare
    from longtail.training.passes import in_passes

    rows = np.unique(np.linspace(0, len(source) - 1, min(len(source), MOST_IMAGES)).astype(np.int64))
    begun = time.perf_counter()
    images = prepare(Subset(source, rows), preprocessing, fabric.device)
    loading = 0.0 if images.pixels is None else (time.perf_counter() - begun) / len(rows)
    started, counted = time.perf_counter(), 0
    with torch.inference_mode(), fabric.autocast():
        for number, (part, batch) in enumerate(
            images.batches(fabric, preprocessing, workers=workers, batch_size=BATCH)
        ):
            in_passes(compute, batch).float().cpu()
            if number == 0 and len(rows) > BATCH:
                started = time.perf_counter()
                continue
            counted += len(part)
            if time.perf_counter() - started > ENOUGH_SECONDS:
                break
    return loading + (time.perf_counter() - started) / counted
