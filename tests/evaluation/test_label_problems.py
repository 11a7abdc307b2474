"""Labels worth a look: duplicates against a slow loop, flipped labels found again."""

import numpy as np
import pytest

from longtail.errors import InputError
from longtail.evaluation import label_problems
from longtail.evaluation.label_problems import discriminant_probabilities, near_duplicates, suspicious_labels


def test_pairs_are_those_of_a_slow_loop(monkeypatch):
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(60, 5)).astype(np.float32)
    rows[40] = rows[3]
    rows[50] = rows[7] + 0.01 * rng.normal(size=5)
    monkeypatch.setitem(near_duplicates.__globals__, "BLOCK", 16)
    assert label_problems.near_duplicates is near_duplicates
    for threshold in (0.9, 0.999):
        found = near_duplicates(rows, threshold)
        centred = rows - rows.mean(axis=0)
        unit = centred / np.linalg.norm(centred, axis=1, keepdims=True)
        slow = {(i, j) for i in range(60) for j in range(i + 1, 60) if unit[i] @ unit[j] >= threshold - 1e-6}
        assert set(zip(found.first.tolist(), found.second.tolist(), strict=True)) == slow
        assert (np.diff(found.similarity) <= 0).all()
    assert (found.first[0], found.second[0]) == (3, 40)


def test_no_pair_and_a_bad_threshold():
    found = near_duplicates(np.eye(4), 0.9)
    assert len(found.first) == len(found.second) == len(found.similarity) == 0
    with pytest.raises(InputError, match="expected a cosine"):
        near_duplicates(np.eye(4), 0.0)


def made_up(seed, flip):
    """A long-tailed problem of overlapping classes, true posteriors, and a share of flipped labels."""
    rng = np.random.default_rng(seed)
    counts = [400, 150, 60, 30]
    truth = np.repeat(np.arange(4), counts)
    centres = 4 * np.eye(4)
    rows = centres[truth] + rng.normal(size=(len(truth), 4))
    prior = np.array(counts) / sum(counts)
    scores = -((rows[:, None] - centres) ** 2).sum(axis=2) / 2 + np.log(prior)
    p = np.exp(scores - scores.max(axis=1, keepdims=True))
    p /= p.sum(axis=1, keepdims=True)
    labels = truth.copy()
    flipped = rng.random(len(truth)) < flip
    labels[flipped] = (truth[flipped] + rng.integers(1, 4, size=flipped.sum())) % 4
    return p, truth, labels


def test_flipped_labels_are_found_and_their_classes_named():
    p, truth, labels = made_up(0, 0.05)
    found = suspicious_labels(p, labels)
    wrong = set(np.flatnonzero(labels != truth).tolist())
    hits = wrong & set(found.rows.tolist())
    assert len(hits) / len(wrong) > 0.9
    assert len(hits) / len(found.rows) > 0.8
    right = [s == truth[r] for r, s in zip(found.rows, found.suggested, strict=True) if r in wrong]
    assert np.mean(right) > 0.9
    assert (np.diff(found.margin) <= 0).all()


def test_clean_labels_raise_little_suspicion():
    p, truth, labels = made_up(1, 0.0)
    np.testing.assert_array_equal(truth, labels)
    assert len(suspicious_labels(p, labels).rows) < 0.03 * len(labels)


def test_permuting_classes_permutes_the_suggestions():
    p, _, labels = made_up(2, 0.05)
    order = np.array([2, 0, 3, 1])
    before = suspicious_labels(p, labels)
    after = suspicious_labels(p[:, np.argsort(order)], order[labels])
    np.testing.assert_array_equal(before.rows, after.rows)
    np.testing.assert_array_equal(order[before.suggested], after.suggested)


def test_shapes_that_do_not_fit():
    with pytest.raises(InputError, match="expected \\(N, C\\)"):
        suspicious_labels(np.ones((3, 2)) / 2, np.array([0, 1]))
    with pytest.raises(InputError, match="expected \\(N, C\\)"):
        suspicious_labels(np.ones((3, 2)) / 2, np.array([0, 1, 2]))


def test_discriminant_is_scikit_learns_without_its_prior():
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

    rng = np.random.default_rng(0)
    labels = np.repeat([0, 1, 2], [40, 20, 12])
    features = (rng.normal(size=(72, 5)) + 1.5 * np.eye(3, 5)[labels]).astype(np.float32)
    folds = rng.integers(3, size=72)
    found = discriminant_probabilities(features, labels, folds, shrinkage=0.3, temperature=1.0)
    for fold in range(3):
        rest = folds != fold
        oracle = LinearDiscriminantAnalysis(solver="lsqr", shrinkage=0.3).fit(features[rest], labels[rest])
        expected = oracle.predict_proba(features[~rest]) / oracle.priors_
        np.testing.assert_allclose(found[~rest], expected / expected.sum(axis=1, keepdims=True), atol=1e-4)


def test_discriminant_gives_nothing_to_a_class_that_it_has_not_seen():
    features, labels = np.random.default_rng(1).normal(size=(9, 2)), np.repeat([0, 1, 2], [4, 4, 1])
    folds = np.array([0, 0, 1, 1, 0, 0, 1, 1, 0])
    found = discriminant_probabilities(features, labels, folds)
    assert (found[folds == 0][:, 2] == 0).all()
    np.testing.assert_allclose(found.sum(axis=1), 1)


def test_discriminant_is_as_sure_as_it_is_right():
    rng = np.random.default_rng(2)
    labels = rng.integers(3, size=150)
    features = 0.5 * np.eye(3, 40)[labels] + rng.normal(size=(150, 40))
    folds = np.arange(150) % 5
    found = discriminant_probabilities(features, labels, folds)
    bold = discriminant_probabilities(features, labels, folds, temperature=1.0)
    rows = np.arange(150)
    assert -np.log(found[rows, labels]).mean() < -np.log(bold[rows, labels]).mean() - 0.1
    right = (found.argmax(axis=1) == labels).mean()
    assert abs(found.max(axis=1).mean() - right) < 0.12 < bold.max(axis=1).mean() - right
    np.testing.assert_array_equal(found.argmax(axis=1), bold.argmax(axis=1))
