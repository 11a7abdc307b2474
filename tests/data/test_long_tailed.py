"""The long-tailed subset: counts, purity, fairness of the draw."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from longtail.data.long_tailed import long_tailed_indices
from longtail.errors import InputError


@given(st.lists(st.tuples(st.integers(0, 12), st.integers(0, 12)), min_size=1, max_size=8), st.integers(0, 9))
def test_rising_indices_that_hold_the_counts(pairs, seed):
    there, wanted = [max(pair) for pair in pairs], [min(pair) for pair in pairs]
    labels = np.random.default_rng(seed).permutation(np.repeat(np.arange(len(there)), there))
    chosen = long_tailed_indices(labels, wanted, seed)
    assert (np.diff(chosen) > 0).all()
    assert np.bincount(labels[chosen], minlength=len(wanted)).tolist() == wanted
    np.testing.assert_array_equal(chosen, long_tailed_indices(labels, wanted, seed))


def test_every_image_is_chosen_equally_often():
    labels = np.repeat([0, 1], [10, 4])
    times = np.zeros(14)
    for seed in range(2000):
        times[long_tailed_indices(labels, [5, 1], seed)] += 1
    np.testing.assert_allclose(times[:10] / 2000, 0.5, atol=0.05)
    np.testing.assert_allclose(times[10:] / 2000, 0.25, atol=0.05)


def test_a_negative_count_is_refused():
    with pytest.raises(InputError, match=r"-1 is negative"):
        long_tailed_indices([0, 1], [1, -1], seed=0)
