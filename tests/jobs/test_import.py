"""`import` and `export` as commands: what is told, what is refused, and the path from a foreign file to predictions."""

import argparse
import csv
import json
import os

import numpy as np
import pytest
import torch

from longtail.backbones import create_backbone, features_of
from longtail.backbones.foreign import read_foreign
from longtail.cli import main
from longtail.data.decode import write_png
from longtail.data.folder import open_folder
from longtail.features import open_feature_file
from longtail.heads import load_head
from longtail.jobs.stage_one.trained_model import open_model

C = 3


@pytest.fixture
def net():
    """A CIFAR ResNet with weights and statistics that are not the initial ones."""
    torch.manual_seed(3)
    model = create_backbone("resnet20", num_classes=C)
    with torch.no_grad():
        model(torch.rand(16, 3, 32, 32))
    return model.eval()


@pytest.fixture
def photos(tmp_path):
    """A folder of 32-pixel images in three classes, of 6, 5 and 4 images a split."""
    generator = torch.Generator().manual_seed(0)
    for split in ("train", "val", "test"):
        for c in range(C):
            folder = tmp_path / "photos" / split / str(c)
            folder.mkdir(parents=True)
            for k in range(6 - c):
                image = torch.randint(0, 256, (3, 32, 32), dtype=torch.uint8, generator=generator)
                write_png(image, folder / f"{k}.png")
    return tmp_path / "photos"


def save(content, path):
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.save(content, path)
    return path


def call(*arguments):
    return main([str(argument) for argument in arguments])


def refused(capsys, *arguments):
    capsys.readouterr()
    assert call(*arguments) == 2
    told = capsys.readouterr().err
    assert told.startswith("longtail: ")
    assert told.count("\n") == 1
    return told


def without_classifier(net):
    return {name: tensor for name, tensor in net.state_dict().items() if not name.startswith("fc.")}


def test_the_whole_path_in_one_folder(net, photos, tmp_path):
    """import, extract, fit, predict in a run's folder: features are the foreign network's own."""
    theirs, run = save({"state_dict": net.state_dict()}, tmp_path / "theirs.pth"), tmp_path / "run"
    statistics = ["--mean", "0.5", "0.4", "0.3", "--std", "0.2", "0.3", "0.4"]
    assert call("import", theirs, "--out", run / "checkpoints" / "last.pt", *statistics) == 0
    exact = ["--device", "cpu", "--precision", "float32", "--quiet"]
    assert call("extract", run, photos, *exact) == 0
    assert call("fit", run / "features", "--methods", "joint,tau", "--out", run, "--quiet") == 0
    written = tmp_path / "p.csv"
    images = photos / "test" / "1"
    assert call("predict", run, images, "--method", "joint", "--out", written, *exact) == 0

    stored = open_feature_file(run / "features" / "feature_test.h5")
    source = open_folder(photos)[0]["test"]
    pixels = torch.stack([torch.from_numpy(np.asarray(source.load(row))) for row in range(len(source))])
    mean, std = (torch.tensor(v).view(3, 1, 1) for v in ((0.5, 0.4, 0.3), (0.2, 0.3, 0.4)))
    batch = (pixels / 255 - mean) / std
    with torch.inference_mode():
        features, probabilities = features_of(net, batch).numpy(), net(batch).softmax(1).numpy()
    np.testing.assert_allclose(stored.features[:], features, rtol=1e-5, atol=1e-5)
    with written.open() as file:
        rows = list(csv.DictReader(file))
    ours = np.array([[float(row[str(c)]) for c in range(C)] for row in rows])
    np.testing.assert_allclose(ours, probabilities[np.asarray(source.labels) == 1], rtol=1e-4, atol=1e-6)


def test_a_checkpoint_predicts_with_its_own_classifier(net, photos, tmp_path, capsys):
    theirs, ours, exact = tmp_path / "t.pth", tmp_path / "ours.pt", ["--device", "cpu", "--precision", "float32"]
    assert (
        call("import", save(net.state_dict(), theirs), "--out", ours, "--mean", "0", "0", "0", "--std", "1", "1", "1")
        == 0
    )
    assert call("predict", ours, photos / "test", "--out", tmp_path / "p.csv", *exact) == 0
    source = open_folder(photos)[0]["test"]
    batch = torch.stack([torch.from_numpy(np.asarray(source.load(row))) for row in range(len(source))]) / 255
    with (tmp_path / "p.csv").open() as file, torch.inference_mode():
        rows = [[float(row[str(c)]) for c in range(C)] for row in csv.DictReader(file)]
        np.testing.assert_allclose(sorted(rows), sorted(net(batch).softmax(1).tolist()), rtol=1e-4, atol=1e-6)
    assert call("import", save(without_classifier(net), theirs), "--out", ours, "--num-classes", "3") == 0
    assert "its classifier is untrained" in refused(capsys, "predict", ours, photos / "test")


