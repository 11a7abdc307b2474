"""Rows are known again wherever they stand: by name, else by content; what has changed is told."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from longtail.errors import InputError
from longtail.identity import RowIdentity, identify_rows, match_rows, read_identities, write_identities


@given(st.lists(st.integers(0, 5), min_size=1, max_size=30), st.randoms())
def test_rows_without_names_are_found_after_any_shuffle(values, random):
    contents = [str(value).encode() for value in values]
    known = {"train": identify_rows(contents)}
    order = list(range(len(values)))
    random.shuffle(order)
    places, changes = match_rows(known, identify_rows([contents[place] for place in order]))
    assert not changes
    found = [values[order[place]] for place in places["train"]]
    assert found == values
    assert sorted(places["train"].tolist()) == list(range(len(values)))  # copies are told apart


def test_names_decide_and_contents_tell_what_changed():
    known = {"train": identify_rows([b"1", b"2", b"3"], ["a", "b", "c"]), "test": identify_rows([b"4"], ["d"])}
    now = identify_rows([b"4", b"9", b"1", b"5"], ["d", "b", "a", "new"])
    places, changes = match_rows(known, now)
    assert places["train"].tolist() == [2, 1, -1]
    assert places["test"].tolist() == [0]
    assert changes.counts == (1, 1, 1)
    told = changes.describe(known, now, "image")
    assert told == "1 image is new (new); 1 image is gone (c); 1 image is another than it was (b)"


def test_the_rows_of_a_run_come_back_from_their_file(tmp_path):
    splits = {"train": identify_rows([b"1", b"2"], ["ä", "b"]), "val": identify_rows([b"3", b"3"])}
    write_identities(tmp_path / "rows.npz", splits)
    again = read_identities(tmp_path / "rows.npz")
    for split, rows in splits.items():
        np.testing.assert_array_equal(again[split].keys, rows.keys)
        np.testing.assert_array_equal(again[split].contents, rows.contents)
    assert again["train"].names.tolist() == ["ä".encode(), b"b"]
    assert again["val"].names is None


def test_equal_rows_give_equal_files(tmp_path):
    for name in ("a.npz", "b.npz"):
        write_identities(tmp_path / name, {"train": identify_rows([b"1", b"2"], ["a", "b"])})
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()


@pytest.mark.parametrize(
    "arrays",
    [
        {},
        {"train_keys": np.zeros(2, np.uint64)},
        {"train_keys": np.zeros(2, np.uint64), "train_contents": np.zeros(3, np.uint64)},
        {"train_keys": np.zeros(2), "train_contents": np.zeros(2, np.uint64)},
        {"val_keys": np.zeros(2, np.uint64), "val_contents": np.zeros(2, np.uint64)},
    ],
)
def test_damaged_files_are_told(tmp_path, arrays):
    np.savez(tmp_path / "rows.npz", **arrays)
    with pytest.raises(InputError, match=r"rows\.npz"):
        read_identities(tmp_path / "rows.npz")


def test_no_rows_are_no_error():
    empty = RowIdentity(np.empty(0, np.uint64), np.empty(0, np.uint64))
    places, changes = match_rows({"train": empty}, identify_rows([b"1"]))
    assert len(places["train"]) == 0
    assert changes.counts == (1, 0, 0)
