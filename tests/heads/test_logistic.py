"""Logistic regression against scikit-learn, what leaves its solution alone, and how it chooses."""

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression

from longtail.errors import InputError
from longtail.heads import Logistic, likelihood_path, precision
from longtail.heads.balanced_log_loss import scaled_log_loss
from longtail.heads.linear_solver import LinearProblem, maximise_likelihood
from longtail.heads.logistic import PENALTIES

EXACT = {"tau": 0.0, "scale": 1.0, "tolerance": 1e-14}


def few_rows(seed=0, counts=(40, 14, 7, 3), dimension=5):
    rng = np.random.default_rng(seed)
    labels = np.repeat(np.arange(len(counts)), counts)
    return rng.normal(size=(len(labels), dimension)) + 3 + rng.normal(size=(len(counts), dimension))[labels], labels


def logits_of(head, features):
    scores = features @ head.weight_.T + head.bias_
    return scores - scores.mean(axis=1, keepdims=True)


@pytest.mark.parametrize("weighting", ["rows", "classes"])
@pytest.mark.parametrize("penalty", [1.0, 0.01])
@pytest.mark.parametrize("dimension", [5, 90])
def test_the_solution_is_that_of_scikit_learn(weighting, penalty, dimension):
    features, labels = few_rows(dimension=dimension)
    head = Logistic(penalty, weighting=weighting, **EXACT).fit(features, labels)
    weights = np.ones(len(labels)) if weighting == "rows" else 1 / np.bincount(labels)[labels]
    weights = weights / weights.mean()
    strength = 1 / (penalty * features.var(axis=0).mean() * len(labels))
    solver = LogisticRegression(C=strength, solver="newton-cg", tol=1e-12, max_iter=10_000)
    slow = solver.fit(features, labels, sample_weight=weights)
    assert np.linalg.norm(head.weight_ - slow.coef_) < 1e-5 * np.linalg.norm(slow.coef_)
    np.testing.assert_allclose(head.bias_ - head.bias_.mean(), slow.intercept_ - slow.intercept_.mean(), rtol=1e-4)
    assert head.selected_on_ == "given"
    assert head.converged_


@pytest.mark.parametrize("dimension", [5, 90])
@pytest.mark.parametrize("weighting", ["rows", "classes"])
def test_what_changes_no_logit(weighting, dimension):
    features, labels = few_rows(dimension=dimension)
    expected = logits_of(Logistic(0.1, weighting=weighting, **EXACT).fit(features, labels), features)
    order, renamed = np.random.default_rng(1).permutation(len(labels)), np.array([2, 0, 3, 1])
    others = {
        "times 1000": (1000 * features, labels, 1000 * features),
        "moved": (features - 7, labels, features - 7),
        "rows in another order": (features[order], labels[order], features),
        "all rows twice": (np.tile(features, (2, 1)), np.tile(labels, 2), features),
        "columns in another order": (features[:, ::-1], labels, features[:, ::-1]),
    }
    for what, (train, classes, test) in others.items():
        found = logits_of(Logistic(0.1, weighting=weighting, **EXACT).fit(train, classes), test)
        np.testing.assert_allclose(found, expected, atol=1e-5, err_msg=what)
    found = logits_of(Logistic(0.1, weighting=weighting, **EXACT).fit(features, renamed[labels]), features)
    np.testing.assert_allclose(found[:, renamed], expected, atol=1e-5)


def test_tau_takes_the_log_shares_out_and_the_scale_changes_no_prediction(tailed):
    (train, labels), (test, _) = tailed
    plain = Logistic(0.01, tau=0.0, scale=1.0).fit(train, labels)
    fair = Logistic(0.01, tau=0.5, scale=2.0).fit(train, labels)
    shares = np.bincount(labels) / len(labels)
    np.testing.assert_allclose(fair.logits(test), 2 * (plain.logits(test) - 0.5 * np.log(shares)), rtol=1e-4, atol=1e-4)
    assert (plain.implied_prior, fair.implied_prior) == ("train", "uniform")
    sure = Logistic(0.01, tau=0.5, scale=5.0).fit(train, labels)
    np.testing.assert_array_equal(sure.predict(test), fair.predict(test))


