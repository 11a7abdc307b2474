"""The losses of classifiers against slow loops, and what each must keep."""

import math

import numpy as np
import pytest
import torch
from torch.nn import functional

from longtail.counts import class_counts
from longtail.errors import InputError
from longtail.losses import (
    LDAM,
    RIDE,
    SADE,
    Deferred,
    Focal,
    LogitAdjusted,
    build_loss,
    class_temperatures,
    effective_number_weights,
    generalized_weights,
    ldam_margins,
    likelihood_weights,
    log_counts,
    reversed_counts,
)

COUNTS = torch.tensor([500.0, 60.0, 7.0])
NAMES = ("cross-entropy", "focal", "balanced-softmax", "logit-adjusted", "ldam")


@pytest.fixture
def batch():
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(12, 3, generator=generator, dtype=torch.float64)
    return logits, torch.randint(3, (12,), generator=generator)


def softmax_of(row):
    top = max(row)
    exponents = [math.exp(value - top) for value in row]
    return [value / sum(exponents) for value in exponents]


def by_loop(batch, change, *, scale=1.0, power=0.0, weight=(1, 1, 1), over_weights=True):
    """Add up, image by image, w_y (1 - p_y)^power (-log p_y) of changed logits."""
    total, weights = 0.0, 0.0
    for row, label in zip(batch[0].tolist(), batch[1].tolist(), strict=True):
        p = softmax_of([scale * value for value in change(row, label)])[label]
        total += weight[label] * (1 - p) ** power * -math.log(p)
        weights += weight[label]
    return total / (weights if over_weights else len(batch[1]))


def test_focal(batch):
    weight = [0.5, 1.0, 3.0]
    found = Focal(1.5, torch.tensor(weight, dtype=torch.float64))(*batch)
    expected = by_loop(batch, lambda row, _: row, power=1.5, weight=weight, over_weights=False)
    assert float(found) == pytest.approx(expected, rel=1e-12)


def test_focal_of_a_known_image_is_zero_and_has_a_gradient():
    logits = torch.tensor([[200.0, 0.0]], requires_grad=True)
    loss = Focal(0.5)(logits, torch.tensor([0]))
    loss.backward()
    assert loss.item() == 0
    assert torch.isfinite(logits.grad).all()


def test_logit_adjusted(batch):
    share = (COUNTS.double() / COUNTS.double().sum()).tolist()

    def adjusted(row, _):
        return [value + 1.7 * math.log(part) for value, part in zip(row, share, strict=True)]

    found = LogitAdjusted(COUNTS.double(), tau=1.7)(*batch)
    assert float(found) == pytest.approx(by_loop(batch, adjusted), rel=1e-12)


def test_balanced_softmax_is_logit_adjustment_of_strength_one(batch):
    found = build_loss("balanced-softmax", COUNTS.double())(*batch)
    assert torch.equal(found, build_loss("logit-adjusted", COUNTS.double(), tau=1.0)(*batch))


def test_balanced_softmax_is_fitted_by_the_log_ratio_of_a_balanced_world():
    """Two classes, no features: cross-entropy learns the log ratio of the counts, balanced softmax learns none."""
    labels = torch.tensor([0] * 90 + [1] * 10)
    for name, expected in (("cross-entropy", math.log(9)), ("balanced-softmax", 0.0)):
        bias = torch.zeros(2, dtype=torch.float64, requires_grad=True)
        loss = build_loss(name, torch.tensor([90.0, 10.0], dtype=torch.float64))
        optimizer = torch.optim.LBFGS([bias], max_iter=100)

        def closure(bias=bias, loss=loss, optimizer=optimizer):
            optimizer.zero_grad()
            value = loss(bias.expand(100, 2), labels)
            value.backward()
            return value

        optimizer.step(closure)
        assert (bias[0] - bias[1]).item() == pytest.approx(expected, abs=1e-4)


def test_an_absent_class_takes_no_part_in_balanced_softmax(batch):
    logits, labels = batch[0].clone().requires_grad_(), batch[1].clamp(max=1)
    LogitAdjusted(torch.tensor([9.0, 1.0, 0.0], dtype=torch.float64))(logits, labels).backward()
    assert (logits.grad[:, 2] == 0).all()
    assert torch.isfinite(logits.grad).all()


def test_ldam(batch):
    cosines = batch[0].tanh()
    margins = [0.5 * (count / 7) ** -0.25 for count in COUNTS.tolist()]
    weight = [0.2, 1.0, 4.0]

    def with_margin(row, label):
        return [value - margins[label] * (index == label) for index, value in enumerate(row)]

    loss = LDAM(COUNTS.double(), weight=torch.tensor(weight, dtype=torch.float64))
    expected = by_loop((cosines, batch[1]), with_margin, scale=30.0, weight=weight)
    assert float(loss(cosines, batch[1])) == pytest.approx(expected, rel=1e-10)
    np.testing.assert_allclose(ldam_margins(COUNTS.double()).numpy(), margins, rtol=1e-12)


