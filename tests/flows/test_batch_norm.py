"""Batch normalisation as a flow layer, against its Jacobian and against torch's own."""

import copy

import pytest
import torch

from longtail.flows import FlowBatchNorm


def rows_of(number, dimension, seed=0):
    x = torch.randn(number, dimension, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return x * torch.arange(1, dimension + 1) + 0.5


def test_the_layer_has_the_jacobian_of_its_running_statistics():
    norm = FlowBatchNorm(3).double()
    with torch.no_grad():
        norm.gamma.copy_(torch.tensor([0.3, -1.0, 0.0]))
        norm.beta.copy_(torch.tensor([1.0, 2.0, -3.0]))
    for seed in range(5):
        norm(2 * rows_of(40, 3, seed))
    norm.eval()
    x = rows_of(4, 3, seed=8)
    y, log_det = norm(x)
    jacobian = torch.autograd.functional.jacobian(lambda row: norm(row[None])[0][0], x[0])
    torch.testing.assert_close(log_det, torch.linalg.slogdet(jacobian).logabsdet)
    torch.testing.assert_close(norm.inverse(y), x)


def test_training_gives_the_batchs_statistics_and_torchs_running_ones():
    ours, theirs = FlowBatchNorm(3).double(), torch.nn.BatchNorm1d(3, momentum=0.1).double()
    with torch.no_grad():
        ours.gamma.copy_(torch.tensor([0.3, -1.0, 0.0]))
        ours.beta.copy_(torch.tensor([1.0, 2.0, -3.0]))
        theirs.weight.copy_(ours.gamma.exp())
        theirs.bias.copy_(ours.beta)
    mean, var = torch.zeros(3).double(), torch.ones(3).double()
    for seed in range(4):
        x = rows_of(40, 3, seed)
        y, log_det = ours(x)
        theirs(x)
        unbiased = x.var(dim=0)
        torch.testing.assert_close(y, (x - x.mean(dim=0)) / (unbiased + 1e-5).sqrt() * ours.gamma.exp() + ours.beta)
        torch.testing.assert_close(log_det, (ours.gamma - 0.5 * (unbiased + 1e-5).log()).sum())
        mean, var = 0.9 * mean + 0.1 * x.mean(dim=0), 0.9 * var + 0.1 * unbiased
        torch.testing.assert_close(ours.running_mean, mean)
        torch.testing.assert_close(ours.running_var, var)
    torch.testing.assert_close(ours.running_mean, theirs.running_mean)
    torch.testing.assert_close(ours.running_var, theirs.running_var)
    x = rows_of(7, 3, seed=9)
    torch.testing.assert_close(ours.eval()(x)[0], theirs.eval()(x))
    torch.testing.assert_close(ours.running_mean, mean)  # looked at, not learned from


def test_it_takes_the_running_statistics_for_a_single_row():
    norm = FlowBatchNorm(2).double()
    norm(rows_of(30, 2))
    x, statistics = rows_of(1, 2, seed=4), copy.deepcopy(norm.state_dict())
    in_training = norm(x)
    assert all(torch.equal(value, statistics[name]) for name, value in norm.state_dict().items())
    torch.testing.assert_close(in_training, norm.eval()(x))


def test_a_constant_feature_stays_finite():
    norm = FlowBatchNorm(2)
    y, log_det = norm(torch.full((8, 2), 1e6))
    assert torch.equal(y, torch.zeros(8, 2))
    assert log_det.isfinite()


def test_momentum_of_the_running_statistics():
    slow, fast = FlowBatchNorm(1, momentum=1.0), FlowBatchNorm(1, momentum=0.0)
    x = torch.tensor([[1.0], [3.0]])
    slow(x), fast(x)
    assert (slow.running_mean.item(), slow.running_var.item()) == (0, 1)
    assert (fast.running_mean.item(), fast.running_var.item()) == (2, 2)


@pytest.mark.parametrize("rows", [2, 9])
@pytest.mark.parametrize("sides", [1, 3])
def test_gradients_are_those_of_the_formula_written_out(rows, sides):
    norm = FlowBatchNorm(4).double()
    with torch.no_grad():
        norm.gamma.copy_(torch.tensor([0.3, -1.0, 0.0, 2.0]))
    slopes, of_log_det = rows_of(rows * sides, 4, seed=2), rows_of(rows * sides, 1, seed=3)[:, 0]

    def written_out(x):
        results = []
        for part in x.chunk(sides):
            var = part.var(dim=0) + norm.eps
            log_det = (norm.gamma - 0.5 * var.log()).sum().expand(len(part))
            results.append(((part - part.mean(dim=0)) / var.sqrt() * norm.gamma.exp() + norm.beta, log_det))
        return [torch.cat(one) for one in zip(*results, strict=True)]

    x = rows_of(rows * sides, 4).requires_grad_()
    found = []
    for y, log_det in (norm(x, sides), written_out(x)):
        loss = (y * slopes).sum() + (log_det * of_log_det).sum()
        found.append((y, log_det.expand(len(x)), *torch.autograd.grad(loss, (x, norm.gamma, norm.beta))))
    for ours, expected in zip(*found, strict=True):
        torch.testing.assert_close(ours, expected, rtol=1e-7, atol=1e-9)
