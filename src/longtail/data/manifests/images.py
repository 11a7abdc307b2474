"""Images that a table names, or parts of them: a source like any other."""

import hashlib
import io
import os
import threading
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from longtail.data.decode import decode_image, upright_size
from longtail.data.fingerprint import Marks
from longtail.data.manifests.contents import Contents
from longtail.data.manifests.crops import Crops
from longtail.errors import InputError
from longtail.files.text import printable
from longtail.grouping import Grouping

__all__ = ["ManifestImages", "RowImages"]

_AT_ONCE = 2**26  # bytes


@dataclass(frozen=True)
class RowImages:
    """Which image each row of a table is, or is a part of.

    Attributes:
        contents: the bytes of M images.
        image: number of each row's image, shape (N,).
        crops: which part of it each row is; None where all are whole.
        bits: of grey images of more than 8 bits, as of `decode_image`.
    """

    contents: Contents
    image: NDArray[np.int64]
    crops: Crops | None = None
    bits: int | None = None

    def take(self, rows: NDArray[np.int64]) -> "RowImages":
        """Return some of the rows."""
        crops = None if self.crops is None else self.crops.take(rows)
        return RowImages(self.contents, self.image[rows], crops, self.bits)


class ManifestImages:
    """An image source over the rows of a table.

    The last image that a thread decoded is kept where several crops are of it: those that follow each other cost one
    decoding.

    Args:
        images: which image, or part of one, each row is.
        labels: class indices, shape (N,).
        class_names: C names.
        name: of the data set.
        groups: what each row belongs to, or None.
        events: which rows are of one event, or None.
        weights: how many rows each counts for where it is learnt from, shape (N,), or None.
    """

    def __init__(
        self,
        images: RowImages,
        labels: NDArray[np.int64],
        class_names: tuple[str, ...],
        name: str,
        *,
        groups: Grouping | None = None,
        events: Grouping | None = None,
        weights: NDArray[np.float64] | None = None,
    ) -> None:
        self.images, self.class_names, self.name = images, class_names, name
        self.groups, self.events, self.weights = groups, events, weights
        self._labels = np.asarray(labels, dtype=np.int64)
        self._marks = Marks(len(images.contents))
        # one number of pixels is enough for all crops of an image, so that they share its decoding
        self._smallest = None if images.crops is None else images.crops.smallest_share(images.image, len(self._marks))
        self._several = np.zeros(len(self._marks), dtype=bool)
        if images.crops is not None:
            self._several = np.bincount(images.image, minlength=len(self._marks)) > 1
        self._last = threading.local()

    @property
    def labels(self) -> NDArray[np.int64]:
        """Class indices, shape (N,)."""
        return self._labels

    def __len__(self) -> int:
        return len(self.images.image)

    def __getstate__(self) -> dict[str, object]:
        return {name: value for name, value in self.__dict__.items() if name != "_last"}

    def __setstate__(self, state: dict[str, object]) -> None:
        self.__dict__.update(state)
        self._last = threading.local()

    def load(self, index: int, *, least: int | None = None) -> Tensor:
        """Decode one image, or cut its part out: uint8, shape (3, H, W); `least` as of `decode_image`."""
        image, crops = int(self.images.image[index]), self.images.crops
        if crops is None or self._smallest is None:
            return self._decoded(image, least)[0]
        share = float(self._smallest[image])
        enough = None if least is None or not share else int(np.ceil(least / share))
        decoded, size = self._decoded(image, enough)
        try:
            return crops.cut(index, decoded, size)
        except InputError as error:
            raise InputError(f"{self.images.contents.name(image)}: {error}") from None

    def image_of(self, index: int) -> int:
        """Return a number that rows of the same image share."""
        return int(self.images.image[index])

    def encoded(self, index: int) -> bytes:
        """Return the bytes of one image file; of a part of an image a PNG of it."""
        crops = self.images.crops
        if crops is None or crops.is_whole(index):
            return self.images.contents.encoded(int(self.images.image[index]))
        stream = io.BytesIO()
        Image.fromarray(self.load(index).permute(1, 2, 0).numpy()).save(stream, "PNG")
        return stream.getvalue()

    def identify(self, index: int) -> str:
        """Name one row by the path of its image, and the box where it is a part of it."""
        return self.images.contents.name(int(self.images.image[index])) + self._box(index)

    def identity(self, index: int) -> str:
        """Name one row relative to its data, the same on another machine."""
        return printable(self.images.contents.names[int(self.images.image[index])]) + self._box(index)

    def fingerprint(self, index: int) -> bytes:
        """Return 16 bytes that say what the row holds."""
        image = int(self.images.image[index])
        mark = self._marks.get(image, lambda: self.images.contents.fingerprint(image))
        box = self._box(index)
        return mark if not box else hashlib.blake2b(mark + box.encode(), digest_size=len(mark)).digest()

    def status(self, index: int) -> os.stat_result | None:
        """Return size and times of one image's file; None where it has none of its own."""
        return self.images.contents.status(int(self.images.image[index]))

    def _box(self, index: int) -> str:
        return "" if self.images.crops is None else self.images.crops.words(index)

    def _decoded(self, image: int, least: int | None) -> tuple[Tensor, tuple[int, int] | None]:
        """Return an image, which others may be cut out of, and its size as pixels of boxes mean it."""
        key = image, least
        if getattr(self._last, "key", None) == key:
            kept: tuple[Tensor, tuple[int, int] | None] = self._last.image
            return kept
        with self.images.contents.open(image) as (file, size):
            # small ones at once: the disk may be far away
            content = file.read() if size < _AT_ONCE else file
            crops = self.images.crops
            whole = upright_size(content) if crops is not None and crops.unit == "pixels" else None
            origin = self.images.contents.name(image)
            result = decode_image(content, origin, bits=self.images.bits, least=least), whole
        if self._several[image]:
            self._last.key, self._last.image = key, result
        return result
