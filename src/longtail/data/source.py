"""Where images and labels come from: labels up front, images on demand."""

import os
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from longtail.data.shared_images import SharedImages
from longtail.errors import InputError
from longtail.grouping import Grouping, concatenated
from longtail.row_weights import copies_by_weight

__all__ = [
    "DataSplits",
    "ImageSource",
    "Joined",
    "Relabelled",
    "Subset",
    "events_of",
    "groups_of",
    "has_boxes",
    "image_of",
    "weights_of",
]


class ImageSource(Protocol):
    """Images of one split or pool; the labels are known without touching an image."""

    name: str
    class_names: tuple[str, ...]

    @property
    def labels(self) -> NDArray[np.int64]:
        """Class indices, shape (N,)."""
        ...

    def __len__(self) -> int: ...

    def load(self, index: int, *, least: int | None = None) -> Tensor:
        """Decode one image: uint8, shape (1 or 3, H, W).

        Where so many pixels of the shorter side are enough, it may come smaller than it is, with at least as many.
        """
        ...

    def identify(self, index: int) -> str:
        """Name one image for messages and prediction files: its path, or pack.h5[123]; text, and no path to open."""
        ...

    def identity(self, index: int) -> str:
        """Name one image relative to its data, the same on another machine: train/ant/1.png, or pack[123]."""
        ...

    def fingerprint(self, index: int) -> bytes:
        """Return 16 bytes that say what the image holds, as `longtail.data.fingerprint` makes them."""
        ...

    def status(self, index: int) -> os.stat_result | None:
        """Return what the system says of the image's file; None where it has none of its own."""
        ...


def groups_of(source: ImageSource) -> Grouping | None:
    """Return what each image belongs to, a site or a specimen; None where nobody said so."""
    groups: Grouping | None = getattr(source, "groups", None)
    return groups


def events_of(source: ImageSource) -> Grouping | None:
    """Return the event that each image is of, such as a sequence; None where nobody said so."""
    events: Grouping | None = getattr(source, "events", None)
    return events


def weights_of(source: ImageSource) -> NDArray[np.float64] | None:
    """Return how many images each counts for where it is learnt from, shape (N,); None where nobody said so."""
    weights: NDArray[np.float64] | None = getattr(source, "weights", None)
    return weights


def image_of(source: ImageSource, index: int) -> tuple[int, ...]:
    """Return what parts of one image share, and no others: they are best loaded one after the other."""
    if isinstance(source, Subset):
        return image_of(source.source, int(source.indices[index]))
    if isinstance(source, Joined):
        number, row = source.place(index)
        return number, *image_of(source.sources[number], row)
    number_of = getattr(source, "image_of", None)
    return (index if number_of is None else int(number_of(index)),)


def has_boxes(source: ImageSource) -> bool:
    """Return whether some images are parts that were cut out of others."""
    if isinstance(source, Subset):
        return has_boxes(source.source)
    if isinstance(source, Joined):
        return any(map(has_boxes, source.sources))
    return getattr(getattr(source, "images", None), "crops", None) is not None


class Subset:
    """Chosen images of another source, itself a source.

    Args:
        source: where the images are.
        indices: into it, shape (N,).
    """

    def __init__(self, source: ImageSource, indices: NDArray[np.int64]) -> None:
        self.source = source
        self.indices = np.asarray(indices, dtype=np.int64)
        self.name = source.name
        self.class_names = source.class_names

    @property
    def labels(self) -> NDArray[np.int64]:
        """Class indices, shape (N,)."""
        return np.asarray(self.source.labels)[self.indices]

    @property
    def groups(self) -> Grouping | None:
        """What each image belongs to, or None."""
        groups = groups_of(self.source)
        return None if groups is None else groups.take(self.indices)

    @property
    def events(self) -> Grouping | None:
        """The event of each image, or None."""
        events = events_of(self.source)
        return None if events is None else events.take(self.indices)

    @property
    def weights(self) -> NDArray[np.float64] | None:
        """How many images each counts for, or None."""
        weights = weights_of(self.source)
        return None if weights is None else weights[self.indices]

    def __len__(self) -> int:
        return len(self.indices)

    def load(self, index: int, *, least: int | None = None) -> Tensor:
        """Decode one image: uint8, shape (1 or 3, H, W)."""
        return self.source.load(int(self.indices[index]), least=least)

    def encoded(self, index: int) -> bytes:
        """Return the bytes of one image file, where the source is made of files.

        Raises:
            InputError: the source holds no files.
        """
        return _encoded(self.source, int(self.indices[index]))

    def identify(self, index: int) -> str:
        """Name one image as its source does."""
        return self.source.identify(int(self.indices[index]))

    def identity(self, index: int) -> str:
        """Name one image as its source does."""
        return self.source.identity(int(self.indices[index]))

    def fingerprint(self, index: int) -> bytes:
        """Return 16 bytes that say what the image holds."""
        return self.source.fingerprint(int(self.indices[index]))

    def status(self, index: int) -> os.stat_result | None:
        """Return what the system says of the image's file; None where it has none of its own."""
        return self.source.status(int(self.indices[index]))


