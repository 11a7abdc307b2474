"""Folds of whole groups: none holds all groups of a class, and shares are near the same."""

from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from longtail.errors import InputError
from longtail.holdout import stratified_folds
from longtail.whole_groups import grouped_folds, improvement
from whole_groups.tables import drawn_rows, groups_of, tables


@pytest.fixture(scope="module", autouse=True)
def few_shakes():
    """What more of them win is measured beside the integer program."""
    with patch.object(improvement, "_SHAKEN", 30):
        yield


def check_folds(labels, groups, folds, num_folds):
    """Hold what folds promise against the rows; return the groups in none though nothing holds them there."""
    fold_of_group = {}
    for group, fold in zip(groups.tolist(), folds.tolist(), strict=True):
        assert fold_of_group.setdefault(group, fold) == fold
        assert -1 <= fold < num_folds
    own = groups_of(labels, groups)
    held = {next(iter(members)) for members in own.values() if len(members) == 1}
    assert all(fold_of_group[group] == -1 for group in held)
    for members in own.values():
        assert len({fold_of_group[group] for group in members}) > 1 or fold_of_group[next(iter(members))] == -1
    return {group for group, fold in fold_of_group.items() if fold == -1} - held


@given(tables, st.integers(2, 6), st.integers(0, 5))
@settings(max_examples=20)
def test_folds(table, num_folds, seed):
    folds = grouped_folds(*table, num_folds, seed)
    assert len(check_folds(*table, folds, num_folds)) <= 1


@pytest.mark.slow
@given(tables, st.integers(2, 6), st.integers(0, 5))
@settings(max_examples=2_000)
def test_many_folds(table, num_folds, seed):
    folds = grouped_folds(*table, num_folds, seed)
    check_folds(*table, folds, num_folds)


def test_shares_of_folds_are_equal_where_they_can_be():
    labels, groups = np.tile([0, 1, 1], 100), np.repeat(np.arange(30), 10)
    folds = grouped_folds(labels, groups, 5, seed=0)
    assert np.bincount(folds).tolist() == [60] * 5
    counts = np.stack([np.bincount(labels[folds == fold]) for fold in range(5)])
    assert np.ptp(counts, axis=0).max() <= 2


def test_a_ring_of_three_leaves_one_group_out_of_two_folds():
    labels, groups = np.array([0, 0, 1, 1, 2, 2]), np.array([0, 1, 1, 2, 2, 0])
    folds = grouped_folds(labels, groups, 2, seed=0)
    assert sorted({int(fold) for fold in folds}) == [-1, 0, 1]
    assert sorted(set(grouped_folds(labels, groups, 3, seed=0).tolist())) == [0, 1, 2]


def test_rows_of_a_class_of_one_group_are_always_learnt_from():
    folds = grouped_folds([0, 0, 1, 0, 0], ["a", "a", "a", "b", "c"], 2, seed=0)
    assert folds[:3].tolist() == [-1, -1, -1]
    assert sorted(folds[3:].tolist()) == [0, 1]
    assert grouped_folds([0, 1], [5, 5], 2, seed=0).tolist() == [-1, -1]
    with pytest.raises(InputError, match="1 folds; expected at least 2"):
        grouped_folds([0, 1], [5, 5], 1, seed=0)


def test_stratified_folds_take_groups():
    labels, groups = drawn_rows(30, 6, "plain", 0)
    np.testing.assert_array_equal(
        stratified_folds(labels, 3, 1, groups=groups), grouped_folds(labels, groups, 3, seed=1)
    )
    np.testing.assert_array_equal(
        stratified_folds(labels, 3, 1, groups=np.arange(len(labels))), stratified_folds(labels, 3, 1)
    )
