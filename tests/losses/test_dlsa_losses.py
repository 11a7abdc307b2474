"""The losses of the flow filter, each against a slow loop, with their gradients."""

import math

import numpy as np
import pytest
import torch

from longtail.losses import (
    ClusterBalance,
    cluster_separation,
    likelihood_weights,
    log_counts,
    weighted_likelihood,
)


def random(*shape, seed=0, scale=1.0):
    return scale * torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def posteriors(rows, clusters, seed=0):
    return torch.softmax(random(rows, clusters, seed=seed, scale=2.0), dim=1)


@pytest.mark.parametrize("power", [0.0, 0.5, 1.0, 2.0, -1.0])
@pytest.mark.parametrize("counts", [[100, 50], [500, 31, 5, 5, 1], [7], [3, 0, 40, 0]])
def test_likelihood_weights_equal_the_slow_loop(counts, power):
    ratios = [(max(counts) / n) ** power if n else 0.0 for n in counts]
    found = likelihood_weights(torch.tensor(counts, dtype=torch.float64), power)
    np.testing.assert_allclose(found, [ratio / sum(ratios) for ratio in ratios], rtol=1e-12)
    assert found.sum().item() == pytest.approx(1)


def test_a_class_without_an_image_has_no_likelihood_weight():
    for power in (0.0, 2.0, -1.0):
        assert likelihood_weights(torch.tensor([0.0, 4.0, 8.0]), power)[0] == 0


def test_weighted_likelihood_equals_the_slow_loop():
    values, weights = random(9), random(9, seed=1).abs()
    slow = -sum(w * v for w, v in zip(weights.tolist(), values.tolist(), strict=True)) / 9
    assert weighted_likelihood(values, weights).item() == pytest.approx(slow, rel=1e-12)
    assert torch.autograd.gradcheck(lambda v: weighted_likelihood(v, weights), values.requires_grad_())


@pytest.mark.parametrize(("rows", "clusters"), [(1, 2), (8, 5), (3, 40)])
def test_separation_equals_the_slow_loop(rows, clusters):
    first, second = random(rows, clusters, scale=3.0), random(rows, clusters, seed=1, scale=3.0)
    slow = 0.0
    for a, b in zip(first.tolist(), second.tolist(), strict=True):
        total_a, total_b = (sum(math.exp(value) for value in row) for row in (a, b))
        slow += sum(math.exp(x) / total_a * math.log(math.exp(y) / total_b) for x, y in zip(a, b, strict=True)) / rows
    assert cluster_separation(first, second).item() == pytest.approx(slow, rel=1e-12)


def test_separation_has_a_gradient_for_the_second_image_alone():
    first, second = random(4, 6).requires_grad_(), random(4, 6, seed=1).requires_grad_()
    assert torch.autograd.gradcheck(lambda b: cluster_separation(first.detach(), b), second)
    cluster_separation(first, second).backward()
    assert first.grad is None
    # of a soft cross-entropy, turned round: p - q
    expected = (torch.softmax(first, dim=1) - torch.softmax(second, dim=1)) / 4
    torch.testing.assert_close(second.grad, expected.detach())


def test_separation_takes_densities_up_to_a_term_without_k():
    first, second = random(4, 6), random(4, 6, seed=1)
    shifted = cluster_separation(first - 2000, second + random(4, 1, seed=2, scale=1000))
    torch.testing.assert_close(shifted, cluster_separation(first, second))


def test_separation_in_one_cluster_is_zero():
    second = random(5, 1, seed=1).requires_grad_()
    loss = cluster_separation(random(5, 1), second)
    loss.backward()
    assert loss == 0
    assert (second.grad == 0).all()


