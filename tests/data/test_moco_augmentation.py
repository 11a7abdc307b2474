"""MoCo's augmentation of resident images against torchvision, one image at a time."""

import numpy as np
import pytest
import torch
from torchvision.transforms import v2
from torchvision.transforms.v2 import functional

from longtail.data.color_jitter import color_jitter, random_color_jitter, random_greyscale
from longtail.data.resized_crop import crop_boxes, random_resized_crop, resize_boxes
from longtail.data.transforms import Preprocessing, augment_batch, image_transform

CHANGES = (
    functional.adjust_brightness,
    functional.adjust_contrast,
    functional.adjust_saturation,
    functional.adjust_hue,
)


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def images(count=24, channels=3, size=16):
    return torch.randint(0, 256, (count, channels, size, size), dtype=torch.uint8, generator=generator())


def test_boxes_lie_inside_and_have_the_areas_and_shapes_asked_for():
    boxes = crop_boxes(4000, 32, generator())
    assert (boxes[:, :2] >= 0).all()
    assert (boxes[:, :2] + boxes[:, 2:] <= 32).all()
    area = (boxes[:, 2] * boxes[:, 3]).double() / 32**2
    assert 0.17 < area.min() < 0.23
    # the mean and spread of many boxes of torchvision's own
    torch.manual_seed(0)
    draw = v2.RandomResizedCrop(32, scale=(0.2, 1.0))
    theirs = [draw.make_params([torch.empty(3, 32, 32)]) for _ in range(4000)]
    for name, column in (("top", 0), ("left", 1), ("height", 2), ("width", 3)):
        reference = np.array([box[name] for box in theirs])
        assert boxes[:, column].double().mean().item() == pytest.approx(reference.mean(), abs=0.6), name
        assert boxes[:, column].double().std().item() == pytest.approx(reference.std(), rel=0.1), name


def test_a_box_is_cut_out_and_resized_as_torchvision_does():
    given, boxes = images(), crop_boxes(24, 16, generator(1))
    mirrored = torch.arange(24) % 2 == 0
    found = resize_boxes(given, boxes, mirrored)
    for image, (top, left, height, width), flip, ours in zip(given, boxes.tolist(), mirrored, found, strict=True):
        theirs = functional.resized_crop(image.float(), top, left, height, width, [16, 16], antialias=True)
        torch.testing.assert_close(ours, theirs.flip(2) if flip else theirs, rtol=1e-4, atol=1e-2)


def test_colours_change_as_torchvision_changes_them_in_each_images_order():
    given = images().float() / 255
    given[0] = 0.5  # grey: no hue
    given[1] = 0.0
    factors = torch.rand(24, 4, generator=generator(2)) * 0.8 + 0.6
    factors[:, 3] = torch.rand(24, generator=generator(3)) * 0.2 - 0.1
    orders = torch.rand(24, 4, generator=generator(4)).argsort(dim=1)
    found = color_jitter(given, factors, orders)
    for image, factor, order, ours in zip(given, factors.tolist(), orders.tolist(), found, strict=True):
        for number in order:
            image = CHANGES[number](image, factor[number])
        torch.testing.assert_close(ours, image, rtol=1e-3, atol=1e-3)


def test_how_often_things_happen():
    given = (images(1).float() / 255).expand(2000, -1, -1, -1)
    changed = (random_color_jitter(given, generator()) != given).flatten(1).any(dim=1).float().mean()
    assert 0.77 < changed < 0.83
    grey = random_greyscale(given, generator())
    without = (grey[:, 0] == grey[:, 1]).flatten(1).all(dim=1).float().mean()
    assert 0.17 < without < 0.23


def test_digits_are_not_mirrored_and_have_no_colour():
    gradient = (torch.arange(16, dtype=torch.uint8) * 10 + 50).expand(64, 1, 16, 16)
    found = random_resized_crop(gradient, generator(), mirror=False)
    assert (found[..., 12] > found[..., 3]).all()
    found = augment_batch(gradient, settings(channels=1), generator())
    assert found.shape == gradient.shape
    assert (found[..., 12] >= found[..., 3]).all()


def settings(**changed):
    given = {"size": 16, "resize": 16, "channels": 3, "augmentation": "moco", "resident": True}
    given |= {"mean": (0.5,) * changed.get("channels", 3), "std": (0.25,) * changed.get("channels", 3)}
    return Preprocessing(**(given | changed))


def test_augmented_batch_depends_on_the_generator_alone():
    first, again, other = (augment_batch(images(), settings(), generator(seed)) for seed in (5, 5, 6))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert 0 <= first.min() < first.max() <= 255


@pytest.mark.parametrize("channels", [1, 3])
def test_large_images_come_out_at_the_networks_size(channels):
    preprocessing = settings(size=32, resize=40, resident=False, channels=channels)
    image = torch.randint(0, 256, (channels, 50, 90), dtype=torch.uint8)
    torch.manual_seed(0)
    for _ in range(8):
        out = image_transform(preprocessing, train=True)(image)
        assert (out.shape, out.dtype) == ((channels, 32, 32), torch.uint8)
    assert image_transform(preprocessing, train=False)(image).shape == (channels, 32, 32)
