"""Grey images of more than 8 bits: which value is white, as the file states it or as a person says."""

import io
from collections.abc import Iterator
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from longtail.errors import InputError

__all__ = ["UnstatedRangeError", "check_deep_colour", "grey_rows", "is_deep", "is_inverted", "white_level"]

# an image of 16 bits that has no value from here on has probably 10, 12 or 14
_DARK = 2**14
_BLOCK = 2**20  # pixels at once
_BITS_PER_SAMPLE, _PHOTOMETRIC, _MAX_SAMPLE, _SAMPLE_FORMAT, _SMAX_SAMPLE = 258, 262, 281, 339, 341  # tags of TIFF
_COLOURS = {"RGB": 3, "RGBA": 3, "LA": 1, "CMYK": 4}  # bands besides alpha


class UnstatedRangeError(InputError):
    """An image has more than 8 bits, and neither its file nor a person says which value is white."""


def is_deep(image: Image.Image, stream: IO[bytes]) -> bool:
    """Return whether an opened image has more than 8 bits a channel; its pixels are not looked at."""
    return image.mode.startswith(("I", "F")) or _is_deep_colour(image, stream)


def white_level(image: Image.Image, stream: IO[bytes], bits: int | None, origin: str) -> float:
    """Return the value that is white in a grey image of more than 8 bits.

    Args:
        image: of mode I, I;16 (any byte order) or F.
        stream: its file.
        bits: white is 2^bits - 1, as a person says; None: as the file states it (PNG's sBIT; BitsPerSample,
            MaxSampleValue and SMaxSampleValue of TIFF), else 65535 of 16 bits that use their upper quarters.
        origin: named in messages.

    Raises:
        UnstatedRangeError: the file does not say it.
        InputError: values below 0, above what was said to be white, or that are no numbers.

    Reference:
        W3C, "Portable Network Graphics (PNG) Specification", 2nd edition, 11.3.3.4 (sBIT) and 13.12. Adobe, "TIFF
        Revision 6.0", 1992, sections 8 and 19.
    """
    lowest, highest = _extrema(image)
    if not np.isfinite((lowest, highest)).all():
        raise InputError(f"{origin}: pixels that are no numbers (NaN or infinity). Convert it, or {_LEAVE_OUT}.")
    if lowest < 0:
        raise InputError(
            f"{origin}: pixels below 0 ({lowest:,g} to {highest:,g}). Expected 0 to white: shift and convert it, or "
            f"{_LEAVE_OUT}."
        )
    if bits is not None:
        white = 2.0**bits - 1
        if highest > white:
            raise InputError(
                f"{origin}: a pixel of {highest:,g}, more than {bits} bits hold ({white:,g}). Say more with `bits`, or "
                f"{_LEAVE_OUT}."
            )
        return white
    stated = _stated(image, stream, highest)
    if stated is not None and highest <= stated:
        return stated
    if highest == 0:
        return 1.0  # black, whatever is white
    if not _has_16_bits(image):
        raise UnstatedRangeError(
            f"{origin}: grey of 32 bits a pixel (values {lowest:,g} to {highest:,g}), and the file does not say what "
            "is white. Say it with `bits`: white is 2^bits - 1, so 1 for values up to 1.0, 8 for 255, 16 for 65,535; "
            f"or {_LEAVE_OUT}."
        )
    if highest < _DARK:
        fitting = next(usual for usual in (10, 12, 14) if highest < 2**usual)
        raise UnstatedRangeError(
            f"{origin}: grey of 16 bits whose largest value is {highest:,g}, and the file does not say what is white. "
            f"Say it: `bits={fitting}` where white is {2**fitting - 1:,}, `bits=16` where the image is dark and white "
            f"is 65,535; or {_LEAVE_OUT}."
        )
    return 65535.0


def grey_rows(image: Image.Image, top: int, bottom: int) -> NDArray[Any]:
    """Return the values of some rows of a grey image of more than 8 bits.

    Args:
        image: loaded, of mode I, I;16 (any byte order) or F.
        top: first row.
        bottom: last row but one.

    Returns:
        Shape (bottom - top, W).
    """
    values = np.asarray(image.crop((0, top, image.width, bottom)))
    return values.astype(np.int64) & 0xFFFFFFFF if _is_unsigned_32(image) else values


def is_inverted(image: Image.Image) -> bool:
    """Return whether 0 is white in a grey image of more than 8 bits: Pillow turns only the others."""
    return bool(_tags(image).get(_PHOTOMETRIC) == 0)