class Relabelled(Subset):
    """Chosen images of a source with other labels than its own.

    Args:
        source: where the images are.
        indices: into it, shape (N,).
        labels: what they are taken for, class indices, shape (N,).
        class_names: C names.
    """

    def __init__(
        self,
        source: ImageSource,
        indices: NDArray[np.int64],
        labels: NDArray[np.int64],
        class_names: tuple[str, ...],
    ) -> None:
        super().__init__(source, indices)
        self.class_names = class_names
        self._labels = np.asarray(labels, dtype=np.int64)

    @property
    def labels(self) -> NDArray[np.int64]:
        """Class indices, shape (N,)."""
        return self._labels


class Joined:
    """Images of several sources one after the other, itself a source.

    Args:
        sources: of the same classes; the first gives the name.
    """

    def __init__(self, sources: tuple[ImageSource, ...]) -> None:
        self.sources = sources
        self.name, self.class_names = sources[0].name, sources[0].class_names
        self._starts = np.cumsum([0, *(len(source) for source in sources)])

    @property
    def labels(self) -> NDArray[np.int64]:
        """Class indices, shape (N,)."""
        return np.concatenate([np.asarray(source.labels, dtype=np.int64) for source in self.sources])

    @property
    def groups(self) -> Grouping | None:
        """What each image belongs to; None where no source says so."""
        return concatenated([groups_of(source) for source in self.sources], list(map(len, self.sources)))

    @property
    def events(self) -> Grouping | None:
        """The event of each image; None where no source says so."""
        return concatenated([events_of(source) for source in self.sources], list(map(len, self.sources)))

    @property
    def weights(self) -> NDArray[np.float64] | None:
        """How many images each counts for, 1 where its source does not say; None where none does."""
        parts = [weights_of(source) for source in self.sources]
        if all(part is None for part in parts):
            return None
        sizes = map(len, self.sources)
        return np.concatenate([np.ones(n) if part is None else part for part, n in zip(parts, sizes, strict=True)])

    def __len__(self) -> int:
        return int(self._starts[-1])

    def place(self, index: int) -> tuple[int, int]:
        """Return the number of an image's source, and its place there."""
        number = int(np.searchsorted(self._starts, index, side="right")) - 1
        return number, index - int(self._starts[number])

    def _place(self, index: int) -> tuple[ImageSource, int]:
        number, row = self.place(index)
        return self.sources[number], row

    def load(self, index: int, *, least: int | None = None) -> Tensor:
        """Decode one image: uint8, shape (1 or 3, H, W)."""
        source, row = self._place(index)
        return source.load(row, least=least)

    def encoded(self, index: int) -> bytes:
        """Return the bytes of one image file, where its source is made of files.

        Raises:
            InputError: the source holds no files.
        """
        return _encoded(*self._place(index))

    def identify(self, index: int) -> str:
        """Name one image as its source does."""
        source, row = self._place(index)
        return source.identify(row)

    def identity(self, index: int) -> str:
        """Name one image as its source does."""
        source, row = self._place(index)
        return source.identity(row)

    def fingerprint(self, index: int) -> bytes:
        """Return 16 bytes that say what the image holds."""
        source, row = self._place(index)
        return source.fingerprint(row)

    def status(self, index: int) -> os.stat_result | None:
        """Return what the system says of the image's file; None where it has none of its own."""
        source, row = self._place(index)
        return source.status(row)


def _encoded(source: Any, index: int) -> bytes:
    if not hasattr(source, "encoded"):
        raise InputError(f"{source.name} holds no image files.")
    encoded: bytes = source.encoded(index)
    return encoded


@dataclass(frozen=True)
class DataSplits:
    """The splits of a data set and how they came about.

    Attributes:
        name: of the data set.
        class_names: in the order of the labels.
        train: images to learn from.
        val: images to choose on, or None.
        test: images to measure on, or None.
        record: JSON-ready: profile, ratio, seed, chosen indices, files left out; written with the run.
        notes: sentences for people.
        held_back: training images that a long-tailed profile left out, or None.
        extra: images with labels that no person gave, which stage 1 learns from besides, or None.
        shared: the images that are in more than one split, or None where there are none or nobody looked.
    """

    name: str
    class_names: tuple[str, ...]
    train: ImageSource
    val: ImageSource | None
    test: ImageSource | None
    record: dict[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    held_back: ImageSource | None = None
    extra: ImageSource | None = None
    shared: SharedImages | None = None

    @property
    def learnt(self) -> ImageSource:
        """What stage 1 learns from: train, each image as often as its weight says, and `extra` where there is some."""
        weights = weights_of(self.train)
        train = self.train
        if weights is not None:
            seed = int(self.record.get("seed", 0)) % 2**32
            train = Subset(train, copies_by_weight(weights, np.asarray(train.labels), seed))
        return train if self.extra is None else Joined((train, self.extra))
