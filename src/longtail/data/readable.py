"""Look at every image once: which cannot be read, and which are the same."""

import hashlib
from collections import defaultdict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from longtail.data.source import ImageSource
from longtail.errors import InputError

__all__ = ["find_duplicates", "find_unreadable"]


def find_unreadable(
    source: ImageSource, *, threads: int = 4, advance: Callable[[int], object] = lambda images: None
) -> list[tuple[int, str]]:
    """Decode every image.

    Args:
        source: images on demand.
        threads: that decode at once.
        advance: called with the number of images looked at since the last call.

    Returns:
        Index and reason of each that cannot be read, rising.
    """

    def attempt(index: int) -> tuple[int, str] | None:
        try:
            source.load(index)
        except InputError as error:
            return index, str(error)
        return None

    if not len(source):
        return []
    found = [attempt(0)]  # alone: it imports what decodes
    advance(1)
    with ThreadPoolExecutor(threads) as pool:
        for failure in pool.map(attempt, range(1, len(source))):
            advance(1)
            found.append(failure)
    return [failure for failure in found if failure is not None]


def find_duplicates(source: Any) -> list[list[int]]:
    """Find images whose files are the same byte for byte.

    Args:
        source: an image source that gives its files' bytes by `encoded(index)`; others have no files to compare.

    Returns:
        Indices of each set of identical files of two or more.
    """
    if not hasattr(source, "encoded"):
        return []
    members: dict[bytes, list[int]] = defaultdict(list)
    for index in range(len(source)):
        try:
            members[hashlib.sha256(source.encoded(index)).digest()].append(index)
        except InputError:
            continue  # told by find_unreadable
    return [same for same in members.values() if len(same) > 1]
