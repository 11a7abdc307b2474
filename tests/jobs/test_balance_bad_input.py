"""`longtail balance`: what a person gets wrong is told in one sentence, and nothing is written."""

import sys

import numpy as np
import pytest
import timm
import torch
from safetensors.torch import save_file
from torchvision import models

from longtail.cli import main

FAST = ["--device", "cpu", "--precision", "float32", "--quiet"]
SHUFFLENET = ["--arch", "torchvision:shufflenet_v2_x0_5"]


@pytest.fixture(autouse=True)
def no_figures(monkeypatch):
    """The report has tests of its own, and takes longer than all that is tested here."""
    monkeypatch.setattr("longtail.report.write_report", lambda folder: folder / "report.html")


def balance(*words):
    return main(["balance", *map(str, words), *FAST])


def refused(capsys, *words):
    assert balance(*words) == 2
    told = capsys.readouterr().err
    assert told.startswith("longtail: ")
    return told


def test_class_names_that_are_not_the_datas(of_torchvision, colours, network, capsys):
    names = network / "names.txt"
    _, features, labels = of_torchvision
    data = colours.write(network / "named", features, labels, names=colours.names)
    words = [network / "net.pt", "--features", data, "--out", network / "fair", "--class-names"]
    names.write_text("blue\ngreen\npurple\n")
    told = refused(capsys, *words, names)
    assert "the data has no purple" in told
    assert "the model does not know red" in told
    names.write_text("blue\nblue\ngreen\n")
    assert "'blue' stands there twice" in refused(capsys, *words, names)
    names.write_text("blue\ngreen\n")
    assert "2 names, but the model has 3 outputs" in refused(capsys, *words, names)
    assert "no such file" in refused(capsys, *words, network / "missing.txt")


def test_classes_in_another_order(of_torchvision, colours, network, capsys):
    """Labels that are numbered otherwise than the model's outputs: seen by what the model says, and named."""

    def swap(features, labels):
        for part in labels:
            labels[part] = np.array([1, 0, 2])[labels[part]]

    _, features, labels = of_torchvision
    data = colours.write(network / "swapped", features, labels, swap, names=["green", "blue", "red"])
    words = [network / "net.pt", "--features", data, "--out", network / "fair", "--methods", "crt"]
    told = refused(capsys, *words)
    assert "in another order" in told
    assert "green (0) is its output 1, blue (1) is its output 0" in told
    assert not (network / "fair").exists()
    # and what it says helps
    (network / "names.txt").write_text("blue\ngreen\nred\n")
    assert balance(*words, "--class-names", network / "names.txt") == 0


def test_features_of_another_network(of_torchvision, colours, network, capsys):
    def noise(features, labels):
        rng = np.random.default_rng(0)
        for part in features:
            features[part] = rng.normal(size=features[part].shape).astype(np.float32)

    data = colours.write(network / "other", *of_torchvision[1:], noise)
    told = refused(capsys, network / "net.pt", "--features", data, "--out", network / "fair")
    assert "nothing to do with their labels. Expected the features that this very layer sees" in told


def test_other_numbers_of_features_and_classes(of_torchvision, colours, network, capsys):
    def narrow(features, labels):
        for part in features:
            features[part] = features[part][:, :-1]

    def fewer(features, labels):
        for part in features:
            features[part], labels[part] = features[part][labels[part] < 2], labels[part][labels[part] < 2]

    for change, message in ((narrow, "1023 features a row, but"), (fewer, "2 classes, but")):
        data = colours.write(network / change.__name__, *of_torchvision[1:], change)
        told = refused(capsys, network / "net.pt", "--features", data, "--out", network / "fair")
        assert message in told
        assert "net.pt: fc " in told


def test_rows_that_come_twice(of_torchvision, network, capsys):
    _, features, labels = of_torchvision
    ids = [f"{row // 2}.jpg" for row in range(len(labels["train"]))]
    np.savez(network / "twice.npz", features=features["train"], labels=labels["train"], id=ids)
    words = [network / "net.pt", "--features", network / "twice.npz", "--out", network / "fair"]
    assert "'0.jpg' is twice in train" in refused(capsys, *words)


