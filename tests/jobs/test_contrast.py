"""`longtail train --contrast` as a user types it, killed and resumed, and what goes on from it."""

import json

import numpy as np
import pytest
import torch

from longtail.cli import main
from longtail.data.decode import write_png
from longtail.features import open_feature_file
from longtail.jobs.options import StageOneOptions
from longtail.jobs.stage_one.contrast import contrast_settings
from longtail.jobs.stage_one.objective import trained_prior
from longtail.jobs.stage_one.trained_model import open_model
from longtail.training.checkpoints import load_checkpoint
from power_cut import power_cut
from same_training import assert_same_training

FAST = ["--device", "cpu", "--precision", "float32", "--quiet"]
METHODS = ["paco", "gpaco", "bcl", "proco"]
STEPS = 343 // 64  # of an epoch
TRAIN = ["--epochs", "2", "--batch-size", "64", *FAST]


def words(method):
    return ["--contrast", method, *TRAIN]


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A whole run of each method, made when it is first asked for."""
    runs = {}

    def of(method):
        if method not in runs:
            runs[method] = tmp_path_factory.mktemp(method)
            assert main(["train", "digits", "--out", str(runs[method]), *words(method)]) == 0
        return runs[method]

    return of


@pytest.mark.parametrize("method", METHODS)
def test_a_run_leaves_an_ordinary_checkpoint(trained, method):
    folder = trained(method)
    checkpoint = load_checkpoint(folder / "checkpoints" / "last.pt")
    history = checkpoint["state"]["history"]
    assert {"train_loss", "train_accuracy", "val_balanced"} <= history[0].keys()
    assert history[1]["train_loss"] < history[0]["train_loss"]
    assert ("train_contrast" in history[0]) == (method in ("bcl", "proco"))
    remembered = {
        "paco": "queue.keys",
        "gpaco": "queue.labels",
        "bcl": "prototypes.0.weight",
        "proco": "directions.epoch",
    }
    assert remembered[method] in checkpoint["task"]
    if method in ("paco", "gpaco"):
        assert checkpoint["task"]["queue.keys"].shape == (343, 32)  # the usual 1024, at most the images
        assert int(checkpoint["task"]["queue.position"]) == 2 * STEPS * 64 % 343
    settings = checkpoint["about"]["settings"]
    assert trained_prior(settings) == "uniform"
    assert settings["stage"]["contrast"] == method
    # the network's scores are those that the task trained: cosines times 30, or a linear layer's
    model = open_model(folder / "checkpoints" / "last.pt").model
    assert getattr(model.get_classifier(), "scale", None) == (30.0 if method in ("bcl", "proco") else None)


@pytest.mark.parametrize("stop_after", [2, STEPS + 3])
@pytest.mark.parametrize("method", METHODS)
def test_stopped_and_resumed_with_the_same_bits(trained, tmp_path, monkeypatch, method, stop_after):
    """The power goes in the first epoch, or in the second: queue, key encoder, directions go on where they were."""
    call = ["train", "digits", "--out", str(tmp_path), *words(method), "--save-every", "0"]
    with power_cut(monkeypatch, stop_after):
        main(call)
    assert main([*call, "--resume"]) == 0
    last = "checkpoints/last.pt"
    assert_same_training(trained(method) / last, tmp_path / last)


@pytest.mark.parametrize("method", ["paco", "proco"])
def test_killed_like_a_process_and_resumed_with_the_same_bits(forked, tmp_path, method):
    call = ["-m", "longtail", "train", "digits", *words(method), "--epochs", "4", "--save-every", "0"]
    assert forked.run(*call, "--out", tmp_path / "whole").returncode == 0
    last = tmp_path / "cut" / "checkpoints" / "last.pt"
    forked.killed_at(last, *call, "--out", tmp_path / "cut")
    assert load_checkpoint(last)["state"]["epoch"] < 4
    assert forked.run(*call, "--out", tmp_path / "cut", "--resume").returncode == 0
    assert_same_training(tmp_path / "whole" / "checkpoints" / "last.pt", last)


@pytest.mark.parametrize("method", METHODS)
def test_features_and_heads_follow(trained, tmp_path, method):
    features, fitted = tmp_path / "features", tmp_path / "fit"
    assert main(["extract", str(trained(method)), "--out", str(features), *FAST]) == 0
    assert open_feature_file(features / "feature_train.h5").features.shape == (343, 64)
    with np.load(features / "joint_head.npz") as head:
        assert (head["weight"].shape, str(head["prior"])) == ((10, 64), "uniform")
    call = ["fit", str(features), "--methods", "dlsa", "--set", "dlsa.depth=1", "--set", "dlsa.learning_rate=0.1"]
    assert main([*call, "--out", str(fitted), "--quiet"]) == 0
    measured = json.loads((fitted / "results.json").read_text())["methods"]
    assert measured["dlsa"]["metrics"]["test"]["balanced"] > 20  # 10 is chance
    trained_on = load_checkpoint(trained(method) / "checkpoints" / "last.pt")["about"]
    assert trained_on["settings"]["stage"]["contrast"] == method


def test_from_contrast_to_dlsa_in_one_command_and_balanced_in_another(trained, tmp_path):
    run = ["run", "digits", "--contrast", "paco", "--methods", "joint,dlsa", "--set", "dlsa.depth=1"]
    assert main([*run, *TRAIN, "--out", str(tmp_path / "run")]) == 0
    methods = json.loads((tmp_path / "run" / "results.json").read_text())["methods"]
    assert methods["dlsa"]["metrics"]["test"]["balanced"] > methods["joint"]["metrics"]["test"]["balanced"]
    assert main(["extract", str(trained("gpaco")), "--out", str(tmp_path / "features"), *FAST]) == 0
    balance = ["balance", str(tmp_path / "features" / "joint_head.npz"), "--features", str(tmp_path / "features")]
    assert main([*balance, "--methods", "tau,lws", "--out", str(tmp_path / "fair"), "--quiet"]) == 0


def test_another_training_starts_from_it(trained, tmp_path):
    init = str(trained("bcl") / "checkpoints" / "last.pt")
    call = ["train", "digits", "--init", init, "--epochs", "1", "--learning-rate", "1e-9", "--weight-decay", "0"]
    assert main([*call, "--out", str(tmp_path), *FAST]) == 0
    before, after = load_checkpoint(init)["task"], load_checkpoint(tmp_path / "checkpoints" / "last.pt")["task"]
    torch.testing.assert_close(after["model.conv1.weight"], before["model.conv1.weight"], rtol=0, atol=1e-6)
    assert not any(name.startswith(("projection", "prototypes")) for name in after)


def test_large_images_come_from_workers_and_a_part_of_the_network_learns(tmp_path):
    """As Places-LT is trained: a network that is there already, its last block and its classifier."""
    rng = np.random.default_rng(0)
    for name, count in (("ant", 8), ("bee", 5), ("cow", 4)):
        for number in range(count):
            path = tmp_path / "photos" / "train" / name / f"{number}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            write_png(torch.from_numpy(rng.integers(0, 256, (3, 90, 80), dtype=np.uint8)), path)
    call = ["train", str(tmp_path / "photos"), "--contrast", "gpaco", "--train-part", "last-block", "--workers", "0"]
    call += ["--backbone", "resnet10t", "--image-size", "72", "--epochs", "1", "--batch-size", "4", *FAST]
    call += ["--val-fraction", "0", "--test-fraction", "0.2"]
    assert main([*call, "--out", str(tmp_path / "run")]) == 0
    stored = load_checkpoint(tmp_path / "run" / "checkpoints" / "last.pt")
    assert stored["about"]["preprocessing"]["augmentation"] == "resized-crop"
    assert stored["task"]["queue.keys"].shape[1] == 128


def test_settings_are_the_published_ones_and_given_ones_go_before():
    def resolved(small, images=100_000, **given):
        return contrast_settings(StageOneOptions(**given), is_small=small, num_images=images)

    paco = {"weight": 0.05, "temperature": 0.2, "dimension": 128, "queue": 8192, "momentum": 0.999}
    assert resolved(False, contrast="paco") == paco
    small = {"weight": 0.01, "temperature": 0.05, "dimension": 32, "queue": 1024}
    assert resolved(True, contrast="gpaco") == small
    assert resolved(True, contrast="gpaco", images=500) == {**small, "queue": 500}
    assert resolved(True, contrast="gpaco", images=500, contrast_queue=900)["queue"] == 900
    assert resolved(False, contrast="bcl") == {"weight": 0.35, "temperature": 0.07, "dimension": 1024}
    assert resolved(True, contrast="proco", contrast_weight=0.0) == {"weight": 0, "temperature": 0.1, "dimension": 128}


REFUSED = {
    "--contrast-queue does nothing without --contrast": ["--contrast-queue", "64"],
    "--contrast-queue does nothing for --contrast bcl": ["--contrast", "bcl", "--contrast-queue", "64"],
    "--contrast-classifier does nothing for --contrast paco": ["--contrast", "paco", "--contrast-classifier", "linear"],
    "--contrast-momentum does nothing for --contrast gpaco": ["--contrast", "gpaco", "--contrast-momentum", "0.9"],
    "--loss: --contrast proco has a loss of its own": ["--contrast", "proco", "--loss", "focal"],
    "--adapter: --contrast bcl trains the network itself": ["--contrast", "bcl", "--adapter", "lora", "--pretrained"],
    "--accumulate: --contrast bcl compares the images of a step": ["--contrast", "bcl", "--accumulate", "2"],
    "--sync-bn: --contrast paco shuffles": ["--contrast", "paco", "--sync-bn"],
    "--compile: --contrast paco": ["--contrast", "paco", "--compile"],
    "--contrast paco counts on how rare they are: each alone": ["--contrast", "paco", "--representation", "class"],
    "counts on how rare they are: each": ["--contrast", "paco", "--reweight"],
    "--contrast-view none: the views": ["--contrast", "paco", "--contrast-view", "none"],
    "--contrast-view resized-crop is for images of more": ["--contrast", "paco", "--contrast-view", "resized-crop"],
    "--contrast-queue 64 is shorter than a batch. Expected at least 128": [
        "--contrast",
        "paco",
        "--contrast-queue",
        "64",
    ],
    "--batch-size 400: train has 343 images": ["--contrast", "bcl", "--batch-size", "400"],
}


@pytest.mark.parametrize("message", REFUSED)
def test_what_does_not_go_together_is_told(capsys, tmp_path, message):
    assert main(["train", "digits", *REFUSED[message], "--out", str(tmp_path / "out"), "--device", "cpu"]) == 2
    told = capsys.readouterr().err.strip().splitlines()
    assert told[-1].startswith("longtail: ")
    assert message in told[-1]
    assert not any("Traceback" in line for line in told)


def test_a_run_with_other_settings_does_not_go_on(trained, capsys):
    call = ["train", "digits", "--out", str(trained("paco")), "--resume", *words("paco")]
    assert main([*call, "--contrast-temperature", "0.3"]) == 2
    assert "contrast-temperature none, not 0.3" in capsys.readouterr().err


def test_accumulated_parts_of_proco(tmp_path):
    """Its directions take in one part after the other; nothing else of a step is compared."""
    call = ["train", "digits", "--contrast", "proco", "--accumulate", "2", "--epochs", "1", "--batch-size", "64", *FAST]
    assert main([*call, "--out", str(tmp_path)]) == 0
    sizes = load_checkpoint(tmp_path / "checkpoints" / "last.pt")["task"]["directions.sizes"]
    assert sizes.sum() == 2 * STEPS * 64