@pytest.mark.parametrize("momentum", [0.0, 0.7, 0.99])
def test_balance_equals_the_slow_loop_over_several_steps(momentum):
    balance, average = ClusterBalance(momentum), [0.0] * 5
    for step in range(1, 8):
        batch = posteriors(6, 5, seed=step)
        mean = [sum(row[k] for row in batch.tolist()) / 6 + 1e-7 for k in range(5)]
        average = [momentum * before + (1 - momentum) * now for before, now in zip(average, mean, strict=True)]
        shares = [value / (1 - momentum**step) for value in average]
        slow = sum(share * math.log(share) for share in shares) + math.log(5)
        assert balance(batch).item() == pytest.approx(slow, rel=1e-10), step


def test_balance_has_the_gradient_of_the_current_batch_alone():
    earlier = [posteriors(6, 4, seed=seed).requires_grad_() for seed in range(3)]
    batch = posteriors(6, 4, seed=9).requires_grad_()

    def after_the_earlier(current):
        balance = ClusterBalance(0.7)
        for one in earlier:
            balance(one)
        return balance(current)

    assert torch.autograd.gradcheck(after_the_earlier, batch)
    after_the_earlier(batch).backward()
    assert all(one.grad is None for one in earlier)
    assert (batch.grad != 0).all()


def test_balance_lies_between_even_use_and_one_cluster():
    even, one = torch.full((8, 4), 0.25).double(), torch.eye(4).double()[[2] * 8]
    assert ClusterBalance()(even).item() == pytest.approx(0, abs=1e-5)
    assert ClusterBalance()(one).item() == pytest.approx(math.log(4), abs=1e-5)
    assert 0.1 < ClusterBalance()(posteriors(2, 4)).item() < math.log(4)


def test_balance_remembers_what_the_batch_does_not_show():
    """Two batches of one cluster each are, together, two clusters used alike."""
    balance = ClusterBalance(0.9)
    left, right = (torch.eye(2).double()[[k] * 4] for k in (0, 1))
    alone = balance(left).item()
    together = balance(right).item()
    assert alone == pytest.approx(math.log(2), abs=1e-4)
    assert together == pytest.approx(0, abs=0.01)


def test_balance_of_one_cluster_is_zero():
    assert ClusterBalance()(torch.ones(5, 1).double()).item() == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("floor", [0.0, 1e-6])
def test_log_counts_equal_the_slow_loop(floor):
    counts = [100, 7, 1, 0]
    slow = [math.log(n + floor) if n + floor else -math.inf for n in counts]
    np.testing.assert_allclose(log_counts(torch.tensor(counts).double(), floor=floor), slow, rtol=1e-12)


def test_balanced_softmax_is_the_cross_entropy_of_weighted_odds():
    counts, labels = torch.tensor([90.0, 9.0, 1.0]).double(), torch.tensor([0, 2, 1, 2])
    logits = random(4, 3).requires_grad_()
    loss = torch.nn.functional.cross_entropy(logits + log_counts(counts), labels)
    slow = 0.0
    for row, label in zip(logits.tolist(), labels.tolist(), strict=True):
        odds = [n * math.exp(value) for n, value in zip(counts.tolist(), row, strict=True)]
        slow -= math.log(odds[label] / sum(odds)) / 4
    assert loss.item() == pytest.approx(slow, rel=1e-12)
    assert torch.autograd.gradcheck(lambda x: torch.nn.functional.cross_entropy(x + log_counts(counts), labels), logits)


def test_balanced_softmax_gives_an_absent_class_no_gradient():
    logits = random(5, 3).requires_grad_()
    offset = log_counts(torch.tensor([4.0, 0.0, 1.0]).double())
    torch.nn.functional.cross_entropy(logits + offset, torch.tensor([0, 2, 0, 0, 0])).backward()
    assert (logits.grad[:, 1] == 0).all()
    assert (logits.grad[:, [0, 2]] != 0).all()
    # with the floor of the released code it has one, a tiny one
    logits.grad = None
    offset = log_counts(torch.tensor([4.0, 0.0, 1.0]).double(), floor=1e-6)
    torch.nn.functional.cross_entropy(logits + offset, torch.tensor([0, 2, 0, 0, 0])).backward()
    assert 0 < logits.grad[:, 1].abs().max() < 1e-5