def check_deep_colour(image: Image.Image, stream: IO[bytes], bits: int | None, origin: str) -> None:
    """Refuse an image of several channels of 16 bits whose range is not that of 16 bits: Pillow reads the upper 8.

    Args:
        image: of any mode.
        stream: its file.
        bits: as a person says, of images of more than 8 bits.
        origin: named in messages.

    Raises:
        UnstatedRangeError: no pixel uses the upper quarters of the range.
        InputError: other bits than 16 were said.
    """
    if not _is_deep_colour(image, stream) or bits == 16:
        return
    if bits is not None:
        raise InputError(
            f"{origin}: colour of 16 bits, of which the upper 8 are read; with `bits={bits}` nothing would be left. "
            f"Convert it to 8 bits, or {_LEAVE_OUT}."
        )
    extrema: Any = image.getextrema()
    highest = max(int(high) for _, high in extrema[: _COLOURS[image.mode]])
    if 0 < highest < _DARK >> 8:
        raise UnstatedRangeError(
            f"{origin}: colour of 16 bits whose largest value is below {(highest + 1) << 8:,}, as of a camera of 10, "
            f"12 or 14 bits. Convert it to 8 bits; say `bits=16` where the image is dark; or {_LEAVE_OUT}."
        )


_LEAVE_OUT = "leave such images out with `skip_bad=True`"


def _blocks(image: Image.Image) -> Iterator[NDArray[Any]]:
    step = max(_BLOCK // max(image.width, 1), 1)
    return (grey_rows(image, top, min(top + step, image.height)) for top in range(0, image.height, step))


def _extrema(image: Image.Image) -> tuple[float, float]:
    ends = [(block.min(), block.max()) for block in _blocks(image)]
    # NaN in any block is NaN here
    return float(np.min([low for low, _ in ends])), float(np.max([high for _, high in ends]))


def _stated(image: Image.Image, stream: IO[bytes], highest: float) -> float | None:
    if image.format in ("JPEG2000", "PPM"):  # Pillow stretches what they state to 16 bits
        return 65535.0
    if image.format == "PNG":
        bits = _significant_bits(stream)
        if bits is None:
            return None
        # by the standard these bits are the upper ones; not all writers know
        return 65535.0 if highest >= 2**bits or _fill_16_bits(image, bits) else 2.0**bits - 1
    tags = _tags(image)
    samples = tags.get(_BITS_PER_SAMPLE, (8,))
    if 8 < samples[0] < 16:
        return float(2 ** samples[0] - 1)
    full = float(2 ** samples[0] - 1)
    for tag in (_SMAX_SAMPLE, _MAX_SAMPLE):
        value = tags.get(tag)
        value = value[0] if isinstance(value, tuple) and value else value
        # others than 1, 255, 1023, ... are the largest value of this image alone, and the full range is the default
        if isinstance(value, int | float) and 1 <= value < full and (value + 1) in _POWERS:
            return float(value)
    return None


_POWERS = frozenset(2.0**bits for bits in range(1, 33)) - {2.0**31}


def _significant_bits(stream: IO[bytes]) -> int | None:
    """Return what PNG's sBIT states, if it is less than all bits."""
    stream.seek(8)
    while len(header := stream.read(8)) == 8:
        size, name = int.from_bytes(header[:4]), header[4:]
        if name == b"sBIT":
            bits = int.from_bytes(stream.read(1))
            return bits if 1 <= bits < 16 else None
        if name == b"IDAT":
            return None
        stream.seek(size + 4, io.SEEK_CUR)
    return None


def _fill_16_bits(image: Image.Image, bits: int) -> bool:
    """Return whether all values are such as `bits` bits become, shifted to the top and filled with 0 or themselves."""
    below = 16 - bits
    for block in _blocks(image):
        values = block.astype(np.int64)
        upper = values >> below
        repeated = np.zeros_like(values)
        for shift in range(below, -bits, -bits):
            repeated |= upper << shift if shift >= 0 else upper >> -shift
        if not ((values == upper << below) | (values == repeated)).all():
            return False
    return True


def _has_16_bits(image: Image.Image) -> bool:
    return image.mode.startswith("I;16") or image.format == "PNG"  # PNG has no more; Pillow once called it I


def _is_unsigned_32(image: Image.Image) -> bool:
    tags = _tags(image)
    return image.mode == "I" and (tags.get(_BITS_PER_SAMPLE), tags.get(_SAMPLE_FORMAT, (1,))) == ((32,), (1,))


def _is_deep_colour(image: Image.Image, stream: IO[bytes]) -> bool:
    if image.mode not in _COLOURS:
        return False
    if image.format == "PNG":
        before = stream.tell()
        stream.seek(24)  # IHDR comes first
        depth = stream.read(1)
        stream.seek(before)
        return depth == b"\x10"
    return image.format == "TIFF" and max(_tags(image).get(_BITS_PER_SAMPLE, (8,))) > 8


def _tags(image: Image.Image) -> Any:
    return getattr(image, "tag_v2", None) or {}
