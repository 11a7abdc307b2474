"""Classifiers with class weights, at once or deferred, against stage 1's loss and the steps written out."""

import numpy as np
import pytest
import torch
from torch.nn import functional

from longtail.errors import InputError
from longtail.evaluation import accuracy_report
from longtail.heads import ClassifierRetraining
from longtail.heads.linear_training import Reweighting, SGDPlan, fit_linear, initial_linear
from longtail.jobs.options import StageOneOptions
from longtail.jobs.stage_one.objective import objective_of
from longtail.sampling import Sampler
from longtail.schedules import Schedule


def trained(features, codes, loss, reweighting, epochs):
    weight, bias = initial_linear(int(codes.max()) + 1, features.shape[1], 3, torch.float64)
    plan = SGDPlan(epochs, 64, 0.1, 0.9, 0.01, Schedule("constant"))
    losses = fit_linear(
        features,
        codes,
        weight,
        bias,
        loss=loss,
        plan=plan,
        sampler=Sampler(codes, strategy="instance", seed=3),
        reweighting=reweighting,
    )
    return weight.numpy(), bias.numpy(), losses


@pytest.mark.parametrize("loss", ["cross-entropy", "balanced-softmax", "ldam"])
@pytest.mark.parametrize("start", [0.0, 0.5])
def test_weights_and_their_deferral_are_those_of_stage_one(tailed, loss, start):
    """The same rows through stage 1's own objective, its epoch set from outside, and torch's plain optimizer."""
    (features, codes), _ = tailed
    features = features.astype(np.float64)
    ours = trained(features, codes, loss, Reweighting(0.999, start), epochs=4)
    stage = StageOneOptions(loss=loss, reweight=True, beta=0.999, rebalance_from=start, epochs=4)
    objective = objective_of(stage, codes, 6)
    weight, bias = (p.requires_grad_() for p in initial_linear(6, 8, 3, torch.float64))
    optimizer = torch.optim.SGD([weight] if loss == "ldam" else [weight, bias], lr=0.1, momentum=0.9, weight_decay=0.01)
    sampler = Sampler(codes, strategy="instance", seed=3)
    size = min(64, len(codes) // 8)
    means = []
    for epoch in range(4):
        if objective.before_epoch is not None:
            objective.before_epoch(epoch)
        stream = sampler.epoch_indices(epoch)
        found = []
        for step in range(len(stream) // size):
            rows = stream[step * size : (step + 1) * size]
            batch = torch.from_numpy(features[rows])
            if loss == "ldam":
                logits = functional.normalize(batch, dim=1) @ functional.normalize(weight, dim=1).T
            else:
                logits = batch @ weight.T + bias
            value = objective.loss.double()(logits, torch.from_numpy(codes[rows]))
            optimizer.zero_grad()
            value.backward()
            optimizer.step()
            found.append(value.item())
        means.append(np.mean(found))
    expected = functional.normalize(weight, dim=1) if loss == "ldam" else weight
    np.testing.assert_allclose(ours[0], expected.detach(), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(ours[2], means, rtol=1e-5)


def test_the_weighted_loss_of_one_batch_equals_the_slow_loop(tailed):
    (features, codes), _ = tailed
    counts = np.bincount(codes)
    inverse = (1 - 0.999) / (1 - 0.999**counts)
    weights = 6 * inverse / inverse.sum()
    weight, bias = initial_linear(6, 8, 3, torch.float64)
    total = share = 0.0
    for x, y in zip(features.astype(np.float64), codes, strict=True):
        logits = weight.numpy() @ x + bias.numpy()
        total += weights[y] * (np.log(np.exp(logits).sum()) - logits[y])
        share += weights[y]
    one = SGDPlan(1, len(codes), 1e-9, 0.0, 0.0, Schedule("constant"), fewest_steps=1)
    found = fit_linear(
        features.astype(np.float64),
        codes,
        weight,
        bias,
        loss="cross-entropy",
        plan=one,
        sampler=Sampler(codes, strategy="instance", seed=0),
        reweighting=Reweighting(0.999),
    )
    assert found[0] == pytest.approx(total / share, rel=1e-6)


def test_even_counts_change_nothing():
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(4), 20)
    features = rng.normal(size=(80, 5)) + np.eye(4, 5)[labels]
    for solver in ("sgd", "lbfgs"):
        shared = {"sampling": "instance", "solver": solver, "random_state": 0}
        plain = ClassifierRetraining(**shared).fit(features, labels)
        others = [{"reweight": True}, {"loss": "balanced-softmax"}]
        if solver == "sgd":
            others.append({"reweight": True, "rebalance_from": 0.5})
        for settings in others:
            other = ClassifierRetraining(**shared, **settings).fit(features, labels)
            np.testing.assert_allclose(other.weight_, plain.weight_, rtol=1e-8, atol=1e-10)


def test_no_weights_before_their_time(tailed):
    """With the last tenth of ten epochs rebalanced, the first nine are those of a training without weights."""
    train = tailed[0]
    shared = {"sampling": "instance", "loss": "ldam", "random_state": 0}
    plain = ClassifierRetraining(epochs=10, **shared).fit(*train)
    deferred = ClassifierRetraining(reweight=True, epochs=10, rebalance_from=0.9, **shared).fit(*train)
    assert deferred.losses_[:9] == plain.losses_[:9]
    assert deferred.losses_[9] != plain.losses_[9]


def test_each_way_finds_the_rare_classes(tailed):
    (train, labels), (test, truth) = tailed
    few = {}
    for name, settings in {
        "plain": {},
        "bsm": {"loss": "balanced-softmax"},
        "cb": {"reweight": True},
        "margins": {"loss": "ldam"},
        "ldam": {"loss": "ldam", "reweight": True, "rebalance_from": 0.8},
    }.items():
        head = ClassifierRetraining(sampling="instance", random_state=0, **settings).fit(train, labels)
        few[name] = accuracy_report(truth, head.predict(test), np.bincount(labels))["few"]
    assert min(few["bsm"], few["cb"]) > few["plain"]
    assert few["ldam"] > few["margins"]


@pytest.mark.parametrize(
    ("settings", "prior"),
    [
        ({"sampling": "instance"}, "train"),
        ({"sampling": "class"}, "uniform"),
        ({"sampling": "instance", "loss": "balanced-softmax"}, "uniform"),
        ({"sampling": "instance", "reweight": True}, "uniform"),
        ({"sampling": "instance", "reweight": True, "beta": 0.0}, "train"),
    ],
)
def test_the_implied_prior(settings, prior):
    assert ClassifierRetraining(**settings).implied_prior == prior


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"reweight": True, "rebalance_from": 1.0}, "expected a number of at least 0 and below 1"),
        ({"rebalance_from": 0.5}, "nothing is rebalanced. Add reweight=True"),
        ({"reweight": True, "beta": 1.0}, "beta is 1.0; expected a number of at least 0 and below 1"),
    ],
)
def test_mistakes_are_told(tailed, settings, sentence):
    with pytest.raises(InputError, match=sentence):
        ClassifierRetraining(**settings).fit(*tailed[0])
