"""From the bytes of an upload to the input of the network, as the model's own metadata say."""

import io
from typing import Any

import numpy as np
from PIL import Image, ImageOps

__all__ = ["FORMATS", "Refused", "prepared"]

FORMATS = ("JPEG", "PNG", "WEBP")  # no others: Pillow hands some to outside programs


class Refused(Exception):
    """An upload that is no image that is taken here.

    Args:
        status: of HTTP.
        reason: what was expected, and what came.
    """

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status, self.reason = status, reason


def prepared(content: bytes, kept: dict[str, Any], most_pixels: int) -> np.ndarray:
    """Decode, turn, resize and crop an image.

    Args:
        content: of the file.
        kept: `preprocessing` of the model.
        most_pixels: width times height; looked at before anything is decoded.

    Returns:
        Shape (channels, size, size); uint8, or float32 from 0 to 1, as the model takes them.

    Raises:
        Refused: no image, a damaged one, or one of too many pixels.
    """
    try:
        image = Image.open(io.BytesIO(content), formats=FORMATS)
    except Exception as error:
        raise Refused(415, f"expected an image ({', '.join(FORMATS)}) as the body of the request") from error
    width, height = image.size
    if width * height > most_pixels:
        raise Refused(413, f"the image has {width} x {height} pixels; expected at most {most_pixels:,}")
    try:
        image = ImageOps.exif_transpose(image).convert("RGB" if kept["channels"] == 3 else "L")
    except Exception as error:  # in a damaged file, Pillow's readers stumble in every way there is
        raise Refused(422, "the image is damaged") from error
    size, resize = kept["size"], kept["resize"]
    shape = (size, size) if kept["squeeze"] else tuple(resize * side // min(image.size) for side in image.size)
    if shape[0] * shape[1] > most_pixels:  # a thin strip
        raise Refused(422, f"an image of {width} x {height} pixels is too narrow")
    left, top = (round((side - size) / 2) for side in shape)
    image = image.resize(shape, Image.Resampling.BILINEAR).crop((left, top, left + size, top + size))
    pixels = np.asarray(image, np.uint8).reshape(size, size, -1).transpose(2, 0, 1)
    return pixels if kept["pixels"].startswith("uint8") else pixels / np.float32(255)
