"""The bootstrap of an estimated prior where rows come in groups."""

import numpy as np
import pytest

from longtail.errors import InputError
from longtail.priors import prior_interval

GROUPS = np.repeat(np.arange(20), 10)
LABELS = np.repeat(np.random.default_rng(0).permutation([0] * 14 + [1] * 6), 10)


def shares(times):
    return np.bincount(LABELS, weights=times, minlength=2) / times.sum()


def test_groups_of_one_row_give_the_interval_without_groups():
    alone = np.arange(200)
    np.testing.assert_array_equal(prior_interval(shares, 200, sample_groups=alone), prior_interval(shares, 200))


def test_whole_groups_are_drawn_and_their_names_do_not_matter():
    seen = []
    found = prior_interval(lambda times: seen.append(times) or shares(times), 200, sample_groups=GROUPS)
    assert all((times.reshape(20, 10) == times[::10, None]).all() for times in seen)
    names = np.random.default_rng(1).permutation(1000)[:20][GROUPS]
    np.testing.assert_array_equal(found, prior_interval(shares, 200, sample_groups=names))
    low, high = prior_interval(shares, 200)
    assert found[0, 1] < low[1] < 0.3 < high[1] < found[1, 1]


def test_the_truth_is_held_with_few_groups_of_rows_alike():
    rng, held = np.random.default_rng(0), np.zeros(2)
    for draw in range(100):
        labels = np.repeat(rng.random(8) < 0.4, 10).astype(int)

        def estimate(times, labels=labels):
            return np.bincount(labels, weights=times, minlength=2) / max(times.sum(), 1)

        for place, given in enumerate((None, np.repeat(np.arange(8), 10))):
            low, high = prior_interval(estimate, 80, sample_groups=given, resamples=60, seed=draw)
            held[place] += low[1] <= 0.4 <= high[1]
    assert held[1] >= 88
    assert held[0] <= 60


def test_of_one_group_nothing_is_known_and_others_are_refused():
    assert prior_interval(shares, 200, sample_groups=np.zeros(200, dtype=int)).tolist() == [[0, 0], [1, 1]]
    with pytest.raises(InputError, match=r"`sample_groups` are .* for each of the 200 rows"):
        prior_interval(shares, 200, sample_groups=GROUPS[:5])
