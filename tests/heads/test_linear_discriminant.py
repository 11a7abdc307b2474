"""The discriminant against scikit-learn, and its leave-one-out in closed form against estimates without each row."""

import numpy as np
import pytest
import torch
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.model_selection import GridSearchCV, cross_val_score

from longtail.errors import InputError
from longtail.heads import LinearDiscriminant
from longtail.heads.class_scatter import class_means, within_class_scatter
from longtail.heads.linear_discriminant import DiscriminantSolutions


def few_rows(seed=0, counts=(14, 7, 3, 2), dimension=5):
    rng = np.random.default_rng(seed)
    labels = np.repeat(np.arange(len(counts)), counts)
    return rng.normal(size=(len(labels), dimension)) + 2 * rng.normal(size=(len(counts), dimension))[labels], labels


def differences(logits):
    return logits - logits.mean(axis=1, keepdims=True)


@pytest.mark.parametrize(("shrinkage", "dimension"), [(0.0, 5), (0.2, 5), (1.0, 5), (0.2, 90), (1.0, 90)])
@pytest.mark.parametrize(("weighting", "prior"), [("rows", "train"), ("classes", "uniform")])
def test_discriminants_are_those_of_scikit_learn(shrinkage, dimension, weighting, prior):
    """There the prior is also the weight of each class in the covariance."""
    features, labels = few_rows(dimension=dimension)
    shares = np.bincount(labels) / len(labels) if prior == "train" else np.full(4, 0.25)
    slow = LinearDiscriminantAnalysis(solver="lsqr", shrinkage=shrinkage, priors=shares).fit(features, labels)
    head = LinearDiscriminant(shrinkage, weighting=weighting, prior=prior, corrected=False, calibrated=False)
    head.fit(features, labels)
    new = np.random.default_rng(1).normal(size=(50, dimension)) * 3
    np.testing.assert_allclose(
        differences(head.logits(new)), differences(slow.decision_function(new)), rtol=1e-7, atol=1e-7
    )
    np.testing.assert_allclose(head.predict_proba(new), slow.predict_proba(new), atol=1e-8)
    given = LinearDiscriminant(shrinkage, weighting=weighting, prior=5 * shares, corrected=False, calibrated=False)
    np.testing.assert_allclose(given.fit(features, labels).logits(new), head.logits(new))


def estimated(features, labels, weights, log_prior, corrected):
    counts = torch.bincount(torch.from_numpy(labels))
    means = class_means(features, labels, len(counts))
    (within,) = within_class_scatter(features, labels, means, weights[None])
    return DiscriminantSolutions.of(
        means, counts, weights, within, log_prior, dimension=means.shape[1], corrected=corrected
    )


@pytest.mark.parametrize("shrinkage", [0.01, 0.4])
@pytest.mark.parametrize("weighting", ["rows", "classes"])
@pytest.mark.parametrize("corrected", [True, False])
def test_left_out_scores_are_those_of_estimates_without_the_row(shrinkage, weighting, corrected):
    features, labels = few_rows()
    counts = np.bincount(labels)
    weights = torch.from_numpy(np.full(4, 1 / len(labels)) if weighting == "rows" else 1 / (4 * counts))
    log_prior = torch.log(torch.tensor([0.4, 0.3, 0.2, 0.1], dtype=torch.float64))
    whole = estimated(features, labels, weights, log_prior, corrected)
    rows = torch.from_numpy(features)
    found = whole.left_out_scores(whole.rotated(rows), torch.from_numpy(labels), shrinkage)
    target = shrinkage * whole.values.mean() * torch.eye(5, dtype=torch.float64)
    for row in range(len(labels)):
        rest = np.arange(len(labels)) != row
        part = estimated(features[rest], labels[rest], weights, log_prior, corrected)
        scatter = part.vectors @ torch.diag(part.values) @ part.vectors.T
        inverse = torch.linalg.inv((1 - shrinkage) * scatter + target)
        means = part.means @ part.vectors.T + part.origin - whole.origin
        left = torch.from_numpy(np.bincount(labels[rest]))
        lengths = (means @ inverse * means).sum(dim=1) - whole.spread * torch.trace(inverse @ scatter) / left
        slow = means @ inverse @ (rows[row] - whole.origin) - lengths / 2 + log_prior
        np.testing.assert_allclose(found[row], slow, rtol=1e-7, atol=1e-8)


def test_left_out_scores_of_fewer_rows_than_classes_are_the_same():
    features, labels = few_rows()
    counts = torch.bincount(torch.from_numpy(labels))
    solutions = estimated(features, labels, 1 / (len(labels) * torch.ones(len(counts)).double()), torch.zeros(4), True)
    rotated, codes = solutions.rotated(torch.from_numpy(features)), torch.from_numpy(labels)
    parts = [solutions.left_out_scores(rotated[n : n + 2], codes[n : n + 2], 0.3) for n in range(0, 26, 2)]
    np.testing.assert_allclose(torch.cat(parts), solutions.left_out_scores(rotated, codes, 0.3), rtol=1e-9)


