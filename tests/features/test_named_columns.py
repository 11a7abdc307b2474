"""Tables in memory: their columns go by name, as those of files do."""

import csv

import numpy as np
import pyarrow
import pytest

from longtail.comparison import compare
from longtail.errors import InputError
from longtail.features import splits_of_arrays
from longtail.features.named_columns import in_order_of, named_columns

NAMES = ("a", "b", "c", "d")


class Frame:
    """What a table of pandas is here: labels of columns, and an array."""

    def __init__(self, values, columns):
        self.values, self.columns = values, columns

    def __array__(self, dtype=None, copy=None):
        return np.asarray(self.values, dtype=dtype)


def arrow(values, columns):
    return pyarrow.table({name: values[:, place] for place, name in enumerate(columns)})


def rows(seed):
    labels = np.repeat([0, 1, 2], (30, 20, 10))
    return 3 * np.eye(3, 4)[labels] + np.random.default_rng(seed).normal(size=(60, 4)), labels


@pytest.mark.parametrize("table", [Frame, arrow])
def test_columns_are_put_into_the_order_of_train(table):
    (train, labels), (test, truth) = rows(0), rows(1)
    turned = table(test[:, ::-1], NAMES[::-1])
    plain = compare({"train": (train, labels), "test": (test, truth)}, "ncm")
    named = compare({"train": (table(train, NAMES), labels), "test": (turned, truth)}, "ncm")
    assert named.table[0]["all"] == plain.table[0]["all"] > 80
    assert named.protocol.problem.feature_names == NAMES
    np.testing.assert_array_equal(named.predict(turned), plain.predict(test))
    np.testing.assert_array_equal(named.predict(test), plain.predict(test))  # without names: as they stand
    with pytest.raises(InputError, match=r"features: lacks 'd' and has besides 'e'; expected the columns that train"):
        named.predict_proba(table(test, (*NAMES[:3], "e")))
    with pytest.raises(InputError, match=r"test: features: lacks 'a'"):
        compare({"train": (table(train, NAMES), labels), "test": (table(test[:, 1:], NAMES[1:]), truth)}, "ncm")


def test_a_table_goes_by_the_names_of_a_file(tmp_path):
    train, labels = rows(0)
    with (tmp_path / "e.csv").open("w", newline="") as file:
        csv.writer(file).writerows(
            [[*NAMES, "label"], *([*row, f"k{k}"] for row, k in zip(train, labels, strict=True))]
        )
    comparison = compare(tmp_path / "e.csv", "ncm")
    turned = comparison.predict(Frame(train[:, ::-1], NAMES[::-1]))
    np.testing.assert_array_equal(turned, comparison.predict(train))
    with pytest.raises(InputError, match="lacks 'd' and has besides 'D'"):
        comparison.predict(Frame(train, (*NAMES[:3], "D")))


def test_numbers_of_columns_are_no_names_unless_they_are_moved():
    values = np.arange(6.0).reshape(2, 3)
    assert named_columns(Frame(values, range(3)), "e") is None
    assert in_order_of(None, Frame(values, [2, 1, 0]), "e").tolist() == values[:, ::-1].tolist()
    assert in_order_of(None, Frame(values, ["x", "y", "z"]), "e").tolist() == values.tolist()
    assert in_order_of(("x", "y", "z"), Frame(values, range(3)), "e").tolist() == values.tolist()


def test_a_name_that_stands_twice_is_told():
    with pytest.raises(InputError, match=r"train: features: two columns are called 'a'"):
        splits_of_arrays({"train": (Frame(np.eye(4), ["a", "b", "a", "c"]), list("xyxy"))})
