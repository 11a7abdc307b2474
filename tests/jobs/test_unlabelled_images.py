"""Pseudo-labels, as a user types it: held-back images, folders and packs; thresholds; resumed runs; studies."""

import csv
import json

import numpy as np
import pytest
import torch

from longtail.cli import main
from longtail.data import open_data
from longtail.data.decode import write_png
from longtail.data.in_memory import ImagesInMemory
from longtail.errors import InputError
from longtail.jobs.unlabelled_images import _read
from longtail.training.checkpoints import load_checkpoint
from power_cut import power_cut

FAST = ["--device", "cpu", "--precision", "float32", "--quiet"]
DATA = ["digits", "--largest", "60", "--ratio", "3"]


@pytest.fixture(scope="module")
def teacher(tmp_path_factory):
    folder = tmp_path_factory.mktemp("teacher")
    assert main(["train", *DATA, "--epochs", "10", "--batch-size", "32", "--out", str(folder), *FAST]) == 0
    return folder / "checkpoints" / "last.pt"


def labelled(folder):
    with (folder / "pseudo_labels.csv").open() as file:
        return list(csv.DictReader(file))


def train(folder, teacher, *words):
    fixed = ["train", *DATA, "--epochs", "1", "--teacher", str(teacher), "--out", str(folder), *FAST]
    return main([*fixed, *words])


def test_the_teacher_labels_what_was_held_back(teacher, tmp_path):
    assert train(tmp_path, teacher, "--unlabelled", "held-back") == 0
    rows = labelled(tmp_path)
    splits = open_data("digits", largest=60, ratio=3)
    assert len(rows) == len(splits.held_back) == 1190 - len(splits.train)
    assert rows[0]["input"] == splits.held_back.identity(0)
    right = np.mean(np.array([int(row["pseudo_label"]) for row in rows]) == splits.held_back.labels)
    record = json.loads((tmp_path / "splits.json").read_text())
    assert sum(record["pseudo_label_counts"]) == len(rows)
    assert f"({100 * right:.1f} % rightly" in record["notes"][-1]
    assert right > 0.5  # 0.1 is chance
    settings = load_checkpoint(tmp_path / "checkpoints" / "last.pt")["about"]["settings"]
    assert settings["unlabelled"]["unlabelled"] == "held-back"


def test_a_threshold_leaves_the_doubtful_out(teacher, tmp_path, capsys):
    assert train(tmp_path / "half", teacher, "--unlabelled", "held-back", "--confidence", "0.5") == 0
    rows = labelled(tmp_path / "half")
    sure = sum(float(row["confidence"]) >= 0.5 for row in rows)
    assert 0 < sure < len(rows)
    record = json.loads((tmp_path / "half" / "splits.json").read_text())
    assert sum(record["pseudo_label_counts"]) == sure
    assert train(tmp_path / "none", teacher, "--unlabelled", "held-back", "--confidence", "1") == 2
    assert "the teacher is less sure of each" in capsys.readouterr().err


def test_the_draw_follows_imb_unlabelled(teacher, tmp_path):
    words = ["--unlabelled", "held-back", "--imb-unlabelled", "10", "--unlabelled-times", "0.5"]
    assert train(tmp_path, teacher, *words) == 0
    splits = open_data("digits", largest=60, ratio=3)
    names = {splits.held_back.identify(row): splits.held_back.labels[row] for row in range(len(splits.held_back))}
    counts = np.bincount([names[row["input"]] for row in labelled(tmp_path)], minlength=10)
    assert counts.sum() == pytest.approx(0.5 * len(splits.train), abs=10)
    assert counts[0] / counts[9] == pytest.approx(10, rel=0.35)


def test_images_of_a_folder_and_one_class_of_theirs(teacher, tmp_path):
    held_back = open_data("digits", largest=60, ratio=3).held_back
    (tmp_path / "new").mkdir()
    for row in range(12):
        write_png(held_back.load(row).expand(3, -1, -1), tmp_path / "new" / f"{row:02}.png")
    assert train(tmp_path / "run", teacher, "--unlabelled", str(tmp_path / "new")) == 0
    rows = labelled(tmp_path / "run")
    assert [row["input"].rsplit("/", 1)[-1] for row in rows] == [f"{row:02}.png" for row in range(12)]
    assert train(tmp_path / "all", teacher, "--unlabelled", "held-back") == 0
    assert [row["pseudo_label"] for row in labelled(tmp_path / "all")[:12]] == [row["pseudo_label"] for row in rows]


def test_a_run_that_goes_on_keeps_its_labels(teacher, tmp_path, monkeypatch):
    """The teacher may be gone by then; the weights are those of a run that never stopped."""
    words = ["--unlabelled", "held-back", "--epochs", "2"]
    assert train(tmp_path / "whole", teacher, *words) == 0
    copy = tmp_path / "teacher.pt"
    copy.write_bytes(teacher.read_bytes())

    with power_cut(monkeypatch, 9):
        train(tmp_path / "cut", copy, *words, "--save-every", "0")
    copy.unlink()
    assert train(tmp_path / "cut", copy, *words, "--resume") == 0
    whole, cut = (load_checkpoint(tmp_path / name / "checkpoints" / "last.pt")["task"] for name in ("whole", "cut"))
    assert all((whole[name] == cut[name]).all() for name in whole)


