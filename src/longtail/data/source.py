"""Where images and labels come from: labels up front, images on demand."""

from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from longtail.errors import InputError

__all__ = ["DataSplits", "ImageSource", "Subset"]


class ImageSource(Protocol):
    """Images of one split or pool; the labels are known without touching an image."""

    name: str
    class_names: tuple[str, ...]

    @property
    def labels(self) -> NDArray[np.int64]:
        """Class indices, shape (N,)."""
        ...

    def __len__(self) -> int: ...

    def load(self, index: int) -> Tensor:
        """Decode one image: uint8, shape (1 or 3, H, W)."""
        ...

    def identify(self, index: int) -> str:
        """Name one image for messages and prediction files: its path, or pack.h5[123]."""
        ...


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

    def __len__(self) -> int:
        return len(self.indices)

    def load(self, index: int) -> Tensor:
        """Decode one image: uint8, shape (1 or 3, H, W)."""
        return self.source.load(int(self.indices[index]))

    def encoded(self, index: int) -> bytes:
        """Give the bytes of one image file, where the source is made of files.

        Raises:
            InputError: the source holds no files.
        """
        if not hasattr(self.source, "encoded"):
            raise InputError(f"{self.name} holds no image files.")
        return self.source.encoded(int(self.indices[index]))  # type: ignore[no-any-return]

    def identify(self, index: int) -> str:
        """Name one image as its source does."""
        return self.source.identify(int(self.indices[index]))


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
    """

    name: str
    class_names: tuple[str, ...]
    train: ImageSource
    val: ImageSource | None
    test: ImageSource | None
    record: dict[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
