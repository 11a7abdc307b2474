"""`--distill-from` as a user types it: what is learnt, stopped and resumed, and what is refused."""

import json
import shutil

import numpy as np
import pytest
import torch

from longtail.cli import main
from longtail.features import open_feature_file
from longtail.training.checkpoints import load_checkpoint, save_checkpoint
from power_cut import power_cut
from same_training import assert_same_training

FAST = ["--batch-size", "64", "--device", "cpu", "--precision", "float32", "--quiet"]
LAST = "checkpoints/last.pt"
STEPS = 343 // 64  # of an epoch


def train(out, *words, epochs=2):
    return main(["train", "digits", "--epochs", str(epochs), *map(str, words), *FAST, "--out", str(out)])


@pytest.fixture(scope="module")
def teacher(tmp_path_factory):
    folder = tmp_path_factory.mktemp("teacher")
    assert train(folder, epochs=6) == 0
    return folder


def changed_teacher(teacher, folder, change):
    """Write the teacher's checkpoint once more, with something changed."""
    checkpoint = load_checkpoint(teacher / LAST)
    change(checkpoint)
    (folder / "checkpoints").mkdir(parents=True)
    save_checkpoint({name: checkpoint[name] for name in checkpoint if name != "longtail_checkpoint"}, folder / LAST)
    return folder


def test_of_a_teacher_that_always_says_three_it_learns_to_say_three(teacher, tmp_path):
    def say_three(checkpoint):
        checkpoint["task"]["model.fc.weight"].zero_()
        checkpoint["task"]["model.fc.bias"].zero_()[3] = 9

    stubborn = changed_teacher(teacher, tmp_path / "stubborn", say_three)
    assert train(tmp_path / "out", "--distill-from", stubborn, "--distill-weight", "4") == 0
    assert main(["extract", str(tmp_path / "out"), "--device", "cpu", "--quiet"]) == 0
    features = open_feature_file(tmp_path / "out" / "features" / "feature_test.h5")
    with np.load(tmp_path / "out" / "features" / "joint_head.npz") as head:
        said = (np.asarray(features.features) @ head["weight"].T + head["bias"]).argmax(axis=1)
    assert (said == 3).mean() > 0.9 > (np.asarray(features.labels) == 3).mean()


def test_stopped_and_resumed_with_the_same_bits(teacher, tmp_path, monkeypatch):
    words = ["--distill-from", teacher, "--mix", "mixup", "--ema", "0.9", "--save-every", "0"]
    assert train(tmp_path / "whole", *words) == 0
    with power_cut(monkeypatch, STEPS + 3):
        train(tmp_path / "cut", *words)
    assert train(tmp_path / "cut", *words, "--resume") == 0
    assert_same_training(tmp_path / "whole" / LAST, tmp_path / "cut" / LAST)
    assert not any("teacher" in name for name in load_checkpoint(tmp_path / "cut" / LAST)["task"])


def test_experts_learn_from_more_of_them_and_a_run_says_so(tmp_path):
    assert train(tmp_path / "six", "--experts", "ride", "--num-experts", "4", epochs=1) == 0
    call = ["run", "digits", "--experts", "ride", "--distill-from", str(tmp_path / "six"), "--epochs", "1", *FAST]
    assert main([*call, "--methods", "joint", "--out", str(tmp_path / "run")]) == 0
    switches = json.loads((tmp_path / "run" / "results.json").read_text())["stage1"]["switches"]
    assert switches == {"experts": "ride", "distill_from": str(tmp_path / "six")}
    assert f"distill from {tmp_path / 'six'}" in (tmp_path / "run" / "report.html").read_text()
    assert load_checkpoint(tmp_path / "run" / LAST)["task"]["model.fc.weight"].shape == (10, 3 * 48)


def test_a_teacher_with_another_mean_sees_images_as_it_knows_them(teacher, tmp_path):
    """Its answers are the same whether it or its pupil takes another mean and deviation."""
    from longtail.data.preprocessing_choice import stored_preprocessing
    from longtail.jobs.stage_one.teacher import _Rescaled

    given = stored_preprocessing({**load_checkpoint(teacher / LAST)["about"]["preprocessing"], "mean": (0.5,)})
    wanted = stored_preprocessing({**load_checkpoint(teacher / LAST)["about"]["preprocessing"], "std": (0.1,)})
    pixels = torch.rand(4, 1, 8, 8)
    images = {}
    for name, preprocessing in (("given", given), ("wanted", wanted)):
        mean, std = (torch.tensor(part).view(1, -1, 1, 1) for part in (preprocessing.mean, preprocessing.std))
        images[name] = (pixels - mean) / std
    torch.testing.assert_close(_Rescaled(torch.nn.Identity(), given, wanted)(images["given"]), images["wanted"])

    def whiten(checkpoint):
        checkpoint["about"]["preprocessing"]["mean"] = [0.9]

    other = changed_teacher(teacher, tmp_path / "other", whiten)
    for name, folder in (("a", teacher), ("b", other)):
        assert train(tmp_path / name, "--distill-from", folder, epochs=1) == 0
    weights = [load_checkpoint(tmp_path / name / LAST)["task"]["model.fc.weight"] for name in "ab"]
    assert not torch.equal(*weights)


