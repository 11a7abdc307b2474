"""The steps of our optimizers are those of torch to the last bit."""

import pytest
import torch
from torch import nn

from longtail.heads.optimizers import SGD, AdamW
from longtail.schedules import one_cycle


def network(dtype, seed=0):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(13, 37), nn.GELU(), nn.Linear(37, 5)).to(dtype)


def gradients(model, step, dtype):
    """Set the gradients of a batch that the step's number alone decides."""
    generator = torch.Generator().manual_seed(step)
    rows = torch.randn(16, 13, generator=generator, dtype=dtype)
    nn.functional.cross_entropy(model(rows), torch.arange(16) % 5).backward()


def assert_equal(ours, theirs):
    for mine, other in zip(ours.parameters(), theirs.parameters(), strict=True):
        assert torch.equal(mine, other)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(("momentum", "weight_decay"), [(0.9, 5e-4), (0.9, 0.0), (0.0, 0.1), (0.0, 0.0)])
def test_sgd_is_that_of_torch(dtype, momentum, weight_decay):
    ours, theirs = network(dtype), network(dtype)
    optimizer = SGD(ours.parameters(), momentum=momentum, weight_decay=weight_decay)
    reference = torch.optim.SGD(theirs.parameters(), lr=1.0, momentum=momentum, weight_decay=weight_decay, fused=True)
    for step in range(25):
        rate = 0.3 / (1 + step)
        reference.param_groups[0]["lr"] = rate
        optimizer.zero_grad()
        reference.zero_grad()
        gradients(ours, step, dtype)
        gradients(theirs, step, dtype)
        optimizer.step(rate)
        reference.step()
    assert_equal(ours, theirs)
    assert not torch.equal(ours[0].weight, network(dtype)[0].weight)


def test_rates_are_those_of_groups_of_torch():
    ours, theirs = network(torch.float64), network(torch.float64)
    optimizer = SGD(ours.parameters(), momentum=0.9, weight_decay=0.1, rates=(0.2, 1.0, 0.2, 0.0))
    weight, bias, *others = theirs.parameters()
    groups = [{"params": [weight, others[0]], "lr": 0.02}, {"params": [bias]}, {"params": others[1:], "lr": 0.0}]
    reference = torch.optim.SGD(groups, lr=0.1, momentum=0.9, weight_decay=0.1, fused=True)
    for step in range(9):
        optimizer.zero_grad()
        reference.zero_grad()
        gradients(ours, step, torch.float64)
        gradients(theirs, step, torch.float64)
        optimizer.step(0.1)
        reference.step()
    for mine, other in zip(ours.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(mine, other, rtol=1e-12, atol=0.0)  # 0.2 x 0.1 is rounded


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(("steps", "rise"), [(25, 0.1), (7, 2 / 7), (2, 1.0)])
def test_adamw_in_one_cycle_is_that_of_torch(dtype, steps, rise):
    ours, theirs = network(dtype), network(dtype)
    optimizer = AdamW(ours.parameters(), weight_decay=0.05)
    reference = torch.optim.AdamW(theirs.parameters(), lr=0.01, weight_decay=0.05, fused=True)
    schedule = torch.optim.lr_scheduler.OneCycleLR(reference, 0.01, total_steps=steps, pct_start=rise)
    for step in range(steps - 1):
        optimizer.zero_grad()
        reference.zero_grad()
        gradients(ours, step, dtype)
        gradients(theirs, step, dtype)
        rate, beta1 = one_cycle(step, steps, 0.01, rise)
        assert (rate, beta1) == (reference.param_groups[0]["lr"], reference.param_groups[0]["betas"][0])
        optimizer.step(rate, beta1=beta1)
        reference.step()
        schedule.step()
    assert_equal(ours, theirs)
    assert not torch.equal(ours[0].weight, network(dtype)[0].weight)


@pytest.mark.parametrize("kind", ["sgd", "adamw"])
def test_what_has_no_gradient_stays(kind):
    model = network(torch.float32)
    model[0].requires_grad_(False)
    if kind == "sgd":
        optimizer = SGD(model.parameters(), momentum=0.9, weight_decay=0.1)
        steps = [lambda: optimizer.step(0.1)] * 2
    else:
        optimizer = AdamW(model.parameters(), weight_decay=0.1)
        steps = [lambda: optimizer.step(0.1, beta1=0.9)] * 2
    for number, move in enumerate(steps):
        optimizer.zero_grad()
        gradients(model, number, torch.float32)
        move()
    assert torch.equal(model[0].weight, network(torch.float32)[0].weight)
    assert not torch.equal(model[2].weight, network(torch.float32)[2].weight)
