"""Logit adjustment: the bias moves by the log shares, and with the right scores that is Bayes' rule."""

import numpy as np
import pytest

from longtail.errors import InputError
from longtail.heads import Joint, LogitAdjusted
from longtail.heads.logit_adjusted import adjustment_sweep
from longtail.heads.tau_normalized import TAU_GRID


def two_gaussians(rng, counts, distance=2.0):
    labels = np.repeat([0, 1], counts)
    return rng.normal(size=(len(labels), 1)) + distance * labels[:, None], labels


def test_true_scores_become_those_of_a_balanced_world():
    """w x + b is the log odds of two Gaussians with 95 : 5; without the log shares the boundary is in the middle."""
    rng = np.random.default_rng(0)
    features, labels = two_gaussians(rng, [950, 50])
    weight, bias = np.array([[0.0], [2.0]]), np.array([0.0, -2.0 + np.log(50 / 950)])
    adjusted = LogitAdjusted(tau=1.0, head=(weight, bias)).fit(features, labels)
    logits = adjusted.logits([[1.0]])
    assert logits[0, 0] == pytest.approx(logits[0, 1])
    plain = Joint(head=(weight, bias)).fit(features, labels)
    balanced = two_gaussians(rng, [4000, 4000])
    assert adjusted.score(*balanced) > plain.score(*balanced) + 0.1
    assert adjusted.score(*balanced) == pytest.approx(0.841, abs=0.02)  # Phi(1)


def test_tau_zero_is_the_head_and_even_counts_change_nothing(tailed):
    (train, labels), (test, _) = tailed
    joint = Joint(random_state=0).fit(train, labels)
    head = (joint.weight_, joint.bias_)
    same = LogitAdjusted(tau=0.0, head=head).fit(train, labels)
    np.testing.assert_array_equal(same.logits(test), joint.logits(test))
    rows = np.concatenate([np.flatnonzero(labels == c)[:3] for c in range(6)])
    even = LogitAdjusted(tau=1.0, head=head).fit(train[rows], labels[rows])
    np.testing.assert_array_equal(even.predict(test), joint.predict(test))


def test_the_sweep_counts_what_a_slow_loop_counts(tailed):
    (train, labels), (test, truth) = tailed
    joint = Joint(random_state=0).fit(train, labels)
    shares = np.log(np.bincount(labels) / len(labels))
    hits = adjustment_sweep(test, truth, joint.weight_, joint.bias_, shares, TAU_GRID)
    for row, tau in zip(hits, TAU_GRID, strict=True):
        head = LogitAdjusted(tau=tau, head=(joint.weight_, joint.bias_)).fit(train, labels)
        found = head.predict(test)
        np.testing.assert_array_equal(row, np.bincount(truth[found == truth], minlength=6))


def test_auto_takes_the_best_of_the_sweep(tailed):
    (train, labels), (test, truth) = tailed
    head = LogitAdjusted(random_state=0).fit(train, labels, validation=(test, truth))
    assert head.selected_on_ == "val"
    balanced = np.array(head.curve_["balanced"])
    assert head.tau_ == TAU_GRID[int(balanced.argmax())]
    recalls = [(head.predict(test)[truth == c] == c).mean() for c in range(6)]
    assert 100 * np.mean(recalls) == pytest.approx(balanced.max())
    held_out = LogitAdjusted(random_state=0).fit(train, labels)
    assert held_out.selected_on_ == "train-cv"


def test_more_tau_finds_more_of_the_rare(tailed):
    (train, labels), (test, _) = tailed
    joint = Joint(random_state=0).fit(train, labels)
    rarest = int(np.bincount(labels).argmin())
    shares = [
        (LogitAdjusted(tau=tau, head=(joint.weight_, joint.bias_)).fit(train, labels).predict(test) == rarest).mean()
        for tau in (0.0, 1.0, 3.0)
    ]
    assert shares[0] <= shares[1] <= shares[2]
    assert shares[0] < shares[2]


@pytest.mark.parametrize("tau", [-1, "much", float("nan")])
def test_mistakes_are_told(tailed, tau):
    with pytest.raises(InputError, match="expected a number from 0 to 100, or 'auto'"):
        LogitAdjusted(tau=tau).fit(*tailed[0])
