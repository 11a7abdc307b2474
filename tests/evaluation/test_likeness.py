"""How alike rows of one group are, against slow loops over pairs of rows."""

from itertools import permutations

import numpy as np
import pytest

from longtail.errors import InputError
from longtail.evaluation.likeness import SURE, Likeness
from longtail.evaluation.sample_groups import GroupCells, check_sample_groups

LABELS = np.array([0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 2, 2])
GROUPS = np.array([0, 0, 1, 1, 1, 2, 0, 0, 1, 3, 3, 4, 4])
DEVIATIONS = np.array([0.5, 0.4, 0.3])


def cells(values, labels=LABELS, groups=GROUPS, num_classes=3):
    return GroupCells.of_rows(np.asarray(values, dtype=float), labels, groups, num_classes)


def slow_within(values):
    top = bottom = 0.0
    for label in (0, 1):  # class 2 has one group
        rows = np.flatnonzero(label == LABELS)
        pairs = [(i, j) for i, j in permutations(rows, 2)]
        between = np.mean([values[i] * values[j] for i, j in pairs if GROUPS[i] != GROUPS[j]])
        square = np.mean(values[rows] ** 2)
        for group in np.unique(GROUPS[rows]):
            inside = [values[i] * values[j] for i, j in pairs if GROUPS[i] == GROUPS[j] == group]
            if inside:
                number = np.sum(GROUPS[rows] == group) - 1
                top += number * (np.mean(inside) - between)
                bottom += number * (square - between)
    return top / bottom


def slow_across(values):
    top = bottom = 0.0
    seen = LABELS != 2
    for i, j in permutations(np.flatnonzero(seen), 2):
        if GROUPS[i] == GROUPS[j] and LABELS[i] != LABELS[j]:
            rest = [values[(LABELS[k] == LABELS) & (GROUPS[k] != GROUPS)].mean() for k in (i, j)]
            size = np.sum(GROUPS[i] == GROUPS)
            top += (values[i] - rest[0]) * (values[j] - rest[1]) / size
            bottom += DEVIATIONS[LABELS[i]] * DEVIATIONS[LABELS[j]] / size
    return top / bottom


@pytest.mark.parametrize("seed", range(8))
def test_likeness_equals_loops_over_pairs(seed):
    values = np.random.default_rng(seed).integers(2, size=len(LABELS)).astype(float)
    found = Likeness.of_cells(cells(values), DEVIATIONS)
    within, across = np.clip([slow_within(values), slow_across(values)], 0, 1)
    assert found.across == pytest.approx(across, abs=1e-12)
    assert found.within == pytest.approx(max(within, across), abs=1e-12)


def test_spread_equals_the_sum_over_all_pairs():
    weights = np.array([0.1, 0.3, 0.2])
    likeness = Likeness(0.6, 0.25, 5.0, 1.5)
    each = (weights * DEVIATIONS)[LABELS]
    same = np.equal.outer(GROUPS, GROUPS)
    alike = np.where(np.equal.outer(LABELS, LABELS), 0.6, 0.25) * same
    np.fill_diagonal(alike, 1.0)
    spread = likeness.spread(cells(np.ones(len(LABELS))), weights, DEVIATIONS)
    assert spread.alone == pytest.approx(float((each**2).sum()))
    assert spread.together == pytest.approx(float(each @ alike @ each))
    assert spread.sample_groups == 5
    assert likeness.spread(cells(np.ones(len(LABELS))), np.array([0, 1.0, 0]), DEVIATIONS).sample_groups == 3


def test_effective_images_are_rows_where_none_are_alike_and_groups_where_all_are():
    labels, groups = np.repeat([0, 1], 12), np.repeat(np.arange(8), 3)
    of_all = cells(np.zeros(24), labels, groups)
    assert Likeness(0.0, 0.0, 5.0, 2.0).effective_images(of_all).tolist() == [12, 12, 0]
    assert Likeness(1.0, 0.0, 5.0, 2.0).effective_images(of_all).tolist() == [4, 4, 0]


def test_copies_are_wholly_alike_and_draws_are_not():
    rng = np.random.default_rng(0)
    labels, groups = np.repeat([0, 1, 2], 400), np.repeat(np.arange(300), 4)
    copies = np.repeat(rng.integers(2, size=300), 4)
    assert Likeness.of_cells(cells(copies, labels, groups), DEVIATIONS).within == pytest.approx(1.0)
    drawn = Likeness.of_cells(cells(rng.integers(2, size=1200), labels, groups), DEVIATIONS)
    assert drawn.within < 0.08
    assert drawn.freedom == pytest.approx(297)  # groups less classes


def test_what_nothing_shows_is_taken_to_be_the_most_that_is_possible():
    one_each = Likeness.of_cells(cells([0, 1, 1, 0], np.array([0, 0, 1, 1]), np.array([0, 0, 1, 1])), DEVIATIONS)
    assert (one_each.within, one_each.across, one_each.freedom) == (1.0, 1.0, SURE)
    all_in_one = Likeness.of_cells(cells([0, 1, 1, 0], np.array([0, 0, 1, 1]), np.zeros(4, dtype=int)), DEVIATIONS)
    assert all_in_one.freedom == 0
    never_wrong = Likeness.of_cells(cells(np.ones(len(LABELS))), DEVIATIONS)
    assert never_wrong.within == 0


def test_sample_groups_are_whole_numbers_one_a_row():
    assert check_sample_groups(None, 3) is None
    assert check_sample_groups([10**12, -5, 7], 3) is None
    np.testing.assert_array_equal(check_sample_groups(np.array([9, 2, 9]), 3), [1, 0, 1])
    assert check_sample_groups(np.array([], dtype=int), 0) is None
    for wrong in ([1, 2], [[1], [2], [3]], [0.5, 1, 1], ["a", "b", "b"], 3):
        with pytest.raises(InputError, match=r"`sample_groups` are .* whole number for each of the 3 rows"):
            check_sample_groups(wrong, 3)
