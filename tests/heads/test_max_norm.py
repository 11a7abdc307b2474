"""Max-norm: the projection, the steps written out, and what is chosen."""

import numpy as np
import pytest
import torch

from longtail.errors import InputError
from longtail.heads import Joint, MaxNorm
from longtail.heads.max_norm import project
from longtail.sampling import Sampler


@pytest.fixture
def linear(tailed):
    joint = Joint(random_state=0).fit(*tailed[0])
    return joint.weight_, joint.bias_


def test_projection_is_the_nearest_point_of_the_ball():
    rng = np.random.default_rng(0)
    weight = torch.from_numpy(rng.normal(size=(20, 3)))
    weight[0] = 0
    projected = weight.clone()
    project(projected, 1.2)
    for before, after in zip(weight, projected, strict=True):
        if before.norm() <= 1.2:
            assert torch.equal(before, after)
            continue
        assert float(after.norm()) == pytest.approx(1.2)
        inside = rng.normal(size=(200, 3))
        inside *= (1.2 * rng.uniform(size=(200, 1))) / np.linalg.norm(inside, axis=1, keepdims=True)
        assert float((before - after).norm()) <= np.linalg.norm(inside - before.numpy(), axis=1).min()


def test_training_equals_the_steps_written_out(tailed, linear):
    (train, codes), _ = tailed
    train = train.astype(np.float64)
    settings = {
        "epochs": 2,
        "batch_size": 32,
        "learning_rate": 0.3,
        "beta": 0.99,
        "standardise": False,
        "random_state": 5,
    }
    head = MaxNorm(0.6, 0.02, linear, **settings).fit(train, codes)
    seed = int(np.random.RandomState(5).randint(2**31 - 1))
    weight, bias = linear[0].astype(np.float64), linear[1].astype(np.float64)
    inverse = 0.01 / (1 - 0.99 ** np.bincount(codes))
    class_weight = 6 * inverse / inverse.sum()

    def shortened(weight):
        return weight * np.minimum(1, 0.6 / np.linalg.norm(weight, axis=1, keepdims=True))

    weight, velocity = shortened(weight), [np.zeros((6, 8)), np.zeros(6)]
    sampler = Sampler(codes, strategy="instance", seed=seed)
    for epoch in range(2):
        stream = sampler.epoch_indices(epoch)
        rate = 0.3 * (1 + np.cos(np.pi * epoch / 2)) / 2
        for step in range(len(stream) // 32):
            rows = stream[32 * step : 32 * (step + 1)]
            odds = np.exp(train[rows] @ weight.T + bias)
            error = odds / odds.sum(axis=1, keepdims=True)
            error[np.arange(32), codes[rows]] -= 1
            error *= (class_weight[codes[rows]] / class_weight[codes[rows]].sum())[:, None]
            velocity[0] = 0.9 * velocity[0] + error.T @ train[rows] + 0.02 * weight
            velocity[1] = 0.9 * velocity[1] + error.sum(axis=0) + 0.02 * bias
            weight, bias = shortened(weight - rate * velocity[0]), bias - rate * velocity[1]
    np.testing.assert_allclose(head.weight_, weight, rtol=1e-8, atol=1e-10)
    np.testing.assert_allclose(head.bias_, bias, rtol=1e-8, atol=1e-10)


def test_no_weight_vector_is_longer_than_the_radius(tailed, linear):
    head = MaxNorm(head=linear, random_state=0).fit(*tailed[0])
    assert head.lengths_.max() <= head.radius_ * (1 + 1e-6)
    assert head.lengths_.max() > 0.9 * head.radius_  # the ball is felt
    deviation = tailed[0][0].astype(np.float64).std(axis=0)
    np.testing.assert_allclose(np.linalg.norm(head.weight_ * deviation, axis=1), head.lengths_, rtol=1e-5)


def test_a_large_ball_changes_nothing(tailed, linear):
    train = tailed[0]
    free = MaxNorm(1e6, 5e-3, linear, random_state=0).fit(*train)
    wide = MaxNorm(float(free.lengths_.max()) * 100, 5e-3, linear, random_state=0).fit(*train)
    np.testing.assert_array_equal(wide.weight_, free.weight_)


def test_the_best_pair_is_chosen_on_validation(tailed, linear):
    (train, labels), (test, truth) = tailed
    head = MaxNorm(head=linear, shares=(0.0, 1.0), weight_decays=(0.0, 0.3), random_state=0)
    head.fit(train, labels, validation=(test, truth))
    lengths = np.linalg.norm(linear[0] * train.astype(np.float64).std(axis=0), axis=1)
    measured = {}
    for share in (0.0, 1.0):
        radius = float(lengths.min() + share * (lengths.max() - lengths.min()))
        for decay in (0.0, 0.3):
            one = MaxNorm(radius, decay, linear, random_state=0).fit(train, labels)
            predicted = one.predict(test)
            measured[share, decay] = np.mean([100 * (predicted[truth == c] == c).mean() for c in range(6)])
    assert head.curve_["grid"] == list(measured)
    np.testing.assert_allclose(head.curve_["balanced"], list(measured.values()))
    share, decay = max(measured, key=measured.get)
    assert head.weight_decay_ == decay
    assert head.radius_ == pytest.approx(lengths.min() + share * (lengths.max() - lengths.min()), rel=1e-6)
    assert head.selected_on_ == "val"


def test_without_validation_a_part_of_train_is_held_out(tailed):
    head = MaxNorm(radius=0.5, random_state=0).fit(*tailed[0])
    assert head.selected_on_ == "train-cv"
    assert head.radius_ == 0.5
    assert sum(head.curve_["totals"]) < 0.25 * len(tailed[0][1])
    assert MaxNorm(radius=0.5, weight_decay=0.01).fit(*tailed[0]).selected_on_ == "given"


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"radius": 0.0}, "radius is 0.0; expected a number above 0, or 'auto'"),
        ({"radius": "small"}, "radius is 'small'; expected a number above 0"),
        ({"weight_decay": -1.0}, "weight_decay is -1.0; expected a number of at least 0"),
        ({"radius": 1.0, "weight_decay": 0.0, "beta": 1.0}, "expected a number of at least 0 and below 1"),
    ],
)
def test_mistakes_are_told(tailed, settings, sentence):
    with pytest.raises(InputError, match=sentence):
        MaxNorm(**settings).fit(*tailed[0])
