"""MARC and DisAlign: corrections of a fixed head, against slow loops, the steps written out, and each other."""

import numpy as np
import pytest
import torch

from longtail.errors import InputError
from longtail.features import open_feature_file, write_features
from longtail.heads import CosineClassifier, DisAlign, Joint, MarginCalibration, MaxNorm
from longtail.heads.disalign import aligned_logits
from longtail.heads.fixed_logits import FixedLogits
from longtail.losses import generalized_weights
from longtail.sampling import Sampler

KINDS = [MarginCalibration, DisAlign]
each = pytest.mark.parametrize("kind", KINDS)


@pytest.fixture
def linear(tailed):
    joint = Joint(random_state=0).fit(*tailed[0])
    return joint.weight_, joint.bias_


def test_marc_equals_the_slow_loop(tailed, linear):
    (train, labels), (test, _) = tailed
    head = MarginCalibration(linear, rho=1.0, standardise=False, random_state=0).fit(train, labels)
    assert np.abs(head.scales_ - 1).max() > 0.01
    assert np.abs(head.shifts_).max() > 0.01
    expected, lengths = np.empty((len(test), 6)), np.linalg.norm(linear[0], axis=1)
    for i, x in enumerate(test):
        for c, (w, b) in enumerate(zip(*linear, strict=True)):
            expected[i, c] = head.scales_[c] * (w @ x + b) + head.shifts_[c] * lengths[c] / lengths.mean()
    np.testing.assert_allclose(head.logits(test), expected, rtol=1e-4, atol=1e-4)


