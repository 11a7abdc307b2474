"""Views of images: drawn by seed, image and number alone, whoever loads them."""

import numpy as np
import pytest
import torch

from longtail.data.resized_crop import resize_box, resize_boxes
from longtail.data.transforms import Preprocessing, normalize
from longtail.data.views import MOST_TEST_VIEWS, ViewRows, box_of_view, number_of_views, view_of_images
from longtail.training.inference import EvaluationBatches

LABELS = np.array([0] * 110 + [1] * 3 + [2] * 60)
SIZE = 12
PREPROCESSING = Preprocessing(SIZE, SIZE, 3, (0.5,) * 3, (0.2,) * 3, "none", True)


class Pixels:
    """A source of small images in memory."""

    def __init__(self, images):
        self.images, self.labels = images, LABELS

    def __len__(self):
        return len(self.images)

    def load(self, index, least=None):
        return self.images[index]

    def identify(self, index):
        return str(index)


@pytest.fixture(scope="module")
def images():
    return torch.randint(
        256, (len(LABELS), 3, SIZE, SIZE), dtype=torch.uint8, generator=torch.Generator().manual_seed(0)
    )


def seen(images, **how):
    rows = ViewRows.drawn(LABELS, 4, seed=1, size=SIZE)
    batches = EvaluationBatches(images, PREPROCESSING, device=torch.device("cpu"), views=rows, **how)
    result = torch.full((len(rows.view_of), 3, SIZE, SIZE), torch.nan)
    for numbers, batch in batches:
        result[numbers.start : numbers.stop] = batch
    return rows, result


def test_common_classes_get_none():
    assert number_of_views([1, 25, 26, 50, 99, 100, 5000], 4).tolist() == [4, 4, 4, 2, 2, 1, 1]
    rows = ViewRows.drawn(LABELS, 4, seed=0, size=SIZE)
    assert np.bincount(LABELS[rows.view_of]).tolist() == [110, 12, 120]
    assert len(ViewRows.drawn(LABELS, 1, seed=0, size=SIZE).view_of) == len(LABELS)


def test_draws_do_not_hang_on_batches_workers_or_processes(images):
    rows, whole = seen(images)
    assert np.array_equal(whole[: len(LABELS)], normalize(images, PREPROCESSING))
    for how in ({"batch_size": 7}, {"batch_size": 64}):
        assert torch.equal(seen(images, **how)[1], whole)
    assert torch.equal(seen(Pixels(images), workers=2, batch_size=50)[1], whole)
    ranks = [seen(images, batch_size=20, rank=rank, num_ranks=2)[1] for rank in range(2)]
    assert torch.equal(torch.where(ranks[0].isnan(), ranks[1], ranks[0]), whole)
    # those of an image stay when other images come before them, and others are drawn with another seed
    fewer = ViewRows.drawn(LABELS, 2, seed=1, size=SIZE)
    first = {int(image): place for place, image in reversed(list(enumerate(rows.view_of[len(LABELS) :])))}
    for place, image in enumerate(fewer.view_of[len(LABELS) :].tolist()):
        assert torch.equal(fewer.boxes[place], rows.boxes[first[image]])
    assert not torch.equal(ViewRows.drawn(LABELS, 4, seed=2, size=SIZE).boxes, rows.boxes)


def test_they_are_gentle():
    boxes = ViewRows.drawn(np.zeros(50, dtype=int), 60, seed=0, size=200).boxes
    assert len(boxes) == 50
    rows = ViewRows.drawn(np.zeros(2, dtype=int), 50, seed=0, size=200)
    top, left, height, width = rows.boxes.T
    areas = height * width / 200**2
    assert ((top >= 0) & (left >= 0) & (top + height <= 200) & (left + width <= 200)).all()
    assert (areas > 0.64).all()
    assert areas.max() > 0.95
    assert (width / height).max() < 1.21
    assert 0.3 < rows.mirrored.float().mean() < 0.7


def test_one_box_of_all_is_as_a_box_of_each(images):
    normal = normalize(images[:5], PREPROCESSING)
    assert view_of_images(normal, 0) is normal
    assert torch.equal(view_of_images(normal, 1), normal.flip(3))
    for number in range(MOST_TEST_VIEWS):
        box, mirrored = box_of_view(number, SIZE)
        expected = resize_boxes(normal, torch.tensor([box] * 5), torch.tensor([mirrored] * 5))
        assert torch.allclose(resize_box(normal, box, mirrored=mirrored), expected, atol=1e-5)
    assert len({box_of_view(number, SIZE) for number in range(MOST_TEST_VIEWS)}) == MOST_TEST_VIEWS
