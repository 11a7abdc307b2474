"""Square parts that grow with the training: what they show of small images and of large ones, epoch by epoch."""

import numpy as np
import pytest
import torch

from longtail.cli import main
from longtail.data.growing_crop import GrowingCrop, least_share
from longtail.data.transforms import Preprocessing, augment_batch, enough_pixels, image_transform
from longtail.errors import InputError
from longtail.sampling import Sampler
from longtail.training.batches import LoaderBatches, ResidentBatches
from power_cut import power_cut
from same_training import assert_same_training

LABELS = np.arange(96) % 3
# a pixel's place stands in its colours: 5 a pixel from left to right, and from top to bottom
PLACES = torch.stack(torch.meshgrid(torch.arange(16) * 5, torch.arange(16) * 5, indexing="ij")).to(torch.uint8)
IMAGES = torch.cat([PLACES, torch.zeros(1, 16, 16, dtype=torch.uint8)])[None].expand(96, -1, -1, -1).contiguous()


class MadeUpImages:
    name, class_names, labels = "made-up", ("a", "b", "c"), LABELS

    def __len__(self):
        return len(LABELS)

    def load(self, index, *, least=None):
        return IMAGES[index]

    def identify(self, index):
        return str(index)


def preprocessing(*, resident=True, size=16):
    return Preprocessing(size, size, 3, (0.0,) * 3, (1 / 255,) * 3, "growing-crop", resident=resident)


def sides(images):
    """Return how many pixels of the original are seen from top to bottom and from left to right, shape (2, B)."""
    size = images.shape[-1]
    seen = images.float()[:, :2].amax(dim=(2, 3)) - images.float()[:, :2].amin(dim=(2, 3))
    return seen.T / 5 * size / (size - 1)


def test_the_smallest_share_grows_slowly_at_first_and_ends_at_the_whole():
    shares = [least_share(step / 50) for step in range(51)]
    assert (shares[0], shares[-1]) == pytest.approx((0.08, 1.0))
    steps = np.diff(shares)
    assert (steps > 0).all()
    assert (np.diff(steps) > 0).all()
    with pytest.raises(InputError, match="progress"):
        least_share(1.5)


@pytest.mark.parametrize("progress", [0.0, 0.5, 0.9])
def test_parts_are_squares_of_the_shares_that_were_asked_for(progress):
    generator = torch.Generator().manual_seed(0)
    seen = sides(augment_batch(IMAGES.repeat(8, 1, 1, 1), preprocessing(), generator, progress))
    assert (seen[0] - seen[1]).abs().max() < 1.1  # edges of a resized part are half a pixel further in
    area = (seen / 16).square().mean(dim=0)
    assert area.min() > least_share(progress) - 0.08  # sides are whole pixels
    assert area.mean() == pytest.approx((1 + least_share(progress)) / 2, abs=0.06)


def test_nothing_is_mirrored_and_no_colour_changes():
    images = augment_batch(IMAGES, preprocessing(), torch.Generator().manual_seed(1), 0.3)
    assert (images[:, 0].diff(dim=1) >= -1e-3).all()  # from top to bottom it still rises
    assert (images[:, 1].diff(dim=2) >= -1e-3).all()
    assert images[:, 2].abs().max() == 0


@pytest.mark.parametrize("shape", [(40, 90), (90, 40), (33, 33)])
def test_of_a_large_image_the_largest_square_is_the_whole(shape):
    image = torch.arange(shape[1], dtype=torch.uint8).expand(3, *shape) * 2
    torch.manual_seed(0)
    parts = [GrowingCrop(24, 1.0)(image) for _ in range(40)]
    assert {part.shape for part in parts} == {(3, 24, 24)}
    lefts = {int(part[0, 0, 0]) for part in parts}
    # a square in an image that is wider than high still lies somewhere along it
    assert (len(lefts) > 10) == (shape[1] > shape[0])
    assert all(int(part[0, 0, -1]) - int(part[0, 0, 0]) <= 2 * min(shape) for part in parts)


def test_one_pixel_is_a_square_too():
    torch.manual_seed(0)
    assert GrowingCrop(8, 0.08)(torch.full((3, 1, 5), 9, dtype=torch.uint8)).unique().tolist() == [9]


def test_in_testing_it_is_as_without():
    large = preprocessing(resident=False, size=24)
    image = torch.randint(0, 256, (3, 40, 30), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    plain = Preprocessing(**{**vars(large), "augmentation": "none"})
    assert torch.equal(image_transform(large, train=False)(image), image_transform(plain, train=False)(image))


def test_a_scaled_jpeg_keeps_enough_pixels_for_the_smallest_part():
    scaled = Preprocessing(**{**vars(preprocessing(resident=False, size=100)), "decode": "scaled"})
    enough = enough_pixels(scaled, train=True)
    assert enough * 0.08**0.5 >= 100


def batches(kind, *, num_epochs, workers=0):
    sampler, shared = Sampler(LABELS, seed=0), {"batch_size": 48, "num_epochs": num_epochs}
    if kind == "resident":
        return ResidentBatches(IMAGES, torch.from_numpy(LABELS), sampler, preprocessing(), **shared)
    own = preprocessing(resident=False)
    return LoaderBatches(MadeUpImages(), sampler, own, device=torch.device("cpu"), workers=workers, **shared)


def of_epoch(made, epoch):
    return torch.cat([step[0][0] for step in made.steps(epoch, 0)])


@pytest.mark.parametrize("kind", ["resident", "loader"])
def test_parts_grow_from_epoch_to_epoch(kind):
    made = batches(kind, num_epochs=4)
    areas = [float((sides(of_epoch(made, epoch)) / 16).square().mean()) for epoch in range(4)]
    wanted = [(1 + least_share(epoch / 4)) / 2 for epoch in range(4)]
    assert areas == pytest.approx(wanted, abs=0.07)
    assert areas[3] > areas[0] + 0.1


def test_neither_workers_nor_the_order_of_epochs_change_what_is_seen():
    alone = batches("loader", num_epochs=3)
    in_order = [of_epoch(alone, epoch) for epoch in range(3)]
    assert torch.equal(of_epoch(alone, 0), in_order[0])  # and back again, as after a resumed run
    assert torch.equal(of_epoch(batches("loader", num_epochs=3, workers=2), 2), in_order[2])


def test_a_training_that_was_stopped_goes_on_to_the_same_bits(tmp_path, monkeypatch):
    words = [
        "train",
        "digits",
        "--augmentation",
        "growing-crop",
        "--epochs",
        "3",
        "--batch-size",
        "32",
        "--save-every",
        "0",
        "--quiet",
    ]
    words += ["--device", "cpu", "--precision", "float32"]
    assert main([*words, "--out", str(tmp_path / "whole")]) == 0
    with power_cut(monkeypatch, 9):
        main([*words, "--out", str(tmp_path / "cut")])
    assert main([*words, "--out", str(tmp_path / "cut"), "--resume"]) == 0
    assert_same_training(*(tmp_path / name / "checkpoints/last.pt" for name in ("whole", "cut")))
