"""The losses of RIDE and SADE against loops in float64, with gradients, and their limits."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import log_softmax

from longtail.errors import InputError
from longtail.losses import (
    LDAM,
    RIDE,
    SADE,
    Deferred,
    class_temperatures,
    effective_number_weights,
    expert_diversity,
    reversed_counts,
)

B, E, C = 5, 3, 4
COUNTS = torch.tensor([120.0, 7.0, 30.0, 2.0], dtype=torch.float64)


@pytest.fixture
def batch():
    torch.manual_seed(0)
    logits = (4 * torch.randn(B, E, C, dtype=torch.float64)).requires_grad_()
    return logits, torch.tensor([0, 1, 2, 3, 0])


def slow_ride(logits, labels, counts, settings, weight, mean=None):
    """Expert by expert and row by row, as the released code computes it; `mean` is a constant."""
    mean = logits.mean(axis=1) if mean is None else mean
    share = settings["temperature_share"]
    scales = [share * C * n / sum(counts) + 1 - share for n in counts]
    temperatures = np.array(scales) / max(scales)
    margins = [n**-0.25 * settings["largest_margin"] / max(m**-0.25 for m in counts) for n in counts]
    total = 0.0
    for e in range(logits.shape[1]):
        summed, weights, divergence = 0.0, 0.0, 0.0
        for i, y in enumerate(labels):
            shifted = logits[i, e].copy()
            shifted[y] -= settings["scale"] * margins[y]
            summed -= weight[y] * log_softmax(shifted)[y]
            weights += weight[y]
            log_mean, log_own = log_softmax(mean[i] / temperatures), log_softmax(logits[i, e] / temperatures)
            divergence += (np.exp(log_mean) * (log_mean - log_own)).sum()
        total += summed / weights - settings["diversity"] * temperatures.mean() ** 2 * divergence / len(labels)
    return total


def numeric_gradient(function, point, step=1e-6):
    gradient = np.zeros_like(point)
    for place in np.ndindex(*point.shape):
        up, down = point.copy(), point.copy()
        up[place] += step
        down[place] -= step
        gradient[place] = (function(up) - function(down)) / (2 * step)
    return gradient


@pytest.mark.parametrize("is_weighted", [False, True])
def test_ride_is_the_slow_loop_and_so_is_its_gradient(batch, is_weighted):
    logits, labels = batch
    chosen = {"diversity": 0.45, "temperature_share": 0.3, "largest_margin": 0.4, "scale": 20.0}
    weight = effective_number_weights(COUNTS, 0.99) if is_weighted else None
    loss = RIDE(COUNTS, **chosen, weight=weight)(logits, labels)
    loss.backward()
    values, constant = logits.detach().numpy(), logits.detach().numpy().mean(axis=1)
    weights = np.ones(C) if weight is None else weight.numpy()

    def slow(point):
        # the mean expert takes no gradient: it is held while each number moves
        return slow_ride(point, labels.tolist(), COUNTS.tolist(), chosen, weights, constant)

    assert loss.item() == pytest.approx(slow(values), rel=1e-12)
    np.testing.assert_allclose(logits.grad, numeric_gradient(slow, values), atol=1e-7)


def test_one_expert_or_no_diversity_is_ldam(batch):
    logits, labels = batch
    plain = LDAM(COUNTS)
    one = RIDE(COUNTS, diversity=0.7, temperature_share=0.2)(logits[:, :1], labels)
    torch.testing.assert_close(one, plain(logits[:, 0] / 30, labels))
    (gradient,) = torch.autograd.grad(one, logits, retain_graph=True)
    (expected,) = torch.autograd.grad(plain(logits[:, 0] / 30, labels), logits)
    torch.testing.assert_close(gradient, expected)
    none = RIDE(COUNTS, diversity=0.0)(logits, labels)
    torch.testing.assert_close(none, sum(plain(logits[:, e] / 30, labels) for e in range(E)))


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10**6), st.floats(0, 0.9))
def test_diversity_is_none_of_equal_experts_and_knows_no_order(seed, share):
    generator = torch.Generator().manual_seed(seed)
    logits = 5 * torch.randn(B, E, C, generator=generator, dtype=torch.float64)
    temperatures = class_temperatures(COUNTS, share)
    diversity = expert_diversity(logits, temperatures)
    assert diversity > 0
    torch.testing.assert_close(expert_diversity(logits.flip(1), temperatures), diversity)
    order = torch.randperm(C, generator=generator)
    torch.testing.assert_close(expert_diversity(logits[..., order], temperatures[order]), diversity)
    same = logits[:, :1].expand(-1, E, -1)
    assert expert_diversity(same, temperatures) == pytest.approx(0, abs=1e-12)


def test_temperatures_are_highest_of_common_classes():
    temperatures = class_temperatures(COUNTS, 0.5)
    assert temperatures.argsort(descending=True).tolist() == [0, 2, 1, 3]
    assert temperatures.max() == 1
    assert class_temperatures(COUNTS, 0.0).tolist() == [1.0] * C


def test_deferred_as_published(batch):
    logits, labels = batch
    late = RIDE(COUNTS, temperature_share=0.05, weight=effective_number_weights(COUNTS, 0.9999))
    loss = Deferred(RIDE(COUNTS), late, 160)
    loss.set_epoch(159)
    assert loss(logits, labels) == RIDE(COUNTS)(logits, labels)
    loss.set_epoch(160)
    assert loss(logits, labels) == late(logits, labels)


@pytest.mark.parametrize("tau", [0.0, 1.0, 2.0])
def test_sade_is_the_slow_loop_and_has_a_gradient(batch, tau):
    logits, labels = batch
    prior = COUNTS.numpy() / COUNTS.sum().item()
    back = np.array([2, 30, 7, 120]) / COUNTS.sum().item()
    slow = 0.0
    for i, y in enumerate(labels.tolist()):
        first, second, third = logits.detach().numpy()[i]
        told = (first, second + np.log(prior), third + np.log(prior) - tau * np.log(back))
        slow -= sum(log_softmax(one)[y] for one in told) / B
    loss = SADE(COUNTS, tau=tau)
    assert loss(logits, labels).item() == pytest.approx(slow, rel=1e-12)
    assert torch.autograd.gradcheck(lambda scores: loss(scores, labels), (logits,))


def test_sade_of_a_uniform_prior_is_cross_entropy(batch):
    logits, labels = batch
    expected = sum(torch.nn.functional.cross_entropy(logits[:, e], labels) for e in range(E))
    torch.testing.assert_close(SADE([9.0] * C, tau=2.0)(logits, labels).double(), expected)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(1, 50), min_size=2, max_size=9))
def test_reversed_counts_hold_the_same_numbers_the_other_way_round(counts):
    back = reversed_counts(counts)
    assert sorted(back.tolist()) == sorted(counts)
    given_counts = np.array(counts)
    commoner = given_counts[:, None] > given_counts[None]
    assert (back.numpy()[:, None] <= back.numpy()[None])[commoner].all()


@pytest.mark.parametrize("kind", [RIDE, SADE])
def test_they_keep_what_every_loss_keeps(batch, kind):
    """No state; any order of the classes; counts as whole numbers, arrays or lists."""
    logits, labels = batch
    loss = kind(COUNTS)
    assert not loss.state_dict()
    order = torch.tensor([2, 0, 3, 1])
    moved = kind(COUNTS[order])(logits[..., order], torch.argsort(order)[labels])
    torch.testing.assert_close(moved, loss(logits, labels))
    for counts in (COUNTS.long(), COUNTS.long().numpy(), COUNTS.long().tolist()):
        torch.testing.assert_close(kind(counts)(logits, labels), loss(logits, labels), rtol=1e-5, atol=1e-5)


def test_what_cannot_be_is_told(batch):
    logits, labels = batch
    with pytest.raises(InputError, match="SADE needs an image of every class"):
        SADE([3, 0])
    with pytest.raises(InputError, match=r"tau is -1.*at least 0"):
        SADE([3, 1], tau=-1)
    with pytest.raises(InputError, match="logits of 2 experts; expected 3"):
        SADE(COUNTS)(logits[:, :2], labels)
    with pytest.raises(InputError, match="diversity"):
        RIDE(COUNTS, diversity=-0.1)
    with pytest.raises(InputError, match="share"):
        class_temperatures(COUNTS, 1.0)
    with pytest.raises(InputError, match="an image of every class"):
        RIDE([3, 0])
    assert math.isfinite(RIDE(COUNTS)(1e4 * logits, labels).item())
