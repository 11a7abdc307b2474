"""MiSLAS's second stage against its steps written out, and what it is where one of its parts is nothing."""

import numpy as np
import pytest
import torch
from torch.nn import functional

from longtail.errors import InputError
from longtail.heads import Joint, LearnableWeightScaling, MiSLAS, load_head, save_head
from longtail.heads.linear_training import SGDPlan, fit_by_sgd, fit_linear
from longtail.sampling import Sampler
from longtail.schedules import Schedule

WIDE = {"batch_size": 64, "weight_decay": 0.01, "random_state": 3}


@pytest.fixture
def trained(tailed):
    train, labels = tailed[0][0].astype(np.float64), tailed[0][1]
    joint = Joint().fit(train, labels)
    return (joint.weight_, joint.bias_), train, labels


def softmax(logits):
    odds = np.exp(logits - logits.max(axis=1, keepdims=True))
    return odds / odds.sum(axis=1, keepdims=True)


def smoothed(counts, head, tail):
    place = (counts - counts.min()) / (counts.max() - counts.min())
    return tail + (head - tail) * np.sin(np.pi / 2 * place)


def by_hand(start, features, labels, *, rate, head, tail, epochs, seed):
    """Gradients of weight, bias and factors, and their steps with momentum and decay, written out row by row."""
    weight, bias, scales = start[0].copy(), start[1].copy(), np.ones(len(start[1]))
    velocity = [np.zeros_like(part) for part in (weight, bias, scales)]
    smoothing = smoothed(np.bincount(labels), head, tail)
    sampler = Sampler(labels, strategy="class", num_epochs=epochs, run_length=4, seed=seed)
    losses = []
    for epoch in range(epochs):
        stream, found = sampler.epoch_indices(epoch), []
        for rows in np.split(stream[: len(stream) // 62 * 62], len(stream) // 62):
            of = [np.zeros_like(part) for part in (weight, bias, scales)]
            loss = 0.0
            for x, y in zip(features[rows], labels[rows], strict=True):
                scores = weight @ x + bias
                odds = softmax((scales * scores)[None])[0]
                targets = np.full(len(odds), smoothing[y] / len(odds))
                targets[y] += 1 - smoothing[y]
                loss -= targets @ np.log(odds) / len(rows)
                error = (odds - targets) / len(rows)
                of[0] += np.outer(error * scales, x)
                of[1] += error * scales
                of[2] += error * scores
            found.append(loss)
            step = 0.1 * (1 + np.cos(np.pi * epoch / epochs)) / 2
            for number, part in enumerate((weight, bias, scales)):
                velocity[number] = 0.9 * velocity[number] + of[number] + 0.01 * part
                part -= (rate if number < 2 else 1.0) * step * velocity[number]
        losses.append(np.mean(found))
    return scales[:, None] * weight, scales * bias, scales, losses


@pytest.mark.parametrize(("rate", "head", "tail"), [(0.2, 0.4, 0.1), (1.0, 0.3, 0.0)])
def test_training_equals_its_steps_written_out(trained, rate, head, tail):
    start, train, labels = trained
    parameters = {"classifier_rate": rate, "head_smoothing": head, "tail_smoothing": tail}
    ours = MiSLAS(start, standardise=False, epochs=3, **parameters, **WIDE).fit(train, labels)
    seed = int(np.random.RandomState(3).randint(2**31 - 1))
    weight, bias, scales, losses = by_hand(start, train, labels, rate=rate, head=head, tail=tail, epochs=3, seed=seed)
    np.testing.assert_allclose(ours.weight_, weight, rtol=1e-9, atol=1e-11)
    np.testing.assert_allclose(ours.bias_, bias, rtol=1e-9, atol=1e-11)
    np.testing.assert_allclose(ours.scales_, scales, rtol=1e-10)
    np.testing.assert_allclose(ours.losses_, losses, rtol=1e-6)


def test_with_a_classifier_that_stays_and_no_smoothing_it_is_lws(trained):
    start, train, labels = trained
    plain = {"classifier_rate": 0.0, "head_smoothing": 0.0, "tail_smoothing": 0.0, "standardise": False}
    ours = MiSLAS(start, epochs=4, learning_rate=0.2, **plain, **WIDE).fit(train, labels)
    lws = LearnableWeightScaling(start, epochs=4, learning_rate=0.2, **WIDE).fit(train, labels)
    np.testing.assert_allclose(ours.scales_, lws.scales_, rtol=1e-9)
    np.testing.assert_allclose(ours.weight_, lws.weight_, rtol=1e-9)


def test_with_factors_that_stay_it_is_a_layer_under_the_loss(trained):
    """The classifier of crt on smoothed targets, from a start that is given: only the factors are held."""
    start, train, labels = trained
    sampler = Sampler(labels, strategy="class", num_epochs=2, run_length=4, seed=5)
    plan = SGDPlan(2, 64, 0.2, 0.9, 0.01, Schedule("cosine-epoch"))
    layer = [torch.from_numpy(part.copy()) for part in start]
    fit_linear(train, labels, *layer, loss="label-aware", plan=plan, sampler=sampler)
    smoothing = torch.from_numpy(smoothed(np.bincount(labels), 0.4, 0.1))

    def loss(logits, codes):
        rest = smoothing[codes]
        logs = torch.log_softmax(logits, dim=1)
        return ((1 - rest) * functional.nll_loss(logs, codes, reduction="none") - rest * logs.mean(dim=1)).mean()

    weight, bias = (torch.from_numpy(part.copy()) for part in start)
    scales = torch.ones(6, dtype=torch.float64)
    held = SGDPlan(2, 64, 0.2, 0.9, 0.01, Schedule("cosine-epoch"), rates=(1.0, 1.0, 0.0))
    parameters = [weight, bias, scales]
    fit_by_sgd(
        *(train, labels, parameters, lambda rows: (rows @ weight.T + bias) * scales),
        **{"plan": held, "sampler": sampler, "loss": loss},
    )
    np.testing.assert_array_equal(scales, 1.0)
    np.testing.assert_allclose(weight, layer[0], rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(bias, layer[1], rtol=1e-9, atol=1e-12)


def test_without_epochs_it_is_the_head_that_it_starts_from(trained):
    start, train, labels = trained
    left = MiSLAS(start, epochs=0).fit(train, labels)
    np.testing.assert_allclose(left.weight_, start[0], rtol=1e-12)
    np.testing.assert_allclose(left.bias_, start[1], rtol=1e-9, atol=1e-12)


def test_it_finds_more_of_the_tail_and_is_less_sure_the_more_is_smoothed(tailed):
    (train, labels), (test, truth) = tailed
    joint = Joint().fit(train, labels)
    start = joint.weight_, joint.bias_
    ours = MiSLAS(start, random_state=0).fit(train, labels)
    rare = truth >= 3
    assert np.mean((ours.predict(test) == truth)[rare]) > np.mean((joint.predict(test) == truth)[rare]) + 0.05
    surest = MiSLAS(start, random_state=0, classifier_rate=1.0, head_smoothing=0.0).fit(train, labels)
    least = MiSLAS(start, random_state=0, classifier_rate=1.0, head_smoothing=0.6).fit(train, labels)
    assert least.predict_proba(test).max(axis=1).mean() < surest.predict_proba(test).max(axis=1).mean() - 0.05


def test_what_it_learnt_is_stored(trained, tmp_path):
    start, train, labels = trained
    head = MiSLAS(start, random_state=0, epochs=2).fit(train, labels)
    save_head(head, tmp_path / "head.npz")
    loaded = load_head(tmp_path / "head.npz")
    np.testing.assert_array_equal(loaded.scales_, head.scales_)
    assert loaded.losses_ == head.losses_
    assert loaded.implied_prior == "uniform"
    assert MiSLAS(sampling="instance").implied_prior == "train"


def test_the_tail_is_not_smoothed_more_than_the_head(tailed):
    with pytest.raises(InputError, match=r"0\.5 \(tail\) to 0\.3 \(head\); expected 0 <= tail <= head < 1"):
        MiSLAS(tail_smoothing=0.5).fit(*tailed[0])
