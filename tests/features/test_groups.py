"""Rows that belong together: read as they stand, kept on one side, written and read again."""

import json

import h5py
import numpy as np
import pytest

from features.test_table import LABELS, NOISE, noise, refused, table
from longtail.cli import main
from longtail.comparison import open_problem
from longtail.errors import InputError
from longtail.features import (
    ColumnChoice,
    Reading,
    feature_blocks,
    open_feature_file,
    open_features,
    read_table,
    write_features,
)
from longtail.features.groups import group_words, numbered_alike, read_groups

SITES = np.repeat([f"s{site:02d}" for site in range(40)], 3)
BY_SITE = ColumnChoice(group_column="site")


def words(part):
    return group_words(part.groups, part.group_names)


def test_groups_are_read_as_they_stand(tmp_path):
    sites = np.resize(["001", "1", "01", "NA", " north ", "", "1.0", "-1"], 120)
    read = read_table(table(tmp_path / "e.csv", noise(site=sites)), BY_SITE)
    np.testing.assert_array_equal(words(read), np.strings.strip(sites))
    assert len(set(read.groups.tolist())) == 7 + 15  # each empty one is of its own
    assert read.feature_names == ("f0", "f1", "f2")


@pytest.mark.parametrize("role", ["group_column", "event_column"])
@pytest.mark.parametrize("name", ["patient", "area"])
def test_a_column_of_numbers_that_groups_is_no_feature_and_no_question(tmp_path, role, name):
    path = table(tmp_path / "e.csv", noise(**{name: np.repeat(np.arange(24), 5)}))
    assert read_table(path, ColumnChoice(**{role: name})).feature_names == ("f0", "f1", "f2")


def test_the_group_may_be_called_as_what_else_is_found_by_its_name(tmp_path):
    path = table(tmp_path / "e.csv", noise(image=SITES, species=np.resize(["x", "y"], 120), path=np.arange(120)))
    read = read_table(path, ColumnChoice(group_column="image"))
    np.testing.assert_array_equal(words(read), SITES)
    assert read.ids is not None
    assert read.labels.names == ("ant", "bee", "cow")


