"""Estimated priors where the truth is known: mixtures of Gaussians, exact posteriors, and classifiers that are not."""

import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize
from scipy.stats import norm

from longtail.errors import InputError
from longtail.priors import (
    confusion_matrix,
    estimate_prior_bbse,
    estimate_prior_em,
    fit_bias_correction,
    prior_interval,
)

CENTERS = np.array([0.0, 2.0, 3.5])
SOURCE, TARGET = np.array([0.7, 0.2, 0.1]), np.array([0.15, 0.25, 0.6])


def draw(prior, number, seed):
    rng = np.random.default_rng(seed)
    labels = rng.choice(3, size=number, p=prior)
    return CENTERS[labels] + rng.normal(size=number), labels


def posterior(x, prior=SOURCE):
    joint = norm.pdf(x[:, None], loc=CENTERS) * prior
    return joint / joint.sum(axis=1, keepdims=True)


def softmax(logits):
    exponentials = np.exp(logits - logits.max(axis=1, keepdims=True))
    return exponentials / exponentials.sum(axis=1, keepdims=True)


def distance(prior, other):
    return 0.5 * np.abs(prior - other).sum()


def test_em_finds_the_true_prior_and_its_likelihood_never_falls():
    x, labels = draw(TARGET, 20_000, 0)
    found = estimate_prior_em(posterior(x), SOURCE)
    assert found.converged
    assert distance(found.prior, np.bincount(labels) / len(labels)) < 0.02
    assert np.diff(found.log_likelihood).min() > -1e-8
    assert len(found.log_likelihood) == found.iterations + 1


def test_em_is_the_maximum_of_the_likelihood():
    """A general optimiser over softmax(u) finds no better prior."""
    x, _ = draw(TARGET, 500, 1)
    p = posterior(x)

    def negative(u):
        return -np.log((p * softmax(u[None]) / SOURCE).sum(axis=1)).sum()

    options = {"xatol": 1e-8, "fatol": 1e-10, "maxiter": 2000}
    best = minimize(negative, np.zeros(3), method="Nelder-Mead", options=options)
    found = estimate_prior_em(p, SOURCE, tolerance=1e-10, iterations=5000)
    assert found.log_likelihood[-1] == pytest.approx(-best.fun, abs=1e-5)
    np.testing.assert_allclose(found.prior, softmax(best.x[None])[0], atol=1e-4)


def plain_em(p, source, weights, steps):
    """The equations of Saerens et al., one step after the other."""
    shares = np.array(source)
    for _ in range(steps):
        joint = p * (shares / source)
        shares = (weights[:, None] * joint / joint.sum(axis=1, keepdims=True)).sum(axis=0) / weights.sum()
    return shares


def test_moving_on_finds_what_thousands_of_plain_steps_find():
    """Of classes that are hard to tell apart plain EM crawls."""
    labels = np.random.default_rng(3).choice(3, size=4000, p=TARGET)
    x = 0.25 * CENTERS[labels] + np.random.default_rng(4).normal(size=4000)
    joint = norm.pdf(x[:, None], loc=0.25 * CENTERS) * SOURCE
    p = joint / joint.sum(axis=1, keepdims=True)
    found = estimate_prior_em(p, SOURCE, tolerance=1e-8, iterations=2000)
    assert found.converged
    assert found.iterations < 300
    assert np.diff(found.log_likelihood).min() > -1e-8
    np.testing.assert_allclose(found.prior, plain_em(p, SOURCE, np.ones(4000), 10_000), atol=2e-3)
    assert np.abs(plain_em(p, SOURCE, np.ones(4000), found.iterations) - found.prior).sum() > 0.01


