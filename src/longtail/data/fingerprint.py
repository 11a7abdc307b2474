"""What an image is, whatever it is called: a short mark of its content."""

import hashlib
from collections import defaultdict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from longtail.data.image_file import open_image_file
from longtail.errors import InputError

if TYPE_CHECKING:
    from longtail.data.source import ImageSource

__all__ = [
    "Marks",
    "fingerprint_of_bytes",
    "fingerprint_of_ends",
    "fingerprint_of_file",
    "fingerprint_of_pixels",
    "fingerprints",
    "identities",
    "same_content",
]

_BYTES = 16
_END = 4096  # bytes that are looked at, at both ends


class Marks:
    """Marks of a source's images, each made once.

    Args:
        number: of the images.
    """

    def __init__(self, number: int) -> None:
        self._marks = np.zeros((number, _BYTES), dtype=np.uint8)
        self._is_known = np.zeros(number, dtype=bool)

    def __len__(self) -> int:
        return len(self._marks)

    def get(self, index: int, make: Callable[[], bytes]) -> bytes:
        """Return the mark of one image, which `make` makes."""
        if not self._is_known[index]:
            self._marks[index] = np.frombuffer(make(), dtype=np.uint8)
            self._is_known[index] = True
        mark: bytes = self._marks[index].tobytes()
        return mark


def identities(source: "ImageSource") -> list[str]:
    """Return the name of each image relative to the data, the same on another machine.

    Args:
        source: N images.

    Returns:
        Paths below the data's folder with forward slashes, or `pack[12]`; N of them.
    """
    return [source.identity(row) for row in range(len(source))]


def fingerprints(
    source: "ImageSource", *, threads: int = 8, advance: Callable[[int], object] = lambda images: None
) -> NDArray[np.uint8]:
    """Return a mark of each image's content.

    Of files the size and the first and last 4 KiB are looked at, which takes no longer for a large one; a file and its
    copy in a pack have the same mark. Of images in memory all pixels are. A source remembers what it was asked once.

    Args:
        source: N images.
        threads: that read at once.
        advance: called with the number of images looked at since the last call.

    Returns:
        Shape (N, 16); zeros of an empty file.

    Raises:
        InputError: a file that cannot be read.
    """
    marks = np.zeros((len(source), _BYTES), dtype=np.uint8)

    def mark(rows: range) -> int:
        for row in rows:
            marks[row] = np.frombuffer(source.fingerprint(row), dtype=np.uint8)
        return len(rows)

    stretches = [range(start, min(start + 64, len(source))) for start in range(0, len(source), 64)]
    with ThreadPoolExecutor(threads) as pool:
        for done in pool.map(mark, stretches):
            advance(done)
    return marks


def same_content(source: "ImageSource", marks: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Number the images by their content: copies have the same number.

    Args:
        source: N images.
        marks: of them, as of `fingerprints`, shape (N, 16); where they are equal, all of the content is compared.

    Returns:
        Of each image the row of the first one with its content, shape (N,). An empty file is like no other.

    Raises:
        InputError: a file that cannot be read.
    """
    first = np.arange(len(marks))
    members: dict[bytes, list[int]] = defaultdict(list)
    for row, mark in enumerate(marks):
        members[mark.tobytes()].append(row)
    members.pop(bytes(_BYTES), None)
    for candidates in members.values():
        if len(candidates) == 1:
            continue
        seen: dict[bytes, int] = {}
        for row in candidates:
            first[row] = seen.setdefault(_whole(source, row), row)
    return first


def fingerprint_of_bytes(content: bytes) -> bytes:
    """Return the mark of an image file that lies in memory.

    Example:
        >>> fingerprint_of_bytes(b"an image").hex()
        '97970ef55eca9b55f467c4ee4919bffe'
    """
    return fingerprint_of_ends(len(content), lambda start, stop: content[start:stop])


def fingerprint_of_file(path: Path) -> bytes:
    """Return the mark of an image file.

    Raises:
        InputError: it cannot be read.
    """
    with open_image_file(path) as (file, size):

        def read(start: int, stop: int) -> bytes:
            file.seek(start)
            return file.read(stop - start)

        return fingerprint_of_ends(size, read)


def fingerprint_of_ends(size: int, read: Callable[[int, int], bytes]) -> bytes:
    """Return the mark of an image file that can be read in parts.

    Args:
        size: of the file, in bytes.
        read: gives the bytes from its first argument to below its second.
    """
    if not size:
        return bytes(_BYTES)
    middle = min(size, _END)
    ends = read(0, middle) + read(max(size - _END, middle), size)
    return hashlib.blake2b(b"%d " % size + ends, digest_size=_BYTES).digest()


def fingerprint_of_pixels(image: Tensor) -> bytes:
    """Return the mark of a decoded image, uint8, shape (channels, H, W)."""
    pixels = image.contiguous().numpy()
    return hashlib.blake2b(str(pixels.shape).encode() + pixels.tobytes(), digest_size=_BYTES).digest()


def _whole(source: "ImageSource", row: int) -> bytes:
    encoded = getattr(source, "encoded", None)
    if encoded is not None:
        try:
            return hashlib.sha256(encoded(row)).digest()
        except InputError:  # a source of sources, which holds no files
            pass
    return source.fingerprint(row)
