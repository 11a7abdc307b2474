"""Open a data set for a job: the splits, and each split's images in the form that training and inference take."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from longtail.data.preprocessing_choice import choose_preprocessing
from longtail.data.source import DataSplits, ImageSource, groups_of
from longtail.data.transforms import Preprocessing
from longtail.files.text import printable
from longtail.jobs.flags import as_typed, naming_flags
from longtail.jobs.options import DataOptions, StageOneOptions
from longtail.jobs.stage_one.switches import policy_of
from longtail.waiting import told_if_slow

if TYPE_CHECKING:
    import torch
    from lightning_fabric import Fabric

    from longtail.data.views import ViewRows
    from longtail.training.inference import EvaluationBatches

__all__ = ["Images", "described", "open_splits", "prepare", "stage_preprocessing", "with_signs"]


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
        self,
        fabric: "Fabric",
        preprocessing: Preprocessing,
        *,
        workers: int,
        batch_size: int = 256,
        views: "ViewRows | None" = None,
    ) -> "EvaluationBatches":
        """Return this process's batches of the split, in order and without augmentation, and of further views."""
        from longtail.training.inference import EvaluationBatches

        return EvaluationBatches(
            self.source if self.pixels is None else self.pixels,
            preprocessing,
            device=fabric.device,
            batch_size=batch_size,
            workers=workers,
            rank=fabric.global_rank,
            num_ranks=fabric.world_size,
            views=views,
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
    from longtail.data.open import DATA_NAMES, open_data

    @contextmanager
    def progress(what: str, images: int) -> Iterator[Callable[[int], object]]:
        from longtail.training.progress import progress_bar

        with progress_bar(what, images, quiet=quiet) as bar:
            yield bar.advance

    # named sets lie in --data; the paths of tables and lists begin at --root
    root = "data" if dataset in DATA_NAMES else "root"
    with naming_flags(root=root), told_if_slow(f"reading {printable(dataset)}", quiet=quiet):
        splits = open_data(
            dataset,
            root=options.root or options.data,
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
            table=options.table,
            group_by=options.group_by,
            progress=progress,
        )
    return replace(splits, notes=tuple(as_typed(note, root=root) for note in splits.notes))


def described(splits: DataSplits) -> str:
    """Return in words which images there are."""
    from longtail.counts import class_counts, imbalance_ratio

    counts = class_counts(splits.train.labels, len(splits.class_names))
    sizes = [f"{len(splits.train):,} train"]
    sizes += [f"{len(part):,} {name}" for name, part in (("val", splits.val), ("test", splits.test)) if part]
    return (
        f"{splits.name}: {len(counts)} classes, {', '.join(sizes)} images; train from {counts.max():,} down to "
        f"{counts.min():,} a class (ratio {imbalance_ratio(counts):,.0f})"
    )


def with_signs(splits: DataSplits) -> DataSplits:
    """Note down where the names of images say that some belong together, and nobody gave groups."""
    from longtail.data.open import DATA_NAMES
    from longtail.data.signs_of_groups import signs_of_groups

    if splits.record.get("source") in DATA_NAMES or groups_of(splits.train) is not None:
        return splits
    parts = {"train": splits.train, "val": splits.val, "test": splits.test}
    signs = signs_of_groups({name: part for name, part in parts.items() if part is not None}, pictures=False)
    return replace(splits, notes=(*splits.notes, *(as_typed(sign.sentence()) for sign in signs)))


def stage_preprocessing(splits: DataSplits, options: StageOneOptions) -> Preprocessing:
    """Choose how images become the input of a network that stage 1 trains; `choose_preprocessing` says how.

    Raises:
        InputError: in the words that a person types.
    """
    with naming_flags():
        result = choose_preprocessing(
            splits, image_size=options.image_size, augmentation=options.augmentation, decode=options.decode
        )
    return replace(result, policy=policy_of(options, result.size))


def prepare(source: ImageSource, preprocessing: Preprocessing, device: "torch.device") -> Images:
    """Load a split into memory where its images are small; else leave it to the workers."""
    from longtail.data.resident import load_resident

    if not preprocessing.resident:
        return Images(source, None)
    return Images(source, load_resident(source, preprocessing).to(device))