def test_weights_stand_for_rows_drawn_again(monkeypatch):
    x, _ = draw(TARGET, 400, 4)
    p, rows = posterior(x), np.random.default_rng(0).integers(400, size=400)
    times = np.bincount(rows, minlength=400)
    settings = {"pseudo_count": 1.0, "tolerance": 1e-10}
    expected = estimate_prior_em(p[rows], SOURCE, **settings).prior
    np.testing.assert_allclose(estimate_prior_em(p, SOURCE, weights=times, **settings).prior, expected, atol=1e-8)
    monkeypatch.setattr("longtail.priors.likelihood.ROWS", 37)
    np.testing.assert_allclose(estimate_prior_em(p, SOURCE, weights=times, **settings).prior, expected, atol=1e-8)
    single = p.astype(np.float32)
    np.testing.assert_allclose(estimate_prior_em(single, SOURCE, weights=times, **settings).prior, expected, atol=1e-5)
    _, labels = draw(SOURCE, 400, 5)
    validation = posterior(draw(SOURCE, 400, 5)[0])
    redrawn = estimate_prior_bbse(validation, labels, p[rows], 3).prior
    weighed = estimate_prior_bbse(validation, labels, p, 3, target_weights=times).prior
    np.testing.assert_allclose(weighed, redrawn, atol=1e-8)


def test_without_shift_the_source_comes_back():
    x, _ = draw(SOURCE, 200_000, 2)
    assert distance(estimate_prior_em(posterior(x), SOURCE).prior, SOURCE) < 0.005


def test_the_true_prior_is_a_fixed_point():
    """On a grid that carries the exact mixture density, one step from the true prior changes nothing."""
    grid = np.linspace(-8, 12, 4001)
    density = norm.pdf(grid[:, None], loc=CENTERS) @ TARGET
    rows = np.repeat(np.arange(len(grid)), np.round(5000 * density).astype(int))
    found = estimate_prior_em(posterior(grid)[rows], SOURCE, start=TARGET, tolerance=1e-3)
    assert found.iterations == 1
    np.testing.assert_allclose(found.prior, TARGET, atol=5e-4)


@given(st.integers(0, 2**31), st.permutations(range(3)))
def test_renaming_classes_renames_the_estimates(seed, order):
    x, labels = draw(TARGET, 200, seed)
    labels[:3] = range(3)
    p, order = posterior(x), np.array(order)
    before = estimate_prior_em(p, SOURCE, pseudo_count=1.0).prior
    after = estimate_prior_em(p[:, order], SOURCE[order], pseudo_count=1.0).prior
    np.testing.assert_allclose(after, before[order], atol=1e-9)
    before = estimate_prior_bbse(p, labels, p[:50], 3).prior
    after = estimate_prior_bbse(p[:, order], np.argsort(order)[labels], p[:50][:, order], 3).prior
    np.testing.assert_allclose(after, before[order], atol=1e-6)


def test_pseudo_counts_keep_a_class_that_is_not_seen():
    p = np.array([[0.999, 0.001]] * 50)
    assert estimate_prior_em(p, [0.5, 0.5]).prior[1] < 1e-3
    found = estimate_prior_em(p, [0.5, 0.5], pseudo_count=1.0)
    assert found.prior[1] == pytest.approx(1 / 52, rel=0.1)
    assert np.diff(found.log_likelihood).min() > -1e-8


def test_a_class_without_source_share_keeps_none():
    found = estimate_prior_em([[0.6, 0.4, 0.0]] * 10, [0.5, 0.5, 0.0], pseudo_count=1.0)
    assert found.prior[2] == 0
    assert found.prior.sum() == pytest.approx(1)


def test_biased_probabilities_give_a_wrong_prior_and_bias_correction_mends_it():
    """Class 0 is given too much everywhere, and all is too sure: EM alone is off, and more rows do not help."""
    (x, _), (v, labels) = draw(TARGET, 20_000, 3), draw(SOURCE, 5_000, 4)

    def skewed(points):
        return 1.5 * (np.log(posterior(points)) + np.array([1.5, 0.0, 0.0]))

    raw = estimate_prior_em(softmax(skewed(x)), SOURCE).prior
    correction = fit_bias_correction(skewed(v), labels, SOURCE)
    mended = estimate_prior_em(softmax(correction.apply(skewed(x))), SOURCE).prior
    assert distance(raw, TARGET) > 0.1
    assert distance(mended, TARGET) < 0.03
    assert correction.temperature == pytest.approx(1.5, abs=0.1)


