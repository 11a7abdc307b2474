"""Class probabilities: their special cases and the progressive path."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from longtail.errors import InputError
from longtail.sampling import class_probabilities, progressive_probabilities

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
    with pytest.raises(InputError, match="expected an epoch from 0 on"):
        progressive_probabilities([1, 2], epoch, num_epochs)


@pytest.mark.parametrize("q", [-0.1, 1.1])
def test_q_out_of_range(q):
    with pytest.raises(InputError, match="expected 0"):
        class_probabilities([1, 2], q)


def test_no_image_at_all():
    with pytest.raises(InputError, match="no image to sample from"):
        class_probabilities([0, 0], 0.5)
