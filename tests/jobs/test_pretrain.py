"""`longtail pretrain` as a user types it, and what goes on from it."""

import json

import pytest
import torch

from longtail.cli import main
from longtail.data.decode import write_png
from longtail.features import open_feature_file
from longtail.training.checkpoints import load_checkpoint
from power_cut import power_cut

FAST = ["--device", "cpu", "--precision", "float32", "--quiet"]
MOCO = ["--task", "moco", "--batch-size", "32", "--epochs", "2", *FAST]


def pretrain(folder, *words):
    assert main(["pretrain", "digits", "--out", str(folder), *words]) == 0
    return load_checkpoint(folder / "checkpoints" / "last.pt")


def refused(capsys, *words):
    assert main(["pretrain", "digits", *words, "--device", "cpu"]) == 2
    told = capsys.readouterr().err.strip().splitlines()
    assert told[-1].startswith("longtail: ")
    assert not any("Traceback" in line for line in told)
    return told[-1]


@pytest.fixture(scope="module")
def rotation(tmp_path_factory):
    folder = tmp_path_factory.mktemp("rotation")
    pretrain(folder, "--task", "rotation", "--epochs", "1", "--batch-size", "32", *FAST)
    return folder


@pytest.fixture(scope="module")
def moco(tmp_path_factory):
    folder = tmp_path_factory.mktemp("moco")
    return folder, pretrain(folder, *MOCO)


def test_a_run_leaves_what_a_training_leaves(rotation):
    written = {"checkpoints", "images.npz", "metrics.csv", "pretrain.json", "splits.json"}
    assert {path.name for path in rotation.iterdir()} == written
    assert {path.name for path in (rotation / "checkpoints").iterdir()} == {"last.pt", "best.pt"}
    checkpoint = load_checkpoint(rotation / "checkpoints" / "last.pt")
    (row,) = checkpoint["state"]["history"]
    assert {"train_loss", "train_accuracy", "val_all", "val_balanced"} <= row.keys()
    assert checkpoint["about"]["settings"]["classifier_is_drawn"] is True
    assert checkpoint["about"]["preprocessing"]["augmentation"] == "shift"


def test_train_goes_on_with_labels(rotation, tmp_path):
    init = str(rotation / "checkpoints" / "last.pt")
    words = ["--init", init, "--epochs", "1", "--learning-rate", "1e-9", "--weight-decay", "0"]
    assert main(["train", "digits", *words, "--out", str(tmp_path), *FAST]) == 0
    before = load_checkpoint(rotation / "checkpoints" / "last.pt")["task"]
    after = load_checkpoint(tmp_path / "checkpoints" / "last.pt")["task"]
    torch.testing.assert_close(after["model.conv1.weight"], before["model.conv1.weight"], rtol=0, atol=1e-6)
    assert not any(name.startswith("rotation") for name in after)


def test_heads_fit_on_the_features(rotation, tmp_path, capsys):
    features = tmp_path / "features"
    assert main(["extract", str(rotation / "checkpoints" / "last.pt"), "--out", str(features), *FAST]) == 0
    assert {path.name for path in features.iterdir()} == {f"feature_{s}.h5" for s in ("train", "val", "test")}
    assert open_feature_file(features / "feature_train.h5").features.shape == (343, 64)
    fitted = tmp_path / "fit"
    assert main(["fit", str(features), "--methods", "ncm,crt", "--out", str(fitted), "--quiet"]) == 0
    methods = json.loads((fitted / "results.json").read_text())["methods"]
    assert methods["ncm"]["metrics"]["test"]["balanced"] > 20  # 10 is chance


def test_the_monitor_is_the_vote_on_extracted_features(rotation, tmp_path):
    from longtail.pretraining import knn_accuracy

    features = tmp_path / "features"
    assert main(["extract", str(rotation / "checkpoints" / "last.pt"), "--out", str(features), *FAST]) == 0
    train, val = (open_feature_file(features / f"feature_{split}.h5") for split in ("train", "val"))
    rows = [torch.tensor(part.features[:]) for part in (val, train)]
    expected = knn_accuracy(rows[0], val.labels[:], rows[1], train.labels[:], 10)
    row = load_checkpoint(rotation / "checkpoints" / "last.pt")["state"]["history"][0]
    assert row["val_balanced"] == pytest.approx(expected["balanced"])


def test_moco_keeps_its_queue(moco):
    folder, checkpoint = moco
    settings = json.loads((folder / "pretrain.json").read_text())["pretraining"]
    assert (settings["queue"], settings["key_momentum"], settings["temperature"]) == (320, 0.99, 0.1)
    assert checkpoint["task"]["queue"].shape == (320, 128)
    assert int(checkpoint["task"]["position"]) == 20 * 32 % 320
    assert checkpoint["about"]["preprocessing"]["augmentation"] == "moco"


