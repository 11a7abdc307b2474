"""Crops: which pixels they are, whatever the image's size, turn and format; and that each image is decoded once."""

import numpy as np
import pytest
import torch
from PIL import Image

from longtail.data import decode
from longtail.data.manifests.contents import FileContents
from longtail.data.manifests.crops import Crops
from longtail.data.manifests.images import ManifestImages, RowImages
from longtail.errors import InputError
from longtail.training.loading import load_batches


def crop(box, shape=(10, 20), **options):
    """Cut a box out of an image whose pixels say their row and column."""
    height, width = shape
    image = torch.stack([torch.arange(height)[:, None].expand(shape), torch.arange(width).expand(shape)]).to(
        torch.uint8
    )
    part = Crops(np.array([box], dtype=float), **options).cut(0, image)
    rows, columns = part[0, :, 0], part[1, 0]
    return int(columns[0]), int(rows[0]), part.shape[2], part.shape[1]


@pytest.mark.parametrize(
    ("box", "options", "expected"),
    [
        ((4, 2, 6, 3), {"unit": "pixels"}, (4, 2, 6, 3)),
        ((0.2, 0.2, 0.3, 0.3), {}, (4, 2, 6, 3)),
        ((4, 2, 6, 3), {"unit": "pixels", "padding": 0.5}, (1, 0, 12, 8)),
        ((4, 2, 6, 3), {"unit": "pixels", "square": True}, (4, 0, 6, 6)),
        ((16, 7, 6, 3), {"unit": "pixels", "square": True}, (14, 4, 6, 6)),
        ((-4, -4, 6, 6), {"unit": "pixels"}, (0, 0, 2, 2)),
        ((18, 8, 60, 60), {"unit": "pixels"}, (18, 8, 2, 2)),
        ((0, 0, 20, 2), {"unit": "pixels", "square": True}, (0, 0, 20, 10)),
        ((19.7, 9.7, 0.2, 0.2), {"unit": "pixels"}, (19, 9, 1, 1)),
    ],
)
def test_crops_are_the_pixels_that_they_should_be(box, options, expected):
    assert crop(box, **options) == expected


@pytest.mark.parametrize("box", [(20, 0, 4, 4), (-5, 0, 4, 4), (0, 10, 4, 4), (0, -5, 4, 4)])
def test_a_box_beside_its_image_is_told(box):
    with pytest.raises(InputError, match="has nothing of the image in it, which has 20 x 10 pixels"):
        crop(box, unit="pixels")


def source(folder, boxes, image=None, unit="shares", files=("a.png",), **options):
    crops = Crops(np.array(boxes, dtype=float), unit)
    numbers = np.zeros(len(boxes), dtype=np.int64) if image is None else np.array(image)
    rows = RowImages(FileContents(folder, files, files), numbers, crops)
    return ManifestImages(rows, np.zeros(len(boxes)), ("a",), "x", **options)


def photograph(path, orientation=1, size=(80, 40)):
    """Write an image whose upper left quarter is red as it stands in the file."""
    pixels = np.zeros((size[1], size[0], 3), dtype=np.uint8)
    pixels[: size[1] // 2, : size[0] // 2, 0] = 255
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(pixels).save(path, exif=exif, **({"quality": 95} if path.suffix == ".jpg" else {}))


@pytest.mark.parametrize("unit", ["pixels", "shares"])
@pytest.mark.parametrize("name", ["a.png", "a.jpg"])
def test_boxes_are_of_the_upright_image(tmp_path, unit, name):
    photograph(tmp_path / name, orientation=6)  # to be turned to the right: the red quarter is then at the upper right
    box = [20, 0, 20, 40] if unit == "pixels" else [0.5, 0, 0.5, 0.5]
    part = source(tmp_path, [box], unit=unit, files=(name,)).load(0)
    assert part.shape == (3, 40, 20)
    assert float(part[0].float().mean()) > 240


@pytest.mark.parametrize("unit", ["pixels", "shares"])
@pytest.mark.parametrize("orientation", [1, 6])
def test_boxes_of_an_image_that_is_made_smaller(tmp_path, unit, orientation, monkeypatch):
    monkeypatch.setattr(decode, "LARGE", 1000)
    photograph(tmp_path / "a.png", orientation)
    box = {1: [0, 0, 0.5, 0.5], 6: [0.5, 0, 0.5, 0.5]}[orientation]
    if unit == "pixels":
        size = np.array([80, 40] if orientation == 1 else [40, 80])
        box = (np.array(box) * np.tile(size, 2)).tolist()
    part = source(tmp_path, [box], unit=unit).load(0)
    assert sorted(part.shape[1:]) == [10, 20]
    assert float(part[0].float().mean()) > 240


def test_enough_pixels_are_decoded_for_the_smallest_crop(tmp_path):
    photograph(tmp_path / "a.jpg", size=(800, 400))
    images = source(tmp_path, [[0, 0, 0.5, 0.5], [0, 0, 1, 1]], files=("a.jpg",))
    assert images.load(0, least=100).shape == (3, 100, 200)
    assert images.load(1, least=100).shape == (3, 200, 400)


def test_what_a_crop_is_changed_to_changes_no_other(tmp_path):
    photograph(tmp_path / "a.png")
    images = source(tmp_path, [[np.nan] * 4, [0, 0, 1, 1]])
    images.load(0).zero_()
    images.load(1).zero_()
    assert int(images.load(0).max()) == int(images.load(1).max()) == 255


class Items:
    """What the loader is given in training: rows of a source, in any order."""

    def __init__(self, images):
        self.images = images

    def __getitem__(self, key):
        return self.images.load(key, least=8).sum()

    def name_of(self, key):
        return self.images.identify(key)

    def image_of(self, key):
        return (self.images.image_of(key),)


@pytest.mark.parametrize("workers", [0, pytest.param(2, marks=pytest.mark.slow)])
def test_crops_of_an_image_cost_one_decoding_a_batch(tmp_path, workers, monkeypatch):
    files = [f"{k}.png" for k in range(5)]
    for name in files:
        photograph(tmp_path / name)
    generator = np.random.default_rng(0)
    image = generator.permutation(np.repeat(np.arange(5), 8))
    boxes = np.column_stack([generator.uniform(0, 0.5, (40, 2)), generator.uniform(0.1, 0.5, (40, 2))])
    images = source(tmp_path, boxes, image, files=files)
    log = tmp_path / "log"
    plain = decode.decode_image

    def counting(content, origin, **options):
        with log.open("a") as file:
            file.write(f"{origin}\n")
        return plain(content, origin, **options)

    monkeypatch.setattr("longtail.data.manifests.images.decode_image", counting)
    order = generator.permutation(40).reshape(2, 20)
    batches = list(load_batches(Items(images), order.tolist(), workers=workers, device=torch.device("cpu")))
    # less one where a batch begins with the image that the one before ended with
    times = sum(len(set(image[batch])) for batch in order)
    assert times - 1 <= len(log.read_text().splitlines()) <= times < 11
    expected = [images.load(key, least=8).sum() for key in order.ravel()]
    assert torch.cat(batches).tolist() == [int(value) for value in expected]


def test_whole_images_are_not_kept(tmp_path):
    photograph(tmp_path / "a.png")
    images = source(tmp_path, [[np.nan] * 4])
    images.load(0)
    assert not hasattr(images._last, "image")
