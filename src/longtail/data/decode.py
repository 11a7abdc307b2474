"""Decode image files of any format and mode to uint8 tensors.

Pillow does it: torchvision's own decoders are deprecated.
"""

import io
import math
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageFile, UnidentifiedImageError
from torch import Tensor

from longtail.data.image_kinds import kind_of_content
from longtail.data.white_level import check_deep_colour, grey_blocks, is_deep, is_inverted, white_level
from longtail.errors import InputError

__all__ = [
    "LARGE",
    "MOST_PIXELS",
    "check_bits",
    "decode_image",
    "needs_a_white_level",
    "number_of_pictures",
    "write_png",
]

LARGE = 64_000_000  # pixels; what has more is made smaller while it is decoded
MOST_PIXELS = 400_000_000
# no others: Pillow hands some, such as PostScript, to outside programs
_FORMATS = ("JPEG", "PNG", "TIFF", "BMP", "GIF", "WEBP", "JPEG2000", "AVIF", "PPM")
_MOST_COMPRESSED = 8300  # pixels a byte: of black and white in PNG
_BLOCK = 2**20  # pixels at once
_one_at_a_time = threading.Lock()


def decode_image(encoded: bytes, origin: str, *, bits: int | None = None) -> Tensor:
    """Decode an image file's bytes.

    Turned as its EXIF data say, where these can be read. Grey, palette, transparent, CMYK images and those of more than
    8 bits become 8-bit RGB; of several pictures in a file the first is taken. An image of more than 64 million pixels
    is made smaller by a whole factor, the least that brings it below; a JPEG by its own means.

    Args:
        encoded: content of the file.
        origin: named in the message.
        bits: of grey images of more than 8: white is 2^bits - 1; None: as the file states it, as `white_level` says.

    Returns:
        uint8, shape (3, H, W).

    Raises:
        InputError: this is no image that can be read, it does not say what is white, or has more than 400 million
            pixels.
    """
    try:
        with _opened(encoded) as image:
            pixels = image.width * image.height
            if pixels > MOST_PIXELS:
                raise InputError(
                    f"{origin}: {image.width:,} x {image.height:,} pixels; expected at most {MOST_PIXELS:,}. Make it "
                    "smaller, or leave such images out with `skip_bad=True`."
                )
            if pixels > max(LARGE, _MOST_COMPRESSED * len(encoded)):
                raise InputError(
                    f"{origin}: promises {pixels:,} pixels in {len(encoded):,} bytes, as a damaged file does. Mend or "
                    "remove it, or leave such images out with `skip_bad=True`."
                )
            if pixels <= LARGE:
                return _tensor(_decoded(image, encoded, bits, origin))
            with _alone():
                return _tensor(_decoded(image, encoded, bits, origin))
    except InputError:
        raise
    except Exception as error:  # in a damaged file, Pillow's readers stumble in every way there is
        kind = kind_of_content(encoded[:200]) or ("an empty file" if not encoded else None)
        raise InputError(
            f"{origin}: cannot be read as an image ({f'it is {kind}' if kind else type(error).__name__}). "
            "Mend or remove it, or leave such images out with `skip_bad=True`."
        ) from error


def needs_a_white_level(encoded: bytes) -> bool:
    """Return whether an image file has more than 8 bits a channel; what cannot be read has not."""
    try:
        with _opened(encoded) as image:
            return is_deep(image, encoded)
    except Exception:  # as above; whoever loads it is told
        return False


def number_of_pictures(encoded: bytes) -> int:
    """Return how many pictures an image file holds; 1 of what cannot be read, and of photographs (JPEG)."""
    try:
        with _opened(encoded) as image:
            # cameras put a small copy, or a map of the light, behind the photograph
            return 1 if image.format in ("JPEG", "MPO") else int(getattr(image, "n_frames", 1))
    except Exception:  # as above
        return 1


def check_bits(bits: int | None) -> None:
    """Refuse a number of bits that no image has.

    Raises:
        InputError: not 1 to 32.
    """
    if bits is not None and not 1 <= bits <= 32:
        raise InputError(f"`bits` is {bits}; expected 1 to 32: white is 2^bits - 1.")