def test_counted_by_class_nothing_is_left_to_be_taken_out(tailed):
    (train, labels), (test, _) = tailed
    one, other = (Logistic(0.01, weighting="classes", tau=tau, scale=1.0).fit(train, labels) for tau in (0.0, 2.0))
    assert (one.tau_, other.tau_, one.implied_prior) == (0.0, 0.0, "uniform")
    np.testing.assert_array_equal(one.logits(test), other.logits(test))


def test_auto_has_the_smallest_log_loss_of_classes_on_validation(tailed):
    (train, labels), (test, truth) = tailed
    grid = {"penalties": (0.1, 0.01, 1e-3), "taus": (0.5, 1.0, 1.5)}
    head = Logistic(weighting="auto", tau="auto", **grid).fit(train, labels, validation=(test, truth))
    slow = {}
    for penalty in grid["penalties"]:
        for weighting, tau in [("rows", 0.5), ("rows", 1.0), ("rows", 1.5), ("classes", 0.0)]:
            scores = Logistic(penalty, weighting=weighting, tau=tau, scale=1.0).fit(train, labels).logits(test)
            scores, own = torch.from_numpy(scores).double(), torch.from_numpy(truth)
            losses = [
                torch.nn.functional.cross_entropy(a * scores, own, label_smoothing=1 / (len(own) + 2))
                for a in np.geomspace(0.1, 10, 200)
            ]
            slow[penalty, weighting, tau] = float(min(losses))
    assert slow[head.penalty_, head.weighting_, head.tau_] < min(slow.values()) + 1e-3
    assert head.selected_on_ == "val"
    assert head.curve_["parameter"] == "penalty"
    again = Logistic(head.penalty_, weighting=head.weighting_, tau=head.tau_, scale=head.scale_).fit(train, labels)
    np.testing.assert_allclose(again.logits(test), head.logits(test), rtol=0.05, atol=0.1)


def test_the_path_ends_where_weaker_penalties_are_worse():
    rng = np.random.default_rng(0)
    labels = np.repeat([0, 1, 2], [150, 100, 50])
    features = rng.normal(size=(300, 60)) + np.eye(3, 60)[labels]  # few of which say something
    head = Logistic(random_state=0).fit(features, labels)
    tried, losses = head.curve_["grid"], head.curve_["log_loss"]
    assert tried == sorted(tried, reverse=True)
    assert len(tried) < len(PENALTIES)
    assert head.penalty_ == tried[-3]
    assert min(losses[-2:]) > losses[-3] == min(losses)


def test_what_is_chosen_is_fitted_on_all_rows_and_found_without_validation(tailed):
    (train, labels), (test, truth) = tailed
    head = Logistic(random_state=0, tolerance=1e-7).fit(train, labels)
    assert head.selected_on_ == "train-cv"
    assert head.class_counts_.sum() == len(labels)
    again = Logistic(head.penalty_, tau=head.tau_, scale=head.scale_, tolerance=1e-7).fit(train, labels)
    np.testing.assert_allclose(again.logits(test), head.logits(test), rtol=0.02, atol=0.05)
    assert head.predict_proba(test).max(axis=1).mean() == pytest.approx(head.score(test, truth), abs=0.15)


def test_rows_that_are_all_right_do_not_make_it_certain():
    features, labels = np.eye(3).repeat(10, axis=0), np.repeat([0, 1, 2], 10)
    assert Logistic(random_state=0).fit(features, labels).predict_proba(features).max() < 0.999


def test_one_row_a_class_and_none_to_judge_by():
    head = Logistic().fit(np.eye(4, 6), list("abcd"))
    assert (head.selected_on_, head.penalty_, head.scale_) == ("not selected", 0.1, 1.0)
    assert head.predict(np.eye(4, 6)).tolist() == list("abcd")
    assert Logistic(0.3).fit(np.eye(4, 6), list("abcd")).penalty_ == 0.3
    val = np.eye(4, 6)[:2], ["a", "b"]  # a class that validation lacks
    assert Logistic().fit(np.eye(4, 6), list("abcd"), validation=val).selected_on_ == "val"


@pytest.mark.parametrize("features", [np.ones((9, 4)), np.zeros((9, 12))])
def test_features_that_say_nothing(features):
    head = Logistic(random_state=0).fit(features, [0] * 5 + [1] * 3 + [2])
    assert np.isfinite(head.predict_proba(features)).all()


