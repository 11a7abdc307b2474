"""Fewer rows than features: heads found in the span of the rows are those that are found without it."""

import numpy as np
import pytest

from longtail.heads import LinearDiscriminant, WeightedRidge, row_span

KINDS = {
    "lda": LinearDiscriminant(),
    "lda, everything chosen": LinearDiscriminant(weighting="auto", corrected="auto"),
    "lda, no shrinkage": LinearDiscriminant(0.0),
    "ridge": WeightedRidge(),
    "ridge, given": WeightedRidge(0.1, 1.0),
}


def rows(seed, counts=(12, 6, 3, 2), dimension=70, dtype=np.float64):
    rng = np.random.default_rng(seed)
    labels = np.repeat(np.arange(len(counts)), counts)
    centers = np.random.default_rng(0).normal(size=(len(counts), dimension))
    return (rng.normal(size=(len(labels), dimension)) + centers[labels] + 3).astype(dtype), labels


@pytest.mark.parametrize("on_val", [False, True])
@pytest.mark.parametrize("name", KINDS)
def test_the_span_changes_nothing(name, on_val, monkeypatch):
    head, (features, labels), (new, _) = KINDS[name], rows(1), rows(3)
    validation = rows(2) if on_val else None
    spanned = head.fit(features, labels, validation=validation)
    found, chosen = spanned.logits(new), spanned.chosen_parameters()
    assert spanned.weight_.shape == (4, 70)
    monkeypatch.setattr(row_span.RowSpan, "of", lambda features, device: None)
    plain = head.fit(features, labels, validation=validation)
    assert plain.chosen_parameters() == pytest.approx(chosen)
    np.testing.assert_allclose(found, plain.logits(new), rtol=1e-6, atol=1e-6)


def test_rows_that_depend_on_each_other(monkeypatch):
    """Copies, and a row of zeros: fewer directions than rows."""
    features, labels = rows(1)
    features[1], features[5] = features[0], 0
    found = [WeightedRidge(0.1, 1.0).fit(features, labels).logits(features)]
    found.append(LinearDiscriminant(0.3).fit(features, labels).logits(features))
    monkeypatch.setattr(row_span.RowSpan, "of", lambda features, device: None)
    np.testing.assert_allclose(found[0], WeightedRidge(0.1, 1.0).fit(features, labels).logits(features), atol=1e-6)
    np.testing.assert_allclose(found[1], LinearDiscriminant(0.3).fit(features, labels).logits(features), atol=1e-6)


def test_single_precision_and_one_row_a_class():
    features, labels = rows(1, counts=(1, 1, 1), dtype=np.float32)
    for kind in (LinearDiscriminant, WeightedRidge):
        head = kind().fit(features, labels)
        assert head.weight_.dtype == np.float32
        assert head.predict(features).tolist() == labels.tolist()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("dimension", [9, 70])
@pytest.mark.parametrize("copies", [3, 5, 7])
def test_rows_that_equal_the_mean_of_their_class(copies, dimension, dtype):
    """Nothing scatters but by rounding, which is nothing to divide by."""
    for seed in range(4):
        features, labels = rows(seed, counts=(1, 1, 1), dimension=dimension, dtype=dtype)
        features, labels = np.repeat(features, copies, axis=0), np.repeat(labels, copies)
        for kind in (LinearDiscriminant, WeightedRidge):
            head = kind().fit(features, labels)
            assert head.predict(features).tolist() == labels.tolist()
            assert np.abs(head.logits(features)).max() < 1e5


@pytest.mark.parametrize("dimension", [9, 70])
def test_rows_that_are_all_the_same_are_as_rows_of_zeros(dimension):
    labels = np.repeat(np.arange(3), (20, 7, 3))
    same = np.tile(np.random.default_rng(0).normal(size=dimension), (30, 1))
    for kind in (LinearDiscriminant, WeightedRidge):
        zeros = kind().fit(np.zeros_like(same), labels).predict_proba(np.zeros_like(same))
        np.testing.assert_allclose(kind().fit(same, labels).predict_proba(same), zeros, atol=1e-3)
