"""Decode image files of any format and mode to uint8 tensors."""

import io
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from longtail.errors import InputError

__all__ = ["IMAGE_SUFFIXES", "decode_image"]

IMAGE_SUFFIXES = frozenset({".bmp", ".gif", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"})


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
    import torchvision.io

    buffer = torch.frombuffer(bytearray(encoded), dtype=torch.uint8) if encoded else torch.empty(0, dtype=torch.uint8)
    if encoded[:2] == b"\xff\xd8":  # JPEG, which torchvision decodes fastest and turns by EXIF
        try:
            return torchvision.io.decode_jpeg(  # type: ignore[no-any-return]
                buffer, torchvision.io.ImageReadMode.RGB, apply_exif_orientation=True
            )
        except RuntimeError:
            pass  # CMYK, for example: PIL knows more kinds
    return _decode_by_pil(encoded, origin)


def _decode_by_pil(encoded: bytes, origin: str) -> Tensor:
    from PIL import Image, ImageOps, UnidentifiedImageError

    try:
        with Image.open(io.BytesIO(encoded)) as opened:
            image = ImageOps.exif_transpose(opened)
            if image.mode.startswith("I"):  # 16 bits: PIL would clip at 255 instead of scaling
                levels = np.asarray(image).astype(np.float64)
                image = Image.fromarray((levels / 257).clip(0, 255).round().astype(np.uint8))
            pixels = np.array(image.convert("RGB"))
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, EOFError, Image.DecompressionBombError) as error:
        raise InputError(
            f"{origin}: cannot be read as an image ({type(error).__name__}). "
            "Mend or remove it, or leave such images out with --skip-bad."
        ) from error
    return torch.from_numpy(pixels).permute(2, 0, 1).contiguous()


def read_bytes(path: Path) -> bytes:
    """Read a file; a missing or forbidden one is told like an unreadable image."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(
            f"{path}: {error.strerror}. Mend or remove it, or leave such images out with --skip-bad."
        ) from error
