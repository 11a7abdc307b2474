"""Priors and moving scores between them: Bayes' rule by hand, and what is refused."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm

from longtail.errors import InputError
from longtail.priors import (
    check_prior,
    log_odds_shift,
    named_prior,
    prior_of_counts,
    shift_logits,
    shift_probabilities,
    uniform_prior,
)


@pytest.fixture
def posterior():
    """Two Gaussians: what Bayes' rule says of some points in a world where they are as common as a prior says."""
    x = np.linspace(-3, 5, 41)
    densities = np.stack([norm.pdf(x), norm.pdf(x, loc=2)], axis=1)

    def in_world(prior):
        joint = densities * prior
        return joint / joint.sum(axis=1, keepdims=True)

    return in_world


def test_shifted_probabilities_are_those_of_the_other_world(posterior):
    source, target = np.array([0.95, 0.05]), np.array([0.3, 0.7])
    np.testing.assert_allclose(shift_probabilities(posterior(source), source, target), posterior(target), atol=1e-12)
    logits = shift_logits(np.log(posterior(source)) + 7.0, source, target)
    exponentials = np.exp(logits - logits.max(axis=1, keepdims=True))
    np.testing.assert_allclose(exponentials / exponentials.sum(axis=1, keepdims=True), posterior(target), atol=1e-12)


@given(st.lists(st.integers(1, 1000), min_size=2, max_size=6), st.integers(0, 2**31))
def test_there_and_back_is_where_it_was_and_classes_may_be_renamed(counts, seed):
    rng = np.random.default_rng(seed)
    source, target = prior_of_counts(counts), rng.dirichlet(np.ones(len(counts))) + 1e-6
    target /= target.sum()
    p = rng.dirichlet(np.ones(len(counts)), size=5)
    there = shift_probabilities(p, source, target)
    np.testing.assert_allclose(shift_probabilities(there, target, source), p, atol=1e-9)
    np.testing.assert_allclose(shift_probabilities(p, source, source), p, atol=1e-12)
    order = rng.permutation(len(counts))
    np.testing.assert_allclose(shift_probabilities(p[:, order], source[order], target[order]), there[:, order])


def test_a_class_of_share_zero_is_never_predicted():
    source = [0.4, 0.3, 0.3]
    np.testing.assert_allclose(shift_probabilities([[0.9, 0.06, 0.04]], source, [0.0, 0.5, 0.5]), [[0.0, 0.6, 0.4]])
    assert shift_logits([[9.0, 0.0, 0.0]], source, [0.0, 0.5, 0.5])[0, 0] == -np.inf
    # sure of a class that does not occur: nothing is known but the prior
    np.testing.assert_allclose(shift_probabilities([[1.0, 0.0, 0.0]], source, [0.0, 0.2, 0.8]), [[0, 0.2, 0.8]])
    assert log_odds_shift([0.5, 0.5, 0.0], [0.5, 0.5, 0.0])[2] == -np.inf


def test_counts_are_divided_and_rounded_shares_made_exact():
    np.testing.assert_array_equal(uniform_prior(4), [0.25] * 4)
    np.testing.assert_array_equal(check_prior(np.array([30, 10]), 2), [0.75, 0.25])
    found = check_prior([0.33, 0.33, 0.33], 3)
    np.testing.assert_allclose(found, [1 / 3] * 3)
    assert found.sum() == pytest.approx(1, abs=1e-15)


@pytest.mark.parametrize(
    ("prior", "told"),
    [
        ([0.5, 0.5], r"shape \(2,\); expected one share for each of the 3 classes"),
        ([0.6, 0.6, -0.2], "share of class 2 is -0.2"),
        ([5, -1, 2], "count of class 1 is -1"),
        ([0.5, np.nan, 0.5], "share of class 1 is nan"),
        ([0.5, 0.3, 0.3], "sum to 1.1; expected 1"),
        ([0, 0, 0], "all class counts are 0"),
        (["a", "b", "c"], "expected numbers"),
    ],
)
def test_what_is_no_prior_is_refused(prior, told):
    with pytest.raises(InputError, match=told):
        check_prior(prior, 3)


def test_a_class_that_only_the_target_has_is_refused():
    with pytest.raises(InputError, match=r"class 1 has share 0.5 in the target prior and none in the source"):
        log_odds_shift([1.0, 0.0], [0.5, 0.5])


NAMES = ["ant", "bee", "cat", "dog"]


def test_a_prior_by_name():
    assert named_prior({"dog": 0.4, "cat": 0.3, "bee": 0.2, "ant": 0.1}, NAMES).tolist() == [0.1, 0.2, 0.3, 0.4]
    assert check_prior({"dog": 4, "cat": 3, "bee": 2, "ant": 1}, 4, NAMES).tolist() == [0.1, 0.2, 0.3, 0.4]
    rest = np.array([0.5, 0.3, 0.1, 0.1])
    found = named_prior({"ant": 0.01}, NAMES, rest=rest)
    np.testing.assert_allclose(found, [0.01, *(0.99 * rest[1:] / rest[1:].sum())])
    np.testing.assert_allclose(named_prior({"ant": 0.3, "bee": 0.7}, NAMES, rest=rest), [0.3, 0.7, 0, 0])


@pytest.mark.parametrize(
    ("shares", "rest", "told"),
    [
        ({"ant": 0.5, "fox": 0.5}, None, "names fox, no class here. Classes: ant, bee, cat, dog"),
        ({"ant": 1.0}, None, "missing: bee, cat, dog. Give 0"),
        ({"ant": 0.9, "bee": 0.9}, [0.25] * 4, "sum to 1.8; expected at most 1"),
        ({"ant": -0.1}, [0.25] * 4, "share of class 0 is -0.1"),
        ({"ant": float("nan")}, [0.25] * 4, "share of class 0 is nan"),
        ({"ant": "much"}, [0.25] * 4, "expected numbers, came"),
        ({"ant": 0.5}, [1, 0, 0, 0], "have no share to be given out by"),
        ({"ant": 0.5, "bee": 0.2, "cat": 0.2, "dog": 0.2}, None, "sum to 1.1; expected 1"),
    ],
)
def test_names_and_shares_that_do_not_fit(shares, rest, told):
    with pytest.raises(InputError, match=told):
        named_prior(shares, NAMES, rest=rest)


@pytest.mark.parametrize(
    "prior",
    [
        None,
        "uniform",
        ["a", "b"],
        [[0.5], [0.5, 0.5]],
        [0.5, np.nan],
        [0.5, np.inf],
        [0.0, 0.0],
        [2**70, 1],
        {"a": 1.0},
    ],
)
def test_what_is_no_prior_is_told(prior):
    with pytest.raises(InputError):
        check_prior(prior, 2)
