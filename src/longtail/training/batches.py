"""Batches of images: resident on the device, or loaded by workers; both a pure function of (seed, epoch, step)."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from longtail.data.policies.policy import Policy
from longtail.data.source import ImageSource, image_of
from longtail.data.transforms import (
    Augmentation,
    Preprocessing,
    augment_batch,
    enough_pixels,
    image_transform,
    normalize,
)
from longtail.errors import InputError
from longtail.ranges import Range
from longtail.training.loading import load_batches

if TYPE_CHECKING:
    from torchvision.transforms import v2

__all__ = ["EpochSampler", "LoaderBatches", "ResidentBatches", "TrainingBatches", "draw_seed"]


class EpochSampler(Protocol):
    """What batches ask of a sampler: the stream of each epoch, the same for all processes."""

    @property
    def num_samples(self) -> int:
        """Draws of an epoch."""
        ...

    def epoch_indices(self, epoch: int) -> NDArray[np.int64]:
        """Return the whole stream of an epoch, shape (num_samples,)."""
        ...


class TrainingBatches(Protocol):
    """What the training loop asks of its data: the steps of an epoch, each as micro-batches of this rank."""

    steps_per_epoch: int
    images_per_step: int
    smallest_part: int
    """Images of the smallest micro-batch of any rank."""

    def steps(self, epoch: int, first_step: int) -> Iterator[list[tuple[Tensor, ...]]]:
        """Return the steps of an epoch from `first_step` on, each a list of the task's inputs on the device."""
        ...


def draw_seed(*key: int) -> int:
    """Mix numbers such as (seed, epoch, step, rank) to one 64-bit seed.

    Whatever is random in a step is drawn from a generator seeded so. Nothing random needs saving then, and a run goes
    on from any step exactly as if it had never stopped.

    Example:
        >>> draw_seed(0, 1) != draw_seed(1, 0)
        True
    """
    return int(np.random.SeedSequence(key).generate_state(1, np.uint64)[0] >> np.uint64(1))


def _of_each_view(
    preprocessing: Preprocessing, views: int | None, further: Sequence[Augmentation]
) -> list[Preprocessing]:
    if views is not None and views < 1:
        raise InputError(f"views is {views}; expected 1, 2, ..., or None for images with their labels.")
    if views is not None and further:
        raise InputError("further views come with labels; expected views=None beside them.")
    others = [replace(preprocessing, augmentation=augmentation, policy=Policy()) for augmentation in further]
    return [preprocessing] * (views or 1) + others


def _progress(epoch: int, num_epochs: int) -> float:
    """Return the share of the training that is over when an epoch begins; after the last one it stays where it was."""
    return min(epoch, num_epochs - 1) / num_epochs