def test_heads_go_back(net, photos, tmp_path):
    """A tau-normalised head of a foreign network is written in each layout, and the network is unchanged."""
    ours = tmp_path / "models" / "ours.pt"
    save(net.state_dict(), tmp_path / "theirs.pth")
    assert call("import", tmp_path / "theirs.pth", "--out", ours) == 0
    assert call("extract", ours, photos, "--device", "cpu", "--quiet") == 0
    features = tmp_path / "models" / "features"
    assert call("fit", features, "--methods", "tau", "--set", "tau.tau=0.7", "--out", tmp_path / "fit", "--quiet") == 0
    path = tmp_path / "fit" / "heads" / "tau.npz"
    head = load_head(path)
    for layout in ("classifier-balancing", "mmpretrain", "timm"):
        assert call("export", ours, "--head", path, "--layout", layout, "--out", tmp_path / "back.pth") == 0
        found = read_foreign(tmp_path / "back.pth")
        np.testing.assert_array_equal(found.classifier[0].numpy(), head.weight_.astype(np.float32))
        np.testing.assert_array_equal(found.classifier[1].numpy(), head.bias_.astype(np.float32))
        assert all(torch.equal(found.backbone[name], tensor) for name, tensor in without_classifier(net).items())


def test_other_networks_of_timm_come_and_go_under_their_own_names(tmp_path, capsys):
    import timm

    net = timm.create_model("regnetx_002", num_classes=4)
    theirs = save(net.state_dict(), tmp_path / "theirs.pth")
    ours, back = tmp_path / "ours.pt", tmp_path / "back.pth"
    assert "Name it with --backbone" in refused(capsys, "import", theirs, "--out", ours)
    assert call("import", theirs, "--out", ours, "--backbone", "regnetx_002") == 0
    assert call("export", ours, "--out", back) == 0
    came, went = net.state_dict(), torch.load(back, weights_only=True)
    assert came.keys() == went.keys()
    assert all(torch.equal(went[name], tensor) for name, tensor in came.items())
    assert "knows ResNets alone" in refused(capsys, "export", ours, "--layout", "mmpretrain", "--out", back)


def test_a_drawn_classifier_is_no_head_to_start_from(net, photos, tmp_path):
    theirs, ours = save(without_classifier(net), tmp_path / "moco.pth"), tmp_path / "m" / "ours.pt"
    features = tmp_path / "m" / "features"
    for more, is_stored in ((["--num-classes", "3"], False), ([], True), (["--num-classes", "3"], False)):
        content = net.state_dict() if is_stored else without_classifier(net)
        save(content, theirs)
        assert call("import", theirs, "--out", ours, *more) == 0
        assert call("extract", ours, photos, "--device", "cpu", "--quiet") == 0
        assert (features / "joint_head.npz").exists() is is_stored
    assert call("fit", features, "--methods", "joint", "--out", tmp_path / "fit", "--quiet") == 0
    assert load_head(tmp_path / "fit" / "heads" / "joint.npz").weight_.shape == (C, 64)


def test_class_names(net, photos, tmp_path, capsys):
    theirs, names, ours = save(net.state_dict(), tmp_path / "t.pth"), tmp_path / "names.txt", tmp_path / "ours.pt"
    names.write_text("\ufeff0\n1\n2\n", encoding="utf-8")
    assert call("import", theirs, "--class-names", names, "--out", ours) == 0
    assert open_model(ours).about["class_names"] == ["0", "1", "2"]
    names.write_text("ant\nbee\ncat\n")
    assert call("import", theirs, "--class-names", names, "--out", ours) == 0
    assert "their names differ" in refused(capsys, "extract", ours, photos, "--device", "cpu", "--quiet")
    for text, reason in (("a\nb\n", "2 names, but the classifier has 3"), ("\xff", "is no text in UTF-8")):
        names.write_bytes(text.encode("latin-1"))
        assert reason in refused(capsys, "import", theirs, "--class-names", names, "--out", tmp_path / "x.pt")
    assert "no such file" in refused(capsys, "import", theirs, "--class-names", tmp_path / "nothing")


