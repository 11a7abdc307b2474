"""A user's mistakes: one clear sentence, exit code 2, never a traceback, nothing half-written."""

import contextlib
import json
import os
import pickle
import signal
import subprocess
import sys
import time

import h5py
import numpy as np
import pytest
import torch
from PIL import Image

from longtail.cli import main
from longtail.comparison.methods import METHODS
from longtail.features import write_features


@pytest.fixture
def features(tmp_path):
    """A folder of sound feature files of four classes."""
    rng = np.random.default_rng(0)
    for split, number in (("train", 60), ("val", 20), ("test", 20)):
        labels = np.arange(number) % 4
        write_features(
            tmp_path / "feats" / f"feature_{split}.h5", rng.normal(size=(number, 6)) + labels[:, None], labels
        )
    return tmp_path / "feats"


def refused(capsys, *arguments):
    """Call the command; give the one sentence that it ends with."""
    status = main([str(argument) for argument in arguments])
    told = capsys.readouterr().err.strip().splitlines()
    assert status == 2, told
    assert told[-1].startswith("longtail: ")
    assert not any("Traceback" in line for line in told)
    return told[-1]


def change(path, name, changed):
    with h5py.File(path, "a") as file:
        content = file[name][:]
        del file[name]
        file[name] = changed(content)


def fit(capsys, features, *more):
    out = features.parent / "out"
    sentence = refused(capsys, "fit", features, "--out", out, *more)
    assert not (out / "results.json").exists()
    return sentence


def with_value(value):
    def changed(content):
        content[[7, 11], 2] = value
        return content

    return changed


def test_missing_paths(capsys, tmp_path):
    assert "no such folder" in refused(capsys, "fit", tmp_path / "nothing")
    assert "no such file or folder" in refused(capsys, "describe", tmp_path / "nothing")
    assert "no such file or folder" in refused(capsys, "run", "folder", "--data", tmp_path / "nothing")
    assert "needs --data" in refused(capsys, "run", "folder")
    assert "no such checkpoint" in refused(capsys, "extract", tmp_path / "nothing.pt")
    assert "no such file" in refused(capsys, "evaluate", tmp_path / "nothing.npz")
    assert "no results.json" in refused(capsys, "predict", tmp_path, tmp_path)
    assert "no such file" in refused(capsys, "report", tmp_path)


def test_a_run_of_features_looks_at_no_images(capsys, tmp_path):
    rng = np.random.default_rng(0)
    np.savez(tmp_path / "e.npz", features=rng.normal(size=(60, 3)), labels=np.repeat([0, 1], 30))
    assert main(["fit", str(tmp_path / "e.npz"), "--methods", "ncm", "--out", str(tmp_path / "r"), "--quiet"]) == 0
    Image.new("RGB", (8, 8)).save(tmp_path / "a.png")
    assert "is a run of features" in refused(capsys, "predict", tmp_path / "r", tmp_path / "a.png")


def test_what_is_no_head_is_told_apart_from_a_broken_one(capsys, tmp_path):
    np.savez(tmp_path / "joint_head.npz", weight=np.eye(2), bias=np.zeros(2))
    assert "no head of longtail. Expected" in refused(capsys, "evaluate", tmp_path / "joint_head.npz")
    (tmp_path / "tau.npz").write_bytes((tmp_path / "joint_head.npz").read_bytes()[:100])
    assert "damaged" in refused(capsys, "evaluate", tmp_path / "tau.npz")


def test_a_folder_of_several_seeds_names_its_runs(capsys, tmp_path):
    for seed in (0, 1):
        (tmp_path / f"seed-{seed}").mkdir()
        (tmp_path / f"seed-{seed}" / "results.json").write_text("{}")
    for command in (["predict", tmp_path, tmp_path], ["calibrate", tmp_path], ["evaluate", tmp_path]):
        assert f"holds several runs, seed-0, seed-1. Name one of them: {tmp_path}" in refused(capsys, *command)


def test_one_row_a_class_leaves_nothing_to_choose_on(capsys, tmp_path):
    for split in ("train", "test"):
        write_features(tmp_path / f"feature_{split}.h5", np.eye(4, dtype=np.float32), np.arange(4))
    out = ["--out", tmp_path / "run", "--quiet"]
    assert main(["fit", str(tmp_path), "--methods", "joint,ncm,tau,auto", *map(str, out)]) == 0
    results = json.loads((tmp_path / "run" / "results.json").read_text())
    assert results["methods"]["tau"]["selected_on"] == "not selected"
    choice = results["methods"]["auto"]["choice"]
    assert (choice["scores"], choice["expected"], choice["unjudged"]) == ({}, None, 4)
    assert results["verdict"]["choice"].endswith("there are no rows to choose by.")


def test_empty_folder(capsys, tmp_path):
    (tmp_path / "photos").mkdir()
    assert "no image in any sub-folder" in refused(capsys, "run", "folder", "--data", tmp_path / "photos")