def test_pre_training_sees_unlabelled_images_too(tmp_path, capsys):
    words = ["pretrain", *DATA, "--epochs", "1", "--unlabelled", "held-back", *FAST]
    assert main([*words, "--task", "rotation", "--batch-size", "64", "--out", str(tmp_path / "r")]) == 0
    steps = load_checkpoint(tmp_path / "r" / "checkpoints" / "last.pt")["state"]["step"]
    assert steps in (0, 1190 // 64)  # of all digits, with labels or without
    rate = json.loads((tmp_path / "r" / "pretrain.json").read_text())
    assert rate["unlabelled"]["unlabelled"] == "held-back"
    assert main([*words, "--task", "rotation", "--teacher", "x.pt", "--out", str(tmp_path / "x")]) == 2
    assert "pre-training looks at no labels" in capsys.readouterr().err


def test_the_study_compares_with_labelled_images_alone(tmp_path):
    words = ["study", "semi-supervised", *DATA, "--imb-ratios", "1,5", "--unlabelled-times", "0.4", "--seeds", "2"]
    assert main([*words, "--epochs", "1", "--methods", "joint,ncm", "--out", str(tmp_path), *FAST]) == 0
    found = json.loads((tmp_path / "study.json").read_text())
    assert [row["name"] for row in found["tables"][0]["rows"]] == ["labelled", "unlabelled-1", "unlabelled-5"]
    results = json.loads((tmp_path / "unlabelled-1" / "seed-1" / "results.json").read_text())
    # heads and groups know the labelled images alone
    assert sum(results["data"]["train_counts"]) == len(open_data("digits", largest=60, ratio=3).train)
    settings = json.loads((tmp_path / "unlabelled-1" / "seed-1" / "train.json").read_text())
    assert settings["unlabelled"]["teacher"].endswith("labelled/seed-1/checkpoints/last.pt")
    page = (tmp_path / "report.html").read_text()
    assert "2006.07529" in page
    assert "1910.09217" not in page


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--imb-ratios", "1", "--unlabelled-times", "50"], "1,820 unlabelled images of class 0 are wanted"),
        (["--imb-ratios", "1,0.5", "--unlabelled-times", "0.4"], "ratio 0.5"),
    ],
)
def test_the_study_tells_of_too_few_images_before_it_trains(words, told, tmp_path, capsys):
    assert main(["study", "semi-supervised", *DATA, *words, "--epochs", "1", "--out", str(tmp_path), *FAST]) == 2
    assert told in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--unlabelled", "held-back"], "--unlabelled needs --teacher"),
        (["--confidence", "0.5"], "Name images with --unlabelled"),
        (["--unlabelled", "nowhere", "--teacher", "x.pt"], "nowhere: no such file"),
        (["--unlabelled", "x", "--imb-unlabelled", "5"], "only of --unlabelled held-back"),
        (["--profile", "none", "--largest", "9"], "Leave one of them out"),
    ],
)
def test_mistakes_are_told_in_a_sentence(words, told, tmp_path, capsys):
    given = ["train", "digits", *words, "--epochs", "1", "--out", str(tmp_path / "r"), *FAST]
    assert main(given) == 2
    assert told in capsys.readouterr().err
    assert not (tmp_path / "r" / "checkpoints").exists()


def test_nothing_held_back_and_a_teacher_of_other_classes(teacher, tmp_path, capsys):
    words = ["--epochs", "1", "--teacher", str(teacher), "--out", str(tmp_path / "r"), *FAST]
    assert main(["train", "digits", "--profile", "none", "--unlabelled", "held-back", *words]) == 2
    assert "no image was held back" in capsys.readouterr().err
    for name in ("a", "b"):
        (tmp_path / "photos" / name).mkdir(parents=True)
        for number in range(10):
            write_png(open_data("digits").train.load(number), tmp_path / "photos" / name / f"{number}.png")
    photos = str(tmp_path / "photos")
    assert main(["train", photos, "--image-size", "8", "--unlabelled", photos, *words]) == 2
    assert "Expected the same ones in the same order" in capsys.readouterr().err


@pytest.mark.parametrize(
    "line", ["held[0],ant,nan", "held[0],ant,1.5", "held[0],ant,-0.1", "held[0],bat,0.5", "held[0],ant"]
)
def test_labels_of_a_teacher_that_are_damaged(tmp_path, line):
    (tmp_path / "pseudo_labels.csv").write_text(f"input,pseudo_label,confidence\n{line}\n")
    held = ImagesInMemory(torch.zeros(1, 1, 2, 2, dtype=torch.uint8), np.zeros(1, dtype=np.int64), ("ant",), "held")
    with pytest.raises(InputError, match=r"pseudo_labels.csv, line 2: is damaged"):
        _read(tmp_path / "pseudo_labels.csv", held, ("ant", "bee"), "ask")
