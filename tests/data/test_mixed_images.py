"""Mixtures of head and tail images: by hand, and against what the released builders select and change."""

import json

import numpy as np
import pytest
import torch

from longtail.counts import exponential_counts
from longtail.data import open_data
from longtail.data.in_memory import ImagesInMemory
from longtail.data.mixed_images import MixedImages, original_subset, similar_pairs
from longtail.data.source import Subset
from longtail.errors import InputError


@pytest.fixture
def source():
    generator = torch.Generator().manual_seed(0)
    pixels = torch.randint(0, 256, (50, 3, 4, 4), generator=generator, dtype=torch.uint8)
    return ImagesInMemory(pixels, np.repeat([0, 1, 2], [30, 13, 7]), ("a", "b", "c"), "made up")


@pytest.mark.parametrize("share", [0.0, 0.25, 0.8, 1.0])
def test_mixtures_by_hand(source, share):
    pairs = similar_pairs(source.labels, 0.5, head=0, tail=2, rng=np.random.default_rng(0))
    mixed = MixedImages(source, pairs, share)
    assert len(pairs.rows) == len(set(pairs.rows.tolist())) == 15
    assert (source.labels[pairs.partners] == 2).all()
    assert np.ptp(np.bincount(pairs.partners)[43:]) <= 1
    np.testing.assert_array_equal(mixed.labels, source.labels)
    partner = dict(zip(pairs.rows.tolist(), pairs.partners.tolist(), strict=True))
    for index in range(50):
        image = source.load(index)
        if index in partner:
            other = source.load(partner[index])
            exact = [
                int((100 - round(100 * share)) * a + round(100 * share) * b) // 100
                for a, b in zip(image.flatten().tolist(), other.flatten().tolist(), strict=True)
            ]
            # floating point may fall just short of a whole number
            assert np.abs(mixed.load(index).flatten().int().numpy() - exact).max() <= 1
        else:
            assert torch.equal(mixed.load(index), image)
    assert "with made up[" in mixed.identify(int(pairs.rows[0]))


@pytest.mark.parametrize(("number", "fraction", "expected"), [(100, 0.29, 29), (100, 0.57, 57), (7, 0.5, 3)])
def test_the_number_that_is_replaced_is_the_floor_of_the_written_product(number, fraction, expected):
    """In floating point 100 x 0.29 is a little below 29."""
    pairs = similar_pairs([0] * number + [1], fraction, head=0, tail=1, rng=np.random.default_rng(0))
    assert len(pairs.rows) == expected


class OtherSizes:
    """Two images, 4 x 6 pixels of grey 100 and 8 x 8 of grey 200."""

    name, class_names, labels = "sizes", ("a", "b"), np.array([0, 1])

    def __len__(self):
        return 2

    def load(self, index, *, least=None):
        return torch.full((3, 4, 6), 100, dtype=torch.uint8) if index == 0 else torch.full((3, 8, 8), 200).byte()

    def identify(self, index):
        return str(index)


def test_the_tail_image_is_brought_to_the_head_s_size():
    pairs = similar_pairs([0, 1], 1.0, head=0, tail=1, rng=np.random.default_rng(0))
    mixed = MixedImages(OtherSizes(), pairs, 0.5).load(0)
    assert mixed.shape == (3, 4, 6)
    assert (mixed == 150).all()


def test_any_pair_of_classes_in_either_direction(source):
    pairs = similar_pairs(source.labels, 1.0, head=2, tail=1, rng=np.random.default_rng(0))
    assert sorted(pairs.rows.tolist()) == list(range(43, 50))
    assert (source.labels[pairs.partners] == 1).all()


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({"fraction": 1.5}, "expected 0 to 1"),
        ({"tail": 0}, "two different classes"),
        ({"tail": 5}, "tail class 5 has 0"),
    ],
)
def test_mistakes_are_told(source, arguments, told):
    settings = {"fraction": 0.5, "head": 0, "tail": 2} | arguments
    with pytest.raises(InputError, match=told):
        similar_pairs(source.labels, rng=np.random.default_rng(0), **settings)


def test_a_share_out_of_range_is_told(source):
    pairs = similar_pairs(source.labels, 0.5, head=0, tail=2, rng=np.random.default_rng(0))
    with pytest.raises(InputError, match=r"share of a mixture is -0\.1"):
        MixedImages(source, pairs, -0.1)


@pytest.fixture(scope="module")
def reference(shared):
    return json.loads((shared / "reference" / "similar_samples_cifar10.json").read_text())


@pytest.fixture(scope="module")
def cifar(shared):
    return open_data("cifar10", root=shared / "data" / "cifar10.h5", profile="none", val_fraction=0).train


def test_the_released_subset(reference, cifar):
    subset = original_subset(cifar.labels, exponential_counts(10, 5000, 100), np.random.RandomState(0))
    assert subset[:20].tolist() == reference["subset_first_20"]
    assert subset[-50:].tolist() == reference["subset_last_50"]
    assert subset.sum() == reference["subset_sum"]


@pytest.mark.parametrize("fraction", ["0.1", "0.2", "0.3", "0.4", "0.5"])
def test_the_released_mixtures(reference, cifar, fraction):
    """Positions and pixels at their setting: imbalance 0.01, class 0 towards class 9, the head's weight 0.2."""
    rng = np.random.RandomState(0)
    train = Subset(cifar, original_subset(cifar.labels, exponential_counts(10, 5000, 100), rng))
    pairs = similar_pairs(train.labels, float(fraction), head=0, tail=9, rng=rng)
    expected = reference["changed"][fraction]
    assert len(pairs.rows) == expected["count"]
    assert np.sort(pairs.rows)[:20].tolist() == expected["first_20"]
    assert pairs.rows.sum() == expected["sum"]
    mixed = MixedImages(train, pairs, 0.8)
    mean = np.mean([mixed.load(int(row)).double().mean().item() for row in pairs.rows])
    assert mean == pytest.approx(expected["mean"], abs=5e-4)
    for row, partner in list(zip(pairs.rows.tolist(), pairs.partners.tolist(), strict=True))[:100]:
        head, tail = train.load(row).numpy(), train.load(partner).numpy()
        theirs = (0.2 * head + 0.8 * tail).astype(np.uint8)
        np.testing.assert_array_equal(mixed.load(row).numpy(), theirs)