REFUSED = {
    "no such column": (ColumnChoice(group_column="sites"), "`group_column` sites: there is no such column"),
    "label too": (
        ColumnChoice(label_column="site", group_column="site"),
        "and `label_column` both name site",
    ),
    "kept": (ColumnChoice(keep_columns=("f0",), event_column="f0"), "`event_column` and `keep_columns` both name f0"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_group_that_cannot_be_one_is_told(tmp_path, case):
    choice, told = REFUSED[case]
    assert told in refused(table(tmp_path / "e.csv", noise(site=SITES)), choice)


def test_an_array_of_another_name_is_taken_and_one_called_groups_is_not_needed(tmp_path):
    np.savez(tmp_path / "e.npz", features=NOISE, labels=LABELS, Lesion=np.arange(120) // 4)
    read = read_table(tmp_path / "e.npz", ColumnChoice(group_column="Lesion"))
    assert read.group_names[-1] == "29"
    assert read_table(tmp_path / "e.npz").groups is None
    assert "`group_column` site: there is no such array. It holds features, labels, lesion." in refused(
        tmp_path / "e.npz", BY_SITE
    )
    np.savez(tmp_path / "e.npz", features=NOISE, labels=LABELS, groups=np.arange(7))
    assert "groups: of shape (7,), for 120 rows" in refused(tmp_path / "e.npz")
    assert read_table(tmp_path / "e.npz", ColumnChoice(group_column="none")).groups is None


def test_a_missing_split_is_split_off_in_whole_groups(tmp_path):
    path = table(tmp_path / "e.csv", noise(site=SITES))
    opened = open_features(path, Reading(columns=BY_SITE))
    parts = [set(words(part).tolist()) for part in opened.splits.values()]
    assert len(parts) == 3
    assert len(set.union(*parts)) == sum(map(len, parts))
    assert "no group is in two splits" in opened.notes[-1]
    alone = open_features(path)  # nothing said: rows, as ever
    assert [len(part.labels) for part in alone.splits.values()] == [87, 24, 9]


def test_one_name_is_one_group_in_all_files_of_a_folder(tmp_path):
    for split, sites in {"train": SITES, "val": np.full(120, ""), "test": SITES[::-1]}.items():
        table(tmp_path / f"{split}.csv", noise(site=sites))
    splits = open_features(tmp_path, Reading(columns=BY_SITE)).splits
    np.testing.assert_array_equal(splits["train"].groups, splits["test"].groups[::-1])
    assert not set(splits["val"].groups) & set(splits["train"].groups)
    assert len(set(splits["val"].groups)) == 120


def test_a_split_without_groups_is_told(tmp_path):
    write_features(tmp_path / "feature_train.h5", NOISE, np.arange(120) % 3, groups=SITES)
    write_features(tmp_path / "feature_test.h5", NOISE, np.arange(120) % 3)
    opened = open_features(tmp_path)
    assert "test has no groups, as train has: each row is taken as one of its own" in opened.notes
    assert len(set(opened.splits["test"].groups)) == 120


def test_a_feature_file_keeps_groups_and_events(tmp_path):
    sites = SITES.astype(object)
    sites[[0, 7]] = "", None
    path = tmp_path / "feature_train.h5"
    write_features(path, NOISE, np.arange(120) % 3, groups=sites, events=np.arange(120) // 2)
    for part in (
        open_feature_file(path),
        open_features(path, Reading(val_fraction=0, test_fraction=0)).splits["train"],
    ):
        np.testing.assert_array_equal(words(part), np.where(np.isin(np.arange(120), [0, 7]), "", SITES))
        assert part.groups[0] != part.groups[7]
        assert part.event_names[3] == "3"
        assert part.take(np.array([5, 9])).groups.tolist() == part.groups[[5, 9]].tolist()


def test_a_feature_file_without_groups_is_what_it_was(tmp_path):
    write_features(
        tmp_path / "f.h5", NOISE, np.arange(120) % 3, attributes={"data": "e"}, ids=list(map(str, range(120)))
    )
    with h5py.File(tmp_path / "f.h5") as file:
        assert sorted(file) == ["features", "ids", "labels"]
        assert list(file.attrs) == ["data"]
    read = open_feature_file(tmp_path / "f.h5")
    assert (read.groups, read.group_names, read.events, read.event_names) == (None,) * 4


def test_groups_of_another_length_leave_no_file(tmp_path):
    with pytest.raises(InputError, match=r"groups: of shape \(3,\), for 120 rows"):
        write_features(tmp_path / "f.h5", NOISE, np.arange(120) % 3, groups=["a", "b", "c"])
    assert not list(tmp_path.iterdir())


def test_arrays_in_memory_may_bring_groups():
    labels, sites = np.arange(120) % 3, SITES.astype(object)
    sites[3] = None
    problem = open_problem({"train": (NOISE, labels, sites), "test": (NOISE + 9, labels, SITES)})
    assert words(problem.splits["train"])[3] == ""
    assert any("40 of 41 groups lie in more than one of train, test" in note for note in problem.notes)
    assert problem.splits["test"].groups[5] == problem.splits["train"].groups[5]
    assert open_problem({"train": (NOISE, labels)}).splits["train"].groups is None
    with pytest.raises(InputError, match="perhaps groups"):
        open_problem({"train": (NOISE, labels, SITES, SITES)})


def test_fit_takes_groups_by_flag_and_its_run_remembers_them(tmp_path, capsys):
    path = table(tmp_path / "e.csv", noise(site=SITES, seq=np.arange(120) // 2))
    command = ["fit", str(path), "--group-column", "site", "--event-column", "seq", "--methods", "ncm"]
    assert main([*command, "--out", str(tmp_path / "run"), "--quiet"]) == 0
    columns = json.loads((tmp_path / "run/config.json").read_text())["columns"]
    assert (columns["group_column"], columns["event_column"]) == ("site", "seq")
    assert main(["evaluate", str(tmp_path / "run")]) == 0
    capsys.readouterr()
    assert main(["fit", str(path), "--group-column", "sites", "--out", str(tmp_path / "no")]) == 2
    assert "--group-column sites: there is no such column. Did you mean site?" in capsys.readouterr().err


def test_new_rows_need_no_groups(tmp_path):
    new = table(tmp_path / "new.csv", {f"f{d}": NOISE[:, d] for d in range(3)})
    _, blocks = feature_blocks(new, BY_SITE, features=["f2", "f0"])
    np.testing.assert_allclose(next(iter(blocks)).values, NOISE[:, [2, 0]], rtol=1e-6)


def test_groups_that_are_no_groups_are_told():
    with pytest.raises(InputError, match="expected words or numbers"):
        read_groups(np.array([1j, 2j]), 2, origin="e")
    with pytest.raises(InputError, match=r"holds '2', but the file names 2 of them; expected 0 to 1"):
        read_groups(np.array([0, 2]), 2, ["a", "b"], origin="e")


def test_numbers_of_groups_are_alike_whatever_order_they_came_in():
    rng = np.random.default_rng(0)
    for _ in range(30):
        parts = {split: rng.choice(["", "a", "b", "10", "9"], size=12) for split in ("train", "val")}
        alike = numbered_alike({split: read_groups(part, 12, origin="e") for split, part in parts.items()})
        numbers = np.concatenate([alike[split][0] for split in parts])
        said = np.concatenate(list(parts.values()))
        same = (said[:, None] == said) & (said != "") | np.eye(24, dtype=bool)
        np.testing.assert_array_equal(numbers[:, None] == numbers, same)
