"""The mathematics of each head against slow loops, and the relations between them."""

import numpy as np
import pytest
from sklearn.utils import check_random_state

from longtail.errors import InputError
from longtail.heads import (
    ClassifierRetraining,
    Joint,
    LearnableWeightScaling,
    LogitAdjusted,
    NearestClassMean,
    TauNormalized,
)
from longtail.heads.tau_normalized import TAU_GRID, normalized_weight, tau_sweep
from longtail.holdout import stratified_holdout


@pytest.fixture
def linear(tailed):
    (train, labels), _ = tailed
    joint = Joint(random_state=0).fit(train, labels)
    return joint.weight_, joint.bias_


def slow_ncm(train, labels, test, transform, metric):
    center = train.mean(axis=0)

    def transformed(x):
        x = x - center if transform == "cl2n" else x
        return x / np.linalg.norm(x) if transform != "un" else x

    means = [
        np.mean([transformed(x) for x, y in zip(train, labels, strict=True) if y == c], axis=0)
        for c in np.unique(labels)
    ]
    logits = np.empty((len(test), len(means)))
    for i, x in enumerate(test):
        g = transformed(x)
        for c, m in enumerate(means):
            if metric == "l2":
                logits[i, c] = -np.sum((g - m) ** 2)
            elif metric == "dot":
                logits[i, c] = g @ m / len(m)
            else:
                logits[i, c] = g @ m / (np.linalg.norm(g) * np.linalg.norm(m))
    return logits


@pytest.mark.parametrize("transform", ["un", "l2n", "cl2n"])
@pytest.mark.parametrize("metric", ["l2", "cosine", "dot"])
def test_ncm_equals_the_slow_loop(tailed, transform, metric):
    (train, labels), (test, _) = tailed
    train, test = train.astype(np.float64), test.astype(np.float64)
    head = NearestClassMean(transform=transform, metric=metric).fit(train, labels)
    expected = slow_ncm(train, labels, test, transform, metric)
    np.testing.assert_allclose(head.logits(test), expected, rtol=1e-9, atol=1e-11)


def test_ncm_names_its_choices():
    with pytest.raises(InputError, match="expected one of un, l2n, cl2n"):
        NearestClassMean(transform="l3n").fit(np.eye(2), [0, 1])


@pytest.mark.parametrize("keep_bias", [False, True])
@pytest.mark.parametrize("tau", [0.0, 0.3, 1.0, 2.0])
def test_tau_equals_the_slow_loop(tailed, linear, tau, keep_bias):
    (train, labels), (test, _) = tailed
    weight, bias = linear
    head = TauNormalized(tau=tau, head=linear, keep_bias=keep_bias).fit(train, labels)
    expected = np.stack([test @ (w / np.linalg.norm(w) ** tau) for w in weight], axis=1) + keep_bias * bias
    np.testing.assert_allclose(head.logits(test), expected, rtol=1e-4, atol=1e-5)


def test_tau_zero_is_joint_without_its_bias(tailed, linear):
    (train, labels), (test, _) = tailed
    tau = TauNormalized(tau=0.0, head=linear).fit(train, labels)
    joint = Joint((linear[0], np.zeros_like(linear[1]))).fit(train, labels)
    np.testing.assert_array_equal(tau.logits(test), joint.logits(test))


def test_tau_one_makes_all_rows_equally_long(linear):
    np.testing.assert_allclose(np.linalg.norm(normalized_weight(linear[0], 1.0), axis=1), 1, rtol=1e-5)


def test_a_class_without_weight_stays_finite():
    weight = np.array([[0.0, 0.0], [3.0, 4.0]])
    np.testing.assert_array_equal(normalized_weight(weight, 2.0)[0], [0, 0])


@pytest.mark.parametrize("with_bias", [False, True])
def test_the_sweep_equals_one_prediction_a_tau(tailed, linear, with_bias):
    _, (test, truth) = tailed
    weight, bias = linear
    hits = tau_sweep(test, truth, weight, TAU_GRID, bias=bias if with_bias else None)
    for row, tau in zip(hits, TAU_GRID, strict=True):
        logits = test @ normalized_weight(weight, tau).T + with_bias * bias
        right = logits.argmax(axis=1) == truth
        np.testing.assert_array_equal(row, np.bincount(truth[right], minlength=6))


