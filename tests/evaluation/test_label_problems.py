"""Labels worth a look: flipped ones are found again, and counted once for whoever asks."""

import numpy as np
import pytest

from longtail.errors import InputError
from longtail.evaluation.held_out import HeldOutDiscriminants
from longtail.evaluation.label_check import KINDS, check_labels
from longtail.evaluation.label_problems import suspicious_in_blocks, suspicious_labels


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


def held_out_probabilities(features, labels, folds, **words):
    """Of all rows, each in a fold."""
    return np.concatenate([p for _, p in HeldOutDiscriminants.fit(features, labels, folds, **words).blocks()])


def test_blocks_are_the_whole(monkeypatch):
    rng = np.random.default_rng(3)
    labels, folds = rng.integers(3, size=400), rng.integers(-1, 4, size=400)
    features = rng.normal(size=(400, 6)) + 1.5 * np.eye(3, 6)[labels]
    discriminants = HeldOutDiscriminants.fit(features, labels, folds)
    rows, whole = (np.concatenate(parts) for parts in zip(*discriminants.blocks(), strict=True))
    np.testing.assert_array_equal(rows, np.flatnonzero(folds >= 0))
    monkeypatch.setattr("longtail.evaluation.held_out.BLOCK_BYTES", 1)
    small = HeldOutDiscriminants.fit(features, labels, folds)
    assert len(list(small.blocks())) > 5
    np.testing.assert_allclose(np.concatenate([p for _, p in small.blocks()]), whole, rtol=1e-9)
    assert small.temperature == discriminants.temperature
    of_blocks = suspicious_in_blocks(small.blocks, labels, 3)
    of_all = suspicious_labels(whole, labels[rows])
    np.testing.assert_array_equal(of_blocks.rows, rows[of_all.rows])
    np.testing.assert_allclose(of_blocks.margin, of_all.margin)


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
    found = held_out_probabilities(features, labels, folds, shrinkage=0.3, temperature=1.0)
    for fold in range(3):
        rest = folds != fold
        oracle = LinearDiscriminantAnalysis(solver="lsqr", shrinkage=0.3).fit(features[rest], labels[rest])
        expected = oracle.predict_proba(features[~rest]) / oracle.priors_
        np.testing.assert_allclose(found[~rest], expected / expected.sum(axis=1, keepdims=True), atol=1e-4)


def test_discriminant_gives_nothing_to_a_class_that_it_has_not_seen():
    features, labels = np.random.default_rng(1).normal(size=(9, 2)), np.repeat([0, 1, 2], [4, 4, 1])
    folds = np.array([0, 0, 1, 1, 0, 0, 1, 1, 0])
    found = held_out_probabilities(features, labels, folds)
    assert (found[folds == 0][:, 2] == 0).all()
    np.testing.assert_allclose(found.sum(axis=1), 1)


def test_discriminant_is_as_sure_as_it_is_right():
    rng = np.random.default_rng(2)
    labels = rng.integers(3, size=150)
    features = 0.5 * np.eye(3, 40)[labels] + rng.normal(size=(150, 40))
    folds = np.arange(150) % 5
    found = held_out_probabilities(features, labels, folds)
    bold = held_out_probabilities(features, labels, folds, temperature=1.0)
    rows = np.arange(150)
    assert -np.log(found[rows, labels]).mean() < -np.log(bold[rows, labels]).mean() - 0.1
    right = (found.argmax(axis=1) == labels).mean()
    assert abs(found.max(axis=1).mean() - right) < 0.12 < bold.max(axis=1).mean() - right
    np.testing.assert_array_equal(found.argmax(axis=1), bold.argmax(axis=1))


def test_a_check_lists_every_kind_the_most_doubtful_first():
    rng = np.random.default_rng(0)
    labels = np.repeat([0, 1, 2], [80, 40, 20])
    rows = 6 * np.eye(3, 8)[labels] + rng.normal(size=(140, 8))
    given = labels.copy()
    rows[5], given[5] = 7 * np.eye(3, 8)[0], 2  # as clearly of class 0 as a row can be
    test = np.stack([rows[20], rows[30], rows[31]])
    found = check_labels({"train": (rows, given), "test": (test, np.array([0, 1, 2]))}, ["ant", "bee", "cat"])
    told = [(p.problem, p.split, p.row, p.other_split, p.other_row, p.other_label) for p in found.problems]
    assert told[:3] == [
        (KINDS[0], "train", 30, "test", 1, "bee"),
        (KINDS[0], "train", 31, "test", 2, "cat"),
        (KINDS[1], "train", 20, "test", 0, "ant"),
    ]
    assert (KINDS[2], "train", 5, None, None, "ant") in told
    assert found.not_looked_for == {}
    assert all(0 < problem.score <= 1 for problem in found.problems)


def test_what_a_check_leaves_out_is_named_with_the_reason():
    rng = np.random.default_rng(0)
    rows, labels = rng.normal(size=(100, 4)), np.arange(100) % 2
    splits = {"train": (rows[:60], labels[:60]), "test": (rows[60:], labels[60:])}
    found = check_labels(splits, ["a", "b"], most_comparisons=10, most_fitting=10)
    assert found.not_looked_for == dict.fromkeys(KINDS, "it takes long here")
    assert found.problems == ()
    with pytest.raises(InputError, match="margin is 2"):
        check_labels(splits, ["a", "b"], margin=2)
