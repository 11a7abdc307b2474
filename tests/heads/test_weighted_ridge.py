"""Ridge against scikit-learn, and its leave-one-out in closed form against refits without each row."""

import numpy as np
import pytest
import torch
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV, cross_val_score

from longtail.errors import InputError
from longtail.heads import WeightedRidge
from longtail.heads.class_scatter import class_means, within_class_scatter
from longtail.heads.left_out import fitted_scale, rows_to_leave_out
from longtail.heads.weighted_ridge import RidgeSolutions


def few_rows(seed=0, counts=(14, 7, 3, 2), dimension=5):
    rng = np.random.default_rng(seed)
    labels = np.repeat(np.arange(len(counts)), counts)
    return rng.normal(size=(len(labels), dimension)) + 2 * rng.normal(size=(len(counts), dimension))[labels], labels


def weights_of(labels, gamma):
    weights = np.bincount(labels)[labels] ** -float(gamma)
    return weights / weights.mean()


def solved(features, labels, gamma):
    counts = torch.bincount(torch.from_numpy(labels))
    row_weights = counts.double() ** -gamma
    row_weights = row_weights * counts.sum() / (row_weights @ counts.double())
    means = class_means(features, labels, len(counts))
    (within,) = within_class_scatter(features, labels, means, row_weights[None])
    return RidgeSolutions.of(means, counts, row_weights, within, means.shape[1])


@pytest.mark.parametrize("dimension", [5, 90])
@pytest.mark.parametrize(("gamma", "penalty"), [(0.0, 0.01), (1.0, 0.5), (0.5, 10.0)])
def test_the_solution_is_that_of_scikit_learn(gamma, penalty, dimension):
    features, labels = few_rows(dimension=dimension)
    head = WeightedRidge(penalty, gamma).fit(features, labels)
    weights = weights_of(labels, gamma)
    centred = features - np.average(features, axis=0, weights=weights)
    level = penalty * np.trace((weights[:, None] * centred).T @ centred) / features.shape[1]
    slow = Ridge(alpha=level).fit(features, np.eye(4)[labels], sample_weight=weights)
    np.testing.assert_allclose(head.weight_, head.scale_ * slow.coef_, rtol=1e-8, atol=1e-10)
    np.testing.assert_allclose(head.bias_, head.scale_ * slow.intercept_, rtol=1e-8)
    assert head.selected_on_ == "given"
    assert head.curve_ is None


@pytest.mark.parametrize("gamma", [0.0, 1.0])
def test_left_out_scores_are_those_of_fits_without_the_row(gamma):
    features, labels = few_rows()
    solutions = solved(features, labels, gamma)
    found = solutions.left_out_scores(solutions.rotated(torch.from_numpy(features)), torch.from_numpy(labels), 0.1)
    weights, targets = weights_of(labels, gamma), np.eye(4)[labels]
    for row in range(len(labels)):
        rest = np.arange(len(labels)) != row
        slow = Ridge(alpha=solutions.level(0.1)).fit(features[rest], targets[rest], sample_weight=weights[rest])
        np.testing.assert_allclose(found[row], slow.predict(features[row : row + 1])[0], rtol=1e-7, atol=1e-9)


def test_auto_takes_the_best_balanced_accuracy_of_left_out_rows():
    features, labels = few_rows(counts=(30, 12, 6, 3))
    head = WeightedRidge(gammas=(0.0, 1.0), penalties=(0.01, 1.0)).fit(features, labels)
    slow = {}
    for gamma in (0.0, 1.0):
        for penalty in (0.01, 1.0):
            solutions = solved(features, labels, gamma)
            rotated = solutions.rotated(torch.from_numpy(features))
            scores = solutions.left_out_scores(rotated, torch.from_numpy(labels), penalty)
            right = (scores.argmax(dim=1).numpy() == labels).astype(float)
            slow[gamma, penalty] = 100 * np.mean([right[labels == c].mean() for c in range(4)])
    assert slow[head.gamma_, head.penalty_] == max(slow.values())
    assert head.curve_["parameter"] == "gamma"
    assert head.curve_["balanced"] == pytest.approx([max(slow[g, 0.01], slow[g, 1.0]) for g in (0.0, 1.0)])
    assert head.selected_on_ == "train-cv"
    one = WeightedRidge(gamma=1.0, penalties=(0.01, 1.0)).fit(features, labels)
    assert one.curve_["balanced"] == pytest.approx([slow[1.0, 0.01], slow[1.0, 1.0]])
    assert one.curve_["parameter"] == "penalty"


