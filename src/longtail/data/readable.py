"""Look at images before anything is learnt from them: which cannot be read, and which do not say how."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from longtail.data.decode import needs_a_white_level, number_of_pictures
from longtail.data.source import ImageSource
from longtail.data.white_level import UnstatedRangeError
from longtail.errors import InputError

__all__ = [
    "check_white_levels",
    "find_stacks",
    "find_unreadable",
    "first_of_each_class",
    "has_deep_images",
    "note_on_stacks",
]

_MOST_CLASSES = 20
_SINGLE = (".jpg", ".jpeg", ".png", ".bmp")


def find_unreadable(
    source: ImageSource,
    *,
    unstated: bool = True,
    threads: int = 4,
    advance: Callable[[int], object] = lambda images: None,
) -> list[tuple[int, str]]:
    """Decode every image.

    Args:
        source: images on demand.
        unstated: count images among them that are whole and do not say what is white.
        threads: that decode at once.
        advance: called with the number of images looked at since the last call.

    Returns:
        Index and reason of each that cannot be read, rising.
    """

    def attempt(index: int) -> tuple[int, str] | None:
        try:
            source.load(index, least=1)  # all of the file is read, and the least of it computed
        except UnstatedRangeError as error:
            return (index, str(error)) if unstated else None
        except InputError as error:
            return index, str(error)
        return None

    if not len(source):
        return []
    results = [attempt(0)]  # alone: it imports what decodes
    advance(1)
    with ThreadPoolExecutor(threads) as pool:
        for failure in pool.map(attempt, range(1, len(source))):
            advance(1)
            results.append(failure)
    return [failure for failure in results if failure is not None]


def find_stacks(source: Any) -> list[int]:
    """Find files that hold several pictures, of which the first is taken: animations, stacks of a microscope.

    Args:
        source: an image source that gives its files' bytes by `encoded(index)`; others have no files to look into.

    Returns:
        Indices, rising; files that cannot be read are none of them.
    """
    # nearly all files are such, and hold one
    others = [row for row in range(len(source)) if not source.identify(row).lower().endswith(_SINGLE)]
    return [row for row in others if _pictures(source, row) > 1]


def check_white_levels(source: Any, *, advance: Callable[[int], object] = lambda images: None) -> None:
    """Refuse images of more than 8 bits that do not say what is white, before anything is learnt from the others.

    Args:
        source: an image source that gives its files' bytes by `encoded(index)`; others have none.
        advance: called with the number of images looked at since the last call.

    Raises:
        UnstatedRangeError: an image does not say it; with the number of all such images.
    """

    def attempt(index: int) -> UnstatedRangeError | None:
        try:
            if _is_deep(source, index):
                source.load(index)
        except UnstatedRangeError as error:
            return error
        except InputError:  # told when it is needed
            pass
        return None

    unstated = []
    with ThreadPoolExecutor(4) as pool:
        for failure in pool.map(attempt, range(len(source))):
            advance(1)
            unstated += [] if failure is None else [failure]
    if unstated:
        more = f" ({len(unstated) - 1:,} more like it.)" if len(unstated) > 1 else ""
        raise UnstatedRangeError(f"{unstated[0]}{more}")


def first_of_each_class(source: ImageSource) -> list[int]:
    """Return the row of the first image of each class, of some classes: what holds for all shows there."""
    rows = np.unique(np.asarray(source.labels), return_index=True)[1]
    return [int(row) for row in rows[:_MOST_CLASSES]]


def has_deep_images(source: Any) -> bool:
    """Return whether the first image of some class has more than 8 bits a channel."""
    return any(_is_deep(source, row) for row in first_of_each_class(source))


def note_on_stacks(source: Any) -> tuple[str, ...]:
    """Return a sentence if the first file of some class holds several pictures."""
    for row in first_of_each_class(source):
        if (number := _pictures(source, row)) > 1:
            return (f"{source.identify(row)} holds {number} pictures: of such files the first is taken",)
    return ()


def _is_deep(source: Any, index: int) -> bool:
    encoded = _encoded(source, index)
    return encoded is not None and needs_a_white_level(encoded)


def _pictures(source: Any, index: int) -> int:
    encoded = _encoded(source, index)
    return 1 if encoded is None else number_of_pictures(encoded)


def _encoded(source: Any, index: int) -> bytes | None:
    try:
        encoded: bytes = source.encoded(index)
    except (InputError, AttributeError):  # told when it is needed; no files
        return None
    return encoded