def test_bias_correction_allows_for_how_the_labelled_images_are_distributed():
    """Labelled images from another world than the logits mean: nothing is to be corrected."""
    v, labels = draw(np.array([0.2, 0.3, 0.5]), 20_000, 5)
    correction = fit_bias_correction(np.log(posterior(v)), labels, SOURCE)
    assert correction.temperature == pytest.approx(1, abs=0.05)
    assert np.abs(correction.bias - correction.bias.mean()).max() < 0.1


def test_corrected_probabilities_are_right_on_average():
    """At the optimum without shrinkage, the mean probability of each class is its share of the labelled images."""
    v, labels = draw(SOURCE, 800, 6)
    logits = 2 * np.log(posterior(v)) + np.array([0.0, 1.0, -1.0])
    correction = fit_bias_correction(logits, labels, SOURCE, shrinkage=0.0)
    own = np.bincount(labels) / len(labels)
    p = softmax(correction.apply(logits) + np.log(own) - np.log(SOURCE))
    np.testing.assert_allclose(p.mean(axis=0), own, atol=1e-3)


def test_a_class_without_a_labelled_image_keeps_its_bias():
    v, labels = draw(SOURCE, 800, 7)
    seen = labels != 2
    correction = fit_bias_correction(np.log(posterior(v[seen])), labels[seen], SOURCE)
    assert np.isfinite(correction.bias).all()
    assert correction.bias[2] == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("soft", [False, True])
def test_bbse_finds_the_true_prior_with_a_classifier_that_is_not_calibrated(soft):
    (v, labels), (x, truth) = draw(SOURCE, 20_000, 8), draw(TARGET, 20_000, 9)

    def predict(points):
        p = softmax(3 * np.log(posterior(points)) + np.array([0.0, 2.0, 4.0]))
        return p if soft else p.argmax(axis=1)

    found = estimate_prior_bbse(predict(v), labels, predict(x), 3)
    assert distance(found.prior, np.bincount(truth) / len(truth)) < 0.03
    assert found.warning is None


@pytest.mark.parametrize("share", [0.1, 0.45, 0.9])  # below 0.3 and above 0.6 no prior explains it
def test_bbse_is_the_exact_minimum_on_the_simplex(share):
    matrix = np.array([[0.6, 0.3], [0.4, 0.7]])
    labels = np.repeat([0, 1], 10)
    predictions = np.concatenate([np.repeat([0, 1], [6, 4]), np.repeat([0, 1], [3, 7])])
    np.testing.assert_allclose(confusion_matrix(predictions, labels, 2), matrix)
    target = np.repeat([0, 1], [round(100 * share), 100 - round(100 * share)])
    grid = np.stack([np.linspace(0, 1, 1001), 1 - np.linspace(0, 1, 1001)])
    best = grid[:, np.linalg.norm(matrix @ grid - [[share], [1 - share]], axis=0).argmin()]
    np.testing.assert_allclose(estimate_prior_bbse(predictions, labels, target, 2).prior, best, atol=1e-3)


def test_bbse_counts_a_million_predictions_in_little_memory():
    rng = np.random.default_rng(0)
    labels, target = np.arange(2000) % 200, rng.integers(200, size=1_000_000)
    tracemalloc.start()
    found = estimate_prior_bbse(labels, labels, target, 200)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    np.testing.assert_allclose(found.prior, np.bincount(target) / len(target), atol=1e-9)
    assert peak < 100e6  # one-hot rows would be 1.6 GB


