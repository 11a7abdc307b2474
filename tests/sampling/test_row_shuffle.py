"""Shuffled rows: every order equally likely, at every kind of key."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chisquare

from longtail.sampling.row_shuffle import PADDING, RowShuffle


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(1, 9), min_size=1, max_size=6), st.integers(0, 2**45), st.integers(0, 99))
def test_each_row_keeps_its_own_numbers(lengths, offset, seed):
    width = max(lengths)
    column = np.arange(width)
    numbers = offset + np.arange(len(lengths))[:, None] * width + column
    padded = np.where(column < np.array(lengths)[:, None], numbers, PADDING)
    shuffled = RowShuffle(padded, keep=width).shuffle(np.random.SFC64(seed))
    for row, length in enumerate(lengths):
        assert sorted(shuffled[row, :length].tolist()) == numbers[row, :length].tolist()


# 2^23: numbers of 24 bits leave as few random bits as are ever taken, 1 in 32 neighbours tie; 2^30: columns instead
@pytest.mark.parametrize("offset", [0, 2**23, 2**30])
def test_all_orders_are_equally_likely(offset):
    table = RowShuffle(np.tile(offset + np.arange(4), (100, 1)), keep=4)
    random = np.random.SFC64(0)
    orders = np.concatenate([table.shuffle(random).astype(np.int64) - offset for _ in range(600)])
    _, found = np.unique(orders @ [64, 16, 4, 1], return_counts=True)
    assert len(found) == 24
    assert chisquare(found).pvalue > 1e-4


@pytest.mark.parametrize(("width", "offset"), [(8000, 0), (20_000, 0), (20_000, 2**20), (300, 2**18)])
def test_long_rows_come_in_no_order(width, offset):
    """Ties among too few random bits would show as stretches that rise."""
    table = RowShuffle(offset + np.arange(width)[None], keep=width)
    random = np.random.SFC64(1)
    tests = 40
    rising = [(np.diff(table.shuffle(random)[0].astype(np.int64)) > 0).mean() for _ in range(tests)]
    assert abs(np.mean(rising) - 0.5) < 5 * np.sqrt(width / 12 / tests) / width + 0.5 / 2**5 / np.sqrt(tests)
    first = np.concatenate([table.shuffle(random)[0, :20].astype(np.int64) - offset for _ in range(tests)])
    assert chisquare(np.bincount(first * 10 // width, minlength=10)).pvalue > 1e-4


def test_gives_only_the_front_that_is_wanted():
    table = RowShuffle(np.arange(50).reshape(1, 50), keep=3)
    fronts = np.array([table.shuffle(np.random.SFC64(seed))[0] for seed in range(2000)])
    assert fronts.shape == (2000, 3)
    assert chisquare(np.bincount(fronts.ravel(), minlength=50)).pvalue > 1e-4