def test_a_class_that_is_only_in_test(of_torchvision, colours, network, capsys):
    def only_in_test(features, labels):
        for part in ("train", "val"):
            features[part], labels[part] = features[part][labels[part] < 2], labels[part][labels[part] < 2]

    data = colours.write(network / "data", *of_torchvision[1:], only_in_test, names=colours.names)
    told = refused(capsys, network / "net.pt", "--features", data, "--out", network / "fair")
    assert "class 2 (red) has no training row" in told


def test_a_class_with_a_single_row_is_named(of_torchvision, colours, network, capsys):
    """Long tails end in such classes: they are learnt from, and a person is told."""

    def one(features, labels):
        keep = [*np.flatnonzero(labels["train"] < 2), len(labels["train"]) - 1]
        features["train"], labels["train"] = features["train"][keep], labels["train"][keep]

    data = colours.write(network / "data", *of_torchvision[1:], one, names=colours.names)
    words = ["balance", network / "net.pt", "--features", data, "--out", network / "fair", "--methods", "la"]
    assert main([*map(str, words), "--device", "cpu"]) == 0
    assert "note     red: a single training row each" in capsys.readouterr().out


def test_logits_and_probabilities_are_no_features(of_torchvision, network, capsys):
    model, features, labels = of_torchvision
    logits = features["train"] @ model.fc.weight.detach().numpy().T
    probabilities = torch.from_numpy(logits).softmax(dim=1).numpy()
    words = [network / "net.pt", "--out", network / "fair", "--features", network / "file.npz"]
    np.savez(network / "file.npz", logits=logits, labels=labels["train"])
    assert "holds logits, what comes out of the model" in refused(capsys, *words)
    for name in ("logits", "features"):
        np.savez(network / "file.npz", labels=labels["train"], **{name: probabilities})
        assert "holds probabilities, what comes out of the model" in refused(capsys, *words)


class Evil:
    def __reduce__(self):
        return eval, ("open('owned', 'w')",)


