"""Unlabelled images: the draw of the authors, other labels, several sources as one."""

import numpy as np
import pytest

from longtail.data import open_data
from longtail.data.pseudo_labels import unlabelled_counts, unlabelled_indices
from longtail.data.source import Joined, Relabelled
from longtail.errors import InputError


@pytest.mark.parametrize("ratio", [1, 25, 50, 100])
def test_counts_are_the_labelled_profile_scaled_to_the_total(ratio):
    """The released code: int(first * (1 / ratio)^(c / 9)) of each class, rescaled to five times the labelled set."""
    counts = unlabelled_counts(10, 5 * 12_406, ratio)
    assert counts.sum() == pytest.approx(5 * 12_406, abs=10)
    assert counts[0] / counts[-1] == pytest.approx(ratio, rel=0.02)
    assert (np.diff(counts) <= 0).all()
    steps = counts[:-1] / counts[1:]
    assert steps == pytest.approx(np.full(9, ratio ** (1 / 9)), rel=0.02)


def test_the_draw_holds_what_is_wanted_and_names_what_is_short():
    labels = np.repeat([0, 1, 2], [30, 20, 10])
    chosen = unlabelled_indices(labels, np.array([5, 20, 1]), seed=3)
    assert np.bincount(labels[chosen]).tolist() == [5, 20, 1]
    assert (np.diff(chosen) > 0).all()
    with pytest.raises(InputError, match="11 unlabelled images of class 2 are wanted, 10 are held back"):
        unlabelled_indices(labels, np.array([5, 20, 11]), seed=3)
    with pytest.raises(InputError, match="expected at least 1"):
        unlabelled_counts(3, 100, 0.5)


def test_held_back_is_what_the_profile_left_out():
    splits = open_data("digits", largest=50)
    everything = open_data("digits", profile="none")
    assert everything.held_back is None
    assert np.bincount(splits.train.labels).max() == 50
    assert len(splits.train) + len(splits.held_back) == len(everything.train) == 1190
    overlap = set(splits.train.indices) & set(splits.held_back.indices)
    assert not overlap
    assert not set(splits.held_back.indices) & (set(splits.val.indices) | set(splits.test.indices))


def test_sources_join_in_order_and_take_other_labels():
    splits = open_data("digits")
    extra = Relabelled(splits.held_back, np.array([3, 5]), np.array([9, 0]), splits.class_names)
    joined = Joined((splits.train, extra))
    n = len(splits.train)
    assert len(joined) == n + 2
    assert joined.labels[n:].tolist() == [9, 0]
    assert joined.labels[:n].tolist() == list(splits.train.labels)
    assert (joined.load(n + 1) == splits.held_back.load(5)).all()
    assert (joined.load(n - 1) == splits.train.load(n - 1)).all()
    assert joined.identify(n) == splits.held_back.identify(3)
    with pytest.raises(InputError, match="holds no image files"):
        joined.encoded(n)
