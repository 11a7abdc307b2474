"""Images of more than 8 bits: a stated range or a question, never black."""

import io
import struct
import zlib

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from longtail.data import open_data, open_unlabelled
from longtail.data.decode import decode_image
from longtail.data.white_level import UnstatedRangeError
from longtail.errors import InputError

RAMP = np.linspace(0, 1, 64).reshape(8, 8)
EIGHT = np.rint(RAMP * 255).astype(np.int64)


def tiff(pixels, **tags):
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "TIFF", tiffinfo={int(tag[1:]): value for tag, value in tags.items()})
    return buffer.getvalue()


def png(pixels, *chunks, colour=0):
    """Write a PNG of 16 bits by hand: Pillow writes no sBIT, and no colour of 16 bits."""
    height, width = pixels.shape[:2]
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in pixels)
    header = struct.pack(">IIBBBBB", width, height, 16, colour, 0, 0, 0)
    parts = [(b"IHDR", header), *chunks, (b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    chunk = [
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body)) for name, body in parts
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk)


def grey(encoded, **settings):
    image = decode_image(encoded, "x.tif", **settings)
    assert torch.equal(image[0], image[1])
    assert torch.equal(image[0], image[2])
    return image[0].numpy().astype(np.int64)


def levels(bits):
    return np.rint(RAMP * (2**bits - 1)).astype(np.uint16)


@pytest.mark.parametrize("bits", [10, 12, 14])
@pytest.mark.parametrize("write", [png, tiff])
def test_a_camera_of_few_bits_is_asked_about_and_answered(bits, write):
    encoded = write(levels(bits))
    with pytest.raises(
        UnstatedRangeError, match=rf"grey of 16 bits whose largest value is .*`bits={bits}` where white"
    ):
        decode_image(encoded, "x")
    assert np.abs(grey(encoded, bits=bits) - EIGHT).max() <= 1
    assert grey(encoded, bits=16).max() <= 64
    if bits > 10:
        with pytest.raises(InputError, match=r"a pixel of .*, more than 10 bits hold \(1,023\)"):
            decode_image(encoded, "x", bits=10)


@pytest.mark.parametrize("write", [png, tiff])
def test_sixteen_bits_that_use_their_range_are_taken_as_they_are(write):
    np.testing.assert_array_equal(grey(write(levels(16))), EIGHT)
    np.testing.assert_array_equal(grey(write(levels(16)), bits=16), EIGHT)
    assert grey(write(np.zeros((4, 4), np.uint16))).max() == 0


@pytest.mark.parametrize("bits", [10, 12, 14])
def test_png_states_its_bits_in_the_upper_ones_or_where_writers_put_them(bits):
    states = (b"sBIT", bytes([bits]))
    shift = 16 - bits
    own = levels(bits)
    repeated = (own << shift | own >> (bits - shift)).astype(np.uint16)
    for stored in (own << shift, repeated, own):
        assert np.abs(grey(png(stored, states)) - EIGHT).max() <= 1
    dark = (own >> 6) << shift  # by the standard: a dark image, and not one of fewer bits
    assert grey(png(dark, states)).max() <= 4


@pytest.mark.parametrize("tag", ["t281", "t341"])
def test_tiff_states_its_white(tag):
    assert np.abs(grey(tiff(levels(12), **{tag: 4095})) - EIGHT).max() <= 1
    # the largest value of this image alone says nothing of white, nor does the default
    for value in (3871, 65535):
        with pytest.raises(UnstatedRangeError):
            decode_image(tiff(levels(12), **{tag: value}), "x")
    with pytest.raises(UnstatedRangeError):
        decode_image(tiff(levels(12), **{tag: 1023}), "x")  # a white that pixels exceed is none


def test_floating_point_and_32_bits():
    ramp = RAMP.astype(np.float32)
    with pytest.raises(UnstatedRangeError, match=r"grey of 32 bits a pixel \(values 0 to 1\).*1 for values up to 1\.0"):
        decode_image(tiff(ramp), "x")
    np.testing.assert_array_equal(grey(tiff(ramp), bits=1), EIGHT)
    np.testing.assert_array_equal(grey(tiff(ramp, t341=1.0)), EIGHT)
    np.testing.assert_array_equal(grey(tiff((ramp * 255).astype(np.float32)), bits=8), EIGHT)
    whole = np.rint(RAMP * 65535).astype(np.int32)
    with pytest.raises(UnstatedRangeError, match=r"values 0 to 65,535"):
        decode_image(tiff(whole), "x")
    np.testing.assert_array_equal(grey(tiff(whole), bits=16), EIGHT)
    upper = np.rint(RAMP * (2**32 - 1)).astype(np.uint32).view(np.int32)
    np.testing.assert_array_equal(
        grey(tiff(upper).replace(b"\x53\x01\x03\0\x01\0\0\0\x02", b"\x53\x01\x03\0\x01\0\0\0\x01"), bits=32), EIGHT
    )


@pytest.mark.parametrize(
    ("pixels", "told"),
    [
        (np.array([[0.5, np.nan]], np.float32), r"no numbers \(NaN or infinity\)"),
        (np.array([[0.5, np.inf]], np.float32), r"no numbers \(NaN or infinity\)"),
        (np.array([[-0.1, 0.5]], np.float32), r"pixels below 0 \(-0\.1 to 0\.5\)"),
        (np.array([[-5, 70000]], np.int32), "pixels below 0"),
    ],
)
@pytest.mark.parametrize("bits", [None, 1, 32])
def test_pixels_that_are_no_brightness(pixels, told, bits):
    with pytest.raises(InputError, match=told):
        decode_image(tiff(pixels), "x", bits=bits)


