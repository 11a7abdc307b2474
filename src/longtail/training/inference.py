"""Run a network over a whole split: logits for validation, features for a monitor."""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from longtail.counts import class_counts
from longtail.data.source import ImageSource, image_of
from longtail.data.transforms import Preprocessing, enough_pixels, image_transform, normalize
from longtail.data.views import ViewRows
from longtail.evaluation import accuracy_of_hits, group_means
from longtail.ranges import Range
from longtail.training.loading import load_batches
from longtail.training.passes import in_passes

if TYPE_CHECKING:
    from lightning_fabric import Fabric

__all__ = ["EvaluationBatches", "feature_blocks", "features_in_memory", "validation_accuracy"]


_PART = 16  # images that a worker loads at a time: a batch of 256 would be the work of one alone


class _PlainImages:
    def __init__(self, source: ImageSource, preprocessing: Preprocessing) -> None:
        self.source, self.transform = source, image_transform(preprocessing, train=False)
        self.least = enough_pixels(preprocessing, train=False)

    def __getitem__(self, index: int) -> Tensor:
        return self.transform(self.source.load(index, least=self.least))  # type: ignore[no-any-return]

    def name_of(self, index: int) -> str:
        return self.source.identify(index)

    def image_of(self, index: int) -> tuple[int, ...]:
        return image_of(self.source, index)