def test_the_sweep_of_equal_logits_finds_the_first_class_alone():
    """Features of zero, and classes with the same weights: as the arg max has it."""
    weight = np.array([[1.0, 0.0], [0.0, 2.0], [0.0, 2.0], [0.0, 0.0]])
    features = np.array([[0.0, 0.0], [0.0, 0.0], [0.0, 1.0], [0.0, 1.0], [1.0, 0.0], [-1.0, -1.0], [-1.0, -1.0]])
    truth = np.array([0, 1, 1, 2, 0, 3, 0])
    for with_bias in (None, np.zeros(4), np.array([0.0, 1.0, 1.0, 0.5])):
        hits = tau_sweep(features, truth, weight, (0.0, 0.7), bias=with_bias)
        for row, tau in zip(hits, (0.0, 0.7), strict=True):
            logits = features @ normalized_weight(weight, tau).T + (0 if with_bias is None else with_bias)
            right = logits.argmax(axis=1) == truth
            np.testing.assert_array_equal(row, np.bincount(truth[right], minlength=4))


def test_auto_takes_the_best_of_validation_and_says_so(tailed, linear):
    (train, labels), (test, truth) = tailed
    head = TauNormalized(head=linear).fit(train, labels, validation=(test, truth))
    by_hand = [
        np.mean(
            [
                TauNormalized(tau=tau, head=linear).fit(train, labels).score(test[truth == c], truth[truth == c])
                for c in range(6)
            ]
        )
        for tau in TAU_GRID
    ]
    assert head.tau_ == TAU_GRID[int(np.argmax(by_hand))]
    assert head.selected_on_ == "val"
    np.testing.assert_allclose(head.curve_["balanced"], 100 * np.array(by_hand))


def test_auto_without_validation_holds_a_part_of_train_out(tailed):
    (train, labels), _ = tailed
    head = TauNormalized(random_state=0).fit(train, labels)
    assert head.selected_on_ == "train-cv"
    assert head.curve_["totals"] == [60, 24, 10, 4, 2, 1]  # a fifth of each class
    # the choice was made by a joint that had not seen that fifth
    rest, held_out = stratified_holdout(labels, 0.2, seed=int(check_random_state(0).randint(2**31 - 1)))
    blind = TauNormalized(tau=head.tau_, random_state=0)
    hits = blind.fit(train[rest], labels[rest]).predict(train[held_out]) == labels[held_out]
    chosen = head.curve_["grid"].index(head.tau_)
    assert hits.sum() == sum(head.curve_["hits"][chosen])


def test_auto_refuses_validation_labels_that_train_lacks(tailed, linear):
    (train, labels), (test, truth) = tailed
    with pytest.raises(InputError, match="label 9 is not among"):
        TauNormalized(head=linear).fit(train, labels, validation=(test, np.where(truth == 0, 9, truth)))


@pytest.mark.parametrize("tau", [-0.1, "best", float("nan")])
def test_tau_out_of_range(tailed, tau):
    with pytest.raises(InputError, match=r"expected a number (of at least 0|from 0 to 100), or 'auto'"):
        TauNormalized(tau=tau).fit(*tailed[0])


def test_joint_takes_a_given_head_as_it_is(tailed, linear):
    (train, labels), (test, _) = tailed
    head = Joint(linear).fit(train, labels)
    np.testing.assert_allclose(head.logits(test), test @ linear[0].T + linear[1], rtol=1e-4, atol=1e-5)
    assert head.selected_on_ == "given"


@pytest.mark.parametrize("kind", [Joint, TauNormalized, LearnableWeightScaling])
def test_a_head_of_another_shape_is_refused(tailed, linear, kind):
    (train, labels), _ = tailed
    with pytest.raises(InputError, match=r"expected \(6, 8\)"):
        kind(head=(linear[0][:, :5], linear[1])).fit(train, labels)


@pytest.mark.parametrize("kind", [Joint, TauNormalized, LearnableWeightScaling, LogitAdjusted])
def test_a_given_head_may_be_of_whole_numbers_and_of_memory_that_cannot_be_written(tailed, kind):
    (train, labels), (test, _) = tailed
    weight, bias = np.arange(48).reshape(6, 8) % 7 - 3, np.arange(6)
    settings = {"tau": 0.5} if kind in (TauNormalized, LogitAdjusted) else {}
    if kind is not Joint:
        settings["random_state"] = 0
    expected = kind(head=(weight.astype(np.float64), bias.astype(np.float64)), **settings).fit(train, labels)
    weight.flags.writeable = bias.flags.writeable = False
    found = kind(head=(weight, bias), **settings).fit(train, labels)
    np.testing.assert_allclose(found.logits(test), expected.logits(test), rtol=1e-5)


