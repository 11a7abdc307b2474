"""Transforms, heads behind them, heads that decide together, and heads stored inside heads."""

import numpy as np
import pytest
from scipy.special import log_softmax, logsumexp
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.preprocessing import Normalizer, StandardScaler
from sklearn.utils.estimator_checks import estimator_checks_generator

from longtail.errors import InputError
from longtail.heads import (
    Ensemble,
    Joint,
    LinearDiscriminant,
    NearestClassMean,
    NearestNeighbours,
    Transformed,
    WeightedRidge,
    folded,
    load_head,
    save_head,
)
from longtail.heads.ensemble import log_prior_of
from longtail.heads.feature_transform import TRANSFORMS, FeatureTransform

CHECKS = [
    pytest.param(estimator, check, id=f"{kind}-{getattr(check, 'func', check).__name__}")
    for kind in ("l2", "standardise")
    for estimator, check in estimator_checks_generator(FeatureTransform(kind))
]


@pytest.mark.parametrize(("estimator", "check"), CHECKS)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.SkipTestWarning")
def test_scikit_learn_contract(estimator, check):
    check(estimator)


@pytest.mark.parametrize("kind", TRANSFORMS)
def test_transforms_are_those_of_scikit_learn_and_numpy(tailed, kind):
    (train, _), (test, _) = tailed
    train, test = train.astype(np.float64) + 2, test.astype(np.float64) + 2
    train[:, 3] = 7  # a feature that never changes
    mean, root = train.mean(axis=0), np.sign(test) * np.sqrt(np.abs(test))
    expected = {
        "none": test,
        "centre": test - mean,
        "l2": Normalizer().transform(test),
        "centre-l2": Normalizer().transform(test - mean),
        "power": root,
        "power-l2": Normalizer().transform(root),
        "standardise": StandardScaler().fit(train).transform(test),
    }
    transform = FeatureTransform(kind).fit(train)
    np.testing.assert_allclose(transform.transform(test), expected[kind], rtol=1e-7, atol=1e-12)
    half = transform.transform(test.astype(np.float16))
    assert half.dtype == np.float32
    if kind.endswith("l2"):
        kept = FeatureTransform(kind, keep_length=True).fit(train).transform(test)
        np.testing.assert_allclose(kept, expected[kind] * np.sqrt((train**2).sum(axis=1).mean()))


def test_zero_stays_zero():
    for kind in ("l2", "power-l2", "centre-l2"):
        assert FeatureTransform(kind).fit_transform(np.zeros((3, 2))).tolist() == [[0, 0]] * 3


@pytest.mark.parametrize("kind", TRANSFORMS)
def test_a_head_behind_a_transform_is_the_head_on_what_it_gives(tailed, kind):
    (train, labels), (test, truth) = tailed
    both = Transformed(LinearDiscriminant(), kind).fit(train, labels, validation=(test, truth))
    transform = FeatureTransform(kind).fit(train)
    validation = (transform.transform(test), truth)
    alone = LinearDiscriminant().fit(transform.transform(train), labels, validation=validation)
    np.testing.assert_allclose(both.logits(test), alone.logits(transform.transform(test)), rtol=1e-4, atol=1e-5)
    assert both.selected_on_ == "val"
    one = folded(both)
    if kind in ("none", "centre", "standardise"):
        assert isinstance(one, LinearDiscriminant)
        np.testing.assert_allclose(one.logits(test), both.logits(test), rtol=1e-3, atol=1e-3)
        assert one.shrinkage_ == alone.shrinkage_
    else:
        assert one is both
        with pytest.raises(InputError, match="no shift and factor"):
            transform.folded(alone.weight_, alone.bias_)


def test_in_searches_of_scikit_learn(tailed):
    train, labels = tailed[0]
    head = Transformed(WeightedRidge(0.1, 1.0), "centre")
    assert cross_val_score(head, train, labels, cv=2).min() > 0.3
    grid = {"feature_transform": ["none", "l2"], "head__gamma": [0.0, 1.0]}
    search = GridSearchCV(head, grid, cv=2, scoring="balanced_accuracy").fit(train, labels)
    assert search.best_params_["head__gamma"] == 1.0


