"""Batches that carry several augmented views of each image."""

import numpy as np
import pytest
import torch

from longtail.data.transforms import Preprocessing
from longtail.errors import InputError
from longtail.sampling import Sampler
from longtail.training.batches import LoaderBatches, ResidentBatches

LABELS = np.arange(24) % 3


class MadeUpImages:
    name, class_names, labels = "made-up", ("a", "b", "c"), LABELS
    pixels = torch.randint(0, 256, (24, 3, 16, 16), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))

    def __len__(self):
        return len(self.labels)

    def load(self, index, *, least=None):
        return self.pixels[index]

    def identify(self, index):
        return f"image {index}"


def batches(kind, views, augmentation="moco", workers=0, **changed):
    resident = kind == "resident"
    preprocessing = Preprocessing(16, 16, 3, (0.5,) * 3, (0.25,) * 3, augmentation, resident=resident)
    settings = {"batch_size": 8, "seed": 3, "views": views} | changed
    sampler = Sampler(LABELS, seed=3)
    if resident:
        return ResidentBatches(MadeUpImages.pixels, torch.from_numpy(LABELS), sampler, preprocessing, **settings)
    device = torch.device("cpu")
    return LoaderBatches(MadeUpImages(), sampler, preprocessing, device=device, workers=workers, **settings)


def steps(*arguments, epoch=1, first=0, **changed):
    return list(batches(*arguments, **changed).steps(epoch, first))


@pytest.mark.parametrize("kind", ["resident", "loader"])
def test_two_views_differ_and_come_again(kind):
    whole, again = steps(kind, 2), steps(kind, 2)
    assert len(whole) == 3
    for step, same in zip(whole, again, strict=True):
        ((first, second),) = step
        assert first.shape == second.shape == (8, 3, 16, 16)
        assert (first != second).flatten(1).any(dim=1).all()
        assert torch.equal(first, same[0][0])
        assert torch.equal(second, same[0][1])
    later = steps(kind, 2, first=2)
    assert torch.equal(later[0][0][1], whole[2][0][1])
    assert not torch.equal(steps(kind, 2, epoch=2)[0][0][0], whole[0][0][0])


@pytest.mark.parametrize("kind", ["resident", "loader"])
def test_the_first_view_is_the_image_that_training_with_labels_sees(kind):
    labelled, one, two = (steps(kind, views, augmentation="crop-flip") for views in (None, 1, 2))
    for with_labels, single, double in zip(labelled, one, two, strict=True):
        images, labels = with_labels[0]
        assert labels.dtype == torch.int64
        assert torch.equal(single[0][0], images)
        assert torch.equal(double[0][0], images)
        assert (len(single[0]), len(double[0])) == (1, 2)


@pytest.mark.parametrize("kind", ["resident", "loader"])
def test_views_show_the_same_images(kind):
    first, second = steps(kind, 2, augmentation="none")[0][0]
    assert torch.equal(first, second)


def test_workers_change_nothing():
    alone, shared = (steps("loader", 2, workers=workers) for workers in (0, 2))
    for ours, theirs in zip(alone, shared, strict=True):
        assert all(torch.equal(a, b) for a, b in zip(ours[0], theirs[0], strict=True))


def test_no_view_is_no_batch():
    with pytest.raises(InputError, match="views is 0"):
        batches("resident", 0)
