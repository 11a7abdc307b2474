"""Open a data set for a job: the splits, and each split's images in the form that training and inference take."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from longtail.data.published import PUBLISHED
from longtail.data.source import DataSplits, ImageSource
from longtail.data.statistics import STATISTICS, Statistics
from longtail.data.transforms import Augmentation, Preprocessing
from longtail.errors import InputError
from longtail.jobs.options import DataOptions, StageOneOptions

if TYPE_CHECKING:
    import torch
    from lightning.fabric import Fabric

    from longtail.training.inference import EvaluationBatches

__all__ = ["Images", "choose_preprocessing", "open_splits", "plain_preprocessing", "prepare", "preprocessing_for"]

RESIDENT_SIZE = 64


@dataclass
class Images:
    """The images of one split, ready for batches.

    Attributes:
        source: images on demand, with labels.
        pixels: uint8 (N, channels, size, size) on the device where they are resident, else None.
    """

    source: ImageSource
    pixels: "torch.Tensor | None"

    @property
    def labels(self) -> NDArray[np.int64]:
        """Class indices, shape (N,)."""
        return np.asarray(self.source.labels, dtype=np.int64)

    def batches(
        self, fabric: "Fabric", preprocessing: Preprocessing, *, workers: int, batch_size: int = 256
    ) -> "EvaluationBatches":
        """Give this process's batches of the split, in order and without augmentation."""
        from longtail.training.inference import EvaluationBatches

        return EvaluationBatches(
            self.source if self.pixels is None else self.pixels,
            preprocessing,
            device=fabric.device,
            batch_size=batch_size,
            workers=workers,
            rank=fabric.global_rank,
            num_ranks=fabric.world_size,
        )


def open_splits(dataset: str, options: DataOptions, *, quiet: bool = True) -> DataSplits:
    """Open a data set with the settings of a job.

    Args:
        dataset: its name or path.
        options: how.
        quiet: show no progress of what looks at every image.

    Raises:
        InputError: in the words that a person types.
    """
    from longtail.data.open import open_data
    from longtail.jobs.flags import as_typed

    @contextmanager
    def progress(what: str, images: int) -> Iterator[Callable[[int], object]]:
        from longtail.training.progress import progress_bar

        with progress_bar(what, images, quiet=quiet) as bar:
            yield bar.advance

    try:
        return open_data(
            dataset,
            root=options.data,
            profile=options.profile,
            ratio=options.ratio,
            largest=options.largest,
            val_fraction=options.val_fraction,
            test_fraction=options.test_fraction,
            seed=options.split_seed,
            skip_bad=options.skip_bad,
            download=options.download,
            lists=options.lists,
            original_splits=options.original_splits,
            other_counts=options.other_counts,
            layout=options.layout,
            alike_names=options.alike_names,
            bits=options.bits,
            progress=progress,
        )
    except InputError as error:
        raise InputError(as_typed(str(error))) from error


def choose_preprocessing(splits: DataSplits, options: StageOneOptions) -> Preprocessing:
    """Decide size, residence and augmentation; mean and deviation of resident images are measured later."""
    first = splits.train.load(0)
    channels, height, width = first.shape
    is_small_by_nature = splits.name.split(":")[0] in ("digits", "cifar10", "cifar100")
    size = options.image_size or (min(height, width) if is_small_by_nature else 224)
    resident = size <= RESIDENT_SIZE
    # a mirrored digit is no digit
    small: Augmentation = "shift" if channels == 1 else "crop-flip"
    fitting: Augmentation = small if resident else "resized-crop"
    augmentation = fitting if options.augmentation == "auto" else options.augmentation
    if resident and augmentation.startswith("resized"):
        raise InputError(
            f"--augmentation {augmentation} is for images of more than {RESIDENT_SIZE} pixels; "
            "expected none, shift, crop-flip or moco."
        )
    known = PUBLISHED.get(splits.name)
    return preprocessing_for(size, channels, known.statistics if known else STATISTICS["imagenet"], augmentation)


def preprocessing_for(
    size: int, channels: int, statistics: Statistics, augmentation: Augmentation | None = None
) -> Preprocessing:
    """Say how images become a network's input at a size: small ones stay in memory, others are resized and cropped.

    Args:
        size: height and width that the network sees, in pixels.
        channels: 1 or 3.
        statistics: mean and deviation of each channel.
        augmentation: of training; default: what is usual for images of colour at that size.

    Raises:
        InputError: the size is below 8.
    """
    if size < 8:
        raise InputError(f"--image-size {size}; expected at least 8 pixels.")
    resident = size <= RESIDENT_SIZE
    usual: Augmentation = "crop-flip" if resident else "resized-crop"
    return Preprocessing(
        size=size,
        resize=size if resident else round(size * 256 / 224),
        channels=channels,
        mean=statistics[0][:channels],
        std=statistics[1][:channels],
        augmentation=augmentation or usual,
        resident=resident,
    )


def prepare(source: ImageSource, preprocessing: Preprocessing, device: "torch.device") -> Images:
    """Load a split into memory where its images are small; else leave it to the workers."""
    from longtail.data.resident import load_resident

    if not preprocessing.resident:
        return Images(source, None)
    return Images(source, load_resident(source, preprocessing).to(device))


def plain_preprocessing(preprocessing: Preprocessing) -> dict[str, Any]:
    """Give the preprocessing as plain values for a checkpoint."""
    return asdict(preprocessing)
