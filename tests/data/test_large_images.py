"""Images of many millions of pixels: the memory that they take, and the limits."""

import io
import struct
import subprocess
import sys
import warnings

import numpy as np
import pytest
import torch
from PIL import Image

from longtail.data import decode
from longtail.data.decode import decode_image
from longtail.errors import InputError

# peak memory of the process, in KiB: before all imports, after them, and after an image was decoded
DECODED = """
import resource, sys
peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
before = peak()
from pathlib import Path
from longtail.data.files import ImageFiles
{imports}
imported = peak()
image = ImageFiles([Path(sys.argv[1])], [0], ("a",), "x").load(0)
{further}
print(before, imported, peak(), *image.shape, int(image.min()), int(image.max()))
"""
CUT = DECODED.format(
    imports="from longtail.data.transforms import Preprocessing, image_transform; import torchvision",
    further="image_transform(Preprocessing(224, 256, 3, (0.5,) * 3, (0.5,) * 3, 'none', False), train=False)(image)",
)


def write_grey(path, side):
    """Write a TIFF of 16 bits as a scanner does: rows of numbers, not compressed."""
    entries = [
        (256, side),
        (257, side),
        (258, 16),
        (259, 1),
        (262, 1),
        (273, 200),
        (277, 1),
        (278, side),
        (279, 2 * side * side),
    ]
    directory = struct.pack("<H", len(entries)) + b"".join(
        struct.pack("<HHII", tag, 4, 1, value) for tag, value in entries
    )
    with path.open("wb") as file:
        file.write((b"II*\0" + struct.pack("<I", 8) + directory + bytes(4)).ljust(200, b"\0"))
        row = np.linspace(0, 65535, side).astype("<u2").tobytes()
        for _ in range(side // 100):
            file.write(row * 100)
        file.write(row * (side % 100))
    return path


def measured(code, path):
    done = subprocess.run([sys.executable, "-c", code, path], capture_output=True, text=True, check=True)
    assert done.stderr == ""
    before, imported, peak, *shape, low, high = map(int, done.stdout.split())
    assert (low < 40, high > 215) == (True, True)
    return (peak - before) / 2**20, (peak - imported) / 2**20, shape


@pytest.mark.skipif(sys.platform != "linux", reason="other systems count memory in other units")
def test_60_million_pixels_of_16_bits_take_half_a_gigabyte(tmp_path):
    above_start, above_imports, shape = measured(
        DECODED.format(imports="", further=""), write_grey(tmp_path / "x.tif", 7746)
    )
    assert shape == [3, 7746, 7746]
    assert above_start < 1.5
    assert above_imports < 0.55


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="other systems count memory in other units")
def test_180_million_pixels_of_16_bits_stay_below_one_and_a_half(tmp_path):
    above_start, _, shape = measured(CUT, write_grey(tmp_path / "x.tif", 13417))
    assert shape == [3, 6709, 6709]
    assert above_start < 1.5


@pytest.mark.parametrize("form", ["JPEG", "PNG", "BMP", "GIF", "TIFF", "WEBP"])
@pytest.mark.parametrize("mode", ["RGB", "L", "I;16", "P", "RGBA", "1", "CMYK"])
@pytest.mark.parametrize("orientation", [1, 6])
def test_what_is_large_is_the_same_picture_made_smaller(monkeypatch, form, mode, orientation):
    smooth = np.add.outer(np.linspace(0, 120, 96), np.linspace(0, 120, 64))
    if mode == "I;16":
        image = Image.fromarray((smooth * 257).astype(np.uint16))
    else:
        image = Image.fromarray(np.stack([smooth, smooth[::-1], smooth[:, ::-1]], axis=2).astype(np.uint8)).convert(
            mode
        )
    buffer, exif = io.BytesIO(), Image.Exif()
    exif[0x0112] = orientation
    try:
        image.save(buffer, form, exif=exif)
    except (OSError, KeyError, ValueError):
        pytest.skip(f"there is no {form} of {mode}")
    whole = decode_image(buffer.getvalue(), "x").float()
    monkeypatch.setattr(decode, "LARGE", 1000)
    monkeypatch.setattr(decode, "_BLOCK", 700)
    small = decode_image(buffer.getvalue(), "x")
    assert small.shape[1] * small.shape[2] <= 1200
    factor = round(whole.shape[1] / small.shape[1])
    expected = torch.nn.functional.avg_pool2d(whole[None], factor, ceil_mode=True, count_include_pad=False)[0]
    assert small.shape == expected.shape
    # dots of black and white, and colours of a palette, do not meet so exactly
    assert (small.float() - expected).abs().mean() < (20 if mode in ("1", "P") or form == "GIF" else 4)


def test_more_pixels_than_anybody_has_memory_for(monkeypatch):
    monkeypatch.setattr(decode, "MOST_PIXELS", 50)
    buffer = io.BytesIO()
    Image.new("RGB", (10, 10)).save(buffer, "PNG")
    with pytest.raises(
        InputError, match=r"x: 10 x 10 pixels; expected at most 50\. Make it smaller, .*`skip_bad=True`"
    ):
        decode_image(buffer.getvalue(), "x")


def test_a_header_that_promises_more_than_the_file_can_hold():
    buffer = io.BytesIO()
    Image.new("L", (10, 10)).save(buffer, "BMP")
    promising = bytearray(buffer.getvalue())
    promising[18:26] = struct.pack("<ii", 18000, 18000)
    with pytest.raises(InputError, match=r"promises 324,000,000 pixels in 1,\d\d\d bytes, as a damaged file does"):
        decode_image(bytes(promising), "x")


def test_pillows_own_limit_neither_warns_nor_changes(monkeypatch):
    buffer = io.BytesIO()
    Image.new("L", (40, 40), 7).save(buffer, "PNG")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    monkeypatch.setattr(decode, "LARGE", 400)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert decode_image(buffer.getvalue(), "x").shape == (3, 20, 20)
    assert Image.MAX_IMAGE_PIXELS == 100