def test_tiff_whose_zero_is_white_is_turned():
    encoded = tiff(levels(16)).replace(b"\x06\x01\x03\0\x01\0\0\0\x01", b"\x06\x01\x03\0\x01\0\0\0\0")
    np.testing.assert_array_equal(grey(encoded), 255 - EIGHT)


@pytest.mark.parametrize("order", ["<u2", ">u2"])
def test_byte_orders(order):
    mark, write = (b"II*\0", "<") if order == "<u2" else (b"MM\0*", ">")
    entries = [(256, 8), (257, 8), (258, 16), (259, 1), (262, 1), (273, 8), (277, 1), (278, 8), (279, 128)]
    directory = struct.pack(f"{write}H", len(entries))
    for tag, value in entries:
        directory += struct.pack(f"{write}HHIHH", tag, 3, 1, value, 0)
    content = mark + struct.pack(f"{write}I", 136) + levels(16).astype(order).tobytes() + directory + bytes(4)
    np.testing.assert_array_equal(grey(content), EIGHT)


@pytest.mark.parametrize(("colour", "channels"), [(2, 3), (4, 2), (6, 4)])
def test_colour_of_16_bits(colour, channels):
    full = np.repeat(levels(16)[..., None], channels, axis=2)
    image = decode_image(png(full, colour=colour), "x").numpy().astype(np.int64)
    assert np.abs(image - EIGHT).max() <= 1
    few = np.repeat(levels(12)[..., None], channels, axis=2)
    if channels != 3:
        few[..., -1] = 65535  # alpha says nothing of white
    with pytest.raises(UnstatedRangeError, match="colour of 16 bits whose largest value is below 4,096"):
        decode_image(png(few, colour=colour), "x")
    with pytest.raises(InputError, match="colour of 16 bits, of which the upper 8 are read"):
        decode_image(png(few, colour=colour), "x", bits=12)
    assert decode_image(png(few, colour=colour), "x", bits=16).max() < 16


def test_eight_bits_stay_as_they_are_whatever_is_said():
    buffer = io.BytesIO()
    Image.fromarray(EIGHT.astype(np.uint8)).save(buffer, "PNG")
    for bits in (None, 1, 12, 16):
        np.testing.assert_array_equal(grey(buffer.getvalue(), bits=bits), EIGHT)


@given(st.integers(1, 16), st.data())
def test_brightness_keeps_its_order_and_its_ends(bits, data):
    values = data.draw(st.lists(st.integers(0, 2**bits - 1), min_size=4, max_size=4))
    image = grey(tiff(np.array([values], np.uint16)), bits=bits)[0]
    expected = [round(255 * value / (2**bits - 1)) for value in values]
    assert np.abs(image - expected).max() <= 1
    assert sorted(image) == [own for _, own in sorted(zip(values, image, strict=True))]


def test_gif_and_tiff_of_several_pictures_give_the_first():
    frames = [Image.fromarray(np.full((4, 4), value, np.uint8)) for value in (10, 200)]
    for form in ("GIF", "TIFF", "WEBP"):
        buffer = io.BytesIO()
        frames[0].save(
            buffer, form, save_all=True, append_images=frames[1:], **({"lossless": True} if form == "WEBP" else {})
        )
        assert decode_image(buffer.getvalue(), "x").max() == 10


@pytest.fixture
def scans(tmp_path):
    """A folder of images of 12 bits: two classes of 6."""
    rng = np.random.default_rng(0)
    for name in ("ant", "bee"):
        (tmp_path / "scans" / name).mkdir(parents=True)
        for number in range(6):
            pixels = rng.integers(0, 4096, (12, 12)).astype(np.uint16)
            (tmp_path / "scans" / name / f"{number}.png").write_bytes(png(pixels))
    return tmp_path / "scans"


def test_the_question_is_asked_when_data_are_opened(scans):
    with pytest.raises(UnstatedRangeError, match=r"`bits=12` where white is 4,095.*\(11 more like it\.\)"):
        open_data(str(scans))
    splits = open_data(str(scans), bits=12)
    assert splits.train.load(0).max() > 200
    assert splits.record["bits"] == 12
    with pytest.raises(UnstatedRangeError):
        open_unlabelled(scans).load(0)
    assert open_unlabelled(scans, bits=12).load(0).max() > 200


def test_one_image_that_does_not_say_it_is_found_before_anything_is_learnt(scans):
    rng = np.random.default_rng(1)
    for path in scans.glob("*/*.png"):
        path.write_bytes(png(rng.integers(0, 65536, (12, 12)).astype(np.uint16)))
    open_data(str(scans))
    (scans / "bee" / "5.png").write_bytes(png(levels(10)))
    with pytest.raises(UnstatedRangeError, match=r"bee/5\.png: grey of 16 bits"):
        open_data(str(scans))


@pytest.mark.parametrize("bits", [0, -1, 33])
def test_bits_that_no_image_has(scans, bits):
    for opening in (lambda: open_data(str(scans), bits=bits), lambda: open_unlabelled(scans, bits=bits)):
        with pytest.raises(InputError, match=rf"`bits` is {bits}; expected 1 to 32"):
            opening()