def test_settings_that_cannot_be(net, tmp_path, capsys):
    theirs, out = save(net.state_dict(), tmp_path / "t.pth"), tmp_path / "ours.pt"
    bare = save(without_classifier(net), tmp_path / "bare.pth")
    assert "the classifier in" in refused(capsys, "import", theirs, "--num-classes", "9", "--out", out)
    assert "--num-classes 0; expected at least 1" in refused(capsys, "import", bare, "--num-classes", "0", "--out", out)
    assert "--image-size 3; expected a number from 8" in refused(
        capsys, "import", theirs, "--image-size", "3", "--out", out
    )
    assert "numbers above 0" in refused(capsys, "import", theirs, "--std", "0.2", "0", "0.2", "--out", out)
    assert "is the checkpoint that is read" in refused(capsys, "import", theirs, "--out", theirs)
    assert "no backbone 'resnet21'" in refused(capsys, "import", theirs, "--backbone", "resnet21", "--out", out)
    assert not out.exists()
    assert call("import", theirs) == 0
    assert open_model(tmp_path / "t.longtail.pt").about["backbone"] == "resnet20"
    ours = tmp_path / "t.longtail.pt"
    assert "is the checkpoint that is read" in refused(capsys, "export", ours, "--out", ours)
    assert "no such file" in refused(capsys, "export", ours, "--head", tmp_path / "no.npz", "--out", out)


class RunsCode:
    def __reduce__(self):
        return os.mkdir, ("this-folder-must-never-appear",)


def test_what_stands_beside_the_weights(net, tmp_path, capsys, monkeypatch):
    """Settings and scores do no harm and are left; what would run code is named and never run."""
    monkeypatch.chdir(tmp_path)
    beside = {"args": argparse.Namespace(lr=0.1), "best": np.float64(41.5), "curve": np.arange(3.0)}
    theirs = save({"state_dict": net.state_dict(), **beside}, tmp_path / "t.pth")
    assert call("import", theirs, "--out", "ours.pt") == 0
    assert "ignored  args, best, curve: no weights" in capsys.readouterr().out
    save({"state_dict": net.state_dict(), "args": RunsCode()}, theirs)
    told = refused(capsys, "import", theirs, "--out", "evil.pt")
    assert "mkdir" in told
    assert "could run code" in told
    assert not (tmp_path / "this-folder-must-never-appear").exists()


@pytest.mark.parametrize("zipped", [True, False])
def test_damaged_files_end_in_a_sentence(zipped, net, tmp_path, capsys):
    path = tmp_path / "t.pth"
    torch.save(net.state_dict(), path, _use_new_zipfile_serialization=zipped)
    whole, rng = path.read_bytes(), np.random.default_rng(0)
    for length in (0, 1, 10, 1000, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:length])
        assert "truncated, or not a checkpoint" in refused(capsys, "import", path, "--out", tmp_path / "x.pt")
    for _ in range(10):
        damaged = bytearray(whole)
        for place in rng.integers(0, len(whole), size=300):
            damaged[place] = rng.integers(256)
        path.write_bytes(bytes(damaged))
        # damage may hit nothing but the values of weights, which nobody can see
        assert call("import", path, "--out", tmp_path / "x.pt") in (0, 2)


def test_safetensors(net, tmp_path):
    from safetensors.torch import save_file

    save_file(net.state_dict(), tmp_path / "t.safetensors")
    assert call("import", tmp_path / "t.safetensors", "--out", tmp_path / "ours.pt") == 0
    ours = open_model(tmp_path / "ours.pt").model.state_dict()
    assert all(torch.equal(ours[name], tensor) for name, tensor in net.state_dict().items())


def test_settings_of_an_import_are_plain(net, tmp_path):
    save(net.state_dict(), tmp_path / "t.pth")
    assert call("import", tmp_path / "t.pth", "--statistics", "inaturalist", "--out", tmp_path / "o.pt") == 0
    model = open_model(tmp_path / "o.pt")
    assert (model.preprocessing.mean, model.preprocessing.std) == ((0.466, 0.471, 0.380), (0.195, 0.194, 0.192))
    json.dumps(model.about)
