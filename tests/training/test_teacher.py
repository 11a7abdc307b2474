"""A classification that learns from another network, too."""

import pytest
import torch
from torch import nn

from longtail.errors import InputError
from longtail.losses import distillation
from longtail.training.classification import Classification
from longtail.training.mixing import Mixing
from longtail.training.teacher import Teacher


class Halves(nn.Module):
    """Says what it was given, and can be told apart in training and in evaluation."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(4, 3)
        self.norm = nn.BatchNorm1d(3)

    def forward(self, images):
        self.seen = images
        return self.norm(self.layer(images.flatten(1)))


@pytest.fixture
def batch():
    torch.manual_seed(0)
    return torch.randn(6, 1, 2, 2), torch.arange(6) % 3


def test_its_distance_is_added_with_a_weight(batch):
    images, labels = batch
    network, model = Halves().eval(), nn.Sequential(nn.Flatten(), nn.Linear(4, 3))
    task = Classification(model, teacher=Teacher(network, weight=0.7, temperature=2.0))
    loss, _ = task.train()(images, labels)
    expected = nn.functional.cross_entropy(model(images), labels)
    expected = expected + 0.7 * distillation(model(images), network(images), 2.0)
    torch.testing.assert_close(loss, expected)


def test_it_stays_as_it_is_and_is_no_part_of_the_task(batch):
    network = Halves().eval()
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    task = Classification(nn.Sequential(nn.Flatten(), nn.Linear(4, 3)), teacher=Teacher(network))
    optimizer = torch.optim.SGD(task.parameters(), lr=0.1)
    for _ in range(3):
        task.train()(*batch)[0].backward()
        optimizer.step()
    assert not network.training
    assert all(torch.equal(tensor, before[name]) for name, tensor in network.state_dict().items())
    assert all(parameter.grad is None for parameter in network.parameters())
    assert set(task.state_dict()) == {"model.1.weight", "model.1.bias"}


def test_it_sees_the_mixtures_that_its_pupil_sees(batch):
    network, model = Halves().eval(), Halves()
    Classification(model, mixing=Mixing("mixup"), teacher=Teacher(network)).train()(*batch)
    assert torch.equal(network.seen, model.seen)
    assert not torch.equal(network.seen, batch[0])


def test_of_several_experts_it_teaches_their_mean(batch):
    class Experts(nn.Module):
        def __init__(self):
            super().__init__()
            self.layers = nn.ModuleList(nn.Linear(4, 3) for _ in range(2))

        def expert_logits(self, images):
            return torch.stack([layer(images.flatten(1)) for layer in self.layers], dim=1)

    class Nothing(nn.Module):
        def forward(self, logits, labels):
            return 0 * logits.sum()

    model, network = Experts(), Halves().eval()
    loss, _ = Classification(model, Nothing(), each_expert=True, teacher=Teacher(network, temperature=1.0))(*batch)
    torch.testing.assert_close(loss, distillation(model.expert_logits(batch[0]).mean(dim=1), network(batch[0])))


def test_a_loss_added_three_times_is_three_times_the_rate_and_a_third_of_the_decay(batch):
    """By which docs/methods/ride.md has the released settings of RIDE's distillation."""
    ends = []
    for times, rate, decay in ((3, 0.1, 0.05), (1, 0.3, 0.05 / 3)):
        torch.manual_seed(1)
        task = Classification(nn.Sequential(nn.Flatten(), nn.Linear(4, 3)), teacher=Teacher(Halves().eval())).double()
        task._teacher.network.double()
        optimizer = torch.optim.SGD(task.parameters(), lr=rate, momentum=0.9, nesterov=True, weight_decay=decay)
        for _ in range(5):
            optimizer.zero_grad()
            (times * task(batch[0].double(), batch[1])[0]).backward()
            optimizer.step()
        ends.append(task.model[1].weight)
    torch.testing.assert_close(*ends, rtol=1e-4, atol=1e-6)  # of distances in float32


def test_numbers_out_of_their_range_are_told():
    with pytest.raises(InputError, match="weight"):
        Teacher(nn.Identity(), weight=-1.0)
    with pytest.raises(InputError, match="temperature"):
        Teacher(nn.Identity(), temperature=0.0)
