"""Learning curves by class: how images are left out, slopes by least squares, and intervals that hold what is true."""

import numpy as np
import pytest

from longtail.counts import group_of_class
from longtail.errors import InputError
from longtail.evaluation.learning_curve import fit_learning_curves, rotated_subsamples

LEVELS = np.array([0.125, 0.25, 0.5, 1.0])
COUNTS = np.array([400, 150, 60, 30, 7, 3, 1])


def made_up(seed, draws=4, exponent=0.5, classes=60):
    """Images found by classes whose recall follows the law; the same images are difficult at every level."""
    rng = np.random.default_rng(seed)
    counts = np.round(np.geomspace(1000, 6, classes)).astype(int)
    groups = group_of_class(counts)
    steep = np.select([groups == "few", groups == "medium"], [6.0, 3.0], 0.7)
    gains = np.clip(steep * rng.normal(1, 0.35, classes), 0, 9)
    labels = np.repeat(np.arange(classes), rng.integers(2, 20, classes))
    now = rng.uniform(72, 92, classes)
    recall = (now[:, None] - gains[:, None] * (LEVELS**-exponent - 1) / (1 - 2**-exponent)) / 100
    assert recall.min() > 0
    difficulty = rng.random(len(labels))
    found = []
    for _ in range(draws):
        luck = rng.normal(0, 0.02, (classes, 4))
        fresh = rng.random((len(labels), 4))
        threshold = np.where(rng.random((len(labels), 1)) < 0.7, difficulty[:, None], fresh)
        found.append(threshold < (recall + luck)[labels])
    return np.array(found, dtype=float), labels, groups, gains


def test_each_class_keeps_each_fraction_once_and_subsamples_are_nested():
    labels = np.random.default_rng(0).permutation(np.repeat(np.arange(7), COUNTS))
    parts = rotated_subsamples(labels, tuple(LEVELS), seed=3)
    for c, count in enumerate(COUNTS):
        by_level = {int(levels[c]): set(rows[labels[rows] == c].tolist()) for rows, levels in parts}
        assert sorted(by_level) == [0, 1, 2, 3]
        sizes = [len(by_level[level]) for level in range(4)]
        assert sizes == np.ceil(LEVELS * count).astype(int).tolist()
        assert by_level[0] <= by_level[1] <= by_level[2] <= by_level[3]
    levels = np.stack([levels for _, levels in parts])
    assert len(np.unique(levels - levels[:, :1], axis=1).T) > 1, "all classes shrink together"


def test_a_class_with_many_images_keeps_its_own_slope():
    rng = np.random.default_rng(1)
    labels = np.repeat([0, 1, 2, 3], 4000)
    recall = np.array([[0.2, 0.3, 0.45, 0.6], [0.5, 0.5, 0.5, 0.5], [0.7, 0.75, 0.8, 0.8], [0.9, 0.8, 0.7, 0.6]])
    found = (rng.random((2, len(labels), 4)) < recall[labels]).astype(float)
    groups = np.array(["many"] * 4)
    curves = fit_learning_curves(found, LEVELS, labels, groups, (0.3,))
    x = -(LEVELS**-0.3) / (1 - 2**-0.3)
    expected = [np.polyfit(x, 100 * found[:, labels == c].mean(axis=(0, 1)), 1)[0] for c in range(4)]
    np.testing.assert_allclose(curves.gain(2.0)[0], expected, atol=0.3)
    assert curves.own_share.min() > 0.95
    # the law itself: x rises by 1 from n to 2 n, and by 1 + 2^-b from n to 4 n
    np.testing.assert_allclose(curves.gain(4.0)[0], curves.gain(2.0)[0] * (1 + 2**-0.3))
    np.testing.assert_allclose(curves.gain(1.0)[0], 0, atol=1e-9)


def test_classes_that_differ_by_chance_alone_are_judged_alike():
    rng = np.random.default_rng(2)
    labels = np.repeat(np.arange(30), 3)
    found = (rng.random((4, len(labels), 4)) < [0.3, 0.4, 0.5, 0.6]).astype(float)
    curves = fit_learning_curves(found, LEVELS, labels, np.array(["few"] * 30))
    slopes = 100 * (found[..., 3] - found[..., 2]).mean(axis=0)
    alone = np.bincount(labels, weights=slopes) / 3
    assert np.std(curves.gain(2.0)[0]) < 0.3 * np.std(alone)
    assert curves.own_share.max() < 0.5
    mean, low, high = curves.group_doubling["few"]
    assert low < 9 < high
    assert high - low < (curves.gain(2.0)[2] - curves.gain(2.0)[1]).min() + 1e-9
    assert mean == pytest.approx(curves.gain(2.0)[0].mean(), abs=0.5)


