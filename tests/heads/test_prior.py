"""Heads that predict for another prior: Bayes' rule on their logits, whatever they are."""

import inspect

import numpy as np
import pytest
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import longtail.heads as heads
from longtail.errors import InputError
from longtail.heads import (
    Joint,
    LinearDiscriminant,
    LogitAdjusted,
    NearestClassMean,
    Transformed,
    load_head,
    save_head,
)
from longtail.priors import prior_of_counts, shift_logits, uniform_prior

KINDS = [kind for name in heads.__all__ if inspect.isclass(kind := getattr(heads, name))]


def test_joint_for_a_uniform_prior_is_logit_adjusted(tailed):
    (train, labels), (test, _) = tailed
    joint = Joint(random_state=0).fit(train, labels)
    adjusted = LogitAdjusted(tau=1.0, head=(joint.weight_, joint.bias_)).fit(train, labels)
    np.testing.assert_array_equal(joint.predict(test, prior="uniform"), adjusted.predict(test))
    np.testing.assert_array_equal(joint.predict(test), adjusted.predict(test, prior="train"))
    np.testing.assert_allclose(
        joint.predict_proba(test, prior="uniform"), adjusted.predict_proba(test), rtol=1e-4, atol=1e-7
    )


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_every_head_follows_bayes_rule(kind, tailed):
    (train, labels), (test, _) = tailed
    head = (kind(random_state=0) if "random_state" in inspect.signature(kind).parameters else kind()).fit(train, labels)
    source = prior_of_counts(np.bincount(labels)) if head.implied_prior == "train" else uniform_prior(6)
    target = np.array([0.05, 0.05, 0.1, 0.1, 0.2, 0.5])
    expected = shift_logits(head.logits(test), source, target)
    np.testing.assert_allclose(head.logits(test, prior=target), expected, rtol=1e-4, atol=1e-4)
    np.testing.assert_array_equal(head.predict(test, prior=target), head.logits(test, prior=target).argmax(axis=1))
    # its own world changes nothing
    np.testing.assert_array_equal(head.logits(test, prior=head.implied_prior), head.logits(test))
    np.testing.assert_allclose(head.predict_proba(test, prior=target).sum(axis=1), 1, rtol=1e-5)


def test_a_pipeline_hands_the_prior_on(tailed):
    (train, labels), (test, _) = tailed
    pipeline = make_pipeline(StandardScaler(), NearestClassMean()).fit(train, labels)
    prior = [0.9, 0.02, 0.02, 0.02, 0.02, 0.02]
    expected = pipeline[-1].predict(pipeline[0].transform(test), prior=prior)
    np.testing.assert_array_equal(pipeline.predict(test, prior=prior), expected)
    assert (expected != pipeline.predict(test)).any()


def test_a_class_of_share_zero_gets_no_probability(tailed):
    (train, labels), (test, _) = tailed
    found = Joint(random_state=0).fit(train, labels).predict_proba(test, prior=[0.0, 0.2, 0.2, 0.2, 0.2, 0.2])
    assert (found[:, 0] == 0).all()
    assert np.isfinite(found).all()


def test_a_stored_head_knows_its_counts_and_one_that_was_taken_over_says_that_it_does_not(tailed, tmp_path):
    (train, labels), (test, _) = tailed
    joint = Joint(random_state=0).fit(train, labels)
    save_head(joint, tmp_path / "joint.npz")
    stored = load_head(tmp_path / "joint.npz").predict(test, prior="uniform")
    np.testing.assert_array_equal(stored, joint.predict(test, prior="uniform"))
    taken = Joint().take(joint.weight_, joint.bias_)
    np.testing.assert_array_equal(taken.predict(test, prior="train"), joint.predict(test))
    with pytest.raises(InputError, match="does not know how many images"):
        taken.predict(test, prior="uniform")
    counted = Joint().take(joint.weight_, joint.bias_, class_counts=np.bincount(labels))
    np.testing.assert_array_equal(counted.predict(test, prior="uniform"), stored)


@pytest.mark.parametrize(
    ("prior", "told"),
    [
        ("balanced", "no prior 'balanced'; expected 'uniform', 'train'"),
        ([0.5, 0.5], "expected one share for each of the 6 classes"),
        ([0.5, 0.5, 0.5, 0.5, 0.5, 0.5], "sum to 3"),
        ([1.5, -0.5, 0, 0, 0, 0], r"share of class 1 is -0.5"),
    ],
)
def test_what_is_no_prior_is_refused(prior, told, tailed):
    (train, labels), (test, _) = tailed
    head = NearestClassMean().fit(train, labels)
    for call in (head.predict, head.predict_proba, head.logits):
        with pytest.raises(InputError, match=told):
            call(test, prior=prior)


@pytest.mark.parametrize("wrapped", [False, True])
def test_a_discriminant_of_given_shares_is_moved_from_these(tailed, wrapped):
    (train, labels), (test, _) = tailed

    def fitted(prior):
        head = LinearDiscriminant(0.5, weighting="rows", corrected=False, calibrated=False, prior=prior)
        return (Transformed(head, "l2") if wrapped else head).fit(train, labels)

    shares = [0.4, 0.2, 0.1, 0.1, 0.1, 0.1]
    given, uniform, natural = fitted(shares), fitted("uniform"), fitted("train")
    np.testing.assert_allclose(given.implied_shares, shares)
    for prior in ("uniform", "train", [0.05, 0.05, 0.1, 0.1, 0.2, 0.5]):
        expected = uniform.predict_proba(test, prior=prior)
        np.testing.assert_allclose(given.predict_proba(test, prior=prior), expected, rtol=1e-3, atol=1e-6)
        np.testing.assert_allclose(natural.predict_proba(test, prior=prior), expected, rtol=1e-3, atol=1e-6)
    np.testing.assert_array_equal(given.logits(test, prior=shares), given.logits(test))
