"""Training on fixed features against the same steps by hand, in other precisions, and from a mapped file."""

import numpy as np
import pytest
import torch

from longtail.errors import InputError
from longtail.features import open_feature_file, write_features
from longtail.heads import ClassifierRetraining, Joint, LearnableWeightScaling
from longtail.heads.linear_training import SGDPlan, fit_by_sgd, initial_linear
from longtail.sampling import Sampler
from longtail.schedules import Schedule

PLAN = SGDPlan(2, 32, 0.3, 0.9, 0.01, Schedule("cosine-epoch"))


def trained(features, codes, plan, seed=3):
    dtype = torch.float64 if features.dtype == np.float64 else torch.float32
    weight, bias = initial_linear(int(codes.max()) + 1, features.shape[1], seed, dtype)
    losses = fit_by_sgd(
        features,
        codes,
        [weight, bias],
        lambda rows: torch.addmm(bias, rows, weight.T),
        plan=plan,
        sampler=Sampler(codes, strategy="class", seed=seed),
    )
    return weight.numpy(), bias.numpy(), losses


def by_hand(features, codes, plan, seed=3):
    """The gradient of the softmax cross-entropy and the momentum step, written out."""
    weight, bias = (p.numpy() for p in initial_linear(int(codes.max()) + 1, features.shape[1], seed, torch.float64))
    velocity = [np.zeros_like(weight), np.zeros_like(bias)]
    sampler = Sampler(codes, strategy="class", seed=seed)
    losses = []
    for epoch in range(plan.epochs):
        stream = sampler.epoch_indices(epoch)
        steps = len(stream) // plan.batch_size
        rate = plan.learning_rate * plan.schedule.factor(epoch, 0, steps, plan.epochs)
        found = []
        for step in range(steps):
            rows = stream[step * plan.batch_size : (step + 1) * plan.batch_size]
            logits = features[rows] @ weight.T + bias
            odds = np.exp(logits - logits.max(axis=1, keepdims=True))
            error = odds / odds.sum(axis=1, keepdims=True)
            found.append(-np.log(error[np.arange(len(rows)), codes[rows]]).mean())
            error[np.arange(len(rows)), codes[rows]] -= 1
            error /= len(rows)
            for number, (parameter, gradient) in enumerate(
                [(weight, error.T @ features[rows]), (bias, error.sum(axis=0))]
            ):
                velocity[number] = plan.momentum * velocity[number] + gradient + plan.weight_decay * parameter
                parameter -= rate * velocity[number]
        losses.append(np.mean(found))
    return weight, bias, losses


@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float64, 1e-10), (np.float32, 2e-5)])
def test_training_equals_the_steps_written_out(tailed, dtype, tolerance):
    (train, codes), _ = tailed
    ours = trained(train.astype(dtype), codes, PLAN)
    expected = by_hand(train.astype(np.float64), codes, PLAN)
    for found, wanted in zip(ours[:2], expected[:2], strict=True):
        np.testing.assert_allclose(found, wanted, rtol=tolerance, atol=tolerance)
    np.testing.assert_allclose(ours[2], expected[2], rtol=1e-6)  # summed in float32


def test_eight_steps_equal_a_layer_and_a_plain_optimizer(tailed):
    """The fewest steps that an epoch has, against torch's own layer and its unfused optimizer."""
    (train, codes), _ = tailed
    plan = SGDPlan(1, len(codes), 0.3, 0.9, 0.01, Schedule("constant"))
    weight, bias, _ = trained(train, codes, plan)
    layer = torch.nn.Linear(train.shape[1], 6)
    with torch.no_grad():
        for parameter, start in zip(layer.parameters(), initial_linear(6, 8, 3, torch.float32), strict=True):
            parameter.copy_(start)
    optimizer = torch.optim.SGD(layer.parameters(), lr=0.3, momentum=0.9, weight_decay=0.01, foreach=False, fused=False)
    size = len(codes) // 8
    for rows in np.split(Sampler(codes, strategy="class", seed=3).epoch_indices(0)[: 8 * size], 8):
        optimizer.zero_grad()
        loss = torch.nn.functional.cross_entropy(layer(torch.from_numpy(train[rows])), torch.from_numpy(codes[rows]))
        loss.backward()
        optimizer.step()
    np.testing.assert_allclose(weight, layer.weight.detach(), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(bias, layer.bias.detach(), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("kind", [Joint, ClassifierRetraining, LearnableWeightScaling])
def test_bfloat16_learns_what_float32_does(kind, tailed):
    (train, labels), (test, truth) = tailed
    plain = kind(random_state=0).fit(train, labels)
    rounded = kind(random_state=0, precision="bfloat16").fit(train, labels)
    assert rounded.weight_.dtype == np.float32
    assert not np.array_equal(rounded.weight_, plain.weight_)
    assert np.linalg.norm(rounded.weight_ - plain.weight_) < 0.03 * np.linalg.norm(plain.weight_)
    assert abs(rounded.score(test, truth) - plain.score(test, truth)) <= 0.02
    assert plain.score(test, truth) > 0.4


@pytest.mark.parametrize("kind", [Joint, ClassifierRetraining, LearnableWeightScaling])
def test_bfloat16_leaves_float64_features_alone(kind, tailed):
    train, labels = tailed[0][0].astype(np.float64), tailed[0][1]
    plain = kind(random_state=0).fit(train, labels)
    asked = kind(random_state=0, precision="bfloat16").fit(train, labels)
    np.testing.assert_array_equal(asked.weight_, plain.weight_)


@pytest.mark.parametrize("kind", [Joint, ClassifierRetraining, LearnableWeightScaling])
def test_an_unknown_precision_is_refused(kind, tailed):
    with pytest.raises(InputError, match="expected one of float32, bfloat16"):
        kind(precision="float8").fit(*tailed[0])


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize("scale_bias", [True, False])
def test_lws_on_cached_logits_equals_computing_them(tailed, monkeypatch, precision, scale_bias):
    (train, labels), _ = tailed
    joint = Joint(random_state=0).fit(train, labels)
    settings = {"head": (joint.weight_, joint.bias_), "precision": precision, "scale_bias": scale_bias}
    cached = LearnableWeightScaling(**settings, random_state=0).fit(train, labels)
    monkeypatch.setattr("longtail.heads.learnable_weight_scaling.MOST_CACHED_LOGITS", 0)
    computed = LearnableWeightScaling(**settings, random_state=0).fit(train, labels)
    np.testing.assert_allclose(cached.scales_, computed.scales_, rtol=1e-4)


@pytest.mark.parametrize("stored", ["float16", "float32"])
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize("kind", [Joint, ClassifierRetraining, LearnableWeightScaling])
def test_a_mapped_file_gives_what_memory_gives(kind, tailed, tmp_path, stored, precision):
    (train, labels), _ = tailed
    write_features(tmp_path / "feature_train.h5", train, labels, dtype=stored)
    file = open_feature_file(tmp_path / "feature_train.h5")
    assert isinstance(file.features, np.memmap)
    mapped = kind(random_state=0, precision=precision).fit(file.features, file.labels)
    memory = kind(random_state=0, precision=precision).fit(train.astype(stored), labels)
    np.testing.assert_array_equal(mapped.weight_, memory.weight_)
    np.testing.assert_array_equal(mapped.bias_, memory.bias_)
    assert mapped.losses_ == memory.losses_
