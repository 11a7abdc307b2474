"""Vector scaling against its formula written out, and what it is where one of the two is nothing."""

import numpy as np
import pytest

from longtail.comparison import METHODS
from longtail.errors import InputError
from longtail.heads import Joint, LogitAdjusted, VectorScaled


def trained(tailed):
    (train, labels), (test, truth) = tailed
    joint = Joint().fit(train, labels)
    return (joint.weight_, joint.bias_), train, labels, test, truth


@pytest.mark.parametrize(("gamma", "tau"), [(0.3, 0.0), (0.1, 1.0), (-0.2, 0.5)])
def test_logits_are_the_formula(tailed, gamma, tau):
    head, train, labels, test, _ = trained(tailed)
    counts = np.bincount(labels)
    found = VectorScaled(gamma, tau, head).fit(train, labels).logits(test)
    for row, logits in zip(test[:20], found[:20], strict=True):
        scores = [float(row @ head[0][c] + head[1][c]) for c in range(6)]
        slow = [
            (counts[c] / counts.max()) ** -gamma * (scores[c] - np.mean(scores)) - tau * np.log(counts[c] / len(labels))
            for c in range(6)
        ]
        np.testing.assert_allclose(logits, slow, rtol=1e-3, atol=1e-3)


def test_with_gamma_0_it_is_logit_adjustment_and_with_neither_the_head(tailed):
    head, train, labels, test, _ = trained(tailed)
    adjusted = LogitAdjusted(0.7, head).fit(train, labels)
    same = VectorScaled(0.0, 0.7, head).fit(train, labels)
    np.testing.assert_array_equal(same.predict(test), adjusted.predict(test))
    left = VectorScaled(0.0, 0.0, head).fit(train, labels)
    np.testing.assert_array_equal(left.predict(test), (test @ head[0].T + head[1]).argmax(axis=1))
    assert (left.implied_prior, same.implied_prior) == ("train", "uniform")
    assert VectorScaled(0.1, 0.0, head).fit(train, labels).implied_prior == "uniform"


def test_what_is_added_to_all_scores_and_the_units_change_nothing(tailed):
    (weight, bias), train, labels, test, _ = trained(tailed)
    expected = VectorScaled(0.3, 0.5, (weight, bias)).fit(train, labels).logits(test)
    moved = VectorScaled(0.3, 0.5, (weight + 1, bias - 3)).fit(train, labels).logits(test)
    np.testing.assert_allclose(moved, expected, rtol=1e-3, atol=1e-3)
    larger = VectorScaled(0.3, 0.5, (weight / 1000, bias)).fit(1000 * train, labels).logits(1000 * test)
    np.testing.assert_allclose(larger, expected, rtol=1e-3, atol=1e-3)


def test_equal_counts_leave_the_predictions(tailed):
    head, train, labels, test, _ = trained(tailed)
    rows = np.concatenate([np.flatnonzero(labels == c)[:5] for c in range(6)])
    even = VectorScaled(0.5, 1.0, head).fit(train[rows], labels[rows])
    np.testing.assert_array_equal(even.predict(test), (test @ head[0].T + head[1]).argmax(axis=1))


def test_renaming_classes_renames_predictions(tailed):
    (weight, bias), train, labels, test, truth = trained(tailed)
    renamed = np.array([4, 2, 5, 0, 3, 1])
    back = np.argsort(renamed)
    before = VectorScaled(head=(weight, bias)).fit(train, labels, validation=(test, truth))
    other = (weight[back], bias[back])
    after = VectorScaled(head=other).fit(train, renamed[labels], validation=(test, renamed[truth]))
    assert (before.gamma_, before.tau_) == (after.gamma_, after.tau_)
    np.testing.assert_array_equal(renamed[before.predict(test)], after.predict(test))


def test_both_are_chosen_together_by_log_loss(tailed):
    head, train, labels, test, truth = trained(tailed)
    found = VectorScaled(head=head).fit(train, labels, validation=(test, truth))
    assert found.selected_on_ == "val"
    assert found.curve_["parameter"] == "gamma"
    assert found.gamma_ == found.curve_["grid"][int(np.argmin(found.curve_["log_loss"]))]
    for one in ({"gamma": 0.0}, {"tau": 0.0}):
        alone = VectorScaled(head=head, **one).fit(train, labels, validation=(test, truth))
        assert min(alone.curve_["log_loss"]) >= min(found.curve_["log_loss"]) - 1e-6
    assert alone.curve_["parameter"] == "gamma"
    rare = truth >= 3
    plain = (test @ head[0].T + head[1]).argmax(axis=1)
    assert (found.predict(test)[rare] == truth[rare]).mean() > (plain[rare] == truth[rare]).mean()


def test_mla_is_a_setting_of_it(tailed):
    head, train, labels, test, truth = trained(tailed)
    row = METHODS["mla"]
    found = row.estimator(head=head, **row.fixed).fit(train, labels, validation=(test, truth))
    assert (found.tau_, found.selected_on_) == (0.0, "val")


def test_one_row_a_class():
    head = VectorScaled().fit(np.eye(4, 6), list("abcd"))
    assert (head.selected_on_, head.gamma_, head.tau_) == ("not selected", 0.0, 1.0)


@pytest.mark.parametrize(
    ("settings", "message"),
    [({"gamma": 11.0}, "gamma is 11.0; expected a number from -10 to 10"), ({"tau": -1.0}, "tau is -1.0")],
)
def test_parameters_that_cannot_be_are_told(settings, message, tailed):
    with pytest.raises(InputError, match=message):
        VectorScaled(**settings).fit(*tailed[0])
