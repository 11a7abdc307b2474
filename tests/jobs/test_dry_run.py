"""`--dry-run` on every verb that has it: told what would be done, and nothing written anywhere."""

from importlib import import_module
from pathlib import Path

import pytest

import longtail
from longtail.backbones import create_backbone
from longtail.cli import VERBS, main
from longtail.command_errors import flag_names
from longtail.errors import InputError

SMALL = ["--backbone", "digits_cnn", "--image-size", "16", "--batch-size", "8", "--workers", "0", "--device", "cpu"]
COMMANDS = {
    "run": ["run", "folder", "--data", "photos", *SMALL, "--warmup-epochs", "0", "--methods", "joint,tau,auto"],
    "run of seeds": [
        "run",
        "digits",
        "--seeds",
        "3",
        "--methods",
        "joint",
        "--device",
        "cpu",
        "--export",
        "torch-export",
    ],
    "run of a backbone": [
        "run",
        "folder",
        "--data",
        "photos",
        "--frozen",
        "--pretrained",
        "--methods",
        "joint",
        *SMALL,
    ],
    "run, finished": ["run", "--config", "run/config.json", "--out", "run"],
    "train": ["train", "photos", *SMALL, "--logger", "csv"],
    "pretrain": ["pretrain", "photos", *SMALL],
    "extract": ["extract", "run", "--device", "cpu"],
    "fit": ["fit", "run/features", "--methods", "usual", "--seeds", "2"],
    "balance": ["balance", "run/features/joint_head.npz", "--features", "run/features", "--methods", "tau,la"],
    "predict": ["predict", "run", "photos", "--device", "cpu"],
    "predict features": ["predict", "run", "run/features/feature_val.h5", "--device", "cpu"],
    "study": ["study", "architectures", "digits", "--device", "cpu"],
}


@pytest.fixture
def here(bees_and_cows, monkeypatch):
    """The folder with photos/ and run/, as the current one."""
    monkeypatch.chdir(bees_and_cows)
    return bees_and_cows


def everything(folder):
    return {path: (path.stat().st_mtime_ns, path.stat().st_size) for path in folder.rglob("*")}


@pytest.mark.parametrize("name", COMMANDS)
def test_nothing_is_written(name, here, capsys):
    before = everything(here)
    assert main([*COMMANDS[name], "--dry-run"]) == 0
    told = capsys.readouterr().out
    assert everything(here) == before
    lines = {line.split()[0]: line for line in told.splitlines() if line.startswith("  ")}
    assert "dry run: nothing was written" in told
    assert {"reads", "writes", "memory", "takes"} <= lines.keys()
    assert "about " in lines["takes"]


def test_every_verb_that_has_it_is_tried():
    having = {
        verb
        for verb, (module, kind, _) in VERBS.items()
        if "dry_run" in flag_names(getattr(import_module(module), kind))
    }
    # that of route needs a network of experts: test_route.py
    assert having == {words[0] for words in COMMANDS.values()} - {"study"} | {"route"}
    assert having == {"run", "train", "pretrain", "route", "extract", "fit", "balance", "predict"}


def test_what_is_told_is_what_was_asked_for(here, capsys):
    assert main([*COMMANDS["run of seeds"], "--dry-run"]) == 0
    told = capsys.readouterr().out
    assert "digits_cnn (0.1 million parameters) on 320 images an epoch at 8 pixels, 15 epochs" in told
    assert ", 3 times " in told
    assert "not in it: export (torch-export)" in told
    assert main([*COMMANDS["run, finished"], "--dry-run"]) == 0
    assert "nothing: run holds all epochs" in capsys.readouterr().out


@pytest.mark.parametrize(
    "wrong",
    [
        ["--prior", "nosuch"],
        ["--prior", "estimated", "--sets"],
        ["--sets"],
        ["--sets", "--uncalibrated"],
        ["--by-event"],
        ["--aggregate", "joint,tau"],
        ["--aggregate", "joint,nosuch"],
        ["--aggregate", "joint,tau", "--method", "tau"],
        ["--aggregate-epochs", "2"],
    ],
)
def test_predict_refuses_alike(wrong, here, capsys):
    words = ["predict", "run", "run/features/feature_val.h5", "--device", "cpu", *wrong]
    assert main(words) == 2
    told = capsys.readouterr().err
    assert main([*words, "--dry-run"]) == 2
    assert capsys.readouterr().err == told


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (["--frozen"], "--frozen: no weights are named"),
        (["--frozen", "--weights", "nowhere.pt"], "nowhere.pt: no such checkpoint"),
        (["--frozen", "--pretrained", "--out", "run"], "run holds a run with other settings"),
        (["--out", "mine"], "results.json: no earlier result wrote it"),
        (["--out", "run", "--learning-rate", "0.3"], "run holds a run with other settings"),
    ],
)
def test_run_refuses_alike(wrong, message, here, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for name in ("photos", "run"):
        (tmp_path / name).symlink_to(here / name)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/results.json").write_text('{"mine": 1}')
    words = ["run", "folder", "--data", "photos", *SMALL, "--warmup-epochs", "0", "--methods", "joint", *wrong]
    assert main([*words, "--dry-run"]) == 2
    told = capsys.readouterr().err.splitlines()[-1]
    assert message in told
    assert main(words) == 2
    assert capsys.readouterr().err.splitlines()[-1] == told


def test_the_features_of_a_dry_run_are_of_the_layers_that_were_named(here, capsys):
    words = [*COMMANDS["run of a backbone"], "--layers", "conv2,conv3", "--dry-run"]
    network = create_backbone("digits_cnn", num_classes=2)
    assert main(words) == 0
    width = sum(part.out_channels for part in (network.conv2, network.conv3))
    assert f"rows of {width} features" in capsys.readouterr().out


def test_what_is_wrong_is_refused_as_ever(here, capsys):
    assert main(["run", "folder", "--data", "nowhere", "--dry-run"]) == 2
    assert main(["extract", "run", "--shards", "a.tar", "--dry-run"]) == 2
    assert "--dry-run: what lies in --shards" in capsys.readouterr().err
    with pytest.raises(InputError, match="longtail extract --dry-run"):
        longtail.extract(Path("run"), dry_run=True)
