"""Options of stage 1 as a user types them: start, part, rates, sampling, compilation, old runs."""

import json
import shutil

import pytest
import torch

from longtail.cli import main
from longtail.training.checkpoints import load_checkpoint, save_checkpoint

FAST = ["--epochs", "1", "--device", "cpu", "--precision", "float32", "--quiet"]


def train(folder, *words):
    assert main(["train", "digits", "--out", str(folder), *FAST, *words]) == 0
    return load_checkpoint(folder / "checkpoints" / "last.pt")


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    folder = tmp_path_factory.mktemp("plain")
    train(folder)
    return folder


def test_a_classifier_alone_on_a_given_backbone(plain, tmp_path):
    start = load_checkpoint(plain / "checkpoints" / "last.pt")["task"]
    words = ["--init", str(plain / "checkpoints" / "last.pt"), "--train-part", "classifier", "--hold-statistics"]
    after = train(tmp_path, *words)["task"]
    for name, tensor in start.items():
        assert torch.equal(after[name], tensor) == (not name.startswith("model.fc.")), name


def test_statistics_go_on_unless_they_are_held(plain, tmp_path):
    start = load_checkpoint(plain / "checkpoints" / "last.pt")["task"]
    words = ["--init", str(plain / "checkpoints" / "last.pt"), "--train-part", "classifier"]
    after = train(tmp_path, *words)["task"]
    assert torch.equal(after["model.conv1.weight"], start["model.conv1.weight"])
    assert not torch.equal(after["model.bn1.running_mean"], start["model.bn1.running_mean"])


def test_the_rate_follows_the_batch(tmp_path):
    words = ["--batch-size", "64", "--published-batch", "128", "--schedule", "constant", "--backbone-rate", "0.5"]
    groups = train(tmp_path, "--learning-rate", "0.1", *words)["optimizer"]["param_groups"]
    assert [group["initial_lr"] for group in groups] == [0.05, 0.025]


def test_repeat_factors_make_the_epoch_longer(plain, tmp_path):
    train(tmp_path, "--representation", "repeat-factor", "--repeat-threshold", "0.3")
    seen = json.loads((tmp_path / "train.json").read_text())["stage"]
    assert (seen["representation"], seen["repeat_threshold"]) == ("repeat-factor", 0.3)
    batches = {
        folder: int(load_checkpoint(folder / "checkpoints" / "last.pt")["task"]["model.bn1.num_batches_tracked"])
        for folder in (plain, tmp_path)
    }
    assert batches[tmp_path] > batches[plain]


def test_a_run_of_an_earlier_version_goes_on(plain, tmp_path):
    """Its settings lack those that were added since; they count as their defaults."""
    shutil.copytree(plain, tmp_path / "old")
    path = tmp_path / "old" / "checkpoints" / "last.pt"
    checkpoint = load_checkpoint(path)
    del checkpoint["about"]["settings"]["stage"]["train_part"]
    save_checkpoint({k: v for k, v in checkpoint.items() if k != "longtail_checkpoint"}, path)
    again = ["train", "digits", "--out", str(tmp_path / "old"), "--resume", *FAST]
    assert main(again) == 0
    assert main([*again, "--train-part", "classifier"]) == 2


def test_synchronised_batch_norm_of_one_process_is_batch_norm(plain, tmp_path):
    ours, theirs = train(tmp_path, "--sync-bn")["task"], load_checkpoint(plain / "checkpoints" / "last.pt")["task"]
    assert all(torch.equal(ours[name], tensor) for name, tensor in theirs.items())


@pytest.mark.slow
def test_a_compiled_network_learns_the_same_and_keeps_its_names(plain, tmp_path):
    if shutil.which("g++") is None:
        pytest.skip("torch.compile needs a C++ compiler on a CPU, and g++ is not here")
    ours, theirs = train(tmp_path, "--compile")["task"], load_checkpoint(plain / "checkpoints" / "last.pt")["task"]
    assert ours.keys() == theirs.keys()
    torch.testing.assert_close(ours["model.fc.weight"], theirs["model.fc.weight"], rtol=1e-3, atol=1e-4)


def test_all_other_settings_are_named(plain, capsys):
    words = ["--batch-size", "64", "--momentum", "0.5", "--image-size", "10", "--seed", "3", "--save-every", "7"]
    assert main(["train", "digits", "--out", str(plain), "--resume", *FAST, *words]) == 2
    (told,) = capsys.readouterr().err.splitlines()
    named = (
        "batch-size 128, not 64; momentum 0.9, not 0.5; image-size none, not 10; seed 0, not 3. Choose another --out"
    )
    assert f"{plain} holds a run with other settings: {named}" in told
    assert "More epochs" not in told


def test_more_epochs_of_a_finished_run_are_told_to_be_another_run(plain, tmp_path, capsys):
    """And what is offered in their place works."""
    assert main(["train", "digits", "--out", str(plain), "--resume", *FAST, "--epochs", "2"]) == 2
    (told,) = capsys.readouterr().err.splitlines()
    assert "other settings: epochs 1, not 2." in told
    assert f"--init {plain}/checkpoints/last.pt and another --out" in told
    train(tmp_path, "--init", f"{plain}/checkpoints/last.pt")


def test_settings_are_there_from_the_start_and_metrics_from_each_epoch_on(tmp_path, monkeypatch):
    from longtail.training import loop

    save, seen = loop.save_checkpoint, []

    def watching(state, path):
        if path.name == "last.pt":
            assert (tmp_path / "train.json").exists()
            rows = (tmp_path / "metrics.csv").read_text().splitlines()
            seen.append([row.split(",")[0] for row in rows])
        save(state, path)

    monkeypatch.setattr(loop, "save_checkpoint", watching)
    train(tmp_path, "--epochs", "3")
    assert seen == [["epoch", "1"], ["epoch", "1", "2"], ["epoch", "1", "2", "3"]]
