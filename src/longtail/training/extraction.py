"""From images to a feature file, on any number of processes."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from longtail.errors import LongtailError
from longtail.features.views import VIEW_OF
from longtail.training.inference import EvaluationBatches
from longtail.training.passes import in_passes
from longtail.training.progress import progress_bar
from longtail.training.unfinished import UnfinishedFeatures

if TYPE_CHECKING:
    from lightning_fabric import Fabric

__all__ = ["FeatureLayout", "extract_features"]


@dataclass(frozen=True)
class FeatureLayout:
    """What a feature file is laid out for.

    Args:
        path: the feature file.
        labels: of the whole split, shape (N,).
        dimension: D.
        dtype: "float32" or "float16".
        attributes: plain values that say where the features come from.
        ids: words that name the rows, N of them, or None.
        beside: as of `create_feature_file`: groups, events, weights and views.
    """

    path: Path
    labels: NDArray[np.int64]
    dimension: int
    dtype: str = "float32"
    attributes: dict[str, Any] = field(default_factory=dict)
    ids: Sequence[str] | None = None
    beside: Mapping[str, ArrayLike] = field(default_factory=dict)

    def with_views(self, view_of: NDArray[np.int64]) -> "FeatureLayout":
        """Return the layout of a file in which further views of the images stand behind them.

        Args:
            view_of: the image that each row shows, shape (N + M,).
        """
        ids = None if self.ids is None else [self.ids[row] for row in view_of.tolist()]
        beside = {name: np.asarray(values)[view_of] for name, values in self.beside.items()}
        return replace(self, labels=self.labels[view_of], ids=ids, beside={**beside, VIEW_OF: view_of})


@torch.inference_mode()
def extract_features(
    fabric: "Fabric",
    features_of: Callable[[Tensor], Tensor],
    batches: EvaluationBatches,
    layout: FeatureLayout,
    *,
    quiet: bool = False,
) -> None:
    """Write the features of one split to a file, whole or not at all; every process writes its own rows.

    What a killed call has written stays beside the file, and the next call with the same arguments goes on from it.

    Args:
        fabric: launched.
        features_of: maps images (B, channels, H, W) to features (B, D); in evaluation mode.
        batches: this process's batches of the split.
        layout: the file, and what it holds besides.
        quiet: show no progress.

    Raises:
        OSError: the disk is full; the file is as it was, and what was written is gone, as after an unreadable image.
    """
    path, num_rows = layout.path, len(layout.labels)
    unfinished = UnfinishedFeatures(
        path,
        layout.labels,
        layout.dimension,
        layout.dtype,
        layout.attributes,
        layout.ids,
        layout.beside,
        batch_size=batches.batch_size,
        rank=fabric.global_rank,
        num_ranks=fabric.world_size,
    )
    fabric.barrier()
    try:
        if fabric.is_global_zero:
            unfinished.begin()
        fabric.barrier()
        rows_of_file = unfinished.open()
        batches.done = unfinished.done
        with (
            fabric.autocast(),
            progress_bar(path.stem, num_rows, quiet=quiet or not fabric.is_global_zero) as bar,
        ):
            bar.skip(min(unfinished.done * batches.batch_size * fabric.world_size, num_rows))
            for rows, images in batches:
                features = in_passes(features_of, images).float().cpu().numpy()
                rows_of_file.write(rows.start, features)
                unfinished.advance()
                bar.advance(len(rows) * fabric.world_size)
        fabric.barrier()
    except (OSError, LongtailError):
        if fabric.is_global_zero:
            unfinished.forget()
        raise
    if fabric.is_global_zero:
        unfinished.finish()
    fabric.barrier()
