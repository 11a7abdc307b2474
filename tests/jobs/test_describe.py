"""`longtail describe`: the facts it finds, and how it draws data sets of any size."""

import json

import numpy as np
import pytest

from longtail.cli import main
from longtail.data.decode import write_png
from longtail.data.open import open_data
from longtail.jobs.describe import _draw, describe_splits


@pytest.fixture
def photos(tmp_path):
    digits = open_data("digits", profile="none").train
    for label, number in enumerate((120, 30, 4)):
        for index in np.flatnonzero(digits.labels == label)[: min(number, 119)]:
            write_png(digits.load(int(index)), tmp_path / "photos" / "写真 $ant"[: 3 + label] / f"{index}.png")
    return tmp_path / "photos"


def test_facts_of_a_folder(photos, capsys):
    first, second, rare = sorted(photos.iterdir())
    copy = next(second.iterdir()).read_bytes()
    (rare / "copy.png").write_bytes(copy)
    (second / "again.png").write_bytes(copy)
    (first / "broken.jpg").write_text("no image")
    out = photos.parent / "d"
    assert main(["describe", str(photos), "--test-fraction", "0", "--val-fraction", "0", "--out", str(out)]) == 0
    found = json.loads((out / "describe.json").read_text())
    assert found["train_counts"] == [120, 31, 5]
    assert found["groups"] == {"many": 1, "medium": 1, "few": 1}
    assert found["imbalance_ratio"] == 24
    assert [item["image"] for item in found["unreadable"]] == [str(first / "broken.jpg")]
    assert [len(same) for same in found["identical"]] == [3]
    assert found["identical_with_two_labels"] == found["identical"]
    told = capsys.readouterr().out
    assert "3 classes, 156 images" in told
    assert "1 file cannot be read (named in describe.json)" in told


def test_images_need_not_be_opened(photos):
    splits = open_data(str(photos))
    assert "unreadable" not in describe_splits(splits, many_above=100, few_below=20, look=False)


@pytest.mark.parametrize("counts", [[5, 3, 200], list(range(1, 8143)), [1, 1]])
def test_tails_of_any_length_and_names_in_any_letters_are_drawn(tmp_path, counts):
    facts = {"name": "写真 $x", "imbalance_ratio": 2.0, "gini": 0.3, "train_counts": counts}
    facts["class_names"] = [f"写真 $_{number}" * (1 + number % 9) for number in range(len(counts))]
    _draw({**facts, "group_thresholds": {"many_above": 100, "few_below": 20}}, tmp_path / "counts.png")
    assert (tmp_path / "counts.png").read_bytes().startswith(b"\x89PNG")
