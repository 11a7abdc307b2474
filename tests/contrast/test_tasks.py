"""The contrastive tasks against what the papers write down, step by step in plain loops."""

import copy

import pytest
import torch
from torch.nn import functional

from longtail.backbones import classifier_of, create_backbone, features_of, normalize_classifier
from longtail.contrast import BCL, ClassDirections, GPaCo, LabelledQueue, PaCo, ProCo
from longtail.errors import InputError
from longtail.losses import (
    LogitAdjusted,
    balanced_contrast,
    concentrations_of,
    directional_logits,
    parametric_contrast,
)

BATCH, COUNTS = 4, (50, 9, 1)
SETTINGS = {
    "paco": {"queue": 6, "dimension": 5, "momentum": 0.7, "temperature": 0.3, "sample_weight": 0.2},
    "gpaco": {"queue": 6, "dimension": 5, "temperature": 0.3, "sample_weight": 0.2},
    "bcl": {"dimension": 5, "temperature": 0.3, "weight": 0.4},
    "proco": {"dimension": 5, "temperature": 0.3, "weight": 0.4},
}
KINDS = {"paco": PaCo, "gpaco": GPaCo, "bcl": BCL, "proco": ProCo}
VIEWS = {"paco": 2, "gpaco": 2, "bcl": 3, "proco": 3}


def built(name, **changed):
    torch.manual_seed(0)
    model = create_backbone("digits_cnn", num_classes=3, in_chans=1)
    if name in ("bcl", "proco"):
        normalize_classifier(model, 30.0)
    return KINDS[name](model, COUNTS, **{**SETTINGS[name], **changed})


def batch(name, step):
    generator = torch.Generator().manual_seed(step)
    views = torch.rand(VIEWS[name], BATCH, 1, 8, 8, generator=generator)
    return (*views, torch.randint(0, 3, (BATCH,), generator=generator))


def unit(rows):
    return torch.stack([row / row.square().sum().sqrt() for row in rows])


class SlowPaCo:
    """Queries, keys and a list for a queue; with no key encoder, GPaCo."""

    def __init__(self, task, momentum):
        self.query = [copy.deepcopy(task.model), copy.deepcopy(task.projection)]
        self.key = copy.deepcopy(self.query) if momentum is not None else None
        self.momentum = momentum
        self.queue = [(key.clone(), -1) for key in task.queue.keys]
        self.place = 0

    def parameters(self):
        return [p for module in self.query for p in module.parameters()]

    def loss(self, first, second, labels):
        prior = torch.log(torch.tensor(COUNTS) / sum(COUNTS))
        features = features_of(self.query[0], first)
        logits = classifier_of(self.query[0])(features) + prior
        queries = unit(self.query[1](features))
        if self.momentum is None:
            features = features_of(self.query[0], second)
            logits = torch.cat([logits, classifier_of(self.query[0])(features) + prior])
            keys = unit(self.query[1](features))
        else:
            with torch.no_grad():
                for query, key in zip(self.query, self.key, strict=True):
                    for leader, follower in zip(query.parameters(), key.parameters(), strict=True):
                        follower.copy_(self.momentum * follower + (1 - self.momentum) * leader)
                keys = unit(self.key[1](features_of(self.key[0], second)))
        samples = torch.cat([queries, keys, torch.stack([key for key, _ in self.queue])])
        classes = torch.tensor([*labels, *labels, *(label for _, label in self.queue)])
        for key, label in zip(keys.detach(), labels.tolist(), strict=True):
            self.queue[self.place] = (key, label)
            self.place = (self.place + 1) % len(self.queue)
        return parametric_contrast(logits, samples, classes, temperature=0.3, sample_weight=0.2)


@pytest.mark.parametrize("name", ["paco", "gpaco"])
def test_parametric_contrast_is_the_slow_one_over_several_steps(name):
    """Six steps of four keys go round a queue of six, whose length the batch does not divide."""
    task = built(name)
    slow = SlowPaCo(task, 0.7 if name == "paco" else None)
    learning = [p for p in task.parameters() if p.requires_grad]
    optimizers = [torch.optim.SGD(p, lr=0.1, momentum=0.9) for p in (learning, slow.parameters())]
    for step in range(6):
        losses = task(*batch(name, step))[0], slow.loss(*batch(name, step))
        torch.testing.assert_close(*losses, rtol=1e-4, atol=1e-5)
        for loss, optimizer in zip(losses, optimizers, strict=True):
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        assert int(task.queue.position) == slow.place == BATCH * (step + 1) % 6
        assert task.queue.labels.tolist() == [label for _, label in slow.queue]
        torch.testing.assert_close(task.queue.keys, torch.stack([key for key, _ in slow.queue]), rtol=1e-3, atol=1e-4)
    assert (task.queue.labels >= 0).all()


