"""JPEGs decoded at the scale that is needed, against whole decoding."""

import io
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from longtail.data import decode
from longtail.data.decode import decode_image
from longtail.data.files import ImageFiles
from longtail.data.resident import load_resident
from longtail.data.transforms import Preprocessing, enough_pixels, image_transform
from longtail.training.batches import LoaderBatches
from longtail.training.inference import EvaluationBatches

PREPROCESSING = Preprocessing(24, 32, 3, (0.5,) * 3, (0.25,) * 3, "none", resident=False, decode="scaled")


def picture(width=400, height=300, mode="RGB"):
    """Return smooth colours with a few edges, other in each corner."""
    y, x = np.mgrid[:height, :width]
    bands = (255 * x / width, 255 * y / height, 127 + 80 * np.sin(x / 29) * np.cos(y / 41))
    levels = np.stack(bands, axis=2)
    levels[height // 4 : height // 2, width // 8 : width // 3] = (200, 40, 90)
    return Image.fromarray(levels.astype(np.uint8)).convert(mode)


def encoded(image, kind="JPEG", **settings):
    stream = io.BytesIO()
    image.save(stream, kind, **({"quality": 92} | settings if kind == "JPEG" else settings))
    return stream.getvalue()


def oriented(number):
    exif = Image.Exif()
    exif[0x0112] = number
    return exif


@pytest.mark.parametrize(
    ("least", "expected"), [(300, 300), (151, 300), (150, 150), (76, 150), (75, 75), (38, 75), (37, 38), (1, 38)]
)
def test_the_smallest_scale_is_taken_that_leaves_enough(least, expected):
    assert min(decode_image(encoded(picture()), "x", least=least).shape[1:]) == expected


@pytest.mark.parametrize("size", [(1, 1), (1, 900), (7, 9), (33, 31), (255, 257), (2047, 15)])
@pytest.mark.parametrize("least", [1, 2, 3, 8, 30, 120])
def test_never_smaller_than_enough(size, least):
    whole, scaled = (decode_image(encoded(picture(*size)), "x", least=asked) for asked in (None, least))
    assert min(scaled.shape[1:]) >= min(least, *size)
    assert tuple(whole.shape[1:]) == size[::-1]


@pytest.mark.parametrize("settings", [{}, {"progressive": True}, {"subsampling": 0}, {"mode": "L"}, {"mode": "CMYK"}])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_what_the_network_sees_is_what_it_sees_of_the_whole_image(settings, orientation):
    mode = settings.get("mode", "RGB")
    others = {name: value for name, value in settings.items() if name != "mode"}
    data = encoded(picture(mode=mode), exif=oriented(orientation), **others)
    transform = image_transform(PREPROCESSING, train=False)
    scaled = decode_image(data, "x", least=enough_pixels(PREPROCESSING, train=False))
    whole = decode_image(data, "x")
    turned = orientation >= 5
    assert (tuple(whole.shape), tuple(scaled.shape)) == (
        ((3, 400, 300), (3, 100, 75)) if turned else ((3, 300, 400), (3, 75, 100))
    )
    apart = (transform(scaled).int() - transform(whole).int()).abs().float()
    assert apart.mean() < 1.5
    assert apart.max() < 30  # at the edges


@pytest.mark.parametrize("kind", ["PNG", "BMP", "TIFF", "WEBP", "GIF"])
def test_other_formats_are_decoded_whole(kind):
    data = encoded(picture(), kind)
    assert torch.equal(decode_image(data, "x", least=10), decode_image(data, "x"))


def test_grey_images_of_16_bits_are_as_they_were():
    levels = np.linspace(0, 65535, 100 * 120).reshape(100, 120).astype(np.uint16)
    data = encoded(Image.fromarray(levels), "PNG")
    assert torch.equal(decode_image(data, "x", least=10), decode_image(data, "x"))


def test_a_large_image_becomes_smaller_still_where_less_is_enough(monkeypatch):
    data = encoded(picture())
    monkeypatch.setattr(decode, "LARGE", 400 * 300 // 4)
    assert [min(decode_image(data, "x", least=least).shape[1:]) for least in (None, 300, 75)] == [150, 150, 75]


@pytest.mark.parametrize(
    ("augmentation", "in_training"),
    [("none", 64), ("crop-flip", 64), ("resized-crop", 98), ("resized-crop-jitter", 98), ("moco", 64)],
)
def test_a_random_part_keeps_as_many_pixels_as_it_becomes(augmentation, in_training):
    preprocessing = replace(PREPROCESSING, augmentation=augmentation)
    assert [enough_pixels(preprocessing, train=train) for train in (False, True)] == [64, in_training]
    assert enough_pixels(replace(preprocessing, decode="whole"), train=True) is None


@pytest.fixture
def photographs(tmp_path):
    paths = [tmp_path / f"{index}.jpg" for index in range(37)]
    for index, path in enumerate(paths):
        path.write_bytes(encoded(picture(600, 401 + index)))
    return ImageFiles(paths, np.arange(37) % 2, ("a", "b"), "photographs")


@pytest.mark.parametrize("workers", [0, 2])
def test_batches_are_of_images_decoded_so(photographs, workers):
    """Whatever part of a batch a worker loads at a time."""
    transform = image_transform(PREPROCESSING, train=False)
    expected = torch.stack([transform(photographs.load(index, least=64)) for index in range(37)])
    found = EvaluationBatches(photographs, PREPROCESSING, device=torch.device("cpu"), batch_size=20, workers=workers)
    rows, images = zip(*found, strict=True)
    assert rows == (range(20), range(20, 37))
    levels = torch.cat(images) * 63.75 + 127.5
    torch.testing.assert_close(levels, expected.float(), atol=1e-3, rtol=0)
    assert not torch.equal(expected, torch.stack([transform(photographs.load(index)) for index in range(37)]))


class _InOrder:
    num_samples = 37

    def epoch_indices(self, epoch):
        return np.arange(37)


def test_training_and_images_in_memory_take_the_same_way(photographs):
    asked = []

    class Asked(ImageFiles):
        def load(self, index, *, least=None):
            asked.append(least)
            return super().load(index, least=least)

    source = Asked(photographs.paths, photographs.labels, photographs.class_names, "photographs")
    preprocessing = replace(PREPROCESSING, augmentation="resized-crop")
    batches = LoaderBatches(source, _InOrder(), preprocessing, device=torch.device("cpu"), batch_size=37, workers=0)
    next(batches.steps(0, 0))
    assert set(asked) == {98}
    asked.clear()
    in_memory = replace(PREPROCESSING, resize=24, resident=True)
    images = load_resident(source, in_memory)
    assert set(asked) == {48}
    whole = load_resident(source, replace(in_memory, decode="whole"))
    assert images.shape == whole.shape == (37, 3, 24, 24)
    assert 0 < (images.int() - whole.int()).abs().float().mean() < 4  # so small, each pixel is an edge
