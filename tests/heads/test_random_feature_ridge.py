"""Random features against the kernel they tend to, and the regression on them against scikit-learn and refits."""

import numpy as np
import pytest
import torch
from sklearn.kernel_ridge import KernelRidge
from sklearn.linear_model import Ridge
from sklearn.metrics import balanced_accuracy_score

from longtail.errors import InputError
from longtail.heads import RandomFeatureRidge, Transformed, WeightedRidge
from longtail.heads.feature_transform import FeatureTransform
from longtail.heads.random_feature_search import RandomFeatureProblem
from longtail.heads.random_features import RandomFeatureRows, RandomFeatures
from longtail.heads.ridge_solutions import RidgeSolutions, class_size_weights, ridge_by_gamma


def few_rows(counts=(14, 7, 3, 2), dimension=5, seed=0):
    rng = np.random.default_rng(seed)
    labels = np.repeat(np.arange(len(counts)), counts)
    return rng.normal(size=(len(labels), dimension)) + 2 * rng.normal(size=(len(counts), dimension))[labels], labels


def weights_of(labels, gamma):
    weights = np.bincount(labels)[labels] ** -float(gamma)
    return weights / weights.mean()


def distance_of(rows):
    pairs = ((rows[:, None] - rows[None]) ** 2).sum(axis=2)
    return np.sqrt(pairs.mean())


def problem_of(features, labels, count, width=1.0):
    """Random features of rows as they are, and what solves for their weights."""
    drawn = RandomFeatures.drawn(features.shape[1], count, np.random.RandomState(0)).of_width(
        width * distance_of(features)
    )
    return RandomFeatureProblem(features, labels, None, drawn, "cpu")


@pytest.mark.parametrize("count", [9, 60])  # fewer than the 26 rows, and more
@pytest.mark.parametrize(("gamma", "penalty"), [(0.0, 0.01), (1.0, 0.5)])
def test_the_solution_is_that_of_scikit_learn_on_the_cosines(count, gamma, penalty):
    features, labels = few_rows()
    head = RandomFeatureRidge(penalty, gamma, 0.7, num_features=count, random_state=3).fit(features, labels)
    rooted = np.sign(features) * np.sqrt(np.abs(features))
    rows = rooted / np.linalg.norm(rooted, axis=1, keepdims=True)
    random = np.random.RandomState(3)
    frequencies = random.normal(size=(count, 5)) / (0.7 * distance_of(rows))
    phases = random.uniform(0, 2 * np.pi, size=count)
    mapped = np.array([[np.cos(w @ row + b) for w, b in zip(frequencies, phases, strict=True)] for row in rows])
    mapped *= np.sqrt(2 / count)
    weights = weights_of(labels, gamma)
    centred = mapped - np.average(mapped, axis=0, weights=weights)
    level = penalty * np.trace((weights[:, None] * centred).T @ centred) / min(count, len(labels))
    slow = Ridge(alpha=level).fit(mapped, np.eye(4)[labels], sample_weight=weights)
    np.testing.assert_allclose(head.logits(features), head.scale_ * slow.predict(mapped), rtol=1e-7, atol=1e-8)
    assert (head.selected_on_, head.curve_) == ("given", None)


