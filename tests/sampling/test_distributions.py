"""Class probabilities: their special cases and the progressive path."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from longtail.counts import group_of_class
from longtail.errors import InputError
from longtail.sampling import (
    class_probabilities,
    effective_number_probabilities,
    progressive_probabilities,
    repeat_factors,
)

counts_lists = st.lists(st.integers(0, 500), min_size=1, max_size=12).filter(lambda counts: sum(counts) > 0)


@given(counts_lists, st.floats(0, 1))
def test_is_a_power_of_the_count(counts, q):
    p = class_probabilities(counts, q)
    slow = [n**q if n > 0 else 0.0 for n in counts]
    np.testing.assert_allclose(p, np.array(slow) / sum(slow))


@given(counts_lists, st.floats(0, 1), st.randoms())
def test_permuting_classes_permutes_the_distribution(counts, q, random):
    order = list(range(len(counts)))
    random.shuffle(order)
    p = class_probabilities(counts, q)
    np.testing.assert_allclose(class_probabilities(np.array(counts)[order], q), p[order])


def test_uniform_counts_make_all_strategies_equal():
    for q in (0.0, 0.3, 1.0):
        np.testing.assert_allclose(class_probabilities([7] * 5, q), 0.2)


def test_progressive_goes_from_natural_to_balanced_in_even_steps():
    counts = [80, 15, 5]
    path = np.array([progressive_probabilities(counts, epoch, 5) for epoch in range(5)])
    np.testing.assert_allclose(path[0], [0.8, 0.15, 0.05])
    np.testing.assert_allclose(path[-1], 1 / 3)
    np.testing.assert_allclose(np.diff(path, axis=0), np.diff(path, axis=0)[:1].repeat(4, axis=0))
    np.testing.assert_allclose(progressive_probabilities(counts, 0, 1), path[0])
    np.testing.assert_allclose(progressive_probabilities(counts, 9, 5), path[-1])


@pytest.mark.parametrize(("epoch", "num_epochs"), [(-1, 5), (0, 0)])
def test_no_such_epoch(epoch, num_epochs):
    with pytest.raises(InputError, match="expected a whole number of at least"):
        progressive_probabilities([1, 2], epoch, num_epochs)


@pytest.mark.parametrize("q", [-0.1, 1.1])
def test_q_out_of_range(q):
    with pytest.raises(InputError, match="expected 0"):
        class_probabilities([1, 2], q)


def test_no_image_at_all():
    with pytest.raises(InputError, match="no image to sample from"):
        class_probabilities([0, 0], 0.5)


@given(st.lists(st.integers(1, 500), min_size=1, max_size=8), st.floats(0.001, 1.0))
def test_repeat_factors_by_their_definition(counts, threshold):
    total = sum(counts)
    expected = [max(1.0, math.sqrt(threshold / (count / total))) for count in counts]
    found = repeat_factors(counts, threshold)
    for repeats, exact in zip(found.tolist(), expected, strict=True):
        assert exact - 1e-6 <= repeats < exact + 1 + 1e-6
        assert repeats == max(1, math.ceil(exact - 1e-9))


def test_repeat_factors_of_the_mmpretrain_configurations(shared):
    counts = np.loadtxt(shared / "reference" / "counts" / "imagenet_lt.txt", dtype=np.int64)
    groups = group_of_class(counts)
    for threshold, shares, longer in ((0.01, (0.617, 0.339, 0.044), 3.27), (0.005, (0.629, 0.329, 0.042), 2.47)):
        shown = counts * repeat_factors(counts, threshold)
        for group, share in zip(("many", "medium", "few"), shares, strict=True):
            assert shown[groups == group].sum() / shown.sum() == pytest.approx(share, abs=6e-4)
        assert shown.sum() / counts.sum() == pytest.approx(longer, abs=6e-3)


@pytest.mark.parametrize(("counts", "threshold", "told"), [([1, 2], 0.0, "threshold is 0"), ([0, 0], 0.1, "no image")])
def test_repeat_factors_refuse(counts, threshold, told):
    with pytest.raises(InputError, match=told):
        repeat_factors(counts, threshold)


@pytest.mark.parametrize("beta", [0.0, 0.9, 0.9999])
def test_effective_numbers_leave_an_empty_class_out(beta):
    with_empty, without = (effective_number_probabilities(counts, beta) for counts in ([90, 0, 10], [90, 10]))
    np.testing.assert_allclose(with_empty, [without[0], 0, without[1]])
