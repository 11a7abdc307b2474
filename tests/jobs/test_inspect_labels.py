"""`longtail inspect`: what is listed is what was put in."""

import csv
import json

import numpy as np
import pytest

from longtail.cli import main
from longtail.features import write_features


def test_planted_problems_are_listed(tmp_path, capsys):
    rng = np.random.default_rng(0)
    labels = np.repeat([0, 1, 2], [80, 40, 20])
    rows = (6 * np.eye(3, 8)[labels] + rng.normal(size=(140, 8))).astype(np.float32)
    given = labels.copy()
    given[5], given[100] = 2, 0  # two wrong labels
    test_rows, test_labels = rows[::7] + rng.normal(size=(20, 8)).astype(np.float32), labels[::7].copy()
    test_rows[3], test_labels[3] = rows[20], labels[20]  # in two splits
    test_rows[4], test_labels[4] = rows[30], 1  # with two labels
    write_features(tmp_path / "feature_train.h5", rows, given)
    write_features(tmp_path / "feature_test.h5", test_rows, test_labels)
    assert main(["inspect", str(tmp_path), "--out", str(tmp_path / "out")]) == 0
    with (tmp_path / "out" / "label_problems.csv").open() as file:
        found = list(csv.DictReader(file))
    by_kind = {kind: [row for row in found if row["problem"] == kind] for kind in {row["problem"] for row in found}}
    (split,) = by_kind["nearly the same, two splits"]
    assert (split["split"], split["row"], split["other_split"], split["other_row"]) == ("train", "20", "test", "3")
    (label,) = by_kind["nearly the same, two labels"]
    assert (label["row"], label["other_row"], label["label"], label["other_label"]) == ("30", "4", "0", "1")
    doubted = {row["row"]: row["other_label"] for row in by_kind["likely mislabelled"]}
    assert doubted["5"] == "0"
    assert doubted["100"] == "1"
    assert len(doubted) <= 6
    told = capsys.readouterr().out
    assert "train 5 (2)  rather 0" in told
    assert found[0]["id"] == ""
    assert "look at the rows before you change a label" in told


def test_too_many_rows_are_not_compared_with_each_other(tmp_path, capsys):
    rng = np.random.default_rng(0)
    write_features(tmp_path / "feature_train.h5", rng.normal(size=(30, 3)), np.arange(30) % 2)
    assert main(["inspect", str(tmp_path), "--most", "20", "--out", str(tmp_path / "out"), "--quiet"]) == 0
    told = capsys.readouterr().out
    assert "nearly the same, two labels: not looked for, it takes long here (--most 20)" in told
    assert main(["inspect", str(tmp_path / "nothing")]) == 2


def test_fit_puts_the_most_doubtful_labels_into_its_results(tmp_path, capsys, monkeypatch):
    rng = np.random.default_rng(0)
    labels = np.repeat([0, 1, 2], [80, 40, 20])
    rows = (6 * np.eye(3, 8)[labels] + rng.normal(size=(140, 8))).astype(np.float32)
    given = labels.copy()
    rows[5], given[5] = 7 * np.eye(3, 8)[0], 2  # as clearly of class 0 as a row can be
    write_features(tmp_path / "feature_train.h5", rows, given)
    write_features(tmp_path / "feature_test.h5", rows[20:21], labels[20:21])

    def problems(*words):
        arguments = ["fit", str(tmp_path), "--methods", "ncm", "--out", str(tmp_path / "out"), "--quiet", *words]
        assert main(arguments) == 0
        return json.loads((tmp_path / "out" / "results.json").read_text())["label_problems"]

    found = problems()
    assert found["not_looked_for"] == []
    assert found["totals"]["nearly the same, two splits"] == 1
    split, doubted = found["found"][:2]
    assert (split["split"], split["row"], split["other_split"], split["other_row"]) == ("train", 20, "test", 0)
    assert (doubted["problem"], doubted["row"], doubted["other_label"]) == ("likely mislabelled", 5, "0")
    assert problems("--label-check", "none") is None
    monkeypatch.setattr("longtail.jobs.label_report.QUICK_COMPARISONS", 10)
    monkeypatch.setattr("longtail.jobs.label_report.QUICK_FITTING", 10)
    left_out = problems()
    assert left_out["not_looked_for"] == [
        "nearly the same, two labels (it takes long here)",
        "nearly the same, two splits (it takes long here)",
        "likely mislabelled (it takes long here)",
    ]
    # rows that are the same are found by their hashes, whatever their number
    assert left_out["totals"] == {"nearly the same, two splits": 1}
    assert problems("--label-check", "full") == found
    assert "Not looked for" not in (tmp_path / "out" / "report.html").read_text()


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--false-share", "nan"], "--false-share nan; expected"),
        (["--margin", "1.5"], "--margin 1.5; expected a number from 0 to 1"),
        (["--folds", "1"], "--folds 1; expected at least 2"),
        (["--most", "-1"], "--most -1; expected at least 0"),
    ],
)
def test_options_that_make_no_sense(tmp_path, capsys, words, told):
    assert main(["inspect", str(tmp_path), *words]) == 2
    assert told in capsys.readouterr().err


def test_report_and_inspect_count_alike(tmp_path):
    rng = np.random.default_rng(3)
    labels = np.repeat([0, 1, 2], [60, 40, 30])
    rows = (2 * np.eye(3, 10)[labels] + rng.normal(size=(130, 10))).astype(np.float32)
    given = np.where(rng.random(130) < 0.1, (labels + 1) % 3, labels)
    test = np.concatenate([rows[:6], rows[70:75] + 0.02, rng.normal(size=(20, 10))]).astype(np.float32)
    write_features(tmp_path / "feature_train.h5", rows, given)
    of_test = np.concatenate([given[:6], given[70:75], np.arange(20) % 3])
    of_test[5] = (of_test[5] + 1) % 3
    write_features(tmp_path / "feature_test.h5", test, of_test)
    assert main(["fit", str(tmp_path), "--methods", "ncm", "--out", str(tmp_path / "out"), "--quiet"]) == 0
    assert main(["inspect", str(tmp_path), "--out", str(tmp_path / "out"), "--quiet"]) == 0
    with (tmp_path / "out" / "label_problems.csv").open() as file:
        listed = [row["problem"] for row in csv.DictReader(file)]
    totals = json.loads((tmp_path / "out" / "results.json").read_text())["label_problems"]["totals"]
    assert totals == {kind: listed.count(kind) for kind in dict.fromkeys(listed)}
    assert len(totals) == 3


def test_rows_shared_with_val_do_not_hide_those_of_test(tmp_path, monkeypatch):
    """Splits are compared in the order in which they are used, whatever the order in which they came about."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(120, 8)).round(4)
    rows[110:] = rows[:10]
    lines = [f"{'ant' if row % 2 else 'bee'},{','.join(map(str, values))}" for row, values in enumerate(rows)]
    (tmp_path / "e.csv").write_text(f"label,{','.join('abcdefgh')}\n" + "\n".join(lines) + "\n")
    assert main(["fit", "e.csv", "--methods", "ncm", "--out", "run", "--quiet"]) == 0
    shared = json.loads((tmp_path / "run" / "results.json").read_text())["shared_rows"]
    assert list(shared["pairs"]) == ["val", "test"]
    assert shared["pairs"]["test"]["of"] == ["train", "val"]
