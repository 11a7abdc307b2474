"""Linear heads trained by other losses than cross-entropy."""

import numpy as np
import pytest
import torch
from torch.nn import functional

from longtail.errors import InputError
from longtail.evaluation import accuracy_report
from longtail.heads import ClassifierRetraining, Joint
from longtail.losses import LDAM, build_loss

LOSSES = ["cross-entropy", "focal", "balanced-softmax", "logit-adjusted", "ldam"]
KINDS = [Joint, ClassifierRetraining]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("loss", LOSSES)
def test_training_lowers_the_loss_that_was_asked_for(kind, loss, tailed):
    (train, labels), _ = tailed
    settings = {"sampling": "instance"} if kind is ClassifierRetraining else {}
    head = kind(loss=loss, epochs=12, standardise=False, random_state=0, **settings).fit(train, labels)
    assert head.losses_[-1] < head.losses_[0]
    counts = torch.from_numpy(np.bincount(labels).astype(np.float32))
    rows = torch.from_numpy(train)
    if loss == "ldam":
        rows = functional.normalize(rows, dim=1)
    reached = build_loss(loss, counts)(torch.from_numpy(head.logits(rows.numpy())), torch.from_numpy(labels))
    untrained = build_loss(loss, counts)(torch.zeros(len(labels), 6), torch.from_numpy(labels))
    assert reached < untrained


def test_balanced_softmax_finds_the_rare_classes(tailed):
    (train, labels), (test, truth) = tailed
    few = {}
    for loss in ("cross-entropy", "balanced-softmax"):
        predicted = Joint(loss=loss, random_state=0).fit(train, labels).predict(test)
        few[loss] = accuracy_report(truth, predicted, np.bincount(labels))["few"]
    assert few["balanced-softmax"] > few["cross-entropy"] + 5


@pytest.mark.parametrize("kind", KINDS)
def test_ldam_ends_in_directions(kind, tailed):
    (train, labels), (test, _) = tailed
    head = kind(loss="ldam", epochs=5, standardise=False, random_state=0).fit(train, labels)
    np.testing.assert_allclose(np.linalg.norm(head.weight_, axis=1), 1, rtol=1e-5)
    assert not head.bias_.any()
    cosines = (test / np.linalg.norm(test, axis=1, keepdims=True)) @ head.weight_.T
    np.testing.assert_array_equal(cosines.argmax(axis=1), head.predict(test))


def test_ldam_is_minimised_over_cosines(tailed):
    """A few more steps of plain gradient descent on the written-out loss gain next to nothing."""
    (train, labels), _ = tailed
    head = Joint(loss="ldam", epochs=200, batch_size=600, weight_decay=0.0, standardise=False, random_state=0).fit(
        train, labels
    )
    loss = LDAM(torch.from_numpy(np.bincount(labels).astype(np.float32)))
    rows, targets = functional.normalize(torch.from_numpy(train), dim=1), torch.from_numpy(labels)
    weight = torch.from_numpy(head.weight_.copy()).requires_grad_()
    start = loss(rows @ functional.normalize(weight, dim=1).T, targets)
    start.backward()
    with torch.no_grad():
        moved = weight - 0.01 * weight.grad
        after = loss(rows @ functional.normalize(moved, dim=1).T, targets)
    assert start.item() - after.item() < 0.01 * start.item()


def test_an_unknown_loss_is_told(tailed):
    (train, labels), _ = tailed
    with pytest.raises(InputError, match="loss is 'hinge'; expected one of cross-entropy, focal"):
        Joint(loss="hinge").fit(train, labels)
