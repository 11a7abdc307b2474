"""Mixtures of images and labels: against their definitions, through losses, inside the task."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional

from longtail.losses import LDAM, LogitAdjusted, build_loss
from longtail.training.classification import Classification
from longtail.training.mixing import Mixing, blend_images, paste_box, remixed_labels
from longtail.training.paired_batches import PairedBatches

COUNTS = torch.tensor([90, 30, 9])


def batch(count=12, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(count, 3, 8, 8, generator=generator), torch.arange(count) % 3


def soft(mixed):
    first, second = functional.one_hot(mixed.first, 3), functional.one_hot(mixed.second, 3)
    return mixed.share * first + (1 - mixed.share) * second


def test_blending_is_a_mean():
    first, _ = batch()
    second, _ = batch(seed=1)
    torch.testing.assert_close(blend_images(first, second, 0.3), 0.3 * first + 0.7 * second)
    assert torch.equal(blend_images(first, second, 1.0), first)


@settings(deadline=None, max_examples=50)
@given(st.integers(0, 2**31), st.floats(0, 1))
def test_a_box_is_pasted_and_the_share_is_what_is_left(seed, wanted):
    first, second = torch.zeros(2, 1, 9, 14), torch.ones(2, 1, 9, 14)
    images, share = paste_box(first, second, wanted, np.random.default_rng(seed))
    assert float(images[0].mean()) == pytest.approx(1 - share)
    assert torch.equal(images[0], images[1])
    rows, columns = images[0, 0].amax(1), images[0, 0].amax(0)
    assert float(images[0].sum()) == float(rows.sum() * columns.sum())  # one box
    assert 1 - share <= 1 - wanted + 1e-9  # cut off at the border, and to whole pixels


def test_pasting_leaves_what_it_was_given():
    first, second = torch.zeros(2, 1, 8, 8), torch.ones(2, 1, 8, 8)
    paste_box(first, second, 0.2, np.random.default_rng(0))
    assert not first.any()


@settings(deadline=None, max_examples=60)
@given(st.floats(0, 1), st.floats(1, 5), st.floats(0, 1))
def test_remix_takes_the_rarer_label_as_its_paper_says(share, ratio, threshold):
    pairs = [(i, j) for i in range(3) for j in range(3)]
    first, second = (torch.tensor(labels) for labels in zip(*pairs, strict=True))
    ours = remixed_labels(first, second, share, COUNTS, ratio=ratio, threshold=threshold)
    for place, (i, j) in enumerate(pairs):
        n_i, n_j = float(COUNTS[i]), float(COUNTS[j])
        of_i = share
        if n_i >= ratio * n_j and share < threshold:
            of_i = 0.0
        elif n_i * ratio <= n_j and 1 - share < threshold:
            of_i = 1.0
        expected = torch.zeros(3)
        expected[i] += of_i
        expected[j] += 1 - of_i
        result = torch.zeros(3)
        result[ours[0][place]] += share
        result[ours[1][place]] += 1 - share
        torch.testing.assert_close(result, expected)


@pytest.mark.parametrize("name", ["mixup", "cutmix", "remix", "cmo"])
def test_images_and_labels_are_mixed_alike(name):
    """Images that are one colour for each class say in which shares they were mixed."""
    labels = torch.arange(12) % 3
    images = functional.one_hot(labels, 3).float()[:, :, None, None].expand(-1, -1, 8, 8).contiguous()
    others = (images.flip(0), labels.flip(0))
    for seed in range(20):
        mixing = Mixing(name, probability=1.0, class_counts=COUNTS)
        mixed = mixing.mix(images, labels, np.random.default_rng(seed), others)
        shares = mixed.images.mean(dim=(2, 3))
        if name != "remix":
            torch.testing.assert_close(shares, soft(mixed).to(shares))
        if name == "cmo":
            assert torch.equal(mixed.first, labels)
            assert torch.equal(mixed.second, labels.flip(0))


def test_as_often_as_asked_and_by_alpha():
    images, labels = batch(4)
    rng = np.random.default_rng(0)
    shares = [Mixing("mixup", alpha=0.2, probability=0.3).mix(images, labels, rng).share for _ in range(3000)]
    mixed = np.array([share for share in shares if share < 1])
    assert abs(len(mixed) / 3000 - 0.3) < 0.03
    assert abs(mixed.var() - 0.25 / 1.4) < 0.01  # of Beta(a, a): 1 / (4 (2 a + 1))


@pytest.mark.parametrize("name", ["cross-entropy", "balanced-softmax", "logit-adjusted"])
def test_two_losses_are_one_of_soft_targets(name):
    """What stands in the code, l loss(first) + (1 - l) loss(second), for losses that are linear in their targets."""
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(12, 3, generator=generator, dtype=torch.float64, requires_grad=True)
    _, labels = batch()
    loss = build_loss(name, COUNTS.double(), tau=1.5)
    mixed = Mixing("mixup").mix(torch.zeros(12, 3, 2, 2), labels, np.random.default_rng(3))
    two = mixed.share * loss(logits, mixed.first) + (1 - mixed.share) * loss(logits, mixed.second)
    shifted = logits + loss.offset if isinstance(loss, LogitAdjusted) else logits
    slow = -(soft(mixed) * torch.log_softmax(shifted, dim=1)).sum(dim=1).mean()
    torch.testing.assert_close(two, slow)
    torch.testing.assert_close(*(torch.autograd.grad(value, logits, retain_graph=True)[0] for value in (two, slow)))


@pytest.mark.parametrize("name", ["mixup", "cutmix", "remix", "cmo"])
@pytest.mark.parametrize("loss", [None, "ldam"])
def test_a_task_mixes_in_training_alone_and_draws_from_torch(name, loss):
    images, labels = batch()
    model = nn.Sequential(nn.Flatten(), nn.Linear(192, 3))
    mixing = Mixing(name, probability=1.0, class_counts=COUNTS)
    task = Classification(model, LDAM(COUNTS.float()) if loss else None, mixing=mixing)
    given = (images, labels, images.flip(0), labels.flip(0))
    results = []
    for seed in (0, 0, 1):
        torch.manual_seed(seed)
        results.append(task(*given)[0].item())
    assert results[0] == results[1] != results[2]
    plain = Classification(model, task.loss)
    assert task.eval()(*given)[0].item() == plain(images, labels)[0].item()


def test_what_is_missing_or_out_of_range_is_told():
    images, labels = batch()
    with pytest.raises(ValueError, match="class_counts"):
        Mixing("remix")
    with pytest.raises(ValueError, match="second batch"):
        Mixing("cmo").mix(images, labels, np.random.default_rng(0))
    for words, told in (({"alpha": 0.0}, "alpha"), ({"ratio": 0.5}, "ratio"), ({"probability": 2.0}, "probability")):
        with pytest.raises(ValueError, match=told):
            Mixing("mixup", **words)
    with pytest.raises(ValueError, match="no mixing 'blend'"):
        Mixing("blend")


class Steps:
    def __init__(self, steps_per_epoch, number):
        self.steps_per_epoch, self.images_per_step, self.smallest_part = steps_per_epoch, 4, 2
        self.number = number

    def steps(self, epoch, first_step):
        for step in range(first_step, self.steps_per_epoch):
            yield [(torch.tensor([self.number, epoch, step, part]),) for part in range(2)]


def test_paired_batches_go_side_by_side():
    pairs = list(PairedBatches(Steps(3, 0), Steps(3, 1)).steps(5, 1))
    assert [[[t.tolist() for t in part] for part in step] for step in pairs] == [
        [[[0, 5, step, part], [1, 5, step, part]] for part in range(2)] for step in (1, 2)
    ]
    with pytest.raises(ValueError, match="steps_per_epoch is 3 and 4"):
        PairedBatches(Steps(3, 0), Steps(4, 1))
