"""The grouped split: what it promises, on random tables and on small ones of which the best split is known."""

from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from longtail.data.grouped_split import grouped_split
from longtail.errors import InputError
from longtail.whole_groups import improvement
from whole_groups.tables import distance_of, drawn_rows, groups_of, tables

fractions = st.sampled_from(
    [{"test": 0.2, "val": 0.1}, {"test": 0.2}, {"val": 0.1, "test": 0.0}, {"val": 0.45, "test": 0.45}]
)


@pytest.fixture(scope="module", autouse=True)
def few_shakes():
    """What more of them win is measured beside the integer program."""
    with patch.object(improvement, "_SHAKEN", 30):
        yield


def check_promises(labels, groups, split):
    """Hold everything that the split promises against the rows themselves."""
    splits = list(split.rows)
    np.testing.assert_array_equal(np.sort(np.concatenate(list(split.rows.values()))), np.arange(len(labels)))
    split_of_group = {}
    for name, rows in split.rows.items():
        assert (np.diff(rows) > 0).all()
        for group in np.unique(groups[rows]).tolist():
            assert split_of_group.setdefault(group, name) == name
    own = groups_of(labels, groups)
    there = {c: {split_of_group[group] for group in members} for c, members in own.items()}
    given_up = {(one.label, one.split) for one in split.given_up}
    for c, members in own.items():
        assert "train" in there[c]
        assert {(c, name) for name in splits[: len(members)] if name not in there[c]} == {
            pair for pair in given_up if pair[0] == c
        }
    assert {name: list(classes) for name, classes in split.absent.items()} == {
        name: [c for c in sorted(own) if name not in there[c]] for name in splits[1:]
    }
    check_given_up(labels, groups, split, split_of_group)


def check_given_up(labels, groups, split, split_of_group):
    """What is said to be impossible cannot be had by moving one group: that would break what comes first."""
    own, splits = groups_of(labels, groups), list(split.rows)
    order = {c: (len(members), int((labels == c).sum()), c) for c, members in own.items()}
    for one in split.given_up:
        if one.reason == "impossible":
            for group in own[one.label]:
                home = split_of_group[group]
                alone = [
                    c for c in np.unique(labels[groups == group]) if sum(split_of_group[g] == home for g in own[c]) == 1
                ]
                first = [
                    c
                    for c in alone
                    if home == "train"
                    or (
                        ((order[c], splits.index(home)) < (order[one.label], splits.index(one.split)))
                        and splits.index(home) < len(own[c])
                    )
                ]
                assert first, one


@given(tables, fractions, st.integers(0, 5))
@settings(max_examples=40)
def test_promises(table, fractions, seed):
    labels, groups = table
    check_promises(labels, groups, grouped_split(labels, groups, fractions, seed))


@pytest.mark.slow
@given(tables, fractions, st.integers(0, 5))
@settings(max_examples=10_000)
def test_promises_on_many_tables(table, fractions, seed):
    labels, groups = table
    check_promises(labels, groups, grouped_split(labels, groups, fractions, seed))


@given(
    st.integers(1, 60), st.integers(1, 20), st.sampled_from(["one class a group", "single rows"]), st.integers(0, 99)
)
@settings(max_examples=15)
def test_nothing_is_given_up_where_groups_hold_one_class(num_groups, num_classes, shape, seed):
    labels, groups = drawn_rows(num_groups, num_classes, shape, seed)
    split = grouped_split(labels, groups)
    assert split.given_up == ()
    numbers = {c: len(members) for c, members in groups_of(labels, groups).items()}
    assert split.not_measurable == tuple(c for c, number in numbers.items() if number == 1)
    assert split.not_choosable == tuple(c for c, number in numbers.items() if number < 3)


@given(st.integers(1, 60), st.integers(1, 20), st.integers(0, 99))
@settings(max_examples=15)
def test_figures_are_those_of_the_rows(num_groups, num_classes, seed):
    labels, groups = drawn_rows(num_groups, num_classes, "plain", seed)
    split = grouped_split(labels, groups, seed=seed)
    parts = np.empty(len(labels), dtype=int)
    for part, rows in enumerate(split.rows.values()):
        parts[rows] = part
        np.testing.assert_allclose(
            split.class_shares[:, part] * np.bincount(labels), np.bincount(labels[rows], minlength=labels.max() + 1)
        )
    assert list(split.reached.values()) == pytest.approx([len(rows) / len(labels) for rows in split.rows.values()])
    assert split.distance == pytest.approx(distance_of(labels, parts, np.array(list(split.wished.values()))))
    assert sum(split.num_groups.values()) == len(np.unique(groups))


def test_what_groups_are_called_is_no_matter():
    labels, groups = drawn_rows(40, 12, "plain", 3)
    expected = grouped_split(labels, groups, seed=1).rows
    names = np.random.default_rng(0).permutation(1000)[groups]
    for other in (names, np.array([f"site {name}" for name in names]), names.astype(float), [str(n) for n in names]):
        for split, rows in grouped_split(labels, other, seed=1).rows.items():
            np.testing.assert_array_equal(rows, expected[split])


