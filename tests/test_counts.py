"""Profiles, measures and groups of class counts."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from longtail.counts import (
    PROFILES,
    class_counts,
    exponential_counts,
    gini,
    group_of_class,
    imbalance_ratio,
    pareto_counts,
    step_counts,
)
from longtail.errors import InputError


def test_published_counts():
    assert exponential_counts(10, 5000, 100).tolist() == [5000, 2997, 1796, 1077, 645, 387, 232, 139, 83, 50]
    assert exponential_counts(100, 500, 100)[[0, 50, 99]].tolist() == [500, 48, 5]
    assert exponential_counts(100, 500, 100).sum() == 10847
    assert step_counts(10, 5000, 100).sum() == 25250


@pytest.mark.parametrize("profile", PROFILES.values())
@given(st.integers(1, 200), st.integers(1, 5000), st.floats(1, 1000))
def test_every_profile_falls_from_the_largest_to_the_ratio(profile, num_classes, largest, ratio):
    counts = profile(num_classes, largest, ratio)
    assert counts[0] == largest
    assert (np.diff(counts) <= 0).all()
    assert counts[-1] >= 1
    if num_classes > 1:
        assert counts[-1] == max(int(largest / ratio * (1 + 1e-9) + 1e-9), 1)


def test_ratio_one_is_uniform():
    for profile in PROFILES.values():
        assert profile(5, 30, 1).tolist() == [30] * 5


@pytest.mark.parametrize("arguments", [(0, 10, 2), (3, 0, 2), (3, 10, 0.5), (3, 10, math.nan), (3, 10, math.inf)])
def test_profiles_refuse_what_makes_no_sense(arguments):
    with pytest.raises(InputError, match="at least 1"):
        pareto_counts(*arguments)


@given(st.lists(st.integers(0, 1000), min_size=1, max_size=30).filter(lambda counts: sum(counts) > 0))
def test_gini_is_half_the_relative_mean_difference(counts):
    slow = np.abs(np.subtract.outer(counts, counts)).mean() / (2 * np.mean(counts))
    assert gini(counts) == pytest.approx(slow, abs=1e-9)


def test_groups_of_the_published_data_sets(shared):
    for name, groups in {"imagenet_lt": (385, 479, 136), "places_lt": (131, 163, 71)}.items():
        counts = np.loadtxt(shared / f"reference/counts/{name}.txt", dtype=int)
        found = group_of_class(counts)
        assert tuple((found == group).sum() for group in ("many", "medium", "few")) == groups


def test_thresholds_that_overlap():
    with pytest.raises(InputError, match="would be in two groups"):
        group_of_class([5], many_above=10, few_below=12)


@pytest.mark.parametrize("counts", [[], [5, -1], [5, math.nan], [5, math.inf], ["5"], [[5]], None, [[1], [2, 3]]])
@pytest.mark.parametrize("measure", [gini, imbalance_ratio, group_of_class])
def test_counts_that_are_none_are_refused(measure, counts):
    with pytest.raises(InputError, match=r"expected (one number|a finite number|an array)"):
        measure(counts)


@pytest.mark.parametrize("num_classes", [-1, 2.5, "3"])
def test_a_number_of_classes_that_is_none(num_classes):
    with pytest.raises(InputError, match="num_classes is"):
        class_counts([0, 1], num_classes)


def test_labels_out_of_range_and_empty_classes():
    assert imbalance_ratio([5, 0]) == float("inf")
    assert class_counts([], 3).tolist() == [0, 0, 0]
    with pytest.raises(InputError, match="label -1 of row 2"):
        class_counts([0, 1, -1])


@pytest.mark.parametrize("labels", [[0.0, 1.0], [[0, 1]], ["cat", "dog"]])
def test_labels_that_are_no_list_of_whole_numbers(labels):
    with pytest.raises(InputError, match="expected whole numbers"):
        class_counts(labels)