def test_leave_one_out_says_what_refits_say():
    """What is kept (the weights, the level of the sphere) changes hardly a prediction."""
    features, labels = few_rows(counts=(40, 20, 10, 4))
    weights = torch.full((4,), 1 / len(labels), dtype=torch.float64)
    whole = estimated(features, labels, weights, torch.zeros(4, dtype=torch.float64), True)
    rows = whole.rotated(torch.from_numpy(features))
    found = whole.left_out_scores(rows, torch.from_numpy(labels), 0.3).argmax(dim=1).numpy()
    head = LinearDiscriminant(0.3, weighting="rows", corrected=True)
    rest = ~np.eye(len(labels), dtype=bool)
    slow = [head.fit(features[k], labels[k]).predict(features[~k])[0] for k in rest]
    assert (found == slow).mean() > 0.97


def test_the_length_of_a_mean_is_corrected_on_average():
    """m' S^-1 m of means of n rows exceeds that of the true means by D / n; corrected, it does not."""
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(3), [400, 400, 4])
    biases = []
    for corrected in (False, True):
        found = []
        for _ in range(200):
            features = rng.normal(size=(len(labels), 10))  # all true means are 0: all true biases are equal
            head = LinearDiscriminant(0.0, weighting="rows", corrected=corrected, calibrated=False)
            bias = head.fit(features, labels).logits(np.zeros((1, 10)))[0]
            found.append(bias[2] - bias[:2].mean())
        biases.append(np.mean(found))
    assert biases[0] == pytest.approx(-10 / 4 / 2, abs=0.25)
    assert biases[1] == pytest.approx(0, abs=0.25)


def test_the_prior_moves_the_bias_alone(tailed):
    (train, labels), _ = tailed
    given = {"weighting": "rows", "corrected": True, "calibrated": False}
    uniform = LinearDiscriminant(0.2, **given).fit(train, labels)
    as_in_train = LinearDiscriminant(0.2, prior="train", **given).fit(train, labels)
    np.testing.assert_array_equal(uniform.weight_, as_in_train.weight_)
    moved = as_in_train.bias_ - uniform.bias_
    np.testing.assert_allclose(moved - moved[0], np.log(np.bincount(labels) / np.bincount(labels)[0]), rtol=1e-4)
    assert (uniform.implied_prior, as_in_train.implied_prior) == ("uniform", "train")


def test_auto_takes_the_best_of_its_curve(tailed):
    train, test = tailed
    head = LinearDiscriminant().fit(*train, validation=test)
    recalls = [(head.predict(test[0])[test[1] == c] == c).mean() for c in range(6)]
    assert 100 * np.mean(recalls) == pytest.approx(max(head.curve_["balanced"]))
    assert head.shrinkage_ == head.curve_["grid"][int(np.argmax(head.curve_["balanced"]))]
    assert (head.selected_on_, head.curve_["parameter"]) == ("val", "shrinkage")
    assert LinearDiscriminant().fit(*train).selected_on_ == "train-cv"
    bare = LinearDiscriminant(calibrated=False).fit(*train)
    calibrated = LinearDiscriminant().fit(*train)
    np.testing.assert_array_equal(bare.predict(test[0]), calibrated.predict(test[0]))


def test_many_classes_of_one_row_do_not_draw_everything_to_them():
    """Means of one row are so uncertain that, corrected, some of them are near by chance: then they are not."""
    rng = np.random.default_rng(0)
    labels = np.concatenate([np.repeat(np.arange(10), 30), np.arange(10, 120)])
    centres = rng.normal(size=(120, 64))
    features = centres[labels] + 2 * rng.normal(size=(len(labels), 64))
    head = LinearDiscriminant().fit(features, labels)
    truth = np.repeat(np.arange(10), 20)
    new = centres[truth] + 2 * rng.normal(size=(200, 64))
    assert not head.corrected_
    assert head.score(new, truth) > LinearDiscriminant(corrected=True).fit(features, labels).score(new, truth) + 0.2


@pytest.mark.parametrize("counts", [(12, 9, 8, 6, 5), (1, 1, 1), (30, 1, 2)])
def test_small_sets(counts):
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(len(counts)), counts)
    features = rng.normal(size=(len(labels), 32)).astype(np.float32) + 3 * np.eye(len(counts), 32)[labels]
    head = LinearDiscriminant().fit(features, labels)
    assert head.score(features, labels) > 0.9
    assert np.isfinite(head.predict_proba(features)).all()


def test_in_searches_of_scikit_learn(tailed):
    train, labels = tailed[0]
    assert cross_val_score(LinearDiscriminant(), train, labels, cv=3).min() > 0.3
    search = GridSearchCV(LinearDiscriminant(0.5), {"prior": ["uniform", "train"]}, cv=2, scoring="accuracy")
    assert search.fit(train, labels).best_params_["prior"] == "train"


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"shrinkage": 1.5}, "shrinkage is 1.5; expected a number from 0 to 1, or 'auto'"),
        ({"shrinkage": "some"}, "shrinkage is 'some'"),
        ({"grid": ()}, "grid is \\(\\); expected at least one value"),
        ({"weighting": "pixels"}, "weighting is 'pixels'; expected one of rows, classes, auto"),
        ({"corrected": "often"}, "corrected is 'often'; expected True or False, or 'auto'"),
        ({"prior": "even"}, "prior is 'even'; expected one of train, uniform, or the share of each class"),
        ({"prior": [0.5, 0.5]}, "prior has 2 numbers; expected 6"),
    ],
)
def test_mistakes_are_told(tailed, settings, message):
    with pytest.raises(InputError, match=message):
        LinearDiscriminant(**settings).fit(*tailed[0])
