"""A head of the same settings on other rows: what a choice, a calibration and a learning curve fit again."""

import numpy as np
import pytest

from longtail.comparison.refitting import fitted_like
from longtail.heads import (
    Ensemble,
    Joint,
    LinearDiscriminant,
    LogitAdjusted,
    NearestClassMean,
    TauNormalized,
    Transformed,
    WeightedRidge,
    load_head,
    save_head,
)

HEADS = {
    "ridge": WeightedRidge(),
    "transformed": Transformed(WeightedRidge(), "standardise"),
    "ensemble": Ensemble([LinearDiscriminant(), Transformed(NearestClassMean(), "power-l2")], average="log"),
}


@pytest.mark.parametrize("from_file", [False, True])
@pytest.mark.parametrize("name", HEADS)
def test_fitted_to_the_same_rows_it_is_the_same_head(name, from_file, tailed, tmp_path):
    (train, labels), (test, _) = tailed
    head = HEADS[name].fit(train, labels)
    expected = head.logits(test)
    if from_file:
        save_head(head, tmp_path / "head.npz")
        head = load_head(tmp_path / "head.npz")
    again = fitted_like(head, train, labels)
    assert type(again) is type(head)
    np.testing.assert_allclose(again.logits(test), expected, rtol=1e-4, atol=1e-4)


def test_what_was_found_is_kept_and_what_is_started_from_is_new(tailed):
    (train, labels), (test, _) = tailed
    first, rest = np.arange(len(labels)) % 2 == 0, np.arange(len(labels)) % 2 == 1
    head = LogitAdjusted(random_state=0).fit(train[first], labels[first])
    again = fitted_like(head, train[rest], labels[rest], seed=3)
    assert (again.tau_, again.selected_on_) == (head.tau_, "given")
    joint = Joint(random_state=3).fit(train[rest], labels[rest])
    expected = LogitAdjusted(head.tau_, (joint.weight_, joint.bias_)).fit(train[rest], labels[rest])
    np.testing.assert_array_equal(again.logits(test), expected.logits(test))


def test_a_networks_own_classifier_is_started_from_where_there_is_no_transform(tailed):
    (train, labels), _ = tailed
    own = np.eye(6, 8), np.zeros(6)
    plain = fitted_like(TauNormalized(0.5).fit(train, labels), train, labels, network_head=own)
    np.testing.assert_allclose(plain.weight_, own[0])
    behind = fitted_like(
        Transformed(TauNormalized(0.5), "l2").fit(train, labels), train, labels, network_head=own, seed=0
    )
    assert np.abs(behind.head_.weight_ - own[0]).max() > 0.1
    given = Joint(own).fit(train, labels)
    assert fitted_like(given, train[:300], labels[:300], network_head=own) is given
