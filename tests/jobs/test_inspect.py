"""`longtail inspect`: what is listed is what was put in."""

import csv
import json

import numpy as np

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
    assert "look at the images before you change a label" in told


def test_too_many_rows_are_not_compared_with_each_other(tmp_path, capsys):
    rng = np.random.default_rng(0)
    write_features(tmp_path / "feature_train.h5", rng.normal(size=(30, 3)), np.arange(30) % 2)
    assert main(["inspect", str(tmp_path), "--most", "20", "--out", str(tmp_path / "out"), "--quiet"]) == 0
    assert "30 rows: near-duplicates are not looked for" in capsys.readouterr().out
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
    monkeypatch.setattr("longtail.jobs.inspect_labels.QUICK_COMPARISONS", 10)
    monkeypatch.setattr("longtail.jobs.inspect_labels.QUICK_FITTING", 10)
    assert problems() == {"totals": {}, "not_looked_for": ["nearly the same", "likely mislabelled"], "found": []}
    assert problems("--label-check", "full") == found
    assert "Not looked for" not in (tmp_path / "out" / "report.html").read_text()
