"""From images to a feature file, on any number of processes."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lightning.fabric import Fabric
from numpy.typing import NDArray
from torch import Tensor

from longtail.features import FeatureRows, create_feature_file
from longtail.training.inference import EvaluationBatches
from longtail.training.progress import progress_bar

__all__ = ["extract_features"]


@torch.inference_mode()
def extract_features(
    fabric: Fabric,
    features_of: Callable[[Tensor], Tensor],
    batches: EvaluationBatches,
    labels: NDArray[np.int64],
    path: Path,
    *,
    dimension: int,
    dtype: str = "float32",
    attributes: dict[str, Any] | None = None,
    quiet: bool = False,
) -> None:
    """Write the features of one split to a file, whole or not at all; every process writes its own rows.

    Args:
        fabric: launched.
        features_of: maps images (B, channels, H, W) to features (B, D); in evaluation mode.
        batches: this process's batches of the split.
        labels: of the whole split, shape (N,).
        path: the feature file.
        dimension: D.
        dtype: "float32" or "float16".
        attributes: plain values that say where the features come from.
        quiet: show no progress.

    Raises:
        OSError: the disk is full; `path` is as it was.
    """
    part = path.with_name(f".{path.name}.part")
    try:
        if fabric.is_global_zero:
            path.parent.mkdir(parents=True, exist_ok=True)
            create_feature_file(part, labels, dimension, dtype, attributes or {})
        fabric.barrier()
        rows_of_file = FeatureRows(part)
        with (
            fabric.autocast(),
            progress_bar(path.stem, len(labels), quiet=quiet or not fabric.is_global_zero) as bar,
        ):
            for rows, images in batches:
                features = features_of(images).float().cpu().numpy()
                rows_of_file.write(rows.start, features)
                bar.advance(len(rows) * fabric.world_size)
        fabric.barrier()
        if fabric.is_global_zero:
            part.replace(path)
    finally:
        if fabric.is_global_zero:
            part.unlink(missing_ok=True)
    fabric.barrier()
