"""Cosines: the formula, one step against autograd written out, and what must not matter."""

import numpy as np
import pytest
import torch

from longtail.errors import InputError
from longtail.heads import CosineClassifier
from longtail.heads.linear_training import initial_linear
from longtail.sampling import Sampler


def test_logits_equal_the_slow_loop(tailed):
    (train, labels), (test, _) = tailed
    head = CosineClassifier(scale=10.0, standardise=False, random_state=0).fit(train, labels)
    expected = np.array(
        [[10 * (x @ w) / (np.linalg.norm(x) * np.linalg.norm(w)) for w in head.directions_] for x in test]
    )
    np.testing.assert_allclose(head.logits(test), expected, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(head.directions_, axis=1), 1, rtol=1e-6)


def test_training_equals_the_steps_written_out():
    """Eight steps of one epoch; the gradient of s cos is (x/|x| - cos w/|w|) s / |w|."""
    rng = np.random.default_rng(1)
    labels = np.repeat(np.arange(3), [40, 16, 8])
    features = rng.normal(size=(64, 5)) + np.eye(3, 5)[labels]
    head = CosineClassifier(
        4.0,
        standardise=False,
        epochs=1,
        learning_rate=0.3,
        momentum=0.0,
        weight_decay=0.0,
        batch_size=8,
        random_state=7,
    ).fit(features, labels)
    seed = int(np.random.RandomState(7).randint(2**31 - 1))
    w = initial_linear(3, 5, seed, torch.float64)[0].numpy()
    w = w / np.linalg.norm(w, axis=1, keepdims=True)
    unit = features / np.linalg.norm(features, axis=1, keepdims=True)
    stream = Sampler(labels, strategy="instance", seed=seed).epoch_indices(0)
    for rows in stream.reshape(8, 8):
        lengths = np.linalg.norm(w, axis=1)
        cosines = unit[rows] @ (w / lengths[:, None]).T
        odds = np.exp(4 * cosines) * np.bincount(labels)
        error = odds / odds.sum(axis=1, keepdims=True)
        error[np.arange(8), labels[rows]] -= 1
        gradient = np.zeros_like(w)
        for b in range(8):
            for c in range(3):
                gradient[c] += error[b, c] / 8 * 4 * (unit[rows][b] - cosines[b, c] * w[c] / lengths[c]) / lengths[c]
        w = w - 0.3 * gradient
    np.testing.assert_allclose(head.directions_, w / np.linalg.norm(w, axis=1, keepdims=True), rtol=1e-8, atol=1e-10)


def test_the_length_of_the_features_does_not_matter(tailed):
    (train, labels), (test, _) = tailed
    head = CosineClassifier(standardise=False, random_state=0).fit(train, labels)
    factors = np.random.default_rng(0).uniform(0.1, 10, size=(len(test), 1)).astype(np.float32)
    np.testing.assert_allclose(head.logits(test * factors), head.logits(test), rtol=1e-3, atol=1e-3)
    other = CosineClassifier(standardise=False, random_state=0).fit(4 * train, labels)
    np.testing.assert_allclose(other.logits(test), head.logits(test), rtol=1e-3, atol=1e-3)


def test_its_decisions_are_those_of_a_linear_layer(tailed):
    (train, labels), (test, _) = tailed
    head = CosineClassifier(random_state=0).fit(train, labels)
    standardised = (test - head.mean_) / head.deviation_
    np.testing.assert_array_equal((standardised @ head.directions_.T).argmax(axis=1), head.predict(test))


def test_a_learned_scale_takes_the_steps_of_its_logarithm(tailed):
    """s = 16 exp(0.1 t): t by plain gradient descent, beside the directions, by autograd on the formula."""
    train, labels = tailed[0][0].astype(np.float64), tailed[0][1]
    settings = {"loss": "cross-entropy", "standardise": False, "epochs": 1, "momentum": 0.0, "weight_decay": 0.0}
    head = CosineClassifier("learned", batch_size=50, learning_rate=0.3, random_state=7, **settings).fit(train, labels)
    seed = int(np.random.RandomState(7).randint(2**31 - 1))
    weight = torch.nn.functional.normalize(initial_linear(6, 8, seed, torch.float64)[0], dim=1).requires_grad_()
    growth = torch.zeros(1, dtype=torch.float64, requires_grad=True)
    stream = Sampler(labels, strategy="instance", seed=seed).epoch_indices(0)
    for step in range(len(labels) // 50):
        rows = torch.from_numpy(stream[50 * step : 50 * (step + 1)])
        x = torch.from_numpy(train)[rows]
        cosines = (x @ weight.T) / (x.norm(dim=1, keepdim=True) * weight.norm(dim=1))
        loss = torch.nn.functional.cross_entropy(16 * torch.exp(0.1 * growth) * cosines, torch.from_numpy(labels)[rows])
        for parameter, gradient in zip((weight, growth), torch.autograd.grad(loss, (weight, growth)), strict=True):
            with torch.no_grad():
                parameter -= 0.3 * gradient
    assert head.scale_ == pytest.approx(16 * np.exp(0.1 * growth.item()), rel=1e-9)
    assert head.scale_ != 16.0
    expected = weight / weight.norm(dim=1, keepdim=True)
    np.testing.assert_allclose(head.directions_, expected.detach(), rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize(
    ("settings", "prior"),
    [
        ({}, "uniform"),
        ({"loss": "cross-entropy"}, "train"),
        ({"loss": "cross-entropy", "sampling": "class"}, "uniform"),
    ],
)
def test_the_implied_prior(settings, prior):
    assert CosineClassifier(**settings).implied_prior == prior


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"scale": 0.0}, "expected a number above 0, or 'learned'"),
        ({"scale": "large"}, "expected a number above 0, or 'learned'"),
        ({"loss": "ldam"}, "Use ClassifierRetraining"),
        ({"loss": "hinge"}, "loss is 'hinge'; expected one of cross-entropy, focal"),
    ],
)
def test_mistakes_are_told(tailed, settings, sentence):
    with pytest.raises(InputError, match=sentence):
        CosineClassifier(**settings).fit(*tailed[0])
