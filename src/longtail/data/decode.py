"""Decode image files of any format and mode to uint8 tensors.

Pillow does it: torchvision's own decoders are deprecated.
"""

import io
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor

from longtail.errors import InputError

__all__ = ["IMAGE_SUFFIXES", "decode_image", "read_bytes", "write_png"]

IMAGE_SUFFIXES = frozenset({".bmp", ".gif", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"})


def decode_image(encoded: bytes, origin: str) -> Tensor:
    """Decode an image file's bytes.

    Turned as its EXIF data say, where these can be read. Grey, palette, transparent, CMYK and 16-bit images become
    8-bit RGB.

    Args:
        encoded: content of the file.
        origin: named in the message.

    Returns:
        uint8, shape (3, H, W).

    Raises:
        InputError: this is no image that can be read.
    """
    try:
        with Image.open(io.BytesIO(encoded)) as opened:
            image = _upright(opened)
            if image.mode == "F":
                raise InputError(
                    f"{origin}: floating-point pixels, of which no file says what is white. Expected 8 or 16 bits: "
                    "convert it, or leave such images out with --skip-bad."
                )
            if image.mode == "P" and "transparency" in image.info:
                image = image.convert("RGBA")  # Pillow warns of the direct way
            if image.mode.startswith("I"):  # 16 bits: Pillow would clip at 255 instead of scaling
                levels = np.asarray(image).astype(np.float64)
                image = Image.fromarray((levels / 257).clip(0, 255).round().astype(np.uint8))
            pixels = np.array(image.convert("RGB"))
    except InputError:
        raise
    except Exception as error:  # in a damaged file, Pillow's readers stumble in every way there is
        raise InputError(
            f"{origin}: cannot be read as an image ({type(error).__name__}). "
            "Mend or remove it, or leave such images out with --skip-bad."
        ) from error
    return torch.from_numpy(pixels).permute(2, 0, 1).contiguous()


def _upright(image: Image.Image) -> Image.Image:
    try:
        return ImageOps.exif_transpose(image)
    except Exception:  # damaged EXIF data, under pixels that may well be whole
        return image


def write_png(image: Tensor, path: Path) -> None:
    """Write a uint8 image (1 or 3, H, W) as PNG."""
    pixels = image.permute(1, 2, 0).numpy()
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels).save(path, "PNG")


def read_bytes(path: Path) -> bytes:
    """Read a file; a missing or forbidden one is told like an unreadable image."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(
            f"{path}: {error.strerror}. Mend or remove it, or leave such images out with --skip-bad."
        ) from error
