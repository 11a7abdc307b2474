"""Calibrations against autograd, on logits whose right scale is known, and the choice between them."""

import json

import numpy as np
import pytest
import torch
from scipy.special import softmax

from longtail.errors import InputError
from longtail.evaluation.scaling import SCALINGS, Calibrator, fit_calibrator, image_weights
from longtail.evaluation.scaling_choice import choose_calibrator, out_of_fold_logits
from longtail.holdout import stratified_folds

GROUPS = np.array(["many", "medium", "few", "few"])


def made_up(images=600, seed=0, factor=1.0, shares=(0.6, 0.25, 0.1, 0.05)):
    """Logits whose softmax is the probability of the label; given multiplied by a factor."""
    rng = np.random.default_rng(seed)
    labels = rng.choice(len(shares), size=images, p=shares)
    # of Gaussians around 1.5 e_c, this is the logarithm of the posterior but for a constant
    logits = 1.5 * (1.5 * np.eye(len(shares))[labels] + rng.normal(size=(images, len(shares)))) + np.log(shares)
    return factor * logits, labels


def slow_objective(logits, labels, method, weights, offset, shrinkage, parameters):
    """The objective in its own words, an image at a time, for autograd."""
    start = torch.log_softmax(torch.from_numpy(logits), dim=1)
    common, moved, by_class = parameters
    doubt = 1 / (weights.sum() ** 2 / (weights**2).sum() + 2)
    total = shrinkage / 2 * ((moved**2).sum() + (by_class**2).sum())
    for i, label in enumerate(labels):
        if method == "group":
            k = {"many": 0, "medium": 1, "few": 2}[str(GROUPS[int(start[i].argmax())])]
            row = start[i] * torch.exp(common + by_class[k]) + torch.from_numpy(offset)
        else:
            row = start[i] * torch.exp(common + by_class) + torch.from_numpy(offset) + moved
        other = max((c for c in range(len(row)) if c != label), key=lambda c: float(start[i, c]))
        log_p = torch.log_softmax(row, dim=0)
        total = total - weights[i] * ((1 - doubt) * log_p[label] + doubt * log_p[other])
    return total


@pytest.mark.parametrize("method", ["temperature", "group", "bias", "vector"])
def test_the_fit_is_the_minimum_that_autograd_finds(method):
    logits, labels = made_up(120, factor=3.0)
    prior, implied = np.array([0.3, 0.3, 0.2, 0.2]), np.array([0.7, 0.1, 0.1, 0.1])
    weights = image_weights(labels, prior)
    offset = np.log(prior / implied)
    sizes = {"temperature": (0, 0), "group": (0, 3), "bias": (4, 0), "vector": (4, 4)}[method]
    parameters = [torch.zeros(size, dtype=torch.float64, requires_grad=True) for size in ((), *sizes)]
    filled = [p if p.ndim == 0 or len(p) else torch.zeros(1, dtype=torch.float64) for p in parameters]
    optimizer = torch.optim.LBFGS([p for p in parameters if p.numel()], max_iter=60, line_search_fn="strong_wolfe")

    def closure():
        optimizer.zero_grad()
        value = slow_objective(logits, labels, method, weights, offset, 2.0, filled)
        value.backward()
        return value

    optimizer.step(closure)
    common, moved, by_class = (p.detach().numpy() for p in filled)
    place = np.array([0, 1, 2, 2]) if method == "group" else slice(None)
    found = fit_calibrator(logits, labels, method, groups=GROUPS, prior=prior, implied_prior=implied, shrinkage=2.0)
    expected_scale = np.exp(common + (by_class[place] if len(by_class) > 1 else by_class)) * np.ones(4)
    np.testing.assert_allclose(found.scale, expected_scale, rtol=2e-3)
    np.testing.assert_allclose(found.bias, offset + moved, atol=2e-3)


@pytest.mark.parametrize("factor", [0.5, 1.0, 4.0])
def test_temperature_undoes_a_factor(factor):
    logits, labels = made_up(20_000, factor=factor)
    found = fit_calibrator(logits, labels)
    assert found.scale == pytest.approx(np.full(4, 1 / factor), rel=0.05)
    np.testing.assert_allclose(found.probabilities(logits), softmax(logits / factor, axis=1), atol=0.02)


