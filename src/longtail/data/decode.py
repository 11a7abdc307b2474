"""Decode image files of any format and mode to uint8 tensors.

Pillow does it: torchvision's own decoders are deprecated.
"""

import io
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageOps, UnidentifiedImageError
from torch import Tensor

from longtail.errors import InputError

__all__ = ["IMAGE_SUFFIXES", "decode_image", "read_bytes", "write_png"]

IMAGE_SUFFIXES = frozenset({".bmp", ".gif", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"})

_FAILURES = (UnidentifiedImageError, OSError, ValueError, SyntaxError, EOFError, Image.DecompressionBombError)


def decode_image(encoded: bytes, origin: str) -> Tensor:
    """Decode an image file's bytes.

    Turned as its EXIF data say; grey, palette, transparent, CMYK and 16-bit images become 8-bit RGB.

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
            image = ImageOps.exif_transpose(opened)
            if image.mode.startswith("I"):  # 16 bits: Pillow would clip at 255 instead of scaling
                levels = np.asarray(image).astype(np.float64)
                image = Image.fromarray((levels / 257).clip(0, 255).round().astype(np.uint8))
            pixels = np.array(image.convert("RGB"))
    except _FAILURES as error:
        raise InputError(
            f"{origin}: cannot be read as an image ({type(error).__name__}). "
            "Mend or remove it, or leave such images out with --skip-bad."
        ) from error
    return torch.from_numpy(pixels).permute(2, 0, 1).contiguous()


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
