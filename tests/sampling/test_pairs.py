"""Pairs of two classes: always different, every class and every row of it equally often."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from longtail.errors import InputError
from longtail.sampling import class_pairs


def pairs_of(labels, number, seed=0):
    return class_pairs(np.asarray(labels), number, np.random.default_rng(seed))


def far_from_even(counts):
    """By how many standard errors the count that is furthest off misses an even share."""
    share = 1 / len(counts)
    error = np.sqrt(counts.sum() * share * (1 - share))
    return np.abs(counts - counts.sum() * share).max() / error


@given(st.lists(st.integers(-5, 5), min_size=2, max_size=40).filter(lambda labels: len(set(labels)) > 1))
def test_the_two_classes_always_differ(labels):
    labels = np.array(labels)
    first, second = pairs_of(labels, 200)
    assert len(first) == len(second) == 200
    assert (labels[first] != labels[second]).all()


def test_every_class_is_drawn_equally_often_on_both_sides():
    labels = np.random.default_rng(1).permutation(np.repeat(np.arange(5), [400, 90, 10, 2, 1]))
    for rows in pairs_of(labels, 40_000):
        assert far_from_even(np.bincount(labels[rows])) < 4


def test_every_pair_of_classes_is_drawn_equally_often():
    labels = np.repeat(np.arange(4), [50, 20, 3, 1])
    first, second = pairs_of(labels, 40_000)
    table = np.bincount(4 * labels[first] + labels[second], minlength=16).reshape(4, 4)
    assert (np.diag(table) == 0).all()
    assert far_from_even(table[~np.eye(4, dtype=bool)]) < 4


def test_every_row_of_a_class_is_drawn_equally_often():
    labels = np.random.default_rng(1).permutation(np.repeat([0, 1], [12, 3]))
    for rows in pairs_of(labels, 40_000):
        for c in (0, 1):
            assert far_from_even(np.bincount(rows, minlength=15)[labels == c]) < 4


def test_the_only_row_of_a_class_stands_for_it():
    labels = np.array([7, 7, 9, 7])
    first, second = pairs_of(labels, 100)
    assert set(first[labels[first] == 9]) | set(second[labels[second] == 9]) == {2}


def test_labels_with_gaps_are_drawn_like_those_without():
    labels = np.random.default_rng(1).integers(0, 3, size=50)
    for plain, gaps in zip(pairs_of(labels, 300), pairs_of(np.array([-4, 17, 1000])[labels], 300), strict=True):
        np.testing.assert_array_equal(plain, gaps)


def test_the_generator_decides():
    labels = np.arange(30) % 4
    np.testing.assert_array_equal(pairs_of(labels, 50, seed=3), pairs_of(labels, 50, seed=3))
    assert not np.array_equal(pairs_of(labels, 50, seed=3), pairs_of(labels, 50, seed=4))


@pytest.mark.parametrize("labels", [[5, 5, 5], [2]])
def test_one_class_is_refused(labels):
    with pytest.raises(InputError, match="expected at least two classes to make pairs of"):
        pairs_of(labels, 10)