class EvaluationBatches:
    """All images of a split in order, as normalised batches; a rank takes every `num_ranks`-th batch.

    No image is seen twice, and the batches are the same whatever the number of ranks, so that their results are too.

    Args:
        images: resident uint8 images (N, channels, H, W), or a source that is loaded by workers.
        preprocessing: sizes and normalisation.
        device: where the batches go.
        batch_size: images at once.
        workers: processes that load; unused where the images are resident.
        rank: of this process.
        num_ranks: processes.
        views: what further rows show, behind those of the images; None: there are none.

    Raises:
        InputError: a number out of its range; while iterating, an image that cannot be read.
        LongtailError: while iterating, a process that loads was killed.

    Attributes:
        done: how many of this rank's batches were worked on earlier and are left out; 0 unless it is set.
    """

    done = 0

    def __init__(
        self,
        images: Tensor | ImageSource,
        preprocessing: Preprocessing,
        *,
        device: torch.device,
        batch_size: int = 256,
        workers: int = 2,
        rank: int = 0,
        num_ranks: int = 1,
        views: ViewRows | None = None,
    ) -> None:
        Range(1).check(batch_size, "batch_size", whole=True)
        Range(0).check(workers, "workers", whole=True)
        Range(0, below=num_ranks).check(rank, "rank", whole=True)
        self._images, self._preprocessing, self._device = images, preprocessing, device
        self._workers, self.batch_size = workers, batch_size
        self._views = views
        total = len(images) if views is None else len(views.view_of)
        starts = range(0, total, batch_size)
        self._rows = [range(start, min(start + batch_size, total)) for start in starts][rank::num_ranks]

    def __len__(self) -> int:
        return len(self._rows)

    def __iter__(self) -> Iterator[tuple[range, Tensor]]:
        """Return (rows of the split, normalised images) batch by batch."""
        for rows, images in self._whole_images(self._rows[self.done :]):
            prepared = normalize(images, self._preprocessing)
            yield rows, prepared if self._views is None else self._views.apply(rows, prepared)

    def _whole_images(self, left: list[range]) -> Iterator[tuple[range, Tensor]]:
        if isinstance(self._images, Tensor):
            for rows in left:
                place = slice(rows.start, rows.stop)
                images = self._images[place if self._views is None else self._views.view_of[place]]
                yield rows, images.to(self._device)
            return
        shown = list(range(len(self._images))) if self._views is None else self._views.view_of.tolist()
        parts = [
            [shown[start : min(start + _PART, rows.stop)] for start in range(rows.start, rows.stop, _PART)]
            for rows in left
        ]
        loaded = load_batches(
            _PlainImages(self._images, self._preprocessing),
            (part for batch in parts for part in batch),
            workers=self._workers,
            device=self._device,
            ahead=-(-2 * self.batch_size // (_PART * max(self._workers, 1))),  # two batches together
        )
        for rows, batch in zip(left, parts, strict=True):
            yield rows, torch.cat([next(loaded).to(self._device, non_blocking=True) for _ in batch])


@torch.inference_mode()
def validation_accuracy(
    fabric: "Fabric",
    logits_of: Callable[[Tensor], Tensor],
    batches: EvaluationBatches,
    labels: NDArray[np.int64],
    groups: NDArray[np.str_],
) -> dict[str, float]:
    """Measure top-1 and balanced accuracy, and that by group, over all ranks.

    Args:
        fabric: sums over ranks.
        logits_of: maps images (B, channels, H, W) to logits (B, C).
        batches: this rank's batches of the split.
        labels: of the whole split, shape (N,).
        groups: "many", "medium" or "few" for each class, shape (C,).

    Returns:
        `all`: correct share of the images; `balanced`: mean recall of the classes that occur; `many`, `medium`, `few`:
        the same over a group, where one of its classes occurs; percent.
    """
    num_classes = len(groups)
    correct = torch.zeros(num_classes, dtype=torch.int64)
    with fabric.autocast():
        for rows, images in batches:
            truth = torch.from_numpy(labels[rows.start : rows.stop])
            hit = in_passes(logits_of, images).argmax(dim=1).cpu() == truth
            correct += torch.bincount(truth[hit], minlength=num_classes)
    correct = fabric.all_reduce(correct.to(fabric.device), reduce_op="sum").cpu()  # type: ignore[union-attr]
    hits, totals = correct.numpy(), class_counts(labels, num_classes)
    recall, present = hits / np.maximum(totals, 1), totals > 0
    means = {group: mean for group, mean in group_means(recall, present, groups).items() if mean is not None}
    return {**accuracy_of_hits(hits, totals), **{group: 100 * float(mean) for group, mean in means.items()}}


@torch.inference_mode()
def features_in_memory(
    fabric: "Fabric",
    features_of: Callable[[Tensor], Tensor],
    batches: EvaluationBatches,
    num_rows: int,
    dimension: int,
) -> Tensor:
    """Compute the features of a whole split, the same on every process.

    Args:
        fabric: adds the processes' rows up.
        features_of: maps images (B, channels, H, W) to features (B, D); in evaluation mode.
        batches: this process's batches of the split.
        num_rows: N.
        dimension: D.

    Returns:
        float32, shape (N, D), on the device.
    """
    features = torch.zeros(num_rows, dimension, device=fabric.device)
    with fabric.autocast():
        for rows, images in batches:
            features[rows.start : rows.stop] = in_passes(features_of, images).float()
    # every row was computed by one process, all others hold 0 there
    return fabric.all_reduce(features, reduce_op="sum")  # type: ignore[return-value]


@torch.inference_mode()
def feature_blocks(
    fabric: "Fabric",
    features_of: Callable[[Tensor], Tensor],
    batches: EvaluationBatches,
    num_rows: int,
    dimension: int,
) -> Iterator[tuple[range, NDArray[np.float32]]]:
    """Walk over the features of a whole split in order: on one process batch by batch, on several all at once.

    Args:
        fabric: launched.
        features_of: maps images (B, channels, H, W) to features (B, D); in evaluation mode.
        batches: this process's batches of the split.
        num_rows: N.
        dimension: D.

    Yields:
        Rows, and their features, float32, shape (rows, D).
    """
    if fabric.world_size > 1:
        yield range(num_rows), features_in_memory(fabric, features_of, batches, num_rows, dimension).cpu().numpy()
        return
    for rows, images in batches:
        with fabric.autocast():
            features = in_passes(features_of, images).float().cpu().numpy()
        yield rows, features