def test_bbse_says_when_classes_cannot_be_told_apart():
    labels = np.repeat([0, 1, 2], 4)
    predictions = np.array([0, 0, 0, 0, 1, 1, 2, 2, 1, 1, 2, 2])
    found = estimate_prior_bbse(predictions, labels, np.array([0, 1, 2]), 3)
    assert found.condition == np.inf
    assert "has no inverse" in found.warning


def test_the_interval_covers_the_true_share_about_as_often_as_it_says():
    covered = []
    for seed in range(25):
        x, _ = draw(TARGET, 300, seed)
        p = posterior(x)
        low, high = prior_interval(
            lambda times, p=p: estimate_prior_em(p, SOURCE, weights=times, tolerance=1e-4).prior, 300, resamples=60
        )
        covered.append((low <= TARGET) & (high >= TARGET))
    assert 0.85 < np.mean(covered) < 1


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (lambda: estimate_prior_em(np.ones((2, 3)), [1 / 3] * 3), "row 0 sums to 3"),
        (lambda: estimate_prior_em(np.array([[1.5, -0.5]]), [0.5, 0.5]), r"smallest number is -0.5"),
        (lambda: estimate_prior_em(np.zeros((0, 2)), [0.5, 0.5]), "N > 0"),
        (lambda: estimate_prior_em([[0.5, 0.5]], [0.2, 0.3, 0.5]), "the 2 classes"),
        (lambda: estimate_prior_em([[0.5, 0.5]], [0.5, 0.5], pseudo_count=-1.0), "pseudo_count is -1"),
        (lambda: estimate_prior_bbse([0, 0], [0, 0], [0, 1], 2), "class 1 has no labelled image"),
        (lambda: estimate_prior_bbse([0, 2], [0, 1], [0, 1], 2), "expected 0 to 1"),
        (lambda: estimate_prior_bbse([0, 1], [0, 1], [0.5], 2), "type float64"),
        (lambda: confusion_matrix([0, 1], [0], 2), "one label for each"),
        (lambda: confusion_matrix([0, 1], [0, -1], 2), "out of range"),
        (lambda: fit_bias_correction(np.zeros((2, 2)), [0, 2], [0.5, 0.5]), "out of range"),
        (lambda: fit_bias_correction(np.zeros((0, 2)), [], [0.5, 0.5]), "N > 0"),
        (lambda: prior_interval(lambda times: np.ones(2) / 2, 0), "0 rows, 100 resamples"),
        (lambda: prior_interval(lambda times: np.ones(2) / 2, 5, level=95), "level 95"),
        (lambda: estimate_prior_em([[0.5, 0.5]], [0.5, 0.5], iterations=0), "iterations 0"),
        (lambda: estimate_prior_em([[0.5, 0.5]], [0.5, 0.5], tolerance=np.nan), "tolerance nan"),
        (lambda: estimate_prior_em([[0.5, 0.5]], [0.5, 0.5], pseudo_count=np.inf), "pseudo_count is inf"),
        (lambda: estimate_prior_em([["a", "b"]], [0.5, 0.5]), "expected a row of C"),
        (lambda: estimate_prior_em([[0.5, 0.5]], [0.5, 0.5], weights=[-1]), "expected a number of at least 0"),
        (lambda: estimate_prior_em([[0.5, 0.5]], [0.5, 0.5], weights=[1, 2]), "1 rows"),
        (lambda: fit_bias_correction([[np.nan, 0.0]], [0], [0.5, 0.5]), "NaN or infinity"),
        (lambda: fit_bias_correction([[1.0, 0.0]], [0], [0.5, 0.5], shrinkage=-1), "shrinkage is -1"),
        (lambda: confusion_matrix([[np.nan, 0.0]], [0], 2), "NaN or infinity"),
    ],
)
def test_mistakes_are_told(call, told):
    with pytest.raises(InputError, match=told):
        call()