def test_files_that_are_no_models(network, capsys, monkeypatch):
    monkeypatch.chdir(network)
    words = ["--features", network / "embeddings", "--out", network / "fair"]
    whole = (network / "net.pt").read_bytes()
    (network / "cut.pt").write_bytes(whole[: len(whole) // 2])
    assert "truncated" in refused(capsys, network / "cut.pt", *words)
    for name, what in (("cut.safetensors", "truncated"), ("cut.npz", "damaged"), ("cut.pt2", "truncated")):
        (network / name).write_bytes(whole[:1000])
        assert f"{name}: {what}" in refused(capsys, network / name, *words)
    torch.save({"state_dict": Evil()}, network / "evil.pt")
    assert "could run code" in refused(capsys, network / "evil.pt", *words)
    assert not (network / "owned").exists()
    torch.save(models.shufflenet_v2_x0_5(weights=None), network / "object.pt")
    assert "save its state dict alone" in refused(capsys, network / "object.pt", *words)
    for name in ("lfs.pt", "lfs.safetensors", "lfs.npz", "lfs.pt2"):
        (network / name).write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n")
        assert "is a pointer of Git LFS" in refused(capsys, network / name, *words)
    (network / "net.onnx").write_bytes(b"\x08\x08")
    assert "ONNX is a program for running" in refused(capsys, network / "net.onnx", *words)
    assert "no such file" in refused(capsys, network / "missing.pt", *words)
    (network / "empty").mkdir()
    assert "holds no model.safetensors" in refused(capsys, network / "empty", *words)
    torch.save({"epoch": 3}, network / "none.pt")
    assert "holds no weights (epoch)" in refused(capsys, network / "none.pt", *words)
    assert not (network / "fair").exists()


def test_networks_without_one_linear_last_layer(network, capsys):
    def told(state, *more):
        torch.save(state, network / "other.pt")
        words = ["--features", network / "embeddings", "--out", network / "fair"]
        return refused(capsys, network / "other.pt", *words, *more)

    assert "holds no linear layer at all" in told({"conv.weight": torch.zeros(3, 3, 3, 3)})
    squeezenet = models.squeezenet1_0(weights=None, num_classes=3)
    assert "no linear last layer" in told(squeezenet.state_dict())
    two = timm.create_model("deit_tiny_distilled_patch16_224", num_classes=3, depth=1, embed_dim=24, num_heads=1)
    assert "the scores of two heads (head, head_dist) are added" in told(two.state_dict())
    many = {"fc.weight": torch.zeros(3, 4), "head.weight": torch.zeros(3, 4)}
    assert "several layers could be the last (fc, head)" in told(many)
    state = torch.load(network / "net.pt", weights_only=True)
    wrong = told(state, "--layer", "stage2.head")
    assert "no linear layer 'stage2.head'" in wrong
    assert "fc (3, 1024)" in wrong
    state["fc.bias"][1] = float("nan")
    assert "fc.bias holds NaN" in told(state)


def test_a_layer_that_the_network_does_not_end_in(colours, colour_photos, network, capsys):
    """The hidden layer of MobileNet's classifier has the right width, but there is another one behind it."""
    torch.manual_seed(0)
    model = models.mobilenet_v3_small(weights=None, num_classes=3)
    model.classifier[0] = torch.nn.Linear(576, 3)
    model.classifier[3] = torch.nn.Linear(3, 3)
    torch.save(model.state_dict(), network / "net.pt")
    words = [network / "net.pt", "--data", colour_photos, "--arch", "torchvision:mobilenet_v3_small"]
    told = refused(capsys, *words, "--out", network / "fair", "--image-size", "32", "--layer", "classifier.0")
    assert "of another shape" in told


def test_architectures_that_do_not_fit(colour_photos, network, capsys):
    words = [network / "net.pt", "--data", colour_photos, "--out", network / "fair"]
    assert "Name it: --arch timm:NAME" in refused(capsys, *words)
    told = refused(capsys, *words, "--arch", "torchvision:mobilenet_v3_small")
    assert "as torchvision:mobilenet_v3_small" in told
    assert "missing" in told
    assert "torchvision has no classifier 'resnet19'" in refused(capsys, *words, "--arch", "torchvision:resnet19")
    assert "timm has no model 'resnet19'" in refused(capsys, *words, "--arch", "timm:resnet19")
    assert "expected timm:NAME" in refused(capsys, *words, "--arch", "keras:resnet50")
    assert "--std" in refused(capsys, *words, *SHUFFLENET, "--std", "1", "0", "1")
    assert not (network / "fair").exists()


def test_a_hugging_face_model_without_its_library(of_torchvision, colour_photos, network, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "transformers", None)
    folder = network / "vit"
    folder.mkdir()
    fc = of_torchvision[0].fc
    save_file({"classifier.weight": fc.weight, "classifier.bias": fc.bias}, folder / "model.safetensors")
    (folder / "config.json").write_text('{"architectures": ["ViTForImageClassification"]}')
    told = refused(capsys, folder, "--data", colour_photos, "--out", network / "fair")
    assert "its network is of `transformers`, which is not installed" in told
    (folder / "config.json").write_text("{")
    assert "config.json: no JSON" in refused(capsys, folder, "--data", colour_photos, "--out", network / "fair")


def test_options_that_do_not_go_together(colour_photos, network, capsys):
    words = [network / "net.pt", "--out", network / "fair"]
    features = ["--features", network / "embeddings"]
    assert "expected --features of this model, or --data" in refused(capsys, *words)
    assert "Expected one of them" in refused(capsys, *words, *features, "--data", colour_photos)
    assert "is no linear layer (NearestClassMean)" in refused(capsys, *words, *features, "--methods", "tau,ncm")
    assert "no method 'tua'" in refused(capsys, *words, *features, "--methods", "tua")
    assert "Leave it out" in refused(capsys, *words, *features, "--head", network / "net.pt")
    assert "the model that is read lies there" in refused(capsys, network / "net.pt", *features, "--out", network)
    assert "choosing on the test split" in refused(capsys, *words, *features, "--select-on", "test")
    np.savez(network / "head.npz", weight=np.zeros((3, 1024)), bias=np.zeros(3))
    told = refused(capsys, network / "head.npz", *features, "--out", network / "fair", "--export", "onnx")
    assert "no weights of a network that could be built here" in told
    assert not (network / "fair").exists()