def test_none_is_softmax_and_a_constant_changes_nothing():
    logits, labels = made_up()
    plain = fit_calibrator(logits, labels, "none")
    np.testing.assert_allclose(plain.probabilities(logits), softmax(logits, axis=1))
    for method in SCALINGS:
        one = fit_calibrator(logits, labels, method, groups=GROUPS)
        other = fit_calibrator(logits + np.arange(len(logits))[:, None], labels, method, groups=GROUPS)
        np.testing.assert_allclose(one.probabilities(logits), other.probabilities(logits), atol=1e-4)


@pytest.mark.parametrize("method", SCALINGS)
def test_permuting_classes_permutes_probabilities(method):
    logits, labels = made_up(factor=2.0)
    order = np.array([2, 0, 3, 1])
    one = fit_calibrator(logits, labels, method, groups=GROUPS)
    other = fit_calibrator(logits[:, order], np.argsort(order)[labels], method, groups=GROUPS[order])
    np.testing.assert_allclose(one.probabilities(logits)[:, order], other.probabilities(logits[:, order]), atol=1e-3)


def test_group_needs_no_label_and_keeps_every_decision():
    logits, labels = made_up(factor=3.0)
    found = fit_calibrator(logits, labels, "group", groups=GROUPS)
    assert found.keeps_decisions
    np.testing.assert_array_equal(found.apply(logits).argmax(axis=1), logits.argmax(axis=1))
    assert found.scale[2] == found.scale[3]
    assert len(set(found.scale)) == 3
    assert not fit_calibrator(logits, labels, "vector").keeps_decisions


def test_rare_classes_do_not_run_away():
    """A class without an image keeps the common temperature; more shrinkage keeps all near it."""
    logits, labels = made_up(300)
    kept = labels != 3
    found = fit_calibrator(logits[kept], labels[kept], "vector")
    assert abs(found.bias[3]) < 3
    biases = [np.abs(fit_calibrator(logits, labels, "vector", shrinkage=s).bias).max() for s in (0.1, 10.0, 1e5)]
    assert biases[0] > biases[1] > biases[2]
    assert biases[2] < 1e-2


def test_a_prior_moves_the_world_that_probabilities_are_of():
    """Weighed images of a long-tailed split calibrate the probabilities of a world of equally common classes."""
    logits, labels = made_up(40_000)
    uniform, train = np.full(4, 0.25), np.array([0.6, 0.25, 0.1, 0.05])
    found = fit_calibrator(logits, labels, "temperature", prior=uniform, implied_prior=train)
    assert found.scale == pytest.approx(np.ones(4), rel=0.05)
    np.testing.assert_allclose(found.bias, np.log(uniform / train))
    # a bias that is fitted finds the same without being told where the logits come from
    learnt = fit_calibrator(logits, labels, "bias", prior=uniform)
    np.testing.assert_allclose(learnt.bias - learnt.bias.mean(), found.bias - found.bias.mean(), atol=0.15)
    mean = (learnt.probabilities(logits) * image_weights(labels, uniform)[:, None]).mean(axis=0)
    np.testing.assert_allclose(mean, uniform, atol=0.02)


@pytest.mark.parametrize("method", ["temperature", "group", "bias", "vector"])
@pytest.mark.parametrize("factor", [0.01, 1.0, 50.0])
def test_a_few_right_answers_do_not_make_it_sure(method, factor):
    labels = np.array([0, 0, 0, 1, 1, 2, 2, 3, 3])
    logits = factor * (2 * np.eye(4)[labels] + 0.1 * np.random.default_rng(0).normal(size=(9, 4)))
    found = fit_calibrator(logits, labels, method, groups=GROUPS)
    confidence = found.probabilities(logits).max(axis=1)
    # nine of nine right: as if ten of eleven were
    assert 0.8 < confidence.mean() < 0.93
    assert choose_calibrator(logits, labels, groups=GROUPS).calibrator.method == "none"


def test_answers_that_are_all_right_are_as_sure_as_their_number_allows():
    labels = np.arange(400) % 4
    logits = 3 * np.eye(4)[labels] + 0.3 * np.random.default_rng(0).normal(size=(400, 4))
    confidence = fit_calibrator(logits, labels).probabilities(logits).max(axis=1)
    assert 0.99 < confidence.mean() < 401 / 402 + 1e-3