def write_png(image: Tensor, path: Path) -> None:
    """Write a uint8 image (1 or 3, H, W) as PNG."""
    pixels = image.permute(1, 2, 0).numpy()
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels).save(path, "PNG")


def _opened(encoded: bytes) -> ImageFile.ImageFile:
    """Open an image as `Image.open` does, but for the formats tried, and for its limit of pixels: ours is told."""
    Image.init()
    for name in _FORMATS:
        factory, accepts = Image.OPEN.get(name, (None, None))
        if factory is not None and accepts is not None and accepts(encoded[:16]) is True:
            return factory(io.BytesIO(encoded), "")
    raise UnidentifiedImageError


@contextmanager
def _alone() -> Iterator[None]:
    """Decode one large image at a time: several would take the memory of several."""
    with _one_at_a_time:
        # Pillow looks at it in some formats again
        before, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
        try:
            yield
        finally:
            Image.MAX_IMAGE_PIXELS = before


def _decoded(image: ImageFile.ImageFile, encoded: bytes, bits: int | None, origin: str) -> NDArray[np.uint8]:
    """Return pixels, shape (H, W) of grey images of more than 8 bits, else (H, W, 3)."""
    if (factor := _factor(image)) > 1 and image.format in ("JPEG", "MPO"):
        image.draft(image.mode, (image.width // factor, image.height // factor))
        factor = _factor(image)
    image.load()
    turn = _orientation(image)
    if image.mode.startswith(("I", "F")):
        blocks = _grey(image, white_level(image, encoded, bits, origin), factor)
    else:
        check_deep_colour(image, encoded, bits, origin)
        blocks = _colour(image, factor)
    return turned(np.concatenate([_reduced(block, factor) for block in blocks]), turn)


def _factor(image: Image.Image) -> int:
    return math.ceil(math.sqrt(image.width * image.height / LARGE))


def _grey(image: Image.Image, white: float, factor: int) -> Iterator[NDArray[np.uint8]]:
    inverted = is_inverted(image)
    for block in grey_blocks(image, _rows(image, factor)):
        levels = white - block if inverted else block
        # division last, by 257 of 16 bits, which is exact
        yield (levels / (white / 255)).round().clip(0, 255).astype(np.uint8)


def _colour(image: Image.Image, factor: int) -> Iterator[NDArray[np.uint8]]:
    if factor == 1:
        yield _rgb(image)
        return
    rows = _rows(image, factor)
    for top in range(0, image.height, rows):
        yield _rgb(image.crop((0, top, image.width, min(top + rows, image.height))))


def _rows(image: Image.Image, factor: int) -> int:
    return factor * max(_BLOCK // (factor * max(image.width, 1)), 1)


def _rgb(image: Image.Image) -> NDArray[np.uint8]:
    if image.mode == "P" and "transparency" in image.info:
        image = image.convert("RGBA")  # Pillow warns of the direct way
    return np.array(image.convert("RGB"))


def _reduced(block: NDArray[np.uint8], factor: int) -> NDArray[np.uint8]:
    """Average squares of `factor` pixels; a rest at the end of the last rows and columns is left out."""
    if factor == 1:
        return block
    height, width = (length // factor * factor for length in block.shape[:2])
    squares = block[:height, :width].reshape(height // factor, factor, width // factor, factor, *block.shape[2:])
    means: NDArray[np.float32] = squares.mean(axis=(1, 3), dtype=np.float32)
    return means.round().astype(np.uint8)


def _orientation(image: Image.Image) -> int:
    try:
        return int(image.getexif().get(0x0112, 1))
    except Exception:  # damaged EXIF data, under pixels that may well be whole
        return 1


def turned(pixels: NDArray[Any], orientation: int) -> NDArray[Any]:
    """Turn pixels, shape (H, W, ...), upright as EXIF's orientation, 1 to 8, says."""
    if orientation >= 5:
        pixels = pixels.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    return pixels


def _tensor(pixels: NDArray[np.uint8]) -> Tensor:
    if pixels.ndim == 2:
        return torch.from_numpy(np.ascontiguousarray(pixels))[None].repeat(3, 1, 1)
    return torch.from_numpy(np.ascontiguousarray(pixels.transpose(2, 0, 1)))