def test_on_validation_it_takes_what_is_best_there(tailed):
    train, test = tailed
    head = WeightedRidge().fit(*train, validation=test)
    assert head.selected_on_ == "val"
    recalls = [(head.predict(test[0])[test[1] == c] == c).mean() for c in range(6)]
    assert 100 * np.mean(recalls) == pytest.approx(max(head.curve_["balanced"]))


def test_gamma_finds_the_rare_and_does_nothing_to_even_classes(tailed):
    (train, labels), (test, truth) = tailed
    rare = truth >= 3
    found = [WeightedRidge(0.1, gamma).fit(train, labels).predict(test)[rare] == truth[rare] for gamma in (0.0, 1.0)]
    assert found[1].mean() > found[0].mean() + 0.2
    even = np.concatenate([np.flatnonzero(labels == c)[:5] for c in range(6)])
    one, other = (WeightedRidge(0.1, gamma).fit(train[even], labels[even]) for gamma in (0.0, 1.0))
    np.testing.assert_allclose(one.weight_ / one.scale_, other.weight_ / other.scale_, rtol=1e-4, atol=1e-6)


def test_the_scale_is_where_the_slope_of_the_loss_is_zero_and_changes_no_prediction(tailed):
    (train, labels), (test, truth) = tailed
    scores, codes = torch.from_numpy(test[:, :6]).double(), torch.from_numpy(truth)
    scores = scores + torch.nn.functional.one_hot(codes, 6)
    scale = torch.tensor(fitted_scale(scores, codes, torch.ones(6)), requires_grad=True, dtype=torch.float64)
    loss = torch.nn.functional.cross_entropy(scale * scores, codes)
    (slope,) = torch.autograd.grad(loss, scale)
    assert abs(float(slope)) < 1e-3
    head = WeightedRidge().fit(train, labels)
    bare = (test @ head.weight_.T + head.bias_) / head.scale_
    np.testing.assert_array_equal(bare.argmax(axis=1), head.predict(test))
    confidence, right = head.predict_proba(test).max(axis=1).mean(), head.score(test, truth)
    assert confidence == pytest.approx(right, abs=0.15)


def test_rows_that_are_left_out_are_spread_over_classes():
    labels = np.repeat([0, 1, 2, 3], [1000, 40, 5, 1])
    rows = rows_to_leave_out(labels[np.random.default_rng(0).permutation(len(labels))], most=100)
    assert (np.diff(rows) > 0).all()
    rows = rows_to_leave_out(labels, most=100)
    assert np.bincount(labels[rows]).tolist() == [55, 40, 5]
    assert np.ptp(np.diff(rows[:55])) <= 1  # evenly spaced
    assert rows_to_leave_out(np.arange(5)).tolist() == []
    assert len(rows_to_leave_out(np.repeat(np.arange(50), 2), most=10)) == 50


@pytest.mark.parametrize("counts", [(12, 9, 8, 6, 5), (1, 1, 1), (30, 1, 2)])
def test_small_sets(counts):
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(len(counts)), counts)
    features = rng.normal(size=(len(labels), 32)).astype(np.float32) + 3 * np.eye(len(counts), 32)[labels]
    head = WeightedRidge().fit(features, labels)
    assert head.score(features, labels) > 0.9
    assert np.isfinite(head.predict_proba(features)).all()


def test_in_searches_of_scikit_learn(tailed):
    train, labels = tailed[0]
    assert cross_val_score(WeightedRidge(), train, labels, cv=3).min() > 0.3
    search = GridSearchCV(WeightedRidge(), {"gamma": [0.0, 1.0]}, cv=2, scoring="balanced_accuracy")
    assert search.fit(train, labels).best_params_["gamma"] == 1.0


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"penalty": 0.0}, "penalty is 0.0; expected a number above 0"),
        ({"penalty": "much"}, "penalty is 'much'"),
        ({"gamma": -1.0}, "gamma is -1.0; expected a number of at least 0"),
        ({"gamma": float("nan")}, "gamma is nan"),
        ({"penalties": ()}, "penalties is \\(\\); expected at least one value"),
    ],
)
def test_mistakes_are_told(tailed, settings, message):
    with pytest.raises(InputError, match=message):
        WeightedRidge(**settings).fit(*tailed[0])
