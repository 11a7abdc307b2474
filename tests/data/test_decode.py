"""Images that cameras, scanners and broken disks leave behind."""

import io

import numpy as np
import pytest
import torch
from PIL import Image

from longtail.data.decode import decode_image
from longtail.errors import InputError

NOISE = np.random.default_rng(0).integers(0, 256, (24, 30, 3), dtype=np.uint8)


def encoded(image, form, **arguments):
    buffer = io.BytesIO()
    image.save(buffer, form, **arguments)
    return buffer.getvalue()


def files():
    exif = Image.Exif()
    exif[0x0112], exif[0x010E] = 6, "a description"
    image = Image.fromarray(NOISE)
    yield from (encoded(image, form, exif=exif) for form in ("JPEG", "PNG", "TIFF", "WEBP"))
    yield from (encoded(image, form) for form in ("GIF", "BMP"))
    yield encoded(image, "TIFF", compression="tiff_lzw")


def test_damage_anywhere_ends_in_an_image_or_one_sentence():
    """Warnings are errors here, so that neither exception nor warning of Pillow's gets through."""
    rng = np.random.default_rng(1)
    read, told = 0, []
    for content in files():
        for number in range(150):
            damaged = bytearray(content)
            reach = len(content) if number % 2 else 120
            for _ in range(int(rng.integers(1, 6))):
                damaged[rng.integers(min(reach, len(content)))] = rng.integers(256)
            if number % 7 == 0:
                del damaged[int(rng.integers(len(content))) :]
            try:
                assert decode_image(bytes(damaged), "x.jpg").shape[0] == 3
                read += 1
            except InputError as error:
                told.append(str(error))
    assert all(sentence.startswith("x.jpg: ") for sentence in told)
    assert read > 300
    assert len(told) > 300


def test_damaged_exif_data_leave_the_pixels_readable():
    exif = Image.Exif()
    exif[0x0112] = 6
    content = encoded(Image.fromarray(NOISE), "JPEG", exif=exif)
    assert decode_image(content, "x.jpg").shape == (3, 30, 24)
    header = content.index(b"Exif\0\0") + 6
    assert decode_image(content[:header] + b"no header"[:8] + content[header + 8 :], "x.jpg").shape == (3, 24, 30)


def test_a_palette_with_many_transparent_colours():
    image = Image.fromarray(NOISE).convert("P")
    expected = torch.from_numpy(np.array(image.convert("RGB"))).permute(2, 0, 1)
    assert torch.equal(decode_image(encoded(image, "PNG", transparency=bytes(range(256))), "x"), expected)


def test_floating_point_pixels_are_refused_rather_than_turned_black():
    image = Image.fromarray(np.linspace(0, 1, 100, dtype=np.float32).reshape(10, 10))
    with pytest.raises(InputError, match=r"x\.tif: grey of 32 bits.*does not say what is white.*`bits`.*`skip_bad"):
        decode_image(encoded(image, "TIFF"), "x.tif")