def test_a_given_head_is_not_the_callers_memory(tailed, linear):
    (train, labels), (test, _) = tailed
    weight, bias = (part.copy() for part in linear)
    head = Joint(head=(weight, bias)).fit(train, labels)
    before = head.logits(test)
    weight[:] = 0
    np.testing.assert_array_equal(head.logits(test), before)


def test_joint_minimises_the_regularised_cross_entropy(tailed):
    """Long training reaches the optimum that scikit-learn's solver finds."""
    from sklearn.linear_model import LogisticRegression

    (train, labels), (test, _) = tailed
    decay = 0.01
    joint = Joint(
        solver="sgd", standardise=False, epochs=300, weight_decay=decay, learning_rate=0.5, random_state=0
    ).fit(np.hstack([train, np.ones((len(train), 1), np.float32)]), labels)
    # C sums losses where weight decay goes with their mean; the constant feature takes the place of a bias
    oracle = LogisticRegression(C=1 / (decay * len(labels)), fit_intercept=False, tol=1e-8, max_iter=5000)
    oracle.fit(np.hstack([train, np.full((len(train), 1), np.sqrt(2))]), labels)
    probe = np.hstack([test, np.ones((len(test), 1), np.float32)])
    ours = joint.predict_proba(probe)
    theirs = oracle.predict_proba(np.hstack([test, np.full((len(test), 1), np.sqrt(2))]))
    np.testing.assert_allclose(ours, theirs, atol=0.03)


def test_lws_trains_scales_alone(tailed, linear):
    (train, labels), _ = tailed
    head = LearnableWeightScaling(linear, random_state=0).fit(train, labels)
    np.testing.assert_allclose(head.weight_, head.scales_[:, None] * linear[0], rtol=1e-6)
    np.testing.assert_allclose(head.bias_, head.scales_ * linear[1], rtol=1e-6)


def test_lws_without_training_is_its_start(tailed, linear):
    (train, labels), (test, _) = tailed
    ones = LearnableWeightScaling(linear, epochs=0).fit(train, labels)
    np.testing.assert_array_equal(ones.predict(test), Joint(linear).fit(train, labels).predict(test))
    shrunk = LearnableWeightScaling(linear, epochs=0, initial="tau", tau=0.7, scale_bias=False).fit(train, labels)
    expected = TauNormalized(tau=0.7, head=linear, keep_bias=True).fit(train, labels)
    np.testing.assert_allclose(shrunk.logits(test), expected.logits(test), rtol=1e-4, atol=1e-5)


def test_lws_on_cached_logits_equals_computing_them(tailed, linear, monkeypatch):
    (train, labels), _ = tailed
    cached = LearnableWeightScaling(linear, random_state=0).fit(train, labels)
    monkeypatch.setattr("longtail.heads.learnable_weight_scaling.MOST_CACHED_LOGITS", 0)
    computed = LearnableWeightScaling(linear, random_state=0).fit(train, labels)
    np.testing.assert_allclose(cached.scales_, computed.scales_, rtol=1e-4)


def test_retraining_finds_more_of_the_tail(tailed):
    (train, labels), (test, truth) = tailed
    rare = truth >= 3
    joint = Joint(random_state=0).fit(train, labels)
    crt = ClassifierRetraining(random_state=0).fit(train, labels)
    assert crt.score(test[rare], truth[rare]) > joint.score(test[rare], truth[rare])


def test_features_that_are_too_large_are_told(tailed):
    from longtail.errors import LongtailError

    (train, labels), _ = tailed
    with pytest.raises(LongtailError, match="Lower learning_rate, or scale the features"):
        ClassifierRetraining(random_state=0, learning_rate=1e14, standardise=False).fit(train * 1e10, labels)


def test_many_classes_of_few_rows_are_no_regression():
    """scikit-learn warns where more than half of the rows have a class of their own; warnings are errors here."""
    labels = np.concatenate([np.arange(30), np.arange(10)])
    assert len(NearestClassMean().fit(np.random.default_rng(0).normal(size=(40, 5)), labels).classes_) == 30