def test_unknown_names_list_the_valid_ones(capsys, features):
    assert "Did you mean cifar10-lt? Recipes: cifar10-lt, " in refused(capsys, "run", "cifar10_lt")
    sentence = fit(capsys, features, "--methods", "joint,tua")
    assert f"no method 'tua'. Did you mean tau? Methods: {', '.join(METHODS)}, usual, all" in sentence
    assert "Did you mean describe? Verbs: demo, run, describe" in refused(capsys, "descirbe")
    sentence = refused(capsys, "train", "digits", "--backbone", "resnet33", "--out", features / "t", "--device", "cpu")
    assert "no backbone 'resnet33'. Did you mean" in sentence
    assert "resnet32" in sentence


def test_a_misspelt_method_costs_no_training(capsys, tmp_path):
    assert "no method" in refused(capsys, "run", "digits", "--methods", "tua", "--out", tmp_path / "r")
    assert not (tmp_path / "r").exists()


def test_a_loss_that_would_do_nothing_costs_no_training(capsys, tmp_path):
    words = ("--methods", "crt", "--crt-from", "images", "--set", "crt.loss=focal", "--out", tmp_path / "r")
    assert "cRT is trained by cross-entropy" in refused(capsys, "run", "digits", *words)
    assert not (tmp_path / "r").exists()


@pytest.mark.parametrize("verb", [["fit", "x"], ["balance", "x"], ["study", "weight-norms", "x"]], ids=" ".join)
@pytest.mark.parametrize(
    "words",
    [["--crt-from", "images"], ["--bn-mode=frozen"], ["--crt-part", "all"], ["--crt_backbone_rate", "1"]],
    ids=" ".join,
)
def test_flags_of_crt_from_images_are_answered_with_the_verb_that_has_them(capsys, verb, words):
    flag = words[0].partition("=")[0].replace("_", "-")
    assert f"longtail: {flag} is a setting of `longtail run`, " in refused(capsys, *verb, *words)


def test_a_rate_of_the_backbone_below_zero_is_refused(capsys):
    assert "--crt-backbone-rate -1.0; expected" in refused(capsys, "run", "digits", "--crt-backbone-rate", "-1")


def test_nan_is_named_and_can_be_left_out(capsys, features):
    change(features / "feature_train.h5", "features", with_value(np.nan))
    sentence = fit(capsys, features)
    assert "feature_train.h5: row 7 holds NaN or infinity in 1 of its 6 features (2 such rows)" in sentence
    assert "--drop-nonfinite" in sentence
    out = features.parent / "out"
    assert main(["fit", str(features), "--drop-nonfinite", "--out", str(out), "--quiet"]) == 0
    assert json.loads((out / "results.json").read_text())["data"]["splits"]["train"]["images"] == 58


def test_zero_features_are_noted(features):
    change(features / "feature_test.h5", "features", np.zeros_like)
    out = features.parent / "out"
    assert main(["fit", str(features), "--out", str(out), "--quiet"]) == 0
    notes = json.loads((out / "results.json").read_text())["data"]["notes"]
    assert any("test: 20 rows are zero in every feature" in note for note in notes)


def test_labels_out_of_range(capsys, features):
    change(features / "feature_train.h5", "labels", lambda labels: np.where(labels == 3, -1, labels))
    assert "label -1 of row 3 (15 such rows): a number below 0 stands for no class" in fit(capsys, features)


def test_a_class_absent_from_train(capsys, features):
    change(features / "feature_train.h5", "labels", lambda labels: np.where(labels == 2, 3, labels))
    assert "class 2 (2) has no training row" in fit(capsys, features)


def test_one_class_only(capsys, features):
    for split in ("train", "val", "test"):
        change(features / f"feature_{split}.h5", "labels", np.zeros_like)
    assert "one class only" in fit(capsys, features)


def test_mismatched_lengths_and_dimensions(capsys, features):
    change(features / "feature_val.h5", "labels", lambda labels: labels[:-3])
    assert "20 rows but labels of shape (17,)" in fit(capsys, features)
    change(features / "feature_val.h5", "features", lambda content: content[:17, :4])
    assert "features of 6 (train), 4 (val), 6 (test) columns" in fit(capsys, features)


def test_truncated_files(capsys, features):
    path = features / "feature_test.h5"
    path.write_bytes(path.read_bytes()[:-200])
    assert "truncated, or no HDF5 file" in fit(capsys, features)


def test_a_head_of_other_features(capsys, features):
    np.savez(features / "joint_head.npz", weight=np.ones((4, 5)), bias=np.ones(4))
    assert "joint_head.npz: head has weight (4, 5) and bias (4,); expected (4, 6)" in fit(capsys, features)
    (features / "joint_head.npz").write_bytes(b"PK\x03\x04 cut")
    assert "joint_head.npz: damaged, or no .npz file" in fit(capsys, features)


class RunsCode:
    def __reduce__(self):
        return os.mkdir, ("this-folder-must-never-appear",)


