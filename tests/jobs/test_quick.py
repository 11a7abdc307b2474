"""`--quick`: the whole path with little of everything, the tail kept, and never taken for a real run."""

import json
import shutil

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import longtail
from longtail.cli import main
from longtail.jobs.quick import quick_splits, quick_stage, rows_of_few
from longtail.recipes import RECIPES

FAST = ["--device", "cpu", "--precision", "float32"]


@given(st.lists(st.integers(1, 40), min_size=2, max_size=6), st.integers(0, 100))
def test_rare_classes_keep_all_and_common_ones_are_cut_alike(counts, number):
    labels = np.random.default_rng(0).permutation(np.repeat(np.arange(len(counts)), counts))
    rows = rows_of_few(labels, number)
    left = np.bincount(labels[rows], minlength=len(counts))
    assert (np.diff(rows) > 0).all()
    assert (left == np.minimum(counts, left.max())).all()
    assert left.sum() <= max(number, 4 * len(counts))
    if left.max() < max(counts):
        assert np.minimum(counts, left.max() + 1).sum() > number


def test_as_many_images_as_there_is_time_for(monkeypatch):
    config = RECIPES["digits"]()
    splits = longtail.open_data("digits", profile="exp", ratio=40)
    stage = quick_stage(config.stage)
    assert (stage.epochs, quick_stage(stage)) == (3, stage)
    monkeypatch.setitem(quick_splits.__globals__["WORK"], "cpu", 9 * 903_808 * 100)  # 100 images, three times
    few = quick_splits(splits, stage, "cpu")
    counts = np.bincount(few.train.labels)
    assert 90 <= counts.sum() <= 100
    assert counts[-3:].tolist() == np.bincount(splits.train.labels)[-3:].tolist()
    assert few.notes[-1].startswith(f"a quick run: {counts.sum()} of 343 training images")
    assert quick_splits(splits, stage, "cpu").train.labels.tolist() == few.train.labels.tolist()


def test_no_more_images_than_heads_have_time_for(monkeypatch):
    """A small network sees many images in a minute, but heads are fitted to all of them."""
    monkeypatch.setitem(quick_splits.__globals__, "MOST_ROWS", 200)
    splits = longtail.open_data("digits", profile="exp", ratio=40)
    few = quick_splits(splits, quick_stage(RECIPES["digits"]().stage), "cpu")
    assert all(180 <= len(part) <= 200 for part in (few.train, few.test))


def test_a_frozen_network_has_no_epochs(quick_run, tmp_path):
    words = ["run", "digits", "--quick", "--init", str(quick_run), "--frozen", "--methods", "joint"]
    assert main([*words, "--out", str(tmp_path / "run"), *FAST, "--quiet"]) == 0
    said = json.loads((tmp_path / "run" / "results.json").read_text())["verdict"]["quick"]
    assert "everything works (343 training images)" in said


@pytest.fixture(scope="module")
def quick_run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("quick")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        assert main(["run", "digits", "--quick", "--methods", "joint,tau", *FAST, "--quiet"]) == 0
    return folder / "runs" / "digits-quick"


def test_everything_says_that_it_is_one(quick_run, capsys):
    results = json.loads((quick_run / "results.json").read_text())
    assert results["title"] == "digits (quick run)"
    assert results["verdict"]["quick"].startswith("A quick run, to see that everything works (3 epochs, ")
    page = (quick_run / "report.html").read_text()
    assert page.index(results["verdict"]["quick"]) == page.index('<p class="warning">') + len('<p class="warning">')
    assert repr(longtail.Run(quick_run)).splitlines()[5].startswith("A quick run")
    again = shutil.copytree(quick_run, quick_run.parent / "again")
    notes = longtail.compare_runs(quick_run, again).content["notes"]
    assert sum("A quick run" in note for note in notes) == 2
    published = quick_run.parent / "published"
    assert main(["publish", str(quick_run), "--to", str(published)]) == 0
    assert "**A quick run" in (published / "README.md").read_text()
    assert repr(longtail.Run(published)).count("A quick run") == 1
    capsys.readouterr()
    assert main(["compare", str(quick_run), str(published)]) == 2
    assert "is a published model" in capsys.readouterr().err


def test_a_real_run_does_not_go_on_with_it(quick_run, capsys):
    assert main(["run", "digits", "--methods", "joint", "--out", str(quick_run), *FAST]) == 2
    assert "other settings: epochs 3, not 15" in capsys.readouterr().err
    assert main(["run", "digits", "--quick", "--methods", "joint,tau", "--out", str(quick_run), *FAST]) == 0
    assert "train  epoch" not in capsys.readouterr().err  # trained already


def test_train_and_fit_have_it(tmp_path, monkeypatch, tailed, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["train", "digits", "--quick", *FAST, "--quiet"]) == 0
    assert len((tmp_path / "runs/train-digits-quick/metrics.csv").read_text().splitlines()) == 4
    for name, (rows, labels) in zip(("train", "test"), tailed, strict=True):
        longtail.write_features(tmp_path / "embeddings" / f"feature_{name}.h5", rows, labels)
    monkeypatch.setitem(rows_of_few.__globals__, "MOST_ROWS", 100)
    words = ["fit", "embeddings", "--quick", "--methods", "joint,ncm", "--label-check", "none"]
    assert main([*words, "--seeds", "2", "--out", "seeds"]) == 0
    assert (tmp_path / "seeds" / "summary.md").read_text().startswith("A quick run")
    capsys.readouterr()
    assert main(words) == 0
    assert "A quick run" in capsys.readouterr().out
    (folder,) = (tmp_path / "runs").glob("fit-quick-*")
    counts = json.loads((folder / "results.json").read_text())["data"]["train_counts"]
    assert counts[3:] == [18, 8, 5]
    assert sum(counts) <= 100
    assert main(["study", "architectures", "digits", "--quick"]) == 2
    assert "A study of quick runs says nothing" in capsys.readouterr().err
