"""A second result in a folder: the whole new one or the whole old one; and no folder is shared by accident."""

import json
import resource
import shutil
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

import longtail
from longtail.cli import main
from longtail.errors import InputError
from longtail.jobs.places import place_for
from longtail.runs import Run


@pytest.fixture
def rows(tmp_path, monkeypatch):
    """Two files of features of the same name, and this folder as the present one."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    labels = np.repeat(["ant", "bee", "cow"], [40, 20, 12])
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        features = rng.normal(size=(72, 4)) + 2 * np.eye(3, 4)[np.unique(labels, return_inverse=True)[1]]
        np.savez(tmp_path / folder / "birds.npz", features=features, labels=labels)
    return tmp_path


def fit(*words):
    return main(["fit", *words, "--quiet"])


def content(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_a_second_fit_leaves_nothing_of_the_first(rows):
    assert fit("one/birds.npz", "--methods", "joint,ncm,lda", "--out", "r") == 0
    assert main(["calibrate", "r", "--heads", "ncm", "--quiet"]) == 0
    (rows / "r" / "mine.txt").write_text("a person's")
    assert fit("one/birds.npz", "--methods", "ncm", "--out", "r") == 0
    assert sorted(path.name for path in (rows / "r" / "heads").iterdir()) == ["ncm.npz"]
    assert not (rows / "r" / "calibration").exists()
    assert list(json.loads((rows / "r" / "results.json").read_text())["methods"]) == ["ncm"]
    assert (rows / "r" / "mine.txt").read_text() == "a person's"


@pytest.mark.parametrize("words", [["--methods", "nothing"], ["--select-on", "test"], ["--head", "no.npz"]])
def test_a_fit_that_is_refused_leaves_the_earlier_one_as_it_was(rows, capsys, words):
    assert fit("one/birds.npz", "--methods", "ncm", "--out", "r") == 0
    before = content(rows / "r")
    assert fit("one/birds.npz", "--out", "r", *words) == 2
    assert content(rows / "r") == before


@pytest.mark.parametrize(
    "words",
    [
        ["predict", "r", "two/birds.npz", "--out", "p.csv"],
        ["evaluate", "r/heads/ncm.npz", "--features", "one/birds.npz"],
        ["calibrate", "r"],
    ],
)
def test_a_head_of_another_run_is_told(rows, capsys, words):
    assert fit("one/birds.npz", "--methods", "ncm", "--out", "r") == 0
    assert fit("two/birds.npz", "--methods", "ncm", "--out", "s") == 0
    told = "is not the head that the results in r were measured with"
    assert main(words) == 0
    assert told not in capsys.readouterr().out
    shutil.copyfile("s/heads/ncm.npz", "r/heads/ncm.npz")
    shutil.rmtree("r/calibration", ignore_errors=True)
    assert main(words) == 0
    assert told in " ".join(capsys.readouterr().out.split())


@contextmanager
def files_up_to(limit):
    """A limit on the size of files fails a write just as a full disk does."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("limit", [100, 2_000, 20_000])
def test_a_full_disk_leaves_the_earlier_one_as_it_was(rows, capsys, limit):
    assert fit("one/birds.npz", "--methods", "ncm", "--out", "r") == 0
    before = content(rows / "r")
    with files_up_to(limit):
        status = fit("one/birds.npz", "--methods", "joint,ncm", "--seed", "5", "--out", "r")
    told = capsys.readouterr().err
    assert status == 2, told
    assert told.count("\n") == 1
    assert "nothing half-written was left" in told
    assert content(rows / "r") == before


def test_seeds_that_are_no_longer_asked_for_go(rows):
    assert fit("one/birds.npz", "--methods", "joint,ncm", "--seeds", "2", "--out", "r") == 0
    assert sorted(path.name for path in (rows / "r").glob("seed-*")) == ["seed-0", "seed-1"]
    assert fit("one/birds.npz", "--methods", "ncm", "--out", "r") == 0
    assert not list((rows / "r").glob("seed-*"))
    assert not (rows / "r" / "summary.json").exists()


def test_what_no_fit_wrote_stays(rows, capsys):
    (rows / "heads").mkdir()
    (rows / "heads" / "statue.jpg").write_text("a person's")
    assert fit("one/birds.npz", "--methods", "ncm", "--out", ".") == 2
    assert "holds heads already, which no earlier result wrote" in capsys.readouterr().err
    assert (rows / "heads" / "statue.jpg").read_text() == "a person's"


def test_two_sources_never_share_a_default_folder(rows):
    assert fit("one/birds.npz", "--methods", "ncm") == 0
    first = content(rows / "runs" / "fit-birds")
    assert fit("two/birds.npz", "--methods", "ncm") == 0
    assert content(rows / "runs" / "fit-birds") == first
    assert (rows / "runs" / "fit-birds-2" / "results.json").is_file()
    assert place_for("fit", "one/birds.npz").name == "fit-birds"
    assert place_for("fit", "two/birds.npz").name == "fit-birds-2"


