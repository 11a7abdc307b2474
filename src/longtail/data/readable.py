"""Look at images before anything is learnt from them: which cannot be read, and which do not say how."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from longtail.data.decode import needs_a_white_level, number_of_pictures
from longtail.data.source import ImageSource
from longtail.data.white_level import UnstatedRangeError
from longtail.errors import InputError

__all__ = ["find_stacks", "find_unreadable", "look_at_first"]

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
            source.load(index)
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


def look_at_first(source: Any) -> tuple[str, ...]:
    """Look at the first image of each of some classes, so that what holds for all is asked before anything is learnt.

    Args:
        source: an image source that gives its files' bytes by `encoded(index)`; others have nothing to ask.

    Returns:
        Notes for people.

    Raises:
        UnstatedRangeError: an image of more than 8 bits does not say what is white.
    """
    notes: list[str] = []
    for index in np.unique(np.asarray(source.labels), return_index=True)[1][:_MOST_CLASSES].tolist():
        if (pictures := _pictures(source, index)) > 1 and not notes:
            notes.append(f"{source.identify(index)} holds {pictures} pictures: of such files the first is taken")
        try:
            if needs_a_white_level(source.encoded(index)):
                source.load(index)
        except UnstatedRangeError:
            raise
        except InputError:  # told when it is needed
            continue
    return tuple(notes)


def _pictures(source: Any, index: int) -> int:
    try:
        return number_of_pictures(source.encoded(index))
    except (InputError, AttributeError):  # told when it is needed; no files
        return 1
