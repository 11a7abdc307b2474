"""Sample images as data URIs, so that the page needs no other file."""

import base64
from dataclasses import dataclass
from pathlib import Path

__all__ = ["InlineImage", "inline_image"]

# first bytes: media type; nothing else is put into a page, whatever the file's name says
_KINDS = {b"\x89PNG\r\n\x1a\n": "image/png", b"\xff\xd8\xff": "image/jpeg", b"GIF8": "image/gif"}
_FEW_PIXELS = 64


@dataclass(frozen=True)
class InlineImage:
    """An image to be shown.

    Attributes:
        uri: data URI.
        coarse: it has so few pixels that it should be enlarged without smoothing.
    """

    uri: str
    coarse: bool


def inline_image(folder: Path, name: str | None) -> InlineImage | None:
    """Read an image that results.json names.

    Args:
        folder: of results.json.
        name: path relative to the folder.

    Returns:
        None where no file is named, it is not there, lies outside the folder or is no PNG, JPEG or GIF: a
        page without a picture is better than no page.
    """
    if not name:
        return None
    path = (folder / name).resolve()
    if not path.is_relative_to(folder.resolve()) or not path.is_file():
        return None
    content = path.read_bytes()
    kind = next((kind for start, kind in _KINDS.items() if content.startswith(start)), None)
    if kind is None:
        return None
    # IHDR is the first chunk of a PNG: width and height at byte 16
    width, height = (int.from_bytes(content[at : at + 4], "big") for at in (16, 20))
    coarse = kind == "image/png" and max(width, height) < _FEW_PIXELS
    return InlineImage(f"data:{kind};base64,{base64.b64encode(content).decode('ascii')}", coarse)
