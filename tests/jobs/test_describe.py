"""`longtail describe`: the facts it finds, and how it draws data sets of any size."""

import json

import numpy as np
import pytest
import torch

from longtail.cli import main
from longtail.data.decode import write_png
from longtail.data.open import open_data
from longtail.jobs.describe import describe_splits
from longtail.jobs.tail_figure import draw_tail


@pytest.fixture
def save():
    """Write one small image of noise."""

    def write(path, seed=0):
        image = np.random.default_rng(seed).integers(0, 256, (3, 9, 12), dtype=np.uint8)
        write_png(torch.from_numpy(image), path)

    return write


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
    words = ["--skip-bad", "--test-fraction", "0", "--val-fraction", "0", "--out", str(out)]
    assert main(["describe", str(photos), *words]) == 0
    told = capsys.readouterr().out
    assert "3 classes, 155 images" in told
    assert "1 unreadable images were left out" in told


def test_sets_that_cross_splits_and_counts_of_every_split(tmp_path, save, capsys):
    for seed, path in enumerate(("train/ant/1.png", "train/bee/1.png", "train/bee/2.png", "test/ant/1.png")):
        save(tmp_path / "photos" / path, seed=seed)
    (tmp_path / "photos/train/bee/copy.png").write_bytes((tmp_path / "photos/train/bee/1.png").read_bytes())
    (tmp_path / "photos/test/ant/copy.png").write_bytes((tmp_path / "photos/train/ant/1.png").read_bytes())
    words = ["--val-fraction", "0", "--out", str(tmp_path / "d"), "--quiet"]
    assert main(["describe", "--data", str(tmp_path / "photos"), *words]) == 0
    told = capsys.readouterr().out
    assert "2 sets of byte-identical images, 0 of them with two labels, 1 of them in two splits" in told
    assert "1 of 2 test images are in train too, byte for byte (test/ant/copy.png = train/ant/1.png)" in told
    assert "no test image of bee" in told
    rows = [line.split() for line in told.splitlines()]
    assert [row for row in rows if row[0] in ("class", "ant", "bee")] == [
        ["class", "train", "test"],
        ["bee", "3", "0"],
        ["ant", "1", "2"],
    ]
    facts = json.loads((tmp_path / "d" / "describe.json").read_text())
    assert facts["counts"] == {"train": [1, 3], "test": [2, 0]}
    assert facts["identical_in_two_splits"] == [
        [str(tmp_path / "photos/train/ant/1.png"), str(tmp_path / "photos/test/ant/copy.png")]
    ]
    assert main(["describe", str(tmp_path / "photos"), *words]) == 0
    assert capsys.readouterr().out == told


def test_of_many_classes_the_rarest_are_listed(tmp_path, save, capsys):
    for number in range(45):
        for image in range(1 + (number < 40)):
            save(tmp_path / "photos" / f"species {number:02}" / f"{image}.png", seed=100 * number + image)
    words = ["--val-fraction", "0", "--test-fraction", "0", "--look", "no", "--out", str(tmp_path / "d")]
    assert main(["describe", str(tmp_path / "photos"), *words]) == 0
    lines = capsys.readouterr().out.splitlines()
    place = next(row for row, line in enumerate(lines) if "the 10 rarest" in line)
    assert [line.split()[-2:] for line in lines[place + 6 : place + 11]] == [
        [f"{number}", "1"] for number in range(40, 45)
    ]


def test_describe_of_nothing(capsys):
    assert main(["describe"]) == 2
    assert "describe needs data" in capsys.readouterr().err


def test_stacks_of_pictures_are_told(tmp_path, save, capsys):
    from PIL import Image

    for seed, path in enumerate(("ant/1.png", "ant/2.png", "bee/1.png")):
        save(tmp_path / "photos" / path, seed=seed)
    frames = [Image.new("L", (4, 4), value) for value in (10, 200)]
    frames[0].save(tmp_path / "photos" / "ant" / "3.tif", save_all=True, append_images=frames[1:])
    assert main(["describe", str(tmp_path / "photos"), "--out", str(tmp_path / "d"), "--quiet"]) == 0
    assert "1 file of several pictures, of which the first is taken" in capsys.readouterr().out
    facts = json.loads((tmp_path / "d" / "describe.json").read_text())
    assert facts["stacks"] == [str(tmp_path / "photos" / "ant" / "3.tif")]


def test_images_need_not_be_opened(photos):
    splits = open_data(str(photos))
    assert "unreadable" not in describe_splits(splits, many_above=100, few_below=20, look=False)


@pytest.mark.parametrize("counts", [[5, 3, 200], list(range(1, 8143)), [1, 1]])
def test_tails_of_any_length_and_names_in_any_letters_are_drawn(tmp_path, counts):
    facts = {"name": "写真 $x", "imbalance_ratio": 2.0, "gini": 0.3, "train_counts": counts}
    facts["class_names"] = [f"写真 $_{number}" * (1 + number % 9) for number in range(len(counts))]
    draw_tail({**facts, "group_thresholds": {"many_above": 100, "few_below": 20}}, tmp_path / "counts.png")
    assert (tmp_path / "counts.png").read_bytes().startswith(b"\x89PNG")