def test_intervals_hold_what_is_true():
    held, errors, naive = [], [], []
    for seed in range(25):
        found, labels, groups, gains = made_up(seed)
        gain, low, high = fit_learning_curves(found, LEVELS, labels, groups).gain(2.0)
        held.append((low <= gains) & (gains <= high))
        errors.append((gain - gains) ** 2)
        slopes = 100 * (found[..., 3] - found[..., 2]).mean(axis=0)
        naive.append((np.bincount(labels, weights=slopes) / np.bincount(labels) - gains) ** 2)
    assert 0.88 <= np.mean(held) <= 0.995
    assert np.mean(errors) < 0.3 * np.mean(naive)


def test_permuting_classes_permutes_the_curves():
    found, labels, groups, _ = made_up(0, classes=20)
    curves = fit_learning_curves(found, LEVELS, labels, groups)
    new = np.random.default_rng(0).permutation(20)
    moved = np.empty_like(groups)
    moved[new] = groups
    again = fit_learning_curves(found, LEVELS, new[labels], moved)
    np.testing.assert_allclose(again.gain(2.0)[0][new], curves.gain(2.0)[0])
    np.testing.assert_allclose(again.weights, curves.weights)


def test_an_unmeasured_class_has_its_groups_mean_and_no_share_of_its_own():
    found, labels, groups, _ = made_up(3)
    left_out = len(groups) - 1
    kept = labels != left_out
    curves = fit_learning_curves(found[:, kept], LEVELS, labels[kept], groups)
    assert not curves.measured[left_out]
    assert curves.own_share[left_out] == 0
    gain, low, high = curves.gain(2.0)
    assert gain[left_out] == pytest.approx(curves.group_doubling["few"][0])
    assert (high - low)[left_out] >= (high - low)[groups == "few"].max() - 1e-9


def test_rows_that_a_draw_did_not_measure_count_as_missing():
    found, labels, groups, _ = made_up(4, draws=2)
    half = np.arange(len(labels)) % 2 == 0
    found[0, half], found[1, ~half] = np.nan, np.nan
    gain, low, high = fit_learning_curves(found, LEVELS, labels, groups).gain(2.0)
    assert np.isfinite([gain, low, high]).all()
    assert (low < gain).all()


def test_nothing_to_leave_out_is_told():
    with pytest.raises(InputError, match="no class has two images"):
        fit_learning_curves(np.ones((2, 3, 2)), np.ones((3, 2)), [0, 1, 2], np.array(["few"] * 3))
    with pytest.raises(InputError, match=r"expected \(R, M, J\)"):
        fit_learning_curves(np.ones((3, 2)), (0.5, 1), [0, 1, 2], np.array(["few"] * 3))
    with pytest.raises(InputError, match="at most 1"):
        rotated_subsamples([0, 1], (0.5, 2.0), 0)


def test_a_class_loses_one_group_after_the_other():
    rng = np.random.default_rng(0)
    labels = np.repeat([0, 1], [120, 40])
    together = np.concatenate([np.repeat(np.arange(30), 4), np.repeat(np.arange(30, 40), 4)])
    order = rng.permutation(160)
    labels, together = labels[order], together[order]
    for rows, levels in rotated_subsamples(labels, (0.25, 0.5, 1.0), 3, sample_groups=together):
        for c in (0, 1):
            sizes = np.unique(together[rows][labels[rows] == c], return_counts=True)[1]
            assert (sizes == 4).sum() >= len(sizes) - 1
            assert len(rows[labels[rows] == c]) == (0.25, 0.5, 1.0)[levels[c]] * (120, 40)[c]
    plain = rotated_subsamples(labels, (0.5, 1.0), 3)
    alone = rotated_subsamples(labels, (0.5, 1.0), 3, sample_groups=np.arange(160))
    assert all(np.array_equal(one[0], other[0]) for one, other in zip(plain, alone, strict=True))