def test_the_seed_says_which_of_equal_groups_is_taken():
    labels, groups = np.repeat([0, 1], [40, 4]), np.repeat(np.arange(22), 2)
    held_out = {seed: grouped_split(labels, groups, {"test": 0.2}, seed).rows["test"] for seed in range(12)}
    np.testing.assert_array_equal(held_out[0], grouped_split(labels, groups, {"test": 0.2}, 0).rows["test"])
    assert {int(rows[-1]) for rows in held_out.values()} == {41, 43}
    assert len({tuple(rows.tolist()) for rows in held_out.values()}) > 6


def test_shares_are_met_where_they_can_be():
    labels, groups = np.tile([0, 1], 200), np.repeat(np.arange(40), 10)
    split = grouped_split(labels, groups, {"test": 0.2, "val": 0.1})
    assert split.distance == pytest.approx(0)
    np.testing.assert_allclose(split.class_shares, [[0.7, 0.2, 0.1]] * 2)


def test_a_giant_stays_where_it_does_least_harm():
    labels, groups = np.zeros(1103, dtype=int), np.repeat([0, 1, 2, 3], [1000, 100, 2, 1])
    split = grouped_split(labels, groups, {"test": 0.2, "val": 0.1})
    assert set(groups[split.rows["train"]]) >= {0}
    assert 1 in groups[split.rows["test"]]


def test_the_rarer_class_comes_first():
    """Class 0 has the groups 0 and 1, class 1 those and group 2, which class 2 holds in train."""
    labels, groups = np.array([0, 0, 1, 1, 1, 1, 2]), np.array([0, 1, 0, 0, 1, 2, 2])
    split = grouped_split(labels, groups)
    (one,) = split.given_up
    assert (one.label, one.split, one.reason, one.needed_by) == (1, "val", "impossible", (0, 2))
    assert split.not_measurable == (2,)
    assert split.sentences(["ant", "bee", "cow"])[1:] == (
        "classes of one group, which have none left for test: cow; test figures say nothing of them",
        "classes of one or two groups, which have none left for val: ant, cow; val figures say nothing of them",
        "bee is not in val although it has 3 groups: they are needed elsewhere by classes that come first (ant, cow)",
    )


def test_moves_of_moves_keep_a_promise():
    """A chain of classes of two groups each has two ways of going, and only one suits the class at its end."""
    ends = 12
    pairs = [(c, group) for c in range(ends) for group in (c, c + 1)] + [(ends, ends), (ends + 1, 0), (ends + 1, 99)]
    labels, groups = np.array(pairs).T
    split = grouped_split(labels, groups, {"test": 0.3})
    assert split.given_up == ()
    assert split.not_measurable == (ends,)


def test_splits_that_are_not_wished_are_not_made():
    labels, groups = np.zeros(6, dtype=int), np.arange(6)
    assert list(grouped_split(labels, groups, {"test": 0, "val": 0.2}).rows) == ["train", "val"]
    nothing = grouped_split(labels, groups, {"test": 0, "val": 0})
    assert (list(nothing.rows), nothing.distance, nothing.not_measurable) == (["train"], 0, ())
    two = grouped_split([0, 0, 1], ["a", "b", "c"], {"val": 0.3})
    assert two.not_choosable == (1,)
    assert "classes of one group, which have none left for val: 1" in two.sentences()[1]


@pytest.mark.parametrize(
    ("labels", "groups", "fractions", "message"),
    [
        ([0, 1], [0], None, r"`groups` has the shape \(1,\); expected a group for each row, \(2,\)"),
        ([0, 1], [0.0, np.nan], None, r"row 1 of `groups` is not a number; expected a group for each row"),
        ([0, 1], np.array(["a", None], dtype=object), None, r"`groups` holds things of several kinds"),
        ([0, -1], [0, 1], None, r"`labels` is an array of int64 .* expected class indices from 0"),
        ([], [], None, r"at least one row"),
        (["a", "b"], [0, 1], None, r"expected class indices from 0"),
        ([0, 1], [0, 1], {"tset": 0.2}, r"`fractions` names 'tset'; expected test or val. Did you mean test\?"),
        ([0, 1], [0, 1], {"test": -0.2}, r"`fractions` has -0.2 for test; expected at least 0 and below 1"),
        ([0, 1], [0, 1], {"test": float("nan")}, r"`fractions` has nan for test"),
        ([0, 1], [0, 1], {"test": 0.5, "val": 0.5}, r"`fractions` leave nothing for train: 1 in all"),
    ],
)
def test_what_cannot_be_split_is_refused(labels, groups, fractions, message):
    with pytest.raises(InputError, match=message):
        grouped_split(labels, groups, fractions)