def test_an_ensemble_is_the_mean_of_its_members_in_a_balanced_world(tailed):
    (train, labels), (test, _) = tailed
    joint = Joint(random_state=0)
    head = Ensemble([joint, LinearDiscriminant(0.3), NearestNeighbours(5, temperature=0.1, gamma=0.0)], average="log")
    head.fit(train, labels)
    shares = np.log(np.bincount(labels) / len(labels))
    parts = [member.logits(test) for member in head.heads_]
    members = [log_softmax(parts[0] - shares, axis=1), log_softmax(parts[1], axis=1)]
    members.append(log_softmax(parts[2] - shares, axis=1))
    np.testing.assert_allclose(head.logits(test), np.mean(members, axis=0), rtol=1e-4, atol=1e-5)
    other = Ensemble.of(dict(zip("abc", head.heads_, strict=True)), average="probability")
    np.testing.assert_allclose(other.logits(test), logsumexp(members, axis=0) - np.log(3), rtol=1e-4, atol=1e-5)
    assert (other.members_, head.implied_prior) == (["a", "b", "c"], "uniform")
    assert head.members_ == ["Joint", "LinearDiscriminant", "NearestNeighbours"]


def test_one_member_decides_alone_and_order_does_not_matter(tailed):
    (train, labels), (test, _) = tailed
    alone = WeightedRidge().fit(train, labels)
    np.testing.assert_array_equal(Ensemble([WeightedRidge()]).fit(train, labels).predict(test), alone.predict(test))
    heads = [WeightedRidge(), LinearDiscriminant(), NearestClassMean()]
    one, other = (Ensemble(order).fit(train, labels) for order in (heads, heads[::-1]))
    np.testing.assert_allclose(one.logits(test), other.logits(test), rtol=1e-5, atol=1e-6)


def test_the_prior_of_a_member_is_known():
    features, labels = np.eye(4), [0, 0, 0, 1]
    given = LinearDiscriminant(0.5, prior=[0.2, 0.8]).fit(features, labels)
    assert log_prior_of(given).exp().tolist() == pytest.approx([0.2, 0.8])
    assert log_prior_of(Transformed(given, "l2").fit(features, labels)).exp().tolist() == pytest.approx([0.2, 0.8])
    assert log_prior_of(NearestClassMean().fit(features, labels)).exp().tolist() == [0.5, 0.5]


def test_heads_inside_heads_are_stored_without_pickle(tailed, tmp_path):
    (train, labels), (test, _) = tailed
    names = np.array(["ant", "bee", "cat", "dog", "eel", "fox"])[labels]
    inner = Ensemble([NearestNeighbours(3, temperature=0.1, gamma=1.0), Transformed(WeightedRidge(), "standardise")])
    head = Transformed(inner, "power-l2").fit(train, names)
    save_head(head, tmp_path / "head.npz")
    with np.load(tmp_path / "head.npz", allow_pickle=False) as file:
        assert "head_/heads_/1/head_/weight_" in file.files
    loaded = load_head(tmp_path / "head.npz")
    np.testing.assert_array_equal(loaded.predict(test), head.predict(test))
    np.testing.assert_array_equal(loaded.logits(test), head.logits(test))
    assert loaded.head_.heads_[1].head_.penalty_ == head.head_.heads_[1].head_.penalty_
    prior = LinearDiscriminant(0.3, prior=np.arange(1.0, 7)).fit(train, names)
    save_head(prior, tmp_path / "prior.npz")
    np.testing.assert_array_equal(load_head(tmp_path / "prior.npz").logits(test), prior.logits(test))


def test_mistakes_are_told(tailed):
    train = tailed[0]
    with pytest.raises(InputError, match="kind is 'cube'; expected one of none, centre"):
        FeatureTransform("cube").fit(train[0])
    with pytest.raises(InputError, match="average is 'median'; expected one of log, probability"):
        Ensemble(average="median").fit(*train)
    with pytest.raises(InputError, match="heads is \\[\\]; expected a list of heads of longtail"):
        Ensemble([]).fit(*train)
    with pytest.raises(InputError, match="expected a head of longtail"):
        Transformed(StandardScaler()).fit(*train)
    with pytest.raises(InputError, match="at least one head"):
        Ensemble.of({})


@pytest.mark.parametrize("kind", [np.float64, np.float32])
def test_a_feature_that_never_changes_is_left_undivided(kind):
    features = np.column_stack([np.arange(1000.0), np.full(1000, 0.1)]).astype(kind)
    found = FeatureTransform("standardise").fit_transform(features)
    assert np.abs(found[:, 1]).max() < 1e-6
    np.testing.assert_allclose(found[:, 0], (features[:, 0] - 499.5) / features[:, 0].std(), rtol=1e-5)