def test_another_network_in_its_place_is_told_when_a_training_goes_on(teacher, tmp_path, monkeypatch, capsys):
    own = tmp_path / "own"
    shutil.copytree(teacher / "checkpoints", own / "checkpoints")
    words = ["--distill-from", own, "--save-every", "0"]
    with power_cut(monkeypatch, STEPS + 2):
        train(tmp_path / "cut", *words)
    shutil.rmtree(own)
    changed_teacher(teacher, own, lambda checkpoint: checkpoint["task"]["model.fc.bias"].add_(1))
    assert train(tmp_path / "cut", *words, "--resume") == 2
    assert "is another network than the one that this training began with" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--distill-weight", "2"], "--distill-weight does nothing without --distill-from"),
        (["--distill-temperature", "2"], "--distill-temperature does nothing without --distill-from"),
        (["--distill-from", "absent"], "absent"),
        (["--distill-from", "TEACHER", "--contrast", "bcl"], "--contrast bcl learns by more than its logits"),
        (["--distill-from", "TEACHER", "--loss", "ldam"], "not with --loss ldam, whose logits are cosines"),
        (["--distill-from", "TEACHER", "--loss", "balanced-softmax"], "a world with classes as common as in train"),
        (["--distill-from", "TEACHER", "--experts", "ride"], "learns those of one with all classes equally common"),
        (["--distill-from", "TEACHER", "--image-size", "16"], "1 channels and 8 pixels a side"),
        (["--distill-from", "TEACHER", "--distill-temperature", "0"], "--distill-temperature 0"),
    ],
)
def test_what_cannot_be_taught_is_told(teacher, tmp_path, capsys, words, told):
    words = [str(teacher) if word == "TEACHER" else word for word in words]
    assert train(tmp_path / "out", *words) == 2
    message = capsys.readouterr().err.strip().splitlines()[-1]
    assert message.startswith("longtail: ")
    assert told in message
    assert not (tmp_path / "out" / LAST).exists()


def test_of_other_classes_or_none_or_by_ldam(teacher, tmp_path, capsys):
    def rename(checkpoint):
        checkpoint["about"]["class_names"][3] = "drei"

    other = changed_teacher(teacher, tmp_path / "other", rename)
    assert train(tmp_path / "out", "--distill-from", other) == 2
    assert "knows the classes 0, 1, 2, ... (10); the data have" in capsys.readouterr().err

    def draw(checkpoint):
        checkpoint["about"]["settings"]["classifier_is_drawn"] = True

    drawn = changed_teacher(teacher, tmp_path / "drawn", draw)
    assert train(tmp_path / "out", "--distill-from", drawn) == 2
    assert "has no trained classifier" in capsys.readouterr().err
    assert train(tmp_path / "ldam", "--loss", "ldam", epochs=1) == 0
    assert train(tmp_path / "out", "--distill-from", tmp_path / "ldam") == 2
    assert "was trained by --loss ldam" in capsys.readouterr().err


def test_seeds_have_their_own_and_are_looked_at_first(teacher, tmp_path, capsys):
    shutil.copytree(teacher / "checkpoints", tmp_path / "seed-0" / "checkpoints")
    call = ["run", "digits", "--seeds", "2", "--epochs", "1", "--methods", "ncm", *FAST, "--out", str(tmp_path / "run")]
    call += ["--distill-from", str(tmp_path / "seed-{seed}")]
    assert main(call) == 2
    assert "seed-1" in capsys.readouterr().err
    assert not (tmp_path / "run" / "seed-0").exists()
    shutil.copytree(teacher / "checkpoints", tmp_path / "seed-1" / "checkpoints")
    assert main(call) == 0


def test_a_dry_run_names_the_teacher_among_what_is_read(teacher, tmp_path, capsys):
    assert train(tmp_path / "out", "--distill-from", teacher, "--dry-run") == 0
    assert f"reads     {teacher}" in capsys.readouterr().out


def test_a_teacher_that_is_not_there_and_a_folder_of_several(tmp_path, capsys):
    assert train(tmp_path / "out", "--distill-from", tmp_path / "nowhere") == 2
    told = capsys.readouterr().err
    assert f"--distill-from {tmp_path}/nowhere: no such checkpoint. Expected a run that was trained on labels" in told
    assert "seed-{seed}" not in told
    for seed in (0, 1):
        (tmp_path / f"several/seed-{seed}/checkpoints").mkdir(parents=True)
        (tmp_path / f"several/seed-{seed}" / LAST).touch()
    assert train(tmp_path / "out", "--distill-from", tmp_path / "several") == 2
    assert f"--distill-from {tmp_path}/several/seed-{{seed}}" in capsys.readouterr().err
