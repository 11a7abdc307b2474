"""Normalisation and augmentation of resident images against what they stand for, one image at a time."""

import numpy as np
import pytest
import torch

from longtail.data.resident import channel_statistics, load_resident
from longtail.data.source import Subset
from longtail.data.transforms import (
    Preprocessing,
    augment_batch,
    image_transform,
    normalize,
    random_crop,
    random_flip,
)

IMAGES = torch.randint(0, 256, (16, 3, 12, 12), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


def settings(**changed):
    given = {"size": 12, "resize": 12, "channels": 3, "mean": (0.4, 0.5, 0.6), "std": (0.2, 0.3, 0.1)}
    return Preprocessing(**{**given, "augmentation": "crop-flip", "resident": True, **changed})


def test_normalize_is_the_formula():
    mean, std = (torch.tensor(v).view(3, 1, 1) for v in (settings().mean, settings().std))
    torch.testing.assert_close(normalize(IMAGES, settings()), (IMAGES / 255 - mean) / std, rtol=1e-5, atol=1e-5)


def test_crop_shifts_each_image_by_its_own_offset_and_fills_with_black():
    cropped = random_crop(IMAGES, 2, torch.Generator().manual_seed(1))
    offsets = torch.randint(0, 5, (2, 16), generator=torch.Generator().manual_seed(1))
    padded = torch.nn.functional.pad(IMAGES, (2, 2, 2, 2))
    for image, top, left, whole in zip(cropped, *offsets, padded, strict=True):
        assert torch.equal(image, whole[:, top : top + 12, left : left + 12])
    assert len(set(map(tuple, offsets.T.tolist()))) > 5


def test_flip_mirrors_about_half():
    images = IMAGES[:1].expand(400, -1, -1, -1)
    flipped = random_flip(images, torch.Generator().manual_seed(0))
    mirrored = sum(torch.equal(image, IMAGES[0].flip(2)) for image in flipped)
    kept = sum(torch.equal(image, IMAGES[0]) for image in flipped)
    assert mirrored + kept == 400
    assert 150 < mirrored < 250


@pytest.mark.parametrize(("augmentation", "mirrors"), [("none", False), ("shift", False), ("crop-flip", True)])
def test_augmentations(augmentation, mirrors):
    gradient = torch.arange(12, dtype=torch.uint8).repeat(3, 12, 1)[None].expand(64, -1, -1, -1) * 10 + 5
    found = augment_batch(gradient, settings(augmentation=augmentation), torch.Generator().manual_seed(0))
    rising = found[:, 0, 6, 4] < found[:, 0, 6, 7]
    assert bool((~rising).any()) == mirrors
    assert torch.equal(found, gradient) == (augmentation == "none")


def test_statistics_are_numpys():
    mean, std = channel_statistics(IMAGES)
    scaled = IMAGES.numpy() / 255
    assert mean == pytest.approx(scaled.mean(axis=(0, 2, 3)))
    assert std == pytest.approx(scaled.std(axis=(0, 2, 3)))


class Sizes:
    name, class_names = "sizes", ("a",)
    labels = np.zeros(3, dtype=np.int64)

    def __len__(self):
        return 3

    def load(self, index, *, least=None):
        return torch.full((3, 10 + 5 * index, 12), 50 * index, dtype=torch.uint8)

    def identify(self, index):
        return str(index)


def test_resident_images_of_any_size_are_brought_to_one():
    images = load_resident(Subset(Sizes(), [2, 0]), settings())
    assert images.shape == (2, 3, 12, 12)
    assert images[0].unique().tolist() == [100]


@pytest.mark.parametrize("augmentation", ["none", "crop-flip", "resized-crop", "resized-crop-jitter"])
def test_large_images_come_out_at_the_networks_size(augmentation):
    preprocessing = settings(size=32, resize=40, augmentation=augmentation, resident=False)
    image = torch.randint(0, 256, (3, 50, 90), dtype=torch.uint8)
    for train in (True, False):
        out = image_transform(preprocessing, train=train)(image)
        assert out.shape == (3, 32, 32)
        assert out.dtype == torch.uint8