@pytest.mark.parametrize("count", [9, 60])
@pytest.mark.parametrize("gamma", [0.0, 1.0])
def test_left_out_scores_are_those_of_fits_without_the_row(count, gamma):
    features, labels = few_rows()
    problem = problem_of(features, labels, count)
    solutions = problem.solver(problem.drawn, (gamma,))(gamma)
    mapped = problem.drawn.apply(torch.from_numpy(features))
    found = solutions.left_out_scores(solutions.rotated(mapped), torch.from_numpy(labels), 0.1)
    weights, targets = weights_of(labels, gamma), np.eye(4)[labels]
    for row in range(len(labels)):
        rest = np.arange(len(labels)) != row
        slow = Ridge(alpha=solutions.level(0.1)).fit(mapped[rest], targets[rest], sample_weight=weights[rest])
        np.testing.assert_allclose(found[row], slow.predict(mapped[row : row + 1])[0], rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("gamma", [0.0, 0.75])
def test_products_of_rows_and_of_features_give_the_same(gamma):
    features, labels = few_rows()
    mapping = RandomFeatures.drawn(5, 60, np.random.RandomState(0))
    codes, rows = torch.from_numpy(labels), mapping.apply(torch.from_numpy(features))
    counts = torch.bincount(codes)
    wide = ridge_by_gamma(RandomFeatureRows(features, mapping), labels, [gamma])(gamma)
    narrow = RidgeSolutions.in_span(rows, codes, counts, class_size_weights(counts, gamma))
    # the mean eigenvalue is over 60 features there, and over 26 rows here
    for one, other in zip(wide.at(0.1 * 60 / 26), narrow.at(0.1), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-8, atol=1e-10)


def test_many_features_tend_to_regression_with_the_kernel():
    features, labels = few_rows(counts=(12, 8, 5))
    others, _ = few_rows(counts=(12, 8, 5), seed=1)
    settings = {"input_transform": "none", "random_state": 0}
    width = distance_of(features)
    kernel = np.exp(-((features[:, None] - features[None]) ** 2).sum(axis=2) / (2 * width**2))
    cross = np.exp(-((others[:, None] - features[None]) ** 2).sum(axis=2) / (2 * width**2))
    centring = np.eye(25) - 1 / 25
    level = 0.1 * np.trace(centring @ kernel @ centring) / 25
    targets = np.eye(3)[labels]
    slow = KernelRidge(alpha=level, kernel="precomputed").fit(centring @ kernel @ centring, targets - targets.mean(0))
    expected = slow.predict((cross - kernel.mean(axis=0)) @ centring) + targets.mean(axis=0)
    errors = []
    for count in (128, 2048, 32768):
        head = RandomFeatureRidge(0.1, 0.0, 1.0, num_features=count, **settings).fit(features, labels)
        errors.append(np.abs(head.logits(others) / head.scale_ - expected).max())
    assert errors[0] > 2 * errors[1] > 4 * errors[2]
    assert errors[2] < 0.02


def test_curved_borders_are_found_where_a_plane_is_none():
    rng = np.random.default_rng(0)
    features = rng.normal(size=(660, 2)).astype(np.float32)
    labels = (np.hypot(*features.T) > 1.8).astype(int)  # a fifth lies outside
    settings = {"input_transform": "none", "random_state": 0}
    curved, plane = (
        balanced_accuracy_score(labels[300:], head.fit(features[:300], labels[:300]).predict(features[300:]))
        for head in (RandomFeatureRidge(**settings), WeightedRidge())
    )
    assert curved > 0.9
    assert plane < 0.7


@pytest.mark.parametrize("transform", ["none", "power-l2"])
def test_a_width_means_the_same_at_every_scale(tailed, transform):
    (train, labels), (test, _) = tailed
    settings = {"input_transform": transform, "random_state": 0, "num_features": 300}
    plain, large = (RandomFeatureRidge(**settings).fit(factor * train, labels) for factor in (1.0, 1024.0))
    assert plain.chosen_parameters() == large.chosen_parameters()
    np.testing.assert_allclose(plain.logits(test), large.logits(1024 * test), rtol=1e-3, atol=1e-3)


def test_the_seed_decides_the_features(tailed):
    train, labels = tailed[0]
    heads = [RandomFeatureRidge(0.1, 1.0, 1.0, random_state=seed, num_features=64) for seed in (0, 0, 1)]
    first, second, third = (head.fit(train, labels).frequencies_ for head in heads)
    np.testing.assert_array_equal(first, second)
    assert not np.allclose(first, third)


def test_auto_takes_what_is_best_on_rows_left_out(tailed):
    train, labels = tailed[0]
    fixed = {"num_features": 100, "random_state": 0}
    head = RandomFeatureRidge(**fixed).fit(train, labels)
    assert (head.selected_on_, head.curve_["parameter"]) == ("train-cv", "penalty")
    assert head.penalty_ == head.curve_["grid"][int(np.argmax(head.curve_["balanced"]))]
    scores = {}
    for width in (1.0, 0.5, 2.0):  # with so few features gamma and width are chosen by the same ones
        one = RandomFeatureRidge(gamma=head.gamma_, width=width, **fixed).fit(train, labels)
        scores[width] = max(one.curve_["balanced"])
    assert scores[head.width_] == max(scores.values()) == max(head.curve_["balanced"])
    by_width = RandomFeatureRidge(0.1, 1.0, **fixed).fit(train, labels)
    assert by_width.curve_["parameter"] == "width"
    assert by_width.width_ == by_width.curve_["grid"][int(np.argmax(by_width.curve_["balanced"]))]
    by_gamma = RandomFeatureRidge(0.1, width=1.0, **fixed).fit(train, labels)
    assert by_gamma.curve_["parameter"] == "gamma"
    assert by_gamma.gamma_ == by_gamma.curve_["grid"][int(np.argmax(by_gamma.curve_["balanced"]))]


def test_on_validation_it_takes_what_is_best_there(tailed):
    train, test = tailed
    head = RandomFeatureRidge(random_state=0).fit(*train, validation=test)
    assert head.selected_on_ == "val"
    recalls = [(head.predict(test[0])[test[1] == c] == c).mean() for c in range(6)]
    assert 100 * np.mean(recalls) == pytest.approx(max(head.curve_["balanced"]))


def test_the_scale_makes_probabilities_and_changes_no_prediction(tailed):
    (train, labels), (test, truth) = tailed
    head = RandomFeatureRidge(random_state=0).fit(train, labels)
    assert head.implied_prior == "uniform"
    confidence, right = head.predict_proba(test).max(axis=1).mean(), head.score(test, truth)
    assert confidence == pytest.approx(right, abs=0.15)
    np.testing.assert_array_equal((head.logits(test) / head.scale_).argmax(axis=1), head.predict(test))


def test_classes_of_a_single_row_choose_nothing_but_on_validation():
    features, labels = np.eye(4, 6) + 0.1, np.arange(4)
    head = RandomFeatureRidge(random_state=0).fit(features, labels)
    assert (head.selected_on_, head.curve_) == ("not selected", None)
    assert head.score(features, labels) == 1
    judged = RandomFeatureRidge(random_state=0).fit(features, labels, validation=(features, labels))
    assert judged.selected_on_ == "val"


def test_a_transform_in_front_is_the_head_on_what_it_gives(tailed):
    (train, labels), (test, truth) = tailed
    head = RandomFeatureRidge(random_state=0, num_features=64)
    whole = Transformed(head, "standardise").fit(train, labels, validation=(test, truth))
    before = FeatureTransform("standardise").fit(train)
    alone = head.fit(before.transform(train), labels, validation=(before.transform(test), truth))
    assert whole.chosen_parameters() == alone.chosen_parameters()
    np.testing.assert_allclose(whole.logits(test), alone.logits(before.transform(test)), rtol=1e-4, atol=1e-5)


def test_no_block_of_random_features_is_large(monkeypatch):
    """Rows are mapped a few thousand at a time, where features are few as well."""
    sizes = []
    apply = RandomFeatures.apply
    monkeypatch.setattr(RandomFeatures, "apply", lambda self, rows: sizes.append(len(rows)) or apply(self, rows))
    rng = np.random.default_rng(0)
    features, labels = rng.normal(size=(20_000, 3)).astype(np.float32), rng.integers(0, 2, 20_000)
    head = RandomFeatureRidge(0.1, 0.0, 1.0, num_features=512, random_state=0)
    head.fit(features, labels, validation=(features, labels))
    Transformed.of(FeatureTransform("none").fit(features), head).predict(features)
    assert max(sizes) <= 8192
    head.fit(features, labels)
    assert max(sizes) <= 8192


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"width": 0.0}, "width is 0.0; expected a number above 0"),
        ({"width": "wide"}, "width is 'wide'"),
        ({"num_features": 0}, "num_features is 0; expected a whole number"),
        ({"input_transform": "root"}, "input_transform is 'root'; expected one of none, centre"),
        ({"widths": ()}, "widths is \\(\\); expected at least one value"),
        ({"random_state": -1}, "random_state is -1"),
    ],
)
def test_mistakes_are_told(tailed, settings, message):
    with pytest.raises(InputError, match=message):
        RandomFeatureRidge(**settings).fit(*tailed[0])


def test_lazy_rows_of_another_width_are_refused():
    transform = FeatureTransform("none").fit(np.eye(3))
    with pytest.raises(InputError, match="rows have 2 features; expected 3"):
        transform.rows(FeatureTransform("none").fit(np.eye(2)).rows(np.eye(2)))
