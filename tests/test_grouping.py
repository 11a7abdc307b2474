"""Groups of rows: by name, joined, one after the other."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from longtail.grouping import Grouping, concatenated, grouping_of, joined_groups

numbers = st.lists(st.integers(0, 6), min_size=1, max_size=40)


def test_a_row_without_a_name_is_a_group_of_its_own():
    groups = grouping_of(["", "a", "", "a"], "site")
    assert groups.codes.tolist() == [0, 1, 2, 1]
    assert (groups.number, groups.by, len(groups)) == (3, "site", 4)
    assert groups.take(np.array([3, 1])).codes.tolist() == [1, 1]


@given(numbers, st.randoms())
def test_joined_groups_are_the_connected_ones(first, random):
    second = [random.randint(0, 9) for _ in first]
    codes = joined_groups(np.array(first), np.array(second))
    label = list(range(len(first)))
    for _ in first:  # the slow way: pass the smallest number on until nothing changes
        label = [
            min(label[j] for j in range(len(first)) if first[i] == first[j] or second[i] == second[j])
            for i in range(len(first))
        ]
    same = np.equal.outer(codes, codes)
    assert (same == np.equal.outer(label, label)).all()
    assert sorted(set(codes.tolist())) == list(range(codes.max() + 1))


def test_groups_of_one_list_of_names_stay_the_same_when_parts_are_joined():
    train, val = Grouping(("a", "b"), np.array([0, 0])), Grouping(("a", "b"), np.array([1, 0]))
    other = Grouping(("a",), np.array([0]))
    joined = concatenated([train, val, None, other], [2, 2, 1, 1])
    assert joined.codes.tolist() == [0, 0, 1, 0, 2, 3]
    assert concatenated([None, None], [3, 4]) is None
