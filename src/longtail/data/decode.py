"""Decode image files of any format and mode to uint8 tensors.

Pillow does it: torchvision's own decoders are deprecated.
"""

import io
import math
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import IO, Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageFile, UnidentifiedImageError
from torch import Tensor

from longtail.data.image_kinds import kind_of_content
from longtail.data.white_level import check_deep_colour, grey_rows, is_deep, is_inverted, white_level
from longtail.errors import InputError

__all__ = [
    "LARGE",
    "MOST_PIXELS",
    "check_bits",
    "decode_image",
    "needs_a_white_level",
    "number_of_pictures",
    "upright_size",
    "write_png",
]

LARGE = 64_000_000  # pixels; what has more is made smaller while it is decoded
MOST_PIXELS = 400_000_000
# no others: Pillow hands some, such as PostScript, to outside programs
_FORMATS = ("JPEG", "PNG", "TIFF", "BMP", "GIF", "WEBP", "JPEG2000", "AVIF", "PPM")
_MOST_COMPRESSED = 8300  # pixels a byte: of black and white in PNG
_BLOCK = 2**16  # pixels at once: what stays in the cache
_one_at_a_time = threading.Lock()

# rows of an image, from one number to below another, as uint8 (bands, rows, W)
_Rows = Callable[[int, int], NDArray[np.uint8]]


def decode_image(file: bytes | IO[bytes], origin: str, *, bits: int | None = None, least: int | None = None) -> Tensor:
    """Decode an image file.

    Turned as its EXIF data say, where these can be read. Grey, palette, transparent, CMYK images and those of more than
    8 bits become 8-bit RGB; of several pictures in a file the first is taken. An image of more than 64 million pixels
    is made smaller by a whole factor, the least that brings it below; a JPEG by its own means.

    Args:
        file: its content, or the file opened: of a large one the content need not be in memory then.
        origin: named in messages.
        bits: of grey images of more than 8: white is 2^bits - 1; None: as the file states it, as `white_level` says.
        least: shorter side, in pixels, that is enough: a JPEG is decoded at 1/2, 1/4 or 1/8 of its size where that
            leaves as much, which takes a third of the time; other formats are decoded whole. None: all whole.

    Returns:
        uint8, shape (3, H, W).

    Raises:
        InputError: this is no image that can be read, it does not say what is white, or has more than 400 million
            pixels.
    """
    stream = io.BytesIO(file) if isinstance(file, bytes) else file
    try:
        pixels = torch.from_numpy(_decoded(stream, origin, bits, least))
    except InputError:
        raise
    except Exception as error:  # in a damaged file, Pillow's readers stumble in every way there is
        stream.seek(0)
        first = stream.read(200)
        kind = kind_of_content(first) if first else "an empty file"
        raise InputError(
            f"{origin}: cannot be read as an image ({f'it is {kind}' if kind else type(error).__name__}). "
            f"Mend or remove it, or {_LEAVE_OUT}."
        ) from error
    return pixels if len(pixels) == 3 else pixels.repeat(3, 1, 1)


def needs_a_white_level(encoded: bytes) -> bool:
    """Return whether an image file has more than 8 bits a channel; what cannot be read has not."""
    try:
        with _opened(io.BytesIO(encoded)) as image:
            return is_deep(image, io.BytesIO(encoded))
    except Exception:  # as above; whoever loads it is told
        return False


def upright_size(file: bytes | IO[bytes]) -> tuple[int, int] | None:
    """Return width and height that an image states, turned as its EXIF data say; None where it cannot be read."""
    stream = io.BytesIO(file) if isinstance(file, bytes) else file
    try:
        with _opened(stream) as image:
            return image.size if _orientation(image) < 5 else image.size[::-1]
    except Exception:  # as above; whoever decodes it is told
        return None
    finally:
        stream.seek(0)


def number_of_pictures(encoded: bytes) -> int:
    """Return how many pictures an image file holds; 1 of what cannot be read, and of photographs (JPEG)."""
    try:
        with _opened(io.BytesIO(encoded)) as image:
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


_LEAVE_OUT = "leave such images out with `skip_bad=True`"


def _opened(stream: IO[bytes]) -> ImageFile.ImageFile:
    """Open an image as `Image.open` does, but for the formats tried, and for its limit of pixels: ours is told."""
    Image.init()
    first = stream.read(16)
    stream.seek(0)
    for name in _FORMATS:
        factory, accepts = Image.OPEN.get(name, (None, None))
        if factory is not None and accepts is not None and accepts(first) is True:
            return factory(stream, "")
    raise UnidentifiedImageError