def test_pickles_that_would_run_code(capsys, features, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "old").mkdir()
    (tmp_path / "old" / "trainfeat_all.pkl").write_bytes(pickle.dumps({"feats": RunsCode()}))
    assert "could run code when it is read; it was not read" in fit(capsys, tmp_path / "old")
    torch.save({"longtail_checkpoint": 1, "model": RunsCode()}, tmp_path / "evil.pt")
    assert "could run code when it is read; it was not read" in refused(capsys, "extract", tmp_path / "evil.pt")
    np.savez(features / "joint_head.npz", weight=np.array(RunsCode(), dtype=object), bias=np.ones(4))
    assert "joint_head.npz: weight holds Python objects" in fit(capsys, features)
    assert not (tmp_path / "this-folder-must-never-appear").exists()


def test_choosing_on_test_needs_an_explicit_word(capsys, features):
    assert "makes the test result worthless. Use --select-on val" in fit(capsys, features, "--select-on", "test")
    out = features.parent / "out"
    allowed = ["--select-on", "test", "--i-know-test-is-spoiled", "--methods", "joint,tau"]
    assert main(["fit", str(features), *allowed, "--out", str(out), "--quiet"]) == 0
    assert json.loads((out / "results.json").read_text())["methods"]["tau"]["selected_on"] == "test"
    (features / "feature_val.h5").unlink()
    assert "holds no rows of val. Use --select-on train" in refused(capsys, "fit", features, "--select-on", "val")


def test_checkpoints_that_cannot_be_used(capsys, tmp_path):
    train = ["train", "digits", "--profile", "exp", "--ratio", "40", "--epochs", "1", "--device", "cpu", "--quiet"]
    assert main([*train, "--backbone", "digits_cnn", "--out", str(tmp_path / "t")]) == 0
    path = tmp_path / "t" / "checkpoints" / "last.pt"
    whole = path.read_bytes()
    other = torch.load(path, weights_only=True)
    other["about"]["backbone"] = "resnet20"
    torch.save(other, tmp_path / "other.pt")
    sentence = refused(capsys, "extract", tmp_path / "other.pt", "--device", "cpu")
    assert "the weights are of another architecture" in sentence
    path.write_bytes(whole[: len(whole) // 2])
    assert "truncated, or not a checkpoint" in refused(capsys, "extract", path, "--device", "cpu")
    torch.save({"state_dict": {}}, path)
    assert "not a checkpoint of longtail" in refused(capsys, "extract", path, "--device", "cpu")


def test_a_batch_that_cannot_be_shared(capsys, tmp_path):
    arguments = ["--backbone", "digits_cnn", "--batch-size", "10", "--accumulate", "4", "--out", tmp_path]
    sentence = refused(capsys, "train", "digits", *arguments, "--device", "cpu")
    assert "a batch of 10 cannot be shared by 1 processes x 4" in sentence


def test_a_device_that_is_not_there(capsys, tmp_path):
    if torch.cuda.is_available():
        pytest.skip("there is a GPU")
    assert "torch finds no GPU here" in refused(capsys, "train", "digits", "--device", "cuda", "--out", tmp_path)
    arguments = ["--device", "cpu", "--precision", "float16", "--backbone", "digits_cnn"]
    assert "float16 needs a GPU" in refused(capsys, "train", "digits", *arguments, "--out", tmp_path / "x")


def test_disk_full(capsys, features, monkeypatch):
    def full(*arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("longtail.files.atomic.os.fsync", full)
    assert "no space left on the disk" in fit(capsys, features)
    left = [path for path in (features.parent / "out").rglob("*") if path.is_file()]
    assert left == []


def test_a_folder_that_may_not_be_written(capsys, features, tmp_path):
    (tmp_path / "file").write_text("in the way")
    sentence = refused(capsys, "fit", features, "--out", tmp_path / "file" / "run", "--quiet")
    assert "Choose another path" in sentence


def test_no_arguments_and_a_reader_that_stops(capsys):
    assert main([]) == 0
    assert "usage: longtail VERB" in capsys.readouterr().out
    done = subprocess.run(f"{sys.executable} -m longtail --help | head -1", shell=True, capture_output=True, text=True)
    assert done.stderr == ""


def test_control_c_says_how_to_go_on(forked, tmp_path):
    command = ["-m", "longtail", "train", "digits", "--backbone", "digits_cnn", "--epochs", "500"]
    command += ["--device", "cpu", "--quiet", "--save-every", "0", "--out", str(tmp_path / "t")]
    process = forked.start(*command)
    deadline = time.monotonic() + 150
    while not (tmp_path / "t" / "checkpoints" / "last.pt").exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    while process.poll() is None and time.monotonic() < deadline:
        # Python drops an interrupt that falls into a finaliser: a person would press the keys again
        process.send_signal(signal.SIGINT)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=15)
    told = process.told()
    assert process.returncode == 130
    assert "`train --resume`, goes on from there" in told
    assert "Traceback" not in told
    assert not list((tmp_path / "t").rglob("*.part"))
