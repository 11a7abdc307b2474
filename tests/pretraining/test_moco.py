"""MoCo against a slow reference: one query, one key, one entry of the queue after the other."""

import copy

import pytest
import torch

from longtail.backbones import create_backbone, features_of
from longtail.errors import InputError
from longtail.pretraining import MoCo
from longtail.pretraining.moco import info_nce

BATCH, QUEUE, RATE = 4, 12, 0.5


def built(**changed):
    torch.manual_seed(0)
    model = create_backbone("digits_cnn", num_classes=3, in_chans=1)
    settings = {"queue": QUEUE, "batch_size": BATCH, "dimension": 5, "momentum": 0.7, "temperature": 0.3}
    return MoCo(model, **{**settings, **changed})


def views(step):
    generator = torch.Generator().manual_seed(step)
    return torch.rand(2, BATCH, 1, 8, 8, generator=generator)


class SlowMoCo:
    """What He et al. write down as pseudocode, with Python loops and a list for a queue."""

    def __init__(self, task, momentum, temperature):
        self.momentum, self.temperature = momentum, temperature
        self.query = [copy.deepcopy(task.model), copy.deepcopy(task.projection)]
        self.key = [copy.deepcopy(task.key_model), copy.deepcopy(task.key_projection)]
        self.queue, self.place = [row.clone() for row in task.queue], 0

    def parameters(self):
        return [p for module in self.query for p in module.parameters() if p.requires_grad]

    def encode(self, modules, images):
        rows = modules[1](features_of(modules[0], images))
        return [row / row.square().sum().sqrt() for row in rows]

    def loss(self, first, second):
        queries = self.encode(self.query, first)
        with torch.no_grad():
            for query, key in zip(self.query, self.key, strict=True):
                for leader, follower in zip(query.parameters(), key.parameters(), strict=True):
                    follower.copy_(self.momentum * follower + (1 - self.momentum) * leader)
            keys = self.encode(self.key, second)
        losses = []
        for query, key in zip(queries, keys, strict=True):
            logits = torch.stack([query @ key, *(query @ old for old in self.queue)]) / self.temperature
            losses.append(-torch.log_softmax(logits, 0)[0])
        for key in keys:
            self.queue[self.place] = key
            self.place = (self.place + 1) % len(self.queue)
        return sum(losses) / len(losses)


def test_loss_queue_momentum_and_weights_are_the_references():
    """Eight steps of four keys go round a queue of twelve more than twice."""
    task = built()
    slow = SlowMoCo(task, 0.7, 0.3)
    learning = [p for p in task.parameters() if p.requires_grad]
    optimizers = [torch.optim.SGD(p, lr=RATE, momentum=0.9) for p in (learning, slow.parameters())]
    for step in range(8):
        first, second = views(step)
        losses = task(first, second)[0], slow.loss(first, second)
        torch.testing.assert_close(*losses, rtol=1e-4, atol=1e-5)
        for loss, optimizer in zip(losses, optimizers, strict=True):
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        assert int(task.position) == slow.place == BATCH * (step + 1) % QUEUE
        torch.testing.assert_close(task.queue, torch.stack(slow.queue), rtol=1e-3, atol=1e-4)
    for ours, theirs in ((task.model, slow.query[0]), (task.key_model, slow.key[0])):
        for name, tensor in ours.state_dict().items():
            torch.testing.assert_close(tensor, theirs.state_dict()[name], rtol=1e-3, atol=1e-4, msg=name)
    assert not torch.equal(task.key_model.conv1.weight, task.model.conv1.weight)


def test_the_key_encoder_starts_equal_and_learns_nothing_itself():
    task = built()
    for ours, theirs in zip(task.model.parameters(), task.key_model.parameters(), strict=True):
        assert torch.equal(ours, theirs)
    task(*views(0))[0].backward()
    for name, parameter in task.named_parameters():
        learns = not name.startswith(("key_", "model.fc."))
        assert (parameter.requires_grad, parameter.grad is not None) == (learns, learns), name


def test_queue_and_position_are_in_the_state_dict():
    """What goes on from a state dict goes on with the same bits."""
    whole, cut = built(), built()
    for task in (whole, cut):
        for step in range(4):
            task(*views(step))
    again = built()
    torch.manual_seed(99)
    again.queue.normal_()
    again.load_state_dict(cut.state_dict())
    losses = [task(*views(4))[0] for task in (whole, again)]
    assert torch.equal(*losses)
    assert torch.equal(whole.queue, again.queue)
    assert int(again.position) == 5 * BATCH % QUEUE


def test_one_product_is_the_cross_entropy_of_all_logits():
    q, k, n = (torch.nn.functional.normalize(torch.randn(m, 6), dim=1) for m in (5, 5, 40))
    loss, found = info_nce(q, k, n, 0.1)
    logits = torch.cat([(q * k).sum(1, keepdim=True), q @ n.T], dim=1) / 0.1
    torch.testing.assert_close(loss, torch.nn.functional.cross_entropy(logits, torch.zeros(5, dtype=torch.long)))
    assert found.item() == pytest.approx(float((logits.argmax(1) == 0).float().mean() * 100))


def test_mistakes_are_told():
    with pytest.raises(InputError, match=r"a queue of 10 keys cannot be filled by batches of 4; .* such as 8"):
        built(queue=10)
    with pytest.raises(InputError, match="temperature is 0"):
        built(temperature=0)
    with pytest.raises(InputError, match="a step has 3 images; expected batch_size, 4"):
        built()(*views(0)[:, :3])
