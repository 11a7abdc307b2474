"""Moving average, sharpness and capped weights: against loops, and what they must leave alone."""

import copy

import pytest
import torch
from torch import nn

from longtail.backbones import classifier_of, create_backbone
from longtail.jobs.stage_one.switches import cap_classifier
from longtail.training.classification import Classification
from longtail.training.sharpness import at_the_worst_point, held_statistics
from longtail.training.weight_average import WeightAverage


def network(seed=0):
    torch.manual_seed(seed)
    return Classification(create_backbone("digits_cnn", num_classes=3, in_chans=1))


def test_the_average_is_a_slow_loop_over_the_steps():
    task = network()
    average, optimizer = WeightAverage(task, 0.9), torch.optim.SGD(task.parameters(), lr=0.1)
    slow = {name: tensor.double().clone() for name, tensor in task.state_dict().items()}
    for step in range(30):
        loss, _ = task(torch.randn(8, 1, 8, 8), torch.arange(8) % 3)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        average.update(step)
        decay = min(0.9, (1 + step) / (10 + step))
        for name, tensor in task.state_dict().items():
            slow[name] = decay * slow[name] + (1 - decay) * tensor if tensor.is_floating_point() else tensor.double()
    for name, tensor in average.state().items():
        torch.testing.assert_close(tensor.double(), slow[name], rtol=1e-4, atol=1e-6)
    assert average.state()["model.bn1.num_batches_tracked"] == 30
    assert not torch.equal(average.state()["model.bn1.running_mean"], task.state_dict()["model.bn1.running_mean"])


def test_the_average_takes_the_place_of_the_weights_for_a_while():
    task = network()
    average = WeightAverage(task, 0.9)
    before = copy.deepcopy(task.state_dict())
    with torch.no_grad():
        for parameter in task.parameters():
            parameter.add_(1.0)
    live = copy.deepcopy(task.state_dict())
    with average.in_place():
        assert all(torch.equal(tensor, before[name]) for name, tensor in task.state_dict().items())
    assert all(torch.equal(tensor, live[name]) for name, tensor in task.state_dict().items())
    assert all(torch.equal(tensor, before[name]) for name, tensor in average.state().items())


def test_weights_that_do_not_move_keep_their_bits():
    task = network()
    average, before = WeightAverage(task, 0.99), copy.deepcopy(task.state_dict())
    for step in range(20):
        average.update(step)
    assert all(torch.equal(tensor, before[name]) for name, tensor in average.state().items())


def test_only_a_network_is_averaged():
    task = network()
    task.register_buffer("queue", torch.zeros(3))
    assert all(name.startswith("model.") for name in WeightAverage(task, 0.9).state())
    with pytest.raises(ValueError, match="no network to average"):
        WeightAverage(nn.Linear(2, 2), 0.9)
    with pytest.raises(ValueError, match="decay"):
        WeightAverage(task, 1.0)


def test_the_gradient_is_that_of_the_worst_point_and_the_weights_come_back():
    torch.manual_seed(0)
    x, y = torch.randn(20, 4, dtype=torch.float64), torch.randn(20, dtype=torch.float64)
    weight = torch.randn(4, dtype=torch.float64, requires_grad=True)
    unused = torch.ones(2, requires_grad=True)

    def gradient(at):
        return 2 * x.T @ (x @ at - y) / 20

    before = weight.detach().clone()
    ((x @ weight - y) ** 2).mean().backward()
    with at_the_worst_point([weight, unused], 0.3):
        weight.grad = None
        assert float((weight.detach() - before).norm()) == pytest.approx(0.3)
        ((x @ weight - y) ** 2).mean().backward()
    first = gradient(before)
    torch.testing.assert_close(weight.grad, gradient(before + 0.3 * first / first.norm()))
    assert torch.equal(weight, before)
    with at_the_worst_point([unused], 0.3):
        assert unused.tolist() == [1.0, 1.0]


def test_without_a_slope_nothing_moves():
    weight = torch.ones(3, requires_grad=True)
    weight.grad = torch.zeros(3)
    with at_the_worst_point([weight], 0.3):
        assert torch.equal(weight.detach(), torch.ones(3))


def test_statistics_are_those_of_the_batch_but_not_remembered():
    norm, frozen = nn.BatchNorm2d(2), nn.BatchNorm2d(2).eval()
    module = nn.Sequential(norm, frozen)
    images = torch.randn(6, 2, 3, 3) * 4 + 1
    expected = copy.deepcopy(module)(images)
    before = copy.deepcopy(module.state_dict())
    with held_statistics(module):
        torch.testing.assert_close(module(images), expected)
    assert all(torch.equal(tensor, before[name]) for name, tensor in module.state_dict().items())
    assert norm.track_running_stats
    module(images)
    assert norm.num_batches_tracked == 1
    assert frozen.num_batches_tracked == 0


def test_the_classifier_s_weights_are_capped():
    task = network()
    layer = classifier_of(task.model)
    before = layer.weight.detach().clone()
    radius = float(before.norm(dim=1).median())
    cap_classifier(task.model, radius)
    lengths = before.norm(dim=1)
    torch.testing.assert_close(layer.weight.norm(dim=1), lengths.clamp(max=radius))
    torch.testing.assert_close(nn.functional.cosine_similarity(layer.weight, before), torch.ones(3))
