"""When photographs were taken, by the data that cameras put in front of them."""

import io
from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from longtail.data.source import ImageSource
from longtail.errors import InputError

__all__ = ["bursts", "capture_times"]

_SUB_IFD, _ORIGINAL, _CHANGED, _MAKE, _MODEL, _SERIAL = 0x8769, 0x9003, 0x0132, 0x010F, 0x0110, 0xA431
_HEAD = 2**18  # bytes in which these data lie


def capture_times(source: ImageSource) -> tuple[NDArray[np.float64], list[str]]:
    """Read when and by which camera each image was taken.

    Args:
        source: N images that are files, or members of larger files; others have no time.

    Returns:
        Seconds, on a clock that all share, NaN where nothing is said, shape (N,); and the camera of each, in words.
    """
    times, cameras = np.full(len(source), np.nan), [""] * len(source)
    encoded = getattr(source, "encoded", None)
    if encoded is None:
        return times, cameras
    for row in range(len(source)):
        try:
            times[row], cameras[row] = _of_image(encoded(row)[:_HEAD])
        except InputError:  # no file, or one that cannot be read: who loads it is told
            continue
    return times, cameras


def bursts(times: NDArray[np.float64], cameras: list[str], gap: float) -> list[str]:
    """Group images that one camera took one after the other.

    Args:
        times: seconds, NaN where nothing is said, shape (N,).
        cameras: of the images, N of them.
        gap: seconds between two images of a burst, at most.

    Returns:
        The name of each image's burst; "" of an image without a time.

    Example:
        >>> bursts(np.array([0.0, 100.0, 4.0, np.nan, 5.0]), ["a", "a", "a", "a", "b"], gap=10)
        ['a 0', 'a 1', 'a 0', '', 'b 2']
    """
    words = [""] * len(times)
    number, before = -1, ("", np.nan)
    for row in sorted(np.flatnonzero(~np.isnan(times)).tolist(), key=lambda row: (cameras[row], times[row])):
        if before[0] != cameras[row] or not times[row] - before[1] <= gap:
            number += 1
        before = cameras[row], times[row]
        words[row] = f"{cameras[row]} {number}".strip()
    return words


def _of_image(head: bytes) -> tuple[float, str]:
    try:
        with Image.open(io.BytesIO(head)) as image:
            exif = image.getexif()
            inner: dict[int, Any] = exif.get_ifd(_SUB_IFD)
            taken = inner.get(_ORIGINAL) or exif.get(_CHANGED)
            camera = " ".join(str(value).strip("\0 ") for value in (exif.get(_MAKE), exif.get(_MODEL)) if value)
            serial = str(inner.get(_SERIAL) or "").strip("\0 ")
    except Exception:  # damaged data, in front of pixels that may well be whole
        return np.nan, ""
    try:
        moment = datetime.strptime(str(taken).strip("\0 ")[:19], "%Y:%m:%d %H:%M:%S")
    except ValueError:
        return np.nan, ""
    return (moment - datetime(1970, 1, 1)).total_seconds(), f"{camera} {serial}".strip()