def test_rows_that_are_not_copied_give_the_same(tailed, monkeypatch):
    (train, labels), (test, _) = tailed
    copied = Logistic(0.01, scale=1.0, tau=1.0).fit(train, labels).logits(test)
    monkeypatch.setattr(likelihood_path, "MOST_COPIED", 0)
    np.testing.assert_allclose(Logistic(0.01, scale=1.0, tau=1.0).fit(train, labels).logits(test), copied, atol=1e-3)


@pytest.fixture
def rounds(monkeypatch):
    """Round products on the way as if there were many, on a processor that has units for it."""
    monkeypatch.setattr(precision, "WORTH_IT", 0)
    monkeypatch.setattr(precision, "cpu_has_bfloat16", lambda: True)


@pytest.mark.parametrize("given", [{}, {"penalty": 0.01, "scale": 1.0}])
@pytest.mark.parametrize("dimension", [24, 400])
def test_rounded_on_the_way_it_ends_at_the_same_optimum(given, dimension, request):
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(4), [120, 60, 30, 15])
    features = (rng.normal(size=(225, dimension)) + rng.normal(size=(4, dimension))[labels]).astype(np.float32)
    exact = Logistic(**given, tolerance=1e-6, random_state=0).fit(features, labels)
    request.getfixturevalue("rounds")
    rounded = Logistic(**given, tolerance=1e-6, random_state=0).fit(features, labels)
    assert rounded.penalty_ == exact.penalty_
    assert rounded.converged_
    assert rounded.losses_[-1] == pytest.approx(exact.losses_[-1], rel=1e-5)
    assert rounded.scale_ == pytest.approx(exact.scale_, rel=0.02)
    found, expected = (logits_of(head, features) / head.scale_ for head in (rounded, exact))
    assert np.abs(found - expected).max() < 0.01 * np.abs(expected).max()


def test_rows_in_double_precision_are_not_rounded(rounds):
    features, labels = few_rows()
    problem = LinearProblem(features, labels, *torch.ones(2, 4, dtype=torch.float64), 0.1, precision="bfloat16")
    plain = LinearProblem(features, labels, *torch.ones(2, 4, dtype=torch.float64), 0.1)
    assert torch.equal(maximise_likelihood(problem).weight, maximise_likelihood(plain).weight)


def test_a_start_near_the_optimum_saves_steps(tailed):
    (train, labels), _ = tailed
    even = torch.ones(6, dtype=torch.float64)
    strong, weak = (LinearProblem(train, labels, even, 0 * even, penalty) for penalty in (1.0, 0.7))
    found = maximise_likelihood(strong)
    cold, warm = maximise_likelihood(weak), maximise_likelihood(weak, start=(found.weight, found.bias))
    assert len(warm.losses) < len(cold.losses)
    assert warm.losses[-1] == pytest.approx(cold.losses[-1], rel=1e-3)


def test_the_scale_is_the_best():
    rng = np.random.default_rng(0)
    scores, codes = torch.from_numpy(rng.normal(size=(200, 3))), torch.from_numpy(rng.integers(0, 3, 200))
    scores[np.arange(200), codes] += 1
    weights = torch.tensor([1.0, 2.0, 0.5], dtype=torch.float64)
    loss, scale = scaled_log_loss(scores, codes, weights, start=30.0)
    total = weights[codes] / weights[codes].sum()
    slow = [
        float(total @ torch.nn.functional.cross_entropy(a * scores, codes, reduction="none", label_smoothing=1 / 202))
        for a in (scale / 1.02, scale, scale * 1.02)
    ]
    assert slow[1] == min(slow)
    assert loss == pytest.approx(slow[1], abs=1e-4)
    assert scaled_log_loss(0 * scores, codes, weights)[0] == pytest.approx(np.log(3))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"penalty": 0.0}, "penalty is 0.0; expected a number above 0"),
        ({"weighting": "images"}, "weighting is 'images'; expected one of rows, classes, auto"),
        ({"tau": -1.0}, "tau is -1.0; expected a number from 0 to 100"),
        ({"scale": 0.0}, "scale is 0.0"),
        ({"penalties": ()}, "penalties is \\(\\); expected at least one value"),
    ],
)
def test_parameters_that_cannot_be_are_told(settings, message):
    with pytest.raises(InputError, match=message):
        Logistic(**settings).fit(*few_rows())
