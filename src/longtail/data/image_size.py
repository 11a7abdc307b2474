"""Width and height of images, without decoding them."""

import io
import warnings
from typing import Any

from PIL import Image

from longtail.errors import InputError

__all__ = ["image_size"]

_TURNED = (5, 6, 7, 8)  # values of EXIF's orientation under which width and height change places


def image_size(source: Any, row: int) -> tuple[int, int]:
    """Return the size of a whole image as people see it: turned upright.

    Args:
        source: of images; a part of an image has the size of all of it.
        row: of the image.

    Returns:
        Width and height, in pixels.

    Raises:
        InputError: it cannot be read.

    Example:
        >>> from longtail.data.open import open_data
        >>> image_size(open_data("digits").train, 0)
        (8, 8)
    """
    while hasattr(source, "indices"):
        source, row = source.source, int(source.indices[row])
    images = getattr(source, "images", None)
    if images is not None:
        with images.contents.open(int(images.image[row])) as (file, _):
            return _size(file, source.identify(row))
    if hasattr(source, "encoded"):
        return _size(io.BytesIO(source.encoded(row)), source.identify(row))
    height, width = source.load(row).shape[1:]
    return int(width), int(height)


def _size(file: Any, origin: str) -> tuple[int, int]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(file) as image:
                turned = image.getexif().get(0x0112, 1) in _TURNED
                return (image.height, image.width) if turned else (image.width, image.height)
    except Exception as error:  # Pillow raises whatever its readers do
        raise InputError(f"{origin}: its size cannot be read: the file is damaged or no image.") from error