def test_disalign_equals_the_slow_loop(tailed, linear):
    (train, labels), (test, _) = tailed
    head = DisAlign(linear, rho=1.5, random_state=0).fit(train, labels)
    expected, shares = np.empty((len(test), 6)), []
    for i, x in enumerate(test):
        s = 1 / (1 + np.exp(-(head.confidence_weight_ @ x + head.confidence_bias_[0])))
        shares.append(s)
        for c, (w, b) in enumerate(zip(*linear, strict=True)):
            z = w @ x + b
            expected[i, c] = s * (head.scales_[c] * z + head.shifts_[c]) + (1 - s) * z
    np.testing.assert_allclose(head.logits(test), expected, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(head.confidence(test), shares, rtol=1e-5)
    assert np.ptp(shares) > 0.01  # images get different shares


def steps(codes, seed, plan):
    sampler = Sampler(codes, strategy="instance", seed=seed)
    for epoch in range(plan["epochs"]):
        stream = sampler.epoch_indices(epoch)
        rate = plan["learning_rate"] * (1 + np.cos(np.pi * epoch / plan["epochs"])) / 2
        for step in range(len(stream) // plan["batch_size"]):
            yield stream[plan["batch_size"] * step : plan["batch_size"] * (step + 1)], rate


PLAN = {"epochs": 2, "batch_size": 32, "learning_rate": 0.05, "momentum": 0.0, "weight_decay": 0.1, "random_state": 5}
SEED = int(np.random.RandomState(5).randint(2**31 - 1))


def weighted_error(logits, codes, class_weight):
    odds = np.exp(logits - logits.max(axis=1, keepdims=True))
    error = odds / odds.sum(axis=1, keepdims=True)
    error[np.arange(len(codes)), codes] -= 1
    return error * (class_weight[codes] / class_weight[codes].sum())[:, None]


def test_marc_training_equals_the_steps_written_out(tailed, linear):
    (train, codes), _ = tailed
    train = train.astype(np.float64)
    head = MarginCalibration(linear, rho=1.2, standardise=False, **PLAN).fit(train, codes)
    class_weight = np.bincount(codes) ** -1.2
    z = train @ linear[0].T.astype(np.float64) + linear[1]
    lengths = np.linalg.norm(linear[0].astype(np.float64), axis=1)
    lengths /= lengths.mean()
    a, b = np.ones(6), np.zeros(6)
    for rows, rate in steps(codes, SEED, PLAN):
        error = weighted_error(a * z[rows] + b * lengths, codes[rows], class_weight)
        a = a - rate * ((error * z[rows]).sum(axis=0) + 0.1 * (a - 1))
        b = b - rate * ((error * lengths).sum(axis=0) + 0.1 * b)
    np.testing.assert_allclose(head.scales_, a, rtol=1e-8)
    np.testing.assert_allclose(head.shifts_, b, rtol=1e-8, atol=1e-10)


def test_disalign_training_equals_the_steps_written_out(tailed, linear):
    (train, codes), _ = tailed
    train = train.astype(np.float64)
    head = DisAlign(linear, rho=1.2, standardise=False, **PLAN).fit(train, codes)
    class_weight = np.bincount(codes) ** -1.2
    z = train @ linear[0].T.astype(np.float64) + linear[1]
    unit = train / np.sqrt((train**2).sum(axis=1).mean())
    a, b, v, c = np.ones(6), np.zeros(6), np.zeros(8), 0.0
    for rows, rate in steps(codes, SEED, PLAN):
        s = 1 / (1 + np.exp(-(unit[rows] @ v + c)))
        change = (a - 1) * z[rows] + b
        error = weighted_error(z[rows] + s[:, None] * change, codes[rows], class_weight)
        slope = (error * change).sum(axis=1) * s * (1 - s)
        a = a - rate * ((error * s[:, None] * z[rows]).sum(axis=0) + 0.1 * (a - 1))
        b = b - rate * ((error * s[:, None]).sum(axis=0) + 0.1 * b)
        v = v - rate * (unit[rows].T @ slope + 0.1 * v)
        c = c - rate * (slope.sum() + 0.1 * c)
    np.testing.assert_allclose(head.scales_, a, rtol=1e-8)
    np.testing.assert_allclose(head.shifts_, b, rtol=1e-8, atol=1e-10)
    np.testing.assert_allclose(
        head.confidence_weight_ * np.sqrt((train**2).sum(axis=1).mean()), v, rtol=1e-7, atol=1e-10
    )
    np.testing.assert_allclose(head.confidence_bias_, c, rtol=1e-7)


def test_the_released_codes_form_is_the_same_function():
    """(1 + s a') z + s b is the paper's form with a = a' + 1."""
    rng = torch.Generator().manual_seed(0)
    z, x = torch.randn(5, 3, generator=rng), torch.randn(5, 4, generator=rng)
    a, b, v, c = (torch.randn(n, generator=rng) for n in (3, 3, 4, 1))
    share = torch.sigmoid(x @ v + c)[:, None]
    released = (1 + share * a) * z + share * b
    torch.testing.assert_close(aligned_logits(z, x, a + 1, b, v, c), released)


@each
def test_it_starts_as_the_head(kind, tailed, linear):
    (train, labels), (test, _) = tailed
    head = kind(linear, rho=1.0, epochs=0).fit(train, labels)
    joint = Joint(linear).fit(train, labels)
    np.testing.assert_allclose(head.logits(test), joint.logits(test), rtol=1e-5, atol=1e-5)


@each
def test_even_counts_weigh_all_images_alike(kind, tailed, linear):
    (train, labels), (test, _) = tailed
    rows = np.concatenate([np.flatnonzero(labels == c)[:5] for c in range(6)])
    plain = kind(linear, rho=0.0, random_state=0).fit(train[rows], labels[rows])
    weighed = kind(linear, rho=2.0, random_state=0).fit(train[rows], labels[rows])
    np.testing.assert_allclose(weighed.logits(test), plain.logits(test), rtol=1e-4, atol=1e-4)


@each
def test_a_larger_rho_gives_more_images_to_the_rarest_class(kind, tailed, linear):
    (train, labels), (test, _) = tailed
    shares = [
        (kind(linear, rho=rho, epochs=20, random_state=0).fit(train, labels).predict(test) == 5).mean()
        for rho in (0.0, 1.0, 2.5)
    ]
    assert shares[0] < shares[1] < shares[2]


@each
def test_rho_is_chosen_on_validation(kind, tailed, linear):
    (train, labels), (test, truth) = tailed
    grid = (0.0, 1.0, 2.0)
    head = kind(linear, grid=grid, random_state=0).fit(train, labels, validation=(test, truth))
    measured = []
    for rho in grid:
        predicted = kind(linear, rho=rho, random_state=0).fit(train, labels).predict(test)
        measured.append(np.mean([100 * (predicted[truth == c] == c).mean() for c in range(6)]))
    np.testing.assert_allclose(head.curve_["balanced"], measured)
    assert head.rho_ == grid[int(np.argmax(measured))]
    assert head.selected_on_ == "val"
    same = kind(linear, rho=head.rho_, random_state=0).fit(train, labels)
    np.testing.assert_array_equal(head.logits(test), same.logits(test))
    assert same.selected_on_ == "given"


@each
def test_without_validation_a_part_of_train_is_held_out(kind, tailed):
    head = kind(random_state=0, grid=(1.0, 2.0)).fit(*tailed[0])
    assert head.selected_on_ == "train-cv"
    assert sum(head.curve_["totals"]) < 0.25 * len(tailed[0][1])


@each
def test_the_implied_prior(kind, tailed, linear):
    assert kind(linear, rho=0.0).fit(*tailed[0]).implied_prior == "train"
    assert kind(linear, rho=1.0).fit(*tailed[0]).implied_prior == "uniform"


@each
def test_computed_logits_equal_kept_ones_also_from_a_mapped_file(kind, tailed, linear, tmp_path, monkeypatch):
    (train, labels), _ = tailed
    write_features(tmp_path / "feature_train.h5", train, labels, dtype="float16")
    file = open_feature_file(tmp_path / "feature_train.h5")
    kept = kind(linear, rho=1.0, random_state=0).fit(train.astype(np.float16), labels)
    monkeypatch.setattr("longtail.heads.fixed_logits.MOST_CACHED_LOGITS", 0)
    computed = kind(linear, rho=1.0, random_state=0).fit(file.features, file.labels)
    np.testing.assert_allclose(computed.scales_, kept.scales_, rtol=1e-4)
    np.testing.assert_allclose(computed.shifts_, kept.shifts_, rtol=1e-3, atol=1e-5)


@each
def test_logits_alone_are_enough(kind, tailed, linear):
    """W = I: MARC is then vector scaling, whose loss falls below that of the head."""
    (train, labels), _ = tailed
    logits = train @ linear[0].T + linear[1]
    head = kind((np.eye(6), np.zeros(6)), rho=1.0, epochs=10, random_state=0).fit(logits, labels)
    weight = generalized_weights(torch.from_numpy(np.bincount(labels)).double(), 1.0)
    loss = torch.nn.CrossEntropyLoss(weight)
    truth = torch.from_numpy(labels)
    assert loss(torch.from_numpy(head.logits(logits)).double(), truth) < loss(torch.from_numpy(logits).double(), truth)


def test_rows_of_fixed_logits(linear):
    rng = np.random.default_rng(0)
    features = rng.normal(size=(9, 8))
    weight, bias = (torch.from_numpy(part).double() for part in linear)
    rows = np.array([3, 0, 8])
    expected = features[rows] @ weight.numpy().T + bias.numpy()
    np.testing.assert_allclose(FixedLogits(features, weight, bias)[rows], expected)
    both = FixedLogits(features, weight, bias, with_features=True)[rows]
    np.testing.assert_allclose(both, np.concatenate([expected, features[rows]], axis=1))


@each
@pytest.mark.parametrize("rho", [-1.0, "much", float("nan")])
def test_mistakes_are_told(kind, tailed, rho):
    with pytest.raises(InputError, match="expected a number from 0 to 100, or 'auto'"):
        kind(rho=rho).fit(*tailed[0])
    with pytest.raises(InputError, match="expected one of float32, bfloat16"):
        kind(rho=1.0, precision="float8").fit(*tailed[0])


@pytest.mark.parametrize("kind", [MarginCalibration, DisAlign, MaxNorm, CosineClassifier])
def test_bfloat16_learns_what_float32_does(kind, tailed):
    (train, labels), (test, truth) = tailed
    fixed = {MaxNorm: {"radius": 1.0, "weight_decay": 5e-3}, CosineClassifier: {}}.get(kind, {"rho": 1.0})
    plain = kind(random_state=0, **fixed).fit(train, labels)
    rounded = kind(random_state=0, precision="bfloat16", **fixed).fit(train, labels)
    assert not np.array_equal(rounded.logits(test), plain.logits(test))
    assert (rounded.predict(test) == plain.predict(test)).mean() > 0.97
    assert plain.score(test, truth) > 0.7
    wide = train.astype(np.float64)
    np.testing.assert_array_equal(
        kind(random_state=0, precision="bfloat16", **fixed).fit(wide, labels).logits(test),
        kind(random_state=0, **fixed).fit(wide, labels).logits(test),
    )