def _decoded(stream: IO[bytes], origin: str, bits: int | None, least: int | None) -> NDArray[np.uint8]:
    """Return pixels, shape (1, H, W) of grey images of more than 8 bits, else (3, H, W)."""
    with _opened(stream) as image:
        number = image.width * image.height
        if number > MOST_PIXELS:
            raise InputError(
                f"{origin}: {image.width:,} x {image.height:,} pixels; expected at most {MOST_PIXELS:,}. Make it "
                f"smaller, or {_LEAVE_OUT}."
            )
        before, size = stream.tell(), stream.seek(0, io.SEEK_END)
        stream.seek(before)
        if number > max(LARGE, _MOST_COMPRESSED * size):
            raise InputError(
                f"{origin}: promises {number:,} pixels in {size:,} bytes, as a damaged file does. Mend or remove it, "
                f"or {_LEAVE_OUT}."
            )
        if image.format in ("JPEG", "MPO"):
            _shrink(image, least)
        with _alone() if number > LARGE else nullcontext():
            return _pixels(image, stream, origin, bits)


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


def _pixels(image: ImageFile.ImageFile, stream: IO[bytes], origin: str, bits: int | None) -> NDArray[np.uint8]:
    factor = _factor(image)
    image.load()
    rows: _Rows
    if image.mode.startswith(("I", "F")):
        white, inverted, bands = white_level(image, stream, bits, origin), is_inverted(image), 1

        # of 16 bits a table is several times faster than as many divisions as there are pixels
        table = _eight_bits(np.arange(2**16), white, inverted) if image.mode.startswith("I;16") else None

        def rows(top: int, bottom: int) -> NDArray[np.uint8]:
            levels = grey_rows(image, top, bottom)
            return (_eight_bits(levels, white, inverted) if table is None else table[levels])[None]
    else:
        check_deep_colour(image, stream, bits, origin)
        bands = 3

        def rows(top: int, bottom: int) -> NDArray[np.uint8]:
            return _rgb(image, top, bottom)

    # block by block into their place: copies of all pixels at once would take their memory several times over
    step = factor * max(_BLOCK // (factor * max(image.width, 1)), 1)
    pixels = np.empty((bands, -(-image.height // factor), -(-image.width // factor)), dtype=np.uint8)
    for top in range(0, image.height, step):
        block = _reduced(rows(top, min(top + step, image.height)), factor)
        pixels[:, top // factor : top // factor + block.shape[1]] = block
    return np.ascontiguousarray(turned(pixels, _orientation(image)))


def _shrink(image: ImageFile.ImageFile, least: int | None) -> None:
    """Let a JPEG be decoded at 1/2, 1/4 or 1/8 of its size: because it is large, or because less is enough."""
    factor = _factor(image)
    if least is not None:
        factor = max(factor, min(image.size) // max(least, 1))
    if factor > 1:
        # Pillow takes the smallest scale that leaves as much as is asked for
        image.draft(image.mode, (max(image.width // factor, 1), max(image.height // factor, 1)))


def _factor(image: Image.Image) -> int:
    return math.ceil(math.sqrt(image.width * image.height / LARGE))


def _eight_bits(levels: NDArray[Any], white: float, inverted: bool) -> NDArray[np.uint8]:
    # of 16 bits this is a division by 257, which is exact
    scaled: NDArray[np.float64] = (white - levels if inverted else levels) / (white / 255)
    return scaled.round().clip(0, 255).astype(np.uint8)


def _rgb(image: Image.Image, top: int, bottom: int) -> NDArray[np.uint8]:
    part = image if (top, bottom) == (0, image.height) else image.crop((0, top, image.width, bottom))
    if part.mode == "P" and "transparency" in part.info:
        part = part.convert("RGBA")  # Pillow warns of the direct way
    return np.asarray(part if part.mode == "RGB" else part.convert("RGB")).transpose(2, 0, 1)


def _reduced(block: NDArray[np.uint8], factor: int) -> NDArray[np.uint8]:
    """Average squares of `factor` pixels."""
    if factor == 1:
        return block
    return np.stack([np.asarray(Image.fromarray(band).reduce(factor)) for band in block])


def _orientation(image: Image.Image) -> int:
    try:
        return int(image.getexif().get(0x0112, 1))
    except Exception:  # damaged EXIF data, under pixels that may well be whole
        return 1


def turned(pixels: NDArray[np.uint8], orientation: int) -> NDArray[np.uint8]:
    """Turn pixels, shape (bands, H, W), upright as EXIF's orientation, 1 to 8, says."""
    if orientation >= 5:
        pixels = pixels.swapaxes(1, 2)
    if orientation in (3, 4, 7, 8):
        pixels = pixels[:, ::-1]
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, :, ::-1]
    return pixels