@pytest.mark.parametrize("stop_after", [3, 14])
def test_stopped_and_resumed_with_the_same_bits(moco, tmp_path, monkeypatch, stop_after):
    """The power goes in the first epoch, while the queue still holds what was drawn, or in the second."""
    words = ["pretrain", "digits", "--out", str(tmp_path), *MOCO, "--save-every", "0"]
    with power_cut(monkeypatch, stop_after):
        main(words)
    stopped = load_checkpoint(tmp_path / "checkpoints" / "last.pt")
    assert int(stopped["task"]["position"]) == 32 * stop_after % 320
    assert main([*words, "--resume"]) == 0
    whole, resumed = moco[1], load_checkpoint(tmp_path / "checkpoints" / "last.pt")
    for name, tensor in whole["task"].items():
        assert torch.equal(tensor, resumed["task"][name]), name
    for ours, theirs in zip(whole["state"]["history"], resumed["state"]["history"], strict=True):
        assert {**ours, "seconds": 0} == {**theirs, "seconds": 0}


def test_a_finished_run_trains_no_more(moco, tmp_path, capsys):
    folder, checkpoint = moco
    assert main(["pretrain", "digits", "--out", str(folder), *MOCO, "--resume"]) == 0
    again = load_checkpoint(folder / "checkpoints" / "last.pt")
    assert again["state"]["seconds"] == checkpoint["state"]["seconds"]
    assert "--resume" in refused(capsys, "--out", str(folder))
    assert "other settings: temperature 0.1, not 0.3" in refused(
        capsys, "--out", str(folder), *MOCO, "--temperature", "0.3", "--resume"
    )


def test_simsiam_without_a_monitor(tmp_path):
    words = ["--task", "simsiam", "--epochs", "1", "--batch-size", "64", "--dimension", "32", "--bottleneck", "8"]
    checkpoint = pretrain(tmp_path, *words, "--monitor", "none", "--learning-rate", "0.2", *FAST)
    assert not (tmp_path / "checkpoints" / "best.pt").exists()
    (row,) = checkpoint["state"]["history"]
    assert not any(name.startswith("val_") for name in row)
    assert 0 < row["train_spread"] < 1.1
    rates = [group["lr"] for group in checkpoint["optimizer"]["param_groups"]]
    assert rates[0] < 0.2 == rates[1]  # the predictor's stays


def test_a_classifier_that_was_never_trained_does_not_predict(rotation, tmp_path, capsys):
    assert main(["predict", str(rotation / "checkpoints" / "last.pt"), str(tmp_path), "--quiet"]) == 2
    assert "its classifier is untrained" in capsys.readouterr().err


def test_mistakes_are_told_in_one_sentence(capsys, tmp_path):
    out = ["--out", str(tmp_path / "r")]
    assert "--queue does nothing for --task rotation" in refused(capsys, *out, "--queue", "64")
    assert "--key-momentum does nothing for --task simsiam" in refused(
        capsys, *out, "--task", "simsiam", "--key-momentum", "0.9"
    )
    assert "the two views that moco compares would be the same" in refused(
        capsys, *out, "--task", "moco", "--augmentation", "none"
    )
    assert "--batch-size 1000: train has 343 images" in refused(capsys, *out, "--batch-size", "1000")
    sentence = refused(capsys, *out, "--task", "moco", "--batch-size", "32", "--queue", "100")
    assert "a queue of 100 keys cannot be filled by batches of 32" in sentence
    assert "such as 96" in sentence
    assert "moco shuffles its batches" in refused(capsys, *out, "--task", "moco", "--sync-bn")
    assert not (tmp_path / "r").exists()


@pytest.mark.distributed
def test_two_processes_pretrain_together(forked, tmp_path):
    """Under torchrun itself, which starts two interpreters anew."""
    launcher = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    command = [*launcher, "-m", "longtail", "pretrain", "digits", *MOCO[:-1], "--epochs", "1", "--out", tmp_path]
    done = forked.run(*command)
    assert done.returncode == 0, done.told()
    checkpoint = load_checkpoint(tmp_path / "checkpoints" / "last.pt")
    assert int(checkpoint["task"]["position"]) == 10 * 32 % 320
    assert checkpoint["state"]["history"][0]["val_balanced"] > 10


def test_large_images_are_loaded_by_workers(tmp_path):
    """A folder of images of more than 64 pixels, MoCo with its blurred views, a monitor over a part of train."""
    generator = torch.Generator().manual_seed(0)
    for name in ("a", "b"):
        (tmp_path / "photos" / name).mkdir(parents=True)
        for number in range(20):
            image = torch.randint(0, 256, (3, 70, 90), dtype=torch.uint8, generator=generator)
            write_png(image, tmp_path / "photos" / name / f"{number}.png")
    words = ["--task", "moco", "--backbone", "resnet20", "--image-size", "66", "--batch-size", "8", "--epochs", "1"]
    out = tmp_path / "out"
    command = ["pretrain", str(tmp_path / "photos"), *words, "--monitor-images", "10", "--workers", "0", *FAST]
    assert main([*command, "--out", str(out)]) == 0
    checkpoint = load_checkpoint(out / "checkpoints" / "last.pt")
    assert "val_balanced" in checkpoint["state"]["history"][0]
    assert checkpoint["task"]["queue"].shape == (24, 128)
    assert checkpoint["about"]["settings"]["pretraining"]["temperature"] == 0.2