def test_bcl_is_its_formula():
    task = built("bcl")
    first, second, third, labels = batch("bcl", 0)
    twin = copy.deepcopy(task)
    loss, watched = task(first, second, third, labels)
    x = features_of(twin.model, torch.cat([first, second, third]))
    z = 30 * unit(x[:BATCH]) @ unit(twin.model.fc.weight).T
    compared, prototypes = unit(twin.projection(x[BATCH:])), unit(twin.prototypes(twin.model.fc.weight))
    contrast = balanced_contrast(compared, torch.cat([labels, labels]), prototypes, temperature=0.3)
    expected = LogitAdjusted(torch.tensor(COUNTS))(z, labels) + 0.4 * contrast
    torch.testing.assert_close(loss, expected, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(watched["contrast"], contrast, rtol=1e-4, atol=1e-5)
    assert watched["accuracy"].item() == pytest.approx(100 * (z.argmax(1) == labels).float().mean().item())


def test_proco_is_its_formula_over_two_epochs():
    """Each view is taken in before it is compared; the means go on from all of the epoch before."""
    task = built("proco")
    adjusted = LogitAdjusted(torch.tensor(COUNTS))
    seen = {"before": [], "now": []}
    start = task.directions.means.clone()
    for epoch in range(2):
        task.begin_epoch(epoch)
        if epoch:
            seen = {"before": seen["now"], "now": []}
        for step in range(2):
            first, second, third, labels = batch("proco", 10 * epoch + step)
            twin = copy.deepcopy(task)
            loss, _ = task(first, second, third, labels)
            x = features_of(twin.model, torch.cat([first, second, third]))
            expected = adjusted(30 * unit(x[:BATCH]) @ unit(twin.model.fc.weight).T, labels)
            for view in unit(twin.projection(x[BATCH:])).split(BATCH):
                seen["now"] += list(zip(view.detach(), labels.tolist(), strict=True))
                everything = seen["before"] + seen["now"]
                means = start.clone() if epoch == 0 else twin.directions.means.clone()
                for c in range(3):
                    rows = [row for row, label in everything if label == c]
                    if rows:
                        means[c] = torch.stack(rows).mean(0)
                logits = directional_logits(view, means, concentrations_of(means), temperature=0.3)
                expected = expected + 0.2 * adjusted(logits, labels)
            torch.testing.assert_close(loss, expected, rtol=1e-3, atol=1e-3)


def test_directions_are_means_and_begin_an_epoch_once():
    directions = ClassDirections(3, 4)
    torch.testing.assert_close(directions.means.norm(dim=1), torch.full((3,), 0.9))
    rows, labels = functional.normalize(torch.randn(7, 4), dim=1), torch.tensor([0, 0, 1, 0, 1, 1, 1])
    untouched = directions.means[2].clone()
    for part in (slice(0, 3), slice(3, 7)):
        directions.take_in(rows[part], labels[part])
    expected = torch.stack([rows[labels == c].mean(0) for c in (0, 1)])
    torch.testing.assert_close(directions.means[:2], expected)
    assert torch.equal(directions.means[2], untouched)
    directions.begin_epoch(0)
    assert directions.sizes.tolist() == [3, 4, 0]
    directions.begin_epoch(1)
    assert (directions.sizes.tolist(), directions.new_sizes.tolist()) == ([3, 4, 0], [0, 0, 0])
    directions.take_in(rows[:1], labels[:1])
    kept = {name: tensor.clone() for name, tensor in directions.state_dict().items()}
    directions.begin_epoch(1)  # as after resuming in the midst of it
    assert all(torch.equal(tensor, kept[name]) for name, tensor in directions.state_dict().items())
    assert directions.sizes.tolist() == [4, 4, 0]


@pytest.mark.parametrize("name", KINDS)
def test_all_that_learns_gets_a_gradient_and_all_that_is_remembered_is_stored(name):
    task = built(name)
    loss, watched = task(*batch(name, 0))
    loss.backward()
    assert "accuracy" in watched
    for parameter_name, parameter in task.named_parameters():
        learns = not parameter_name.startswith("key_")
        assert (parameter.requires_grad, parameter.grad is not None) == (learns, learns), parameter_name
    for step in range(1, 4):
        task(*batch(name, step))
    again = built(name)
    again(*batch(name, 99))
    again.load_state_dict(task.state_dict())
    losses = [one(*batch(name, 5))[0] for one in (task, again)]
    assert torch.equal(*losses)
    for ours, theirs in zip(task.state_dict().values(), again.state_dict().values(), strict=True):
        assert torch.equal(ours, theirs)


@pytest.mark.parametrize("name", KINDS)
def test_under_autocast_what_is_compared_stays_in_full_precision(name):
    task = built(name)
    with torch.autocast("cpu", torch.bfloat16):
        loss, _ = task(*batch(name, 0))
    loss.backward()
    assert loss.dtype == torch.float32
    assert loss.isfinite()
    held = task.queue.keys if hasattr(task, "queue") else torch.zeros(1)
    assert held.dtype == torch.float32


def test_mistakes_are_told():
    with pytest.raises(InputError, match="temperature is 0"):
        built("bcl", temperature=0)
    with pytest.raises(InputError, match="momentum is 1"):
        built("paco", momentum=1)
    with pytest.raises(InputError, match="dimension is 1"):
        built("proco", dimension=1)
    with pytest.raises(InputError, match="a queue of 3 keys cannot take the 4 of a step"):
        built("gpaco", queue=3)(*batch("gpaco", 0))
    with pytest.raises(InputError, match="queue is 0"):
        LabelledQueue(0, 4)
