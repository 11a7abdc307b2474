"""The stratified hold-out: shares, the last image of a class, and purity."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from longtail.errors import InputError
from longtail.holdout import fifth_for_choices, grouped_holdout, stratified_holdout

label_lists = st.lists(st.integers(0, 6), min_size=1, max_size=120)


@given(label_lists, st.floats(0.01, 0.9), st.integers(0, 5))
def test_shares_by_class(labels, fraction, seed):
    labels = np.array(labels)
    rest, held_out = stratified_holdout(labels, fraction, seed)
    np.testing.assert_array_equal(np.sort(np.concatenate([rest, held_out])), np.arange(len(labels)))
    for c in np.unique(labels):
        total, out = (labels == c).sum(), (labels[held_out] == c).sum()
        assert total - out >= 1
        if total >= 2:
            assert out == min(max(round(total * fraction), 1), total - 1)


def test_same_seed_same_split_and_other_seed_another():
    labels = np.repeat([0, 1], 50)
    first = stratified_holdout(labels, 0.3, 1)[1]
    np.testing.assert_array_equal(first, stratified_holdout(labels, 0.3, 1)[1])
    assert not np.array_equal(first, stratified_holdout(labels, 0.3, 2)[1])


def test_every_image_is_held_out_equally_often():
    labels = np.repeat([0, 1], [10, 4])
    times = np.zeros(14)
    for seed in range(2000):
        times[stratified_holdout(labels, 0.5, seed)[1]] += 1
    np.testing.assert_allclose(times / 2000, 0.5, atol=0.05)


def test_nothing_held_out_at_zero_and_a_share_of_one_is_refused():
    assert len(stratified_holdout(np.array([0, 0, 1]), 0.0, 0)[1]) == 0
    with pytest.raises(InputError, match=r"expected at least 0 and below 1"):
        stratified_holdout(np.array([0, 0]), 1.0, 0)


def test_a_choice_needs_a_class_of_two():
    assert [len(part) for part in fifth_for_choices(np.array([0, 1, 1, 2]), 0)] == [3, 1]
    with pytest.raises(InputError, match=r"each class has a single row: nothing can be chosen"):
        fifth_for_choices(np.arange(4), 0)


@given(label_lists, st.floats(0.01, 0.9), st.integers(0, 5), st.data())
def test_groups_stay_whole_and_no_class_loses_its_last_image(labels, fraction, seed, data):
    labels = np.array(labels)
    groups = np.array(data.draw(st.lists(st.integers(0, 40), min_size=len(labels), max_size=len(labels))))
    rest, held_out = stratified_holdout(labels, fraction, seed, groups)
    np.testing.assert_array_equal(np.sort(np.concatenate([rest, held_out])), np.arange(len(labels)))
    assert not set(groups[rest]) & set(groups[held_out])
    assert set(labels[rest]) == set(labels)
    np.testing.assert_array_equal(held_out, stratified_holdout(labels, fraction, seed, groups)[1])


@given(label_lists, st.floats(0.01, 0.9), st.integers(0, 5))
def test_groups_of_one_change_nothing(labels, fraction, seed):
    labels = np.array(labels)
    plain = stratified_holdout(labels, fraction, seed)
    for groups in (np.arange(len(labels)), np.arange(len(labels))[::-1] * 7):
        grouped = stratified_holdout(labels, fraction, seed, groups)
        for one, other in zip(plain, grouped, strict=True):
            np.testing.assert_array_equal(one, other)


@given(st.integers(2, 6), st.integers(0, 5))
def test_shares_of_classes_with_pairs_are_held(pairs, seed):
    """Classes of single images and pairs give what they would without groups, or one image less."""
    labels = np.repeat([0, 1], [40, 30])
    groups = np.arange(70)
    groups[: 2 * pairs : 2] = groups[1 : 2 * pairs : 2]
    _, held_out = stratified_holdout(labels, 0.2, seed, groups)
    assert np.bincount(labels[held_out], minlength=2).tolist() in ([8, 6], [7, 6])


def test_a_class_of_large_groups_gives_its_smallest():
    labels, groups = np.repeat([0, 1], [12, 6]), np.repeat([0, 1, 2], [7, 5, 6])
    rest, held_out = stratified_holdout(labels, 0.2, 0, groups)
    assert set(groups[held_out]) == {1}  # class 1 is one group, which has to stay
    assert len(rest) == 13


def test_a_fifth_of_whole_groups():
    labels, groups = np.repeat([0, 1, 2], [40, 10, 4]), np.repeat(np.arange(27), 2)
    rest, held_out = fifth_for_choices(labels, 0, groups)
    assert not set(groups[rest]) & set(groups[held_out])
    assert np.bincount(labels[held_out]).tolist() == [8, 2, 2]
    for one, other in zip(fifth_for_choices(labels, 3, np.arange(54)), fifth_for_choices(labels, 3), strict=True):
        np.testing.assert_array_equal(one, other)
    with pytest.raises(InputError, match=r"each class has a single group, or groups that such classes need: nothing"):
        fifth_for_choices(np.array([0, 0, 1]), 0, np.array([5, 5, 6]))


def test_a_large_group_can_be_held_out():
    labels, groups = np.repeat([0, 1], [20, 10]), np.repeat([0, 1, 2, 3], [11, 9, 4, 6])
    rest, held_out = grouped_holdout(labels, groups, 0.1, 0)
    assert set(groups[held_out]) == {1, 2}
    assert len(rest) == 17
    assert len(grouped_holdout(labels, groups, 0.0, 0)[1]) == 0
