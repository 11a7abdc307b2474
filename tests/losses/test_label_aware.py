"""Label-aware smoothing against its targets written out, and against torch's where all classes are alike."""

import math

import numpy as np
import pytest
import torch
from torch.nn import functional

from longtail.heads import ClassifierRetraining
from longtail.losses import LabelAware, build_loss, smoothing_of_classes

COUNTS = torch.tensor([500.0, 120.0, 30.0, 5.0], dtype=torch.float64)


@pytest.fixture
def batch():
    torch.manual_seed(0)
    return torch.randn(7, 4, dtype=torch.float64, requires_grad=True), torch.tensor([0, 1, 2, 3, 0, 0, 1])


def test_common_classes_are_smoothed_most():
    smoothing = smoothing_of_classes(COUNTS, 0.4, 0.1)
    expected = [0.1 + 0.3 * math.sin(math.pi / 2 * (n - 5) / 495) for n in COUNTS.tolist()]
    np.testing.assert_allclose(smoothing, expected)
    assert (smoothing.diff() < 0).all()
    assert smoothing_of_classes([7, 7]).tolist() == pytest.approx([0.4, 0.4])


@pytest.mark.parametrize("weight", [None, [1.0, 2.0, 3.0, 4.0]])
def test_it_is_a_slow_loop_and_has_a_gradient(batch, weight):
    logits, labels = batch
    slow = []
    for row, label in zip(logits.detach().numpy(), labels.tolist(), strict=True):
        logs = row - np.log(np.exp(row).sum())
        smoothing = 0.05 + 0.25 * math.sin(math.pi / 2 * (float(COUNTS[label]) - 5) / 495)
        targets = [smoothing / 4 + (1 - smoothing if c == label else 0.0) for c in range(4)]
        share = 1.0 if weight is None else weight[label]
        slow.append(-share * sum(t * value for t, value in zip(targets, logs, strict=True)))
    given = None if weight is None else torch.tensor(weight, dtype=torch.float64)
    loss = LabelAware(COUNTS, head=0.3, tail=0.05, weight=given)
    assert float(loss(logits.detach(), labels)) == pytest.approx(np.mean(slow))
    assert torch.autograd.gradcheck(lambda scores: loss(scores, labels), (logits,))


def test_with_equal_ends_it_is_label_smoothing(batch):
    logits, labels = batch
    smoothed = functional.cross_entropy(logits, labels, label_smoothing=0.2)
    torch.testing.assert_close(LabelAware(COUNTS, head=0.2, tail=0.2)(logits, labels), smoothed)


def test_by_name_and_in_a_head(tailed):
    (train, labels), (test, truth) = tailed
    built = build_loss("label-aware", COUNTS, head_smoothing=0.3, tail_smoothing=0.0)
    assert built.smoothing[[0, 3]].tolist() == pytest.approx([0.3, 0.0])
    head = ClassifierRetraining(loss="label-aware", random_state=0).fit(train, labels)
    assert head.score(test, truth) > 0.5


@pytest.mark.parametrize(("head", "tail"), [(0.1, 0.2), (1.0, 0.1), (0.3, -0.1), (float("nan"), 0.0)])
def test_ends_out_of_order_are_told(head, tail):
    with pytest.raises(ValueError, match=r"expected 0 <= tail <= head < 1"):
        smoothing_of_classes(COUNTS, head, tail)
