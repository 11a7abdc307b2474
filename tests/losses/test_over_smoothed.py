"""Label over-smoothing against torch's label smoothing and its targets written out."""

import numpy as np
import pytest
import torch
from torch.nn import functional

from longtail.heads import ClassifierRetraining
from longtail.losses import OverSmoothed, build_loss


@pytest.fixture
def batch():
    torch.manual_seed(0)
    return torch.randn(7, 4, dtype=torch.float64, requires_grad=True), torch.tensor([0, 1, 2, 3, 0, 0, 1])


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.98])
def test_it_is_label_smoothing(batch, smoothing):
    logits, labels = batch
    found = OverSmoothed(smoothing)(logits, labels)
    torch.testing.assert_close(found, functional.cross_entropy(logits, labels, label_smoothing=smoothing))


def test_it_is_a_slow_loop_with_weights_and_has_a_gradient(batch):
    logits, labels = batch
    weight = torch.tensor([1.0, 2.0, 3.0, 4.0], dtype=torch.float64)
    slow = []
    for row, label in zip(logits.detach().numpy(), labels.tolist(), strict=True):
        logs = row - np.log(np.exp(row).sum())
        targets = [0.95 / 4 + (0.05 if c == label else 0.0) for c in range(4)]
        slow.append(-float(weight[label]) * sum(t * value for t, value in zip(targets, logs, strict=True)))
    loss = OverSmoothed(0.95, weight)
    assert float(loss(logits.detach(), labels)) == pytest.approx(np.mean(slow))
    assert torch.autograd.gradcheck(lambda scores: loss(scores, labels), (logits,))


def test_by_name_and_in_a_head(tailed):
    (train, labels), (test, truth) = tailed
    assert build_loss("over-smoothed", torch.ones(3), smoothing=0.9).smoothing == 0.9
    head = ClassifierRetraining(loss="over-smoothed", random_state=0).fit(train, labels)
    assert head.score(test, truth) > 0.5
    assert head.predict_proba(test).max() < 0.6  # a little more than 1 / 6