def test_the_choice_is_the_simplest_that_is_as_good():
    logits, labels = made_up(3000)
    assert choose_calibrator(logits, labels, groups=GROUPS).calibrator.method in ("none", "temperature")
    logits, labels = made_up(3000, factor=3.0)
    found = choose_calibrator(logits, labels, groups=GROUPS)
    assert found.calibrator.method == "temperature"
    assert found.log_loss["temperature"] < found.log_loss["none"]
    assert found.calibrator.images == 3000


def test_a_bias_that_costs_rare_classes_is_refused():
    """A head that was balanced, calibrated on long-tailed images: the bias would take the balance back."""
    logits, labels = made_up(6000)
    balanced = logits - np.log([0.6, 0.25, 0.1, 0.05])
    found = choose_calibrator(balanced, labels, groups=GROUPS)
    assert min(found.log_loss, key=found.log_loss.get) in ("bias", "vector")
    assert found.balanced["bias"] < found.balanced["none"]
    assert "bias" in found.refused
    assert found.calibrator.keeps_decisions
    # in the world that the head was made for it stays
    fair = choose_calibrator(balanced, labels, groups=GROUPS, prior=np.full(4, 0.25))
    assert fair.calibrator.method in ("none", "temperature")


def test_written_and_read_again_it_is_the_same(tmp_path):
    logits, labels = made_up()
    found = fit_calibrator(logits, labels, "vector")
    read = Calibrator.from_json(json.loads(json.dumps(found.to_json())))
    np.testing.assert_array_equal(read.apply(logits), found.apply(logits))
    stored = found.to_json()
    for broken in (
        {},
        {**stored, "scale": [1.0]},
        {**stored, "scale": [0.0] * 4},
        {**stored, "bias": [float("nan")] * 4},
        {**stored, "bias": [1e300] * 4},
        {**stored, "prior": [0.0] * 4},
        {**stored, "method": "platt"},
        {**stored, "images": float("inf")},
        {**stored, "images": -1},
    ):
        with pytest.raises(InputError, match="Expected what `longtail calibrate` wrote; run it again"):
            Calibrator.from_json(broken)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"method": "platt"}, "Calibrations: none, temperature"),
        ({"method": "group"}, "needs the group of each class"),
        ({"shrinkage": 0.0}, "expected a number above 0"),
        ({"prior": [0.5, 0.5]}, "expected 4 shares"),
        ({"prior": [0.0, 0.0, 0.0, 0.0]}, "expected 4 shares"),
        ({"labels": [9] * 50}, "label 9 of row 0 is out of range"),
        ({"labels": ["ant"] * 50}, "expected whole numbers"),
        ({"labels": [0.5] * 50}, "expected whole numbers"),
        ({"logits": np.full((50, 4), np.nan)}, "expected finite numbers"),
        ({"logits": np.full((50, 4), "x")}, "logits: expected numbers"),
        ({"prior": ["a", "b", "c", "d"]}, "prior: expected numbers"),
        ({"prior": [np.nan, 1, 1, 1]}, "expected 4 shares"),
        ({"shrinkage": np.inf}, "expected a number above 0"),
        ({"method": "group", "groups": np.array(["rare"] * 4)}, "expected many, medium or few"),
    ],
)
def test_what_cannot_be_used_is_named(changed, message):
    logits, labels = made_up(50)
    with pytest.raises(InputError, match=message):
        fit_calibrator(**{"logits": logits, "labels": labels, **changed})


def test_out_of_fold_logits_are_of_the_other_folds():
    logits, labels = made_up(200, factor=2.0)
    labels[labels == 3] = 2
    labels[0] = 3  # alone in its class: in no fold
    found = out_of_fold_logits(logits, labels, "vector", folds=4, seed=5)
    fold_of = stratified_folds(labels, 4, 5)
    for fold in range(4):
        rest, rows = fold_of != fold, fold_of == fold
        np.testing.assert_array_equal(
            found[rows], fit_calibrator(logits[rest], labels[rest], "vector").apply(logits[rows])
        )
    np.testing.assert_array_equal(found[:1], fit_calibrator(logits, labels, "vector").apply(logits[:1]))
