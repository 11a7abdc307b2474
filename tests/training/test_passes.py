"""Batches of images that a processor computes few at a time."""

import pytest
import torch

from longtail.backbones import create_backbone, features_of
from longtail.training.passes import images_a_pass, in_passes, padded_to


class Counted:
    """Sums of images, and how many were given at a time."""

    def __init__(self):
        self.numbers, self.formats = [], []

    def __call__(self, images):
        self.numbers.append(len(images))
        self.formats.append(images.is_contiguous(memory_format=torch.channels_last))
        return images.flatten(1).sum(dim=1, keepdim=True)


@pytest.mark.parametrize(
    ("size", "number"), [(1, 64), (32, 64), (90, 64), (91, 63), (96, 56), (224, 10), (384, 4), (4000, 4)]
)
def test_how_many_go_at_a_time(size, number):
    assert images_a_pass(size, size) == number
    assert size**2 * number <= 2**19 or number == 4


def test_a_batch_is_taken_apart_and_put_together():
    counted, images = Counted(), torch.rand(23, 3, 224, 224)
    result = in_passes(counted, images)
    assert counted.numbers == [10, 10, 3]
    assert torch.equal(result, images.flatten(1).sum(dim=1, keepdim=True))


@pytest.mark.parametrize("number", [1, 9, 10])
def test_what_is_few_stays_whole(number):
    counted = Counted()
    in_passes(counted, torch.rand(number, 3, 224, 224))
    assert counted.numbers == [number]


def test_another_device_takes_the_batch_as_it_is():
    counted = Counted()
    assert in_passes(counted, torch.rand(300, 3, 64, 64, device="meta")).shape == (300, 1)
    assert counted.numbers == [300]


@pytest.mark.parametrize("number", [1, 3, 4, 5, 8, 11])
def test_a_program_of_a_fixed_size_takes_any_number(number):
    counted, images = Counted(), torch.rand(number, 2, 5, 5)
    result = padded_to(4, counted)(images)
    assert set(counted.numbers) == {4}
    assert all(counted.formats)
    torch.testing.assert_close(result, images.flatten(1).sum(dim=1, keepdim=True))


def test_a_network_gives_the_features_of_its_whole_batch():
    torch.manual_seed(0)
    model, images = create_backbone("resnet20", num_classes=3).eval(), torch.rand(70, 3, 32, 32)
    with torch.inference_mode():
        expected = features_of(model, images)
        torch.testing.assert_close(in_passes(lambda x: features_of(model, x), images), expected, rtol=1e-5, atol=1e-6)