def test_predictions_are_not_overwritten_without_a_word(rows, capsys):
    assert fit("one/birds.npz", "--methods", "ncm", "--out", "r") == 0
    assert main(["predict", "r", "one/birds.npz"]) == 0
    before = (rows / "predictions.csv").read_bytes()
    assert main(["predict", "r", "two/birds.npz"]) == 2
    assert "predictions.csv is there already" in capsys.readouterr().err
    assert (rows / "predictions.csv").read_bytes() == before
    assert main(["predict", "r", "two/birds.npz", "--out", "predictions.csv"]) == 0
    assert "replaced the file that was there, of 72 rows" in capsys.readouterr().out


def test_one_prediction_is_printed(rows, capsys):
    assert fit("one/birds.npz", "--methods", "ncm", "--out", "r") == 0
    with np.load("one/birds.npz") as file:
        np.savez("new.npz", features=file["features"][:1])
    capsys.readouterr()
    assert main(["predict", "r", "new.npz", "--out", "p.csv"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("new.npz[0]: ant ")
    assert "1 prediction of ncm in p.csv" in out


def test_reading_a_run_removes_nothing_outside_of_it(rows, capsys):
    assert fit("one/birds.npz", "--methods", "ncm", "--out", "inner/run") == 0
    (rows / "inner" / "run" / ".complete").mkdir()
    (rows / "inner" / "run" / ".complete" / ".replaces.json").write_text('[".."]')
    (rows / "inner" / "precious").write_text("a person's")
    before = content(rows)
    assert main(["predict", "inner/run", "one/birds.npz", "--out", "p.csv"]) == 2
    assert "names '..', which is no plain name" in capsys.readouterr().err
    assert content(rows) == before


@pytest.mark.parametrize("seeds", [[], ["--seeds", "2"]])
def test_a_fit_and_a_report_leave_what_only_has_the_name_of_results(rows, capsys, seeds):
    (rows / "r").mkdir()
    (rows / "r" / "results.json").write_text('{"mine": 1}')
    before = content(rows / "r")
    assert fit("one/birds.npz", "--methods", "joint,ncm", "--out", "r", *seeds) == 2
    assert "results.json: no earlier result wrote it" in capsys.readouterr().err
    with pytest.raises(InputError, match="no earlier result wrote it"):
        compared("one/birds.npz").report("r")
    assert content(rows / "r") == before


def compared(path):
    return longtail.compare(path, methods="ncm")


def test_a_report_over_several_seeds_leaves_nothing_of_them(rows):
    assert fit("one/birds.npz", "--methods", "joint,ncm", "--seeds", "2", "--out", "r") == 0
    compared("two/birds.npz").report("r")
    assert sorted(path.name for path in (rows / "r").iterdir()) == ["heads", "report.html", "results.json"]


@pytest.mark.parametrize("by", ["fit", "report"])
def test_another_result_over_a_run_leaves_none_of_its_features(rows, by):
    assert fit("one/birds.npz", "--methods", "ncm", "--out", "r") == 0
    results = json.loads((rows / "r" / "results.json").read_text())
    stage_one = {"backbone": "digits_cnn", "parameters": 1}  # as `run` writes it
    (rows / "r" / "results.json").write_text(json.dumps({**results, "stage1": stage_one}))
    (rows / "r" / "features").mkdir()
    (rows / "r" / "checkpoints").mkdir()
    # what was trained is not removed by the way
    if by == "fit":
        assert fit("two/birds.npz", "--methods", "ncm", "--out", "r") == 2
    else:
        with pytest.raises(InputError, match=r"r: holds a trained network \(checkpoints\)"):
            compared("two/birds.npz").report("r")
    assert json.loads((rows / "r" / "results.json").read_text())["stage1"] == stage_one
    (rows / "r" / "checkpoints").rename("moved")
    if by == "fit":
        assert fit("two/birds.npz", "--methods", "ncm", "--out", "r") == 0
        assert Run(rows / "r").features == Path("two/birds.npz")
    else:
        compared("two/birds.npz").report("r")
    assert not (rows / "r" / "features").exists()


def test_a_fit_on_the_features_of_a_run_leaves_them_there(rows):
    assert fit("one/birds.npz", "--methods", "ncm", "--out", "r") == 0
    results = json.loads((rows / "r" / "results.json").read_text())
    stage_one = {"backbone": "digits_cnn", "parameters": 1}
    (rows / "r" / "results.json").write_text(json.dumps({**results, "stage1": stage_one}))
    (rows / "r" / "features").mkdir()
    (rows / "r" / "checkpoints").mkdir()
    shutil.copyfile("one/birds.npz", "r/features/birds.npz")
    assert fit("r/features/birds.npz", "--methods", "ncm", "--out", "r") == 0
    assert (rows / "r" / "features" / "birds.npz").is_file()
    assert (rows / "r" / "checkpoints").is_dir()