class _Plan:
    """Cut an epoch's stream of indices into steps, ranks and micro-batches.

    A step takes the next `batch_size` draws of the one stream; a rank takes every `num_ranks`-th of them. An epoch has
    floor(N / batch size) steps, as in the papers' code; a data set smaller than a batch is one step, in fewer
    micro-batches where they would hold single images.
    """

    def __init__(self, sampler: EpochSampler, batch_size: int, accumulate: int, rank: int, num_ranks: int) -> None:
        if batch_size < 1 or accumulate < 1 or batch_size % (num_ranks * accumulate):
            raise InputError(
                f"a batch of {batch_size} cannot be shared by {num_ranks} processes x {accumulate} accumulated parts; "
                f"expected a multiple of {num_ranks * accumulate}."
            )
        self.sampler = sampler
        self.num_draws = sampler.num_samples
        self.batch_size = min(batch_size, self.num_draws)
        self.steps_per_epoch = self.num_draws // self.batch_size
        self.rank, self.num_ranks = rank, num_ranks
        share = self.batch_size // num_ranks  # of the rank with the fewest
        if share == 0:
            raise InputError(f"{self.num_draws} images an epoch for {num_ranks} processes; expected at least as many.")
        self.parts = accumulate if self.batch_size == batch_size else min(accumulate, max(share // 2, 1))
        self.smallest_part = share // self.parts

    def micro_batches(self, step: int) -> list[NDArray[np.int64]]:
        """Return this rank's positions in the epoch's stream, one array for each micro-batch."""
        first = step * self.batch_size
        mine = np.arange(first + self.rank, first + self.batch_size, self.num_ranks)
        return np.array_split(mine, self.parts)


class ResidentBatches:
    """Batches of a data set that lies on the device as uint8, augmented there.

    Args:
        images: uint8, shape (N, channels, H, W), on the device.
        labels: shape (N,), on the device.
        sampler: draws the indices of each epoch; single-process stream.
        preprocessing: normalisation and augmentation.
        batch_size: images of one optimizer step over all ranks and micro-batches.
        accumulate: micro-batches a step.
        seed: of the augmentation.
        rank: of this process.
        num_ranks: processes.
        views: how often each image comes in a batch, augmented anew: (first, second, ...), without labels; None for
            (images, labels).
        further: augmentations of further views of the same images, each in its own way: (images, second, ..., labels).
        num_epochs: of the training, at least 1; some augmentations change from the first to the last.

    Raises:
        InputError: the batch cannot be divided evenly, views is below 1, or further views are asked for without labels.
    """

    def __init__(
        self,
        images: Tensor,
        labels: Tensor,
        sampler: EpochSampler,
        preprocessing: Preprocessing,
        *,
        batch_size: int,
        accumulate: int = 1,
        seed: int = 0,
        rank: int = 0,
        num_ranks: int = 1,
        views: int | None = None,
        further: Sequence[Augmentation] = (),
        num_epochs: int = 1,
    ) -> None:
        self._views = _of_each_view(preprocessing, views, further)
        self._plan = _Plan(sampler, batch_size, accumulate, rank, num_ranks)
        self._images, self._labels, self._seed, self._num_epochs = images, labels, seed, num_epochs
        self._labelled = views is None
        self.steps_per_epoch = self._plan.steps_per_epoch
        self.images_per_step = self._plan.batch_size
        self.smallest_part = self._plan.smallest_part

    def steps(self, epoch: int, first_step: int) -> Iterator[list[tuple[Tensor, ...]]]:
        """Return the steps of an epoch from `first_step` on."""
        on_device = torch.from_numpy(self._plan.sampler.epoch_indices(epoch)).to(self._images.device)
        generator, progress = torch.Generator(), _progress(epoch, self._num_epochs)
        for step in range(first_step, self.steps_per_epoch):
            generator.manual_seed(draw_seed(self._seed, epoch, step, self._plan.rank))
            batches = []
            for positions in self._plan.micro_batches(step):
                indices = on_device[torch.from_numpy(positions).to(on_device.device)]
                plain = self._images[indices]
                views = tuple(
                    normalize(augment_batch(plain, preprocessing, generator, progress), preprocessing)
                    for preprocessing in self._views
                )
                batches.append((*views, self._labels[indices]) if self._labelled else views)
            yield batches


class _AugmentedImages:
    """Load, augment and crop one image; the randomness comes from its place in the stream alone."""

    def __init__(
        self, source: ImageSource, views: Sequence[Preprocessing], seed: int, *, labelled: bool, num_epochs: int
    ) -> None:
        self.source, self.views, self.seed, self.labelled = source, views, seed, labelled
        self.labels, self.num_epochs = np.asarray(source.labels), num_epochs
        self._epoch, self._transforms = 0, self._transforms_of(0)
        # all views come from one decoded image: as many pixels as that which needs the most
        needed = [enough_pixels(preprocessing, train=True) for preprocessing in views]
        self.least = max((pixels for pixels in needed if pixels is not None), default=None)

    def __getitem__(self, key: tuple[int, int, int]) -> tuple[Tensor | int, ...]:
        index, epoch, position = key
        if epoch != self._epoch:
            self._epoch, self._transforms = epoch, self._transforms_of(epoch)
        image = self.source.load(index, least=self.least)
        with torch.random.fork_rng(devices=[]):  # torchvision draws from torch's global generator
            torch.manual_seed(draw_seed(self.seed, epoch, position))
            views = tuple(transform(image) for transform in self._transforms)
        return (*views, int(self.labels[index])) if self.labelled else views

    def _transforms_of(self, epoch: int) -> list["v2.Compose"]:
        progress = _progress(epoch, self.num_epochs)
        return [image_transform(preprocessing, train=True, progress=progress) for preprocessing in self.views]

    def name_of(self, key: tuple[int, int, int]) -> str:
        return self.source.identify(key[0])

    def image_of(self, key: tuple[int, int, int]) -> tuple[int, ...]:
        return image_of(self.source, key[0])


class LoaderBatches:
    """Batches of images that are loaded, augmented and cropped by worker processes.

    Each image's augmentation is drawn from (seed, epoch, position in the stream), so neither the number of workers nor
    a stop in the middle of an epoch changes what is trained on.

    Args:
        source: images on demand.
        device: where the batches go.
        workers: processes that load; 0 loads in this one.
        sampler, preprocessing, batch_size, accumulate, seed, rank, num_ranks, views, further, num_epochs: as in
            `ResidentBatches`.

    Raises:
        InputError: the batch cannot be divided evenly, views or further views are none, or an image cannot be read.
        LongtailError: a process that loads was killed.
    """

    def __init__(
        self,
        source: ImageSource,
        sampler: EpochSampler,
        preprocessing: Preprocessing,
        *,
        device: torch.device,
        batch_size: int,
        accumulate: int = 1,
        workers: int = 2,
        seed: int = 0,
        rank: int = 0,
        num_ranks: int = 1,
        views: int | None = None,
        further: Sequence[Augmentation] = (),
        num_epochs: int = 1,
    ) -> None:
        each = _of_each_view(preprocessing, views, further)
        Range(0).check(workers, "workers", whole=True)
        self._plan = _Plan(sampler, batch_size, accumulate, rank, num_ranks)
        self._labelled = views is None
        self._dataset = _AugmentedImages(source, each, seed, labelled=self._labelled, num_epochs=num_epochs)
        self._preprocessing, self._device, self._workers = preprocessing, device, workers
        self.steps_per_epoch = self._plan.steps_per_epoch
        self.images_per_step = self._plan.batch_size
        self.smallest_part = self._plan.smallest_part

    def steps(self, epoch: int, first_step: int) -> Iterator[list[tuple[Tensor, ...]]]:
        """Return the steps of an epoch from `first_step` on."""
        stream = self._plan.sampler.epoch_indices(epoch)
        left = range(first_step, self.steps_per_epoch)
        keys = (
            [(int(stream[p]), epoch, int(p)) for p in part] for step in left for part in self._plan.micro_batches(step)
        )
        loaded = load_batches(self._dataset, keys, workers=self._workers, device=self._device)
        for step in left:
            batches = []
            for _ in self._plan.micro_batches(step):
                *images, last = next(loaded)
                if not self._labelled:
                    images.append(last)
                moved = (image.to(self._device, non_blocking=True) for image in images)
                views = tuple(normalize(image, self._preprocessing) for image in moved)
                batches.append((*views, last.to(self._device)) if self._labelled else views)
            yield batches