@pytest.mark.parametrize("beta", [0.0, 0.9, 0.9999, 0.999999])
def test_effective_number_weights(beta):
    effective = [(1 - beta**count) / (1 - beta) for count in COUNTS.tolist()]
    inverse = np.array([1 / value for value in effective])
    found = effective_number_weights(COUNTS.double(), beta).numpy()
    np.testing.assert_allclose(found, 3 * inverse / inverse.sum(), rtol=1e-9)


def test_weights_of_absent_classes_are_zero_and_the_others_sum_to_their_number():
    found = effective_number_weights(torch.tensor([10.0, 0.0, 1.0]), 0.99)
    assert found[1] == 0
    assert float(found.sum()) == pytest.approx(2)


@pytest.mark.parametrize("name", NAMES)
def test_every_loss_has_a_right_gradient_and_no_state(name, batch):
    loss = build_loss(name, COUNTS.double())
    logits = (batch[0].tanh() * 0.5).requires_grad_()
    assert torch.autograd.gradcheck(lambda values: loss(values, batch[1]), logits)
    assert not loss.state_dict()


@pytest.mark.parametrize("name", NAMES)
def test_permuting_classes_changes_no_loss(name, batch):
    order = torch.tensor([2, 0, 1])
    place = torch.argsort(order)
    before = build_loss(name, COUNTS.double(), weight=COUNTS.double())(*batch)
    moved = build_loss(name, COUNTS[order].double(), weight=COUNTS[order].double())(batch[0][:, order], place[batch[1]])
    torch.testing.assert_close(moved, before)


@pytest.mark.parametrize("name", ["balanced-softmax", "logit-adjusted"])
def test_equal_counts_change_nothing(name, batch):
    equal = build_loss(name, torch.tensor([7.0, 7.0, 7.0], dtype=torch.float64))(*batch)
    torch.testing.assert_close(equal, functional.cross_entropy(*batch))


def test_deferred_changes_in_its_epoch(batch):
    loss = Deferred(build_loss("cross-entropy", COUNTS), build_loss("focal", COUNTS), first_epoch=3)
    for epoch, name in ((0, "cross-entropy"), (2, "cross-entropy"), (3, "focal"), (9, "focal")):
        loss.set_epoch(epoch)
        assert torch.equal(loss(*batch), build_loss(name, COUNTS)(*batch))


def test_mistakes_are_told():
    with pytest.raises(InputError, match="no loss 'hinge'"):
        build_loss("hinge", COUNTS)
    with pytest.raises(InputError, match="an image of every class"):
        build_loss("ldam", torch.tensor([3.0, 0.0]))
    with pytest.raises(InputError, match=r"beta is 1\.0"):
        effective_number_weights(COUNTS, 1.0)


def test_counts_may_be_whole_numbers():
    counts = torch.tensor([900, 30, 1])
    for weigh in (effective_number_weights, generalized_weights, ldam_margins):
        torch.testing.assert_close(weigh(counts), weigh(counts.float()))


@pytest.mark.parametrize("kind", [class_counts, lambda labels: class_counts(labels).tolist()])
def test_counts_may_be_arrays_and_lists(kind, batch):
    counts, logits = kind(np.repeat([0, 1, 2], [500, 60, 7])), batch[0].float()
    for name in NAMES:
        found = build_loss(name, counts, weight=effective_number_weights(counts))(logits, batch[1])
        assert found.dtype == torch.float32
        assert torch.equal(found, build_loss(name, COUNTS, weight=effective_number_weights(COUNTS))(logits, batch[1]))
    for weights in (generalized_weights, ldam_margins, log_counts, lambda counts: likelihood_weights(counts, 2.0)):
        assert torch.equal(weights(counts), weights(COUNTS))
    assert log_counts([0.5, 0.5]).dtype == torch.float32


@pytest.mark.parametrize("counts", [{"ant": 3}, ["ant", "bee"], [3, -1], [[3, 4]], 7, torch.ones(2, 2), [math.nan]])
@pytest.mark.parametrize(
    "taker",
    [
        *(LDAM, LogitAdjusted, RIDE, SADE, effective_number_weights, generalized_weights, log_counts),
        *(class_temperatures, reversed_counts),
    ],
)
def test_what_is_no_counts_is_told(taker, counts):
    with pytest.raises(InputError, match=r"^class_counts.*`longtail\.class_counts\(labels\)` counts"):
        taker(counts)
