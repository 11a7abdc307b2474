"""`longtail balance` on networks that end in other ways, and on names that do not tell it: seen by running them."""

import csv
import json
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from timm.models import register_model
from torch import nn
from torchvision import models

from longtail.backbones import SplitNetwork, last_layer_of
from longtail.backbones.model_file import open_model_file
from longtail.cli import main
from longtail.comparison import Protocol, check_problem
from longtail.comparison.fitter import fit_method
from longtail.comparison.linear_methods import linear_methods
from longtail.data.transforms import normalize
from longtail.errors import LongtailError
from longtail.features import FeatureFile, open_feature_file
from longtail.heads import Joint
from longtail.jobs.balancing.built_architecture import architecture_of
from longtail.jobs.balancing.network import build_network, with_measured_layer
from longtail.jobs.balancing.preprocessing import known_preprocessing

FAST = ["--device", "cpu", "--precision", "float32"]


@pytest.fixture(autouse=True)
def no_figures(monkeypatch):
    """The report has tests of its own, and takes longer than all that is tested here."""
    monkeypatch.setattr("longtail.report.write_report", lambda folder: folder / "report.html")


class Trunk(nn.Module):
    """A small network under timm's protocol; its first weight by name is that of a depthwise convolution."""

    def __init__(self, num_classes=10, in_chans=3):
        super().__init__()
        self.num_features, self.num_classes = 12, num_classes
        self.stem = nn.Conv2d(in_chans, 12, 5, stride=4)
        self.a_depthwise = nn.Conv2d(12, 12, 3, groups=12)

    def forward_features(self, x):
        return torch.relu(self.a_depthwise(torch.relu(self.stem(x))))


class TwoHeads(Trunk):
    """As DeiT, distilled: the mean of the scores of two heads, of two tokens."""

    def __init__(self, num_classes=10, in_chans=3):
        super().__init__(num_classes, in_chans)
        self.head, self.head_dist = nn.Linear(12, num_classes), nn.Linear(12, num_classes)

    def forward(self, x):
        places = self.forward_features(x).flatten(2)
        return (self.head(places.mean(dim=2)) + self.head_dist(places.amax(dim=2))) / 2


class HiddenFc(Trunk):
    """`fc` is a hidden layer, and `out` the last."""

    def __init__(self, num_classes=10, in_chans=3):
        super().__init__(num_classes, in_chans)
        self.fc, self.out = nn.Linear(12, 9), nn.Linear(9, num_classes)

    def forward(self, x):
        return self.out(torch.relu(self.fc(self.forward_features(x).mean(dim=(2, 3)))))


class Softmax(Trunk):
    def __init__(self, num_classes=10, in_chans=3):
        super().__init__(num_classes, in_chans)
        self.fc = nn.Linear(12, num_classes)

    def forward(self, x):
        return self.fc(self.forward_features(x).mean(dim=(2, 3))).softmax(dim=1)


def _known(kind):
    def build(pretrained=False, **settings):
        return kind(**{name: settings[name] for name in ("num_classes", "in_chans") if name in settings})

    build.__name__ = f"longtail_test_{kind.__name__.lower()}"
    build.__module__ = __name__
    return register_model(build).__name__


NAMES = {kind: _known(kind) for kind in (TwoHeads, HiddenFc, Softmax)}
IMAGES = ["--image-size", "32"]


@pytest.fixture(scope="module")
def taught(colours):
    """Networks that know the colours, with the features that their last layers see and labels."""
    result = {}
    for kind in (TwoHeads, HiddenFc):
        torch.manual_seed(1)
        result[kind] = colours.teach(kind(3), colours.imagenet)
    return result


def balance(*words):
    return main(["balance", *map(str, words), *FAST])


def logits(network, colours, part="test"):
    with torch.inference_mode():
        return network.eval()(normalize(colours.split(part)[0], colours.imagenet))


@pytest.mark.parametrize("suffix", ["pth", "safetensors"])
@pytest.mark.parametrize("prefix", ["", "module."])
@pytest.mark.parametrize(("kind", "layers"), [(TwoHeads, "head, head_dist"), (HiddenFc, "out")])
def test_a_file_and_its_network_by_name(kind, layers, prefix, suffix, taught, colours, colour_photos, tmp_path, capsys):
    network, features, _ = taught[kind]
    state = {f"{prefix}{key}": tensor.clone() for key, tensor in network.state_dict().items()}
    path = tmp_path / f"net.{suffix}"
    (save_file if suffix == "safetensors" else torch.save)(state, path)
    words = ["--data", colour_photos, "--arch", NAMES[kind], *IMAGES, "--methods", "crt", "--out", tmp_path / "fair"]
    assert balance(path, *words) == 0
    told = capsys.readouterr().out
    names = ", ".join(f"{prefix}{name}" for name in layers.split(", "))
    assert f"{names}, 3 classes x" in told or f"added: {names}, 3 classes x" in told
    found = open_feature_file(tmp_path / "fair" / "features" / "feature_test.h5").features
    np.testing.assert_allclose(found, features["test"], rtol=1e-4, atol=1e-5)
    after = (
        load_file(tmp_path / "fair" / path.name)
        if suffix == "safetensors"
        else torch.load(tmp_path / "fair" / path.name)
    )
    changed = {key.rpartition(".")[0] for key in state if not torch.equal(state[key], after[key])}
    assert changed == set(names.split(", "))
    fair = kind(3)
    fair.load_state_dict({key.removeprefix(prefix): tensor for key, tensor in after.items()}, strict=True)
    # what is written says of the test images what the table says
    table = np.genfromtxt(tmp_path / "fair" / "predictions" / "test.csv", delimiter=",", names=True, dtype=int)
    assert logits(fair, colours).argmax(dim=1).tolist() == table["crt"].tolist()
    results = json.loads((tmp_path / "fair" / "results.json").read_text())
    assert results["model"]["same_predictions"] == 1.0


@pytest.mark.parametrize("prior", [None, "train"])
def test_the_folder_predicts_images_as_the_model_in_it_does(prior, taught, colours, colour_photos, tmp_path):
    network, _, _ = taught[TwoHeads]
    torch.save(network.state_dict(), tmp_path / "net.pth")
    words = ["--data", colour_photos, "--arch", NAMES[TwoHeads], *IMAGES, "--methods", "crt"]
    words += [] if prior is None else ["--prior", prior]
    assert balance(tmp_path / "net.pth", *words, "--out", tmp_path / "fair") == 0
    (tmp_path / "fair").rename(tmp_path / "moved")
    predicted = tmp_path / "p.csv"
    inputs = ["predict", str(tmp_path / "moved"), str(colour_photos), "--out", str(predicted), "--workers", "0"]
    assert main([*inputs, *FAST, "--quiet"]) == 0
    fair = TwoHeads(3)
    fair.load_state_dict(torch.load(tmp_path / "moved" / "net.pth"))
    with predicted.open() as file:
        shares = {row["input"]: row for row in csv.DictReader(file)}
    with torch.inference_mode():
        images = normalize(colours.split("test")[0], colours.imagenet)
        expected = torch.softmax(fair.eval()(images), dim=1).numpy()
    rows = open_feature_file(tmp_path / "moved" / "features" / "feature_test.h5")
    for name, label_shares in zip(rows.ids, expected, strict=True):
        row = shares[str(colour_photos / name)]
        found = [float(value) for value in list(row.values())[2:]]
        np.testing.assert_allclose(found, label_shares, rtol=1e-3, atol=1e-4)


def test_a_second_call_into_the_same_folder_leaves_nothing_of_the_first(taught, colour_photos, tmp_path, capsys):
    network, _, _ = taught[TwoHeads]
    words = ["--data", colour_photos, "--arch", NAMES[TwoHeads], *IMAGES, "--out", tmp_path / "fair"]
    for name in ("first.pth", "second.pth"):
        torch.save(network.state_dict(), tmp_path / name)
    assert balance(tmp_path / "first.pth", *words, "--methods", "crt,tau") == 0
    (tmp_path / "fair" / "mine.pth").write_bytes(b"a person's")
    assert balance(tmp_path / "second.pth", *words, "--methods", "crt") == 0
    names = {path.name for path in (tmp_path / "fair").iterdir()}
    assert {"second.pth", "mine.pth"} < names
    assert "first.pth" not in names
    assert {path.name for path in (tmp_path / "fair" / "heads").iterdir()} == {"joint.npz", "crt.npz"}
    before = (tmp_path / "fair" / "results.json").read_bytes()
    assert balance(tmp_path / "second.pth", *words, "--methods", "nothing") == 2
    assert (tmp_path / "fair" / "results.json").read_bytes() == before


def test_features_that_are_laid_side_by_side(taught, colours, tmp_path, capsys):
    """With --features a network of several heads has to be named: by which factors they count is seen by running it."""
    network, features, labels = taught[TwoHeads]
    torch.save(network.state_dict(), tmp_path / "net.pth")
    data = colours.write(tmp_path / "embeddings", features, labels)
    words = [
        tmp_path / "net.pth",
        "--features",
        data,
        "--methods",
        "la",
        "--set",
        "la.tau=1",
        "--out",
        tmp_path / "fair",
    ]
    assert balance(*words) == 2
    assert "the scores of two heads (head, head_dist) are added" in capsys.readouterr().err
    assert balance(*words, "--arch", f"timm:{NAMES[TwoHeads]}", *IMAGES) == 0
    fair = TwoHeads(3)
    fair.load_state_dict(torch.load(tmp_path / "fair" / "net.pth"))
    shares = np.array(colours.counts["train"]) / sum(colours.counts["train"])
    moved = logits(network, colours) - torch.from_numpy(np.log(shares)).float()
    torch.testing.assert_close(logits(fair, colours), moved, rtol=1e-4, atol=1e-4)


def test_a_name_that_does_not_tell_is_a_question(taught, colours, tmp_path, capsys):
    network, features, labels = taught[HiddenFc]
    torch.save(network.state_dict(), tmp_path / "net.pth")
    data = colours.write(tmp_path / "embeddings", features, labels)
    words = [tmp_path / "net.pth", "--features", data, "--methods", "tau", "--out", tmp_path / "fair"]
    assert balance(*words) == 2
    told = capsys.readouterr().err
    assert "several layers could be the last (fc, out)" in told
    assert not (tmp_path / "fair").exists()
    assert balance(*words, "--layer", "out") == 0
    assert balance(*words, "--arch", NAMES[HiddenFc], *IMAGES) == 0
    assert balance(*words, "--arch", NAMES[HiddenFc], *IMAGES, "--layer", "fc") == 2
    assert "fc is not what the network ends in: it ends in out" in capsys.readouterr().err


def test_what_stands_behind_the_layer_is_told(colour_photos, tmp_path, capsys):
    torch.save(Softmax(3).state_dict(), tmp_path / "net.pth")
    words = [
        tmp_path / "net.pth",
        "--data",
        colour_photos,
        "--arch",
        NAMES[Softmax],
        *IMAGES,
        "--out",
        tmp_path / "fair",
    ]
    assert balance(*words) == 2
    told = capsys.readouterr().err
    assert "what stands behind fc is no sum of its scores (such as a softmax" in told
    assert told.count("\n") == 1
    assert not (tmp_path / "fair").exists()


def test_two_networks_in_one_file(taught, colour_photos, tmp_path, capsys):
    network = taught[HiddenFc][0]
    both = {f"{name}.{key}": t.clone() for name in ("student", "teacher") for key, t in network.state_dict().items()}
    torch.save(both, tmp_path / "net.pth")
    words = [tmp_path / "net.pth", "--data", colour_photos, "--arch", NAMES[HiddenFc], *IMAGES, "--methods", "crt"]
    assert balance(*words, "--out", tmp_path / "fair") == 2
    assert "holds that network several times (student., teacher.)" in capsys.readouterr().err
    assert balance(*words, "--out", tmp_path / "fair", "--layer", "student.out") == 0
    after = torch.load(tmp_path / "fair" / "net.pth")
    assert {key for key in both if not torch.equal(both[key], after[key])} == {"student.out.weight", "student.out.bias"}


@pytest.mark.parametrize("channels", [1, 3])
def test_the_channels_are_those_that_the_network_has(channels, tmp_path):
    """Of a file that is sorted by name the first convolution is a depthwise one, of one channel."""
    save_file(HiddenFc(7, channels).state_dict(), tmp_path / "net.safetensors")
    file = open_model_file(tmp_path / "net.safetensors")
    network = build_network(file, f"timm:{NAMES[HiddenFc]}")
    assert network.channels == channels
    assert network.model.num_classes == 7
    assert known_preprocessing(file, network, image_size=32)[0].channels == channels


def test_other_channels_are_told(colour_photos, tmp_path, capsys):
    torch.save(HiddenFc(3, 4).state_dict(), tmp_path / "net.pth")
    words = [
        tmp_path / "net.pth",
        "--data",
        colour_photos,
        "--arch",
        NAMES[HiddenFc],
        *IMAGES,
        "--out",
        tmp_path / "fair",
    ]
    assert balance(*words) == 2
    assert "images of 4 channels; expected 1 or 3" in capsys.readouterr().err


def test_a_plain_dict_has_lost_the_versions_of_its_layers(tmp_path):
    """torchvision's MNASNet cannot be loaded from one but by its own version."""
    network = models.mnasnet0_5(weights=None, num_classes=4)
    plain = dict(network.state_dict())
    with pytest.raises(ValueError, match="version"):
        models.mnasnet0_5(weights=None, num_classes=4).load_state_dict(OrderedDict(plain))
    torch.save(plain, tmp_path / "net.pth")
    file = open_model_file(tmp_path / "net.pth")
    built = build_network(file, architecture_of(file, "torchvision:mnasnet0_5"))
    assert all(torch.equal(built.model.state_dict()[key], tensor) for key, tensor in plain.items())
    kept, _ = known_preprocessing(file, built, image_size=64)
    assert with_measured_layer(file, built, kept).layer.name == "classifier.1"


def test_a_program_that_cannot_be_written_takes_nothing_with_it(taught, colour_photos, tmp_path, capsys, monkeypatch):
    from longtail.deploy import write_deployed

    def fails(model, path, kind, **settings):
        if kind == "onnx":
            raise LongtailError("HiddenFc cannot be written as ONNX (for a reason).")
        return write_deployed(model, path, kind, **settings)

    monkeypatch.setattr("longtail.deploy.write_deployed", fails)
    torch.save(taught[HiddenFc][0].state_dict(), tmp_path / "net.pth")
    words = [tmp_path / "net.pth", "--data", colour_photos, "--arch", NAMES[HiddenFc], *IMAGES, "--methods", "crt"]
    assert balance(*words, "--export", "onnx", "torch-export", "--out", tmp_path / "fair") == 2
    told = capsys.readouterr()
    assert "cannot be written as ONNX (for a reason)" in told.err
    assert "net.pth and the report beside it are written" in told.err
    assert "net.pt2  (checked" in told.out
    assert {"net.pth", "net.pt2", "results.json"} <= {entry.name for entry in (tmp_path / "fair").iterdir()}
    assert not (tmp_path / "fair" / "net.onnx").exists()


def in_folder(path, network, config):
    path.mkdir()
    save_file({key: tensor.clone() for key, tensor in network.state_dict().items()}, path / "model.safetensors")
    (path / "config.json").write_text(json.dumps(config))
    return path


def test_a_model_that_was_trained_with_sigmoids(taught, colour_photos, colours, tmp_path, capsys):
    config = {
        "architecture": NAMES[HiddenFc],
        "label_names": colours.names,
        "problem_type": "multi_label_classification",
    }
    folder = in_folder(tmp_path / "net", taught[HiddenFc][0], config)
    words = [folder, "--data", colour_photos, *IMAGES, "--methods", "crt", "--out", tmp_path / "fair"]
    assert balance(*words) == 2
    assert "trained with a sigmoid a class" in capsys.readouterr().err
    assert balance(*words, "--single-label") == 0
    after = json.loads((tmp_path / "fair" / "net" / "config.json").read_text())
    assert after == {**config, "problem_type": "single_label_classification"}
    (folder / "config.json").write_text(json.dumps({**config, "problem_type": "regression"}))
    assert balance(*words, "--single-label") == 2
    assert "problem_type is regression" in capsys.readouterr().err


def test_names_of_model_and_folders_go_before_their_order(taught, colour_photos, colours, tmp_path, capsys):
    network = taught[HiddenFc][0]
    order = [2, 0, 1]
    with torch.no_grad():
        network = last_layer_permuted(network, order)
    config = {
        "architecture": NAMES[HiddenFc],
        "id2label": {str(k): colours.names[c].upper() for k, c in enumerate(order)},
    }
    folder = in_folder(tmp_path / "net", network, config)
    words = [folder, "--data", colour_photos, *IMAGES, "--methods", "crt", "--out", tmp_path / "fair"]
    assert balance(*words) == 0
    assert "3 classes were renumbered by their names" in capsys.readouterr().out
    results = json.loads((tmp_path / "fair" / "results.json").read_text())
    assert results["data"]["class_names"] == [colours.names[c] for c in order]
    (folder / "config.json").write_text(json.dumps({**config, "id2label": {"0": "owl", "1": "yak", "2": "ant"}}))
    assert balance(*words) == 2
    assert "other classes (3) than in the data (3): the data has no owl, yak, ant" in capsys.readouterr().err
    (tmp_path / "names.txt").write_text("\n".join(colours.names[c] for c in order))
    assert balance(*words, "--class-names", tmp_path / "names.txt") == 0


def last_layer_permuted(network, order):
    from longtail.backbones import replace_last_layer

    last = last_layer_of(network)
    return replace_last_layer(network, last.weight[order], last.bias[order])


def test_folders_that_timm_numbered(colours, tmp_path, capsys):
    """x1, x2, x10 for timm; x1, x10, x2 here: three rows of each rare class are enough for the order as a whole."""
    rng, names = np.random.default_rng(0), ["x1", "x10", "x2"]
    labels = np.repeat([0, 1, 2], [60, 4, 4])
    features = (5 * np.eye(3, 8)[labels] + rng.normal(size=(68, 8))).astype(np.float32)
    head = Joint(random_state=0).fit(features, np.array([0, 2, 1])[labels])
    np.savez(tmp_path / "layer.npz", weight=head.weight_, bias=head.bias_)
    data = colours.write(tmp_path / "embeddings", {"train": features}, {"train": labels}, names=names)
    words = ["--features", data, "--methods", "la", "--out", tmp_path / "fair"]
    assert balance(tmp_path / "layer.npz", *words) == 0
    assert "in the order of timm's reader of folders (x1, x2, x10, ...)" in capsys.readouterr().out
    results = json.loads((tmp_path / "fair" / "results.json").read_text())
    assert results["data"]["class_names"] == ["x1", "x2", "x10"]
    # by names that the model has there is nothing to be seen
    np.savez(tmp_path / "layer.npz", weight=head.weight_, bias=head.bias_, class_names=["x1", "x2", "x10"])
    assert balance(tmp_path / "layer.npz", *words) == 0
    assert "2 classes were renumbered by their names" in capsys.readouterr().out


@pytest.fixture(scope="module")
def fitted_heads():
    """Every method that is one linear layer, fitted to the same features."""
    rng, labels = np.random.default_rng(0), np.repeat([0, 1, 2], [40, 20, 10])
    features = (3 * np.eye(3, 4)[labels] + rng.normal(size=(70, 4))).astype(np.float32)
    own = np.eye(3, 4, dtype=np.float32), np.zeros(3, dtype=np.float32)
    problem = check_problem({"train": FeatureFile(Path("made-up"), features, labels, {})}, head=own)
    joint = Joint(own).fit(features, labels)
    names = linear_methods("all", {}, has_bias=True)
    return {name: fit_method(name, Protocol(problem), joint) for name in names}


@pytest.mark.parametrize("suffix", ["pth", "safetensors", "npz", "folder", "pt2"])
def test_every_linear_method_goes_into_every_format(suffix, fitted_heads, tmp_path):
    """However its arrays lie in memory: ridge's are in columns."""
    assert {"joint", "crt", "tau", "la", "lws", "lda", "ridge", "marc", "bsm", "cb", "ldam", "maxnorm"} <= set(
        fitted_heads
    )
    layer = nn.Linear(4, 3)
    state = {"fc.weight": layer.weight.detach(), "fc.bias": layer.bias.detach()}
    path = tmp_path / f"net.{suffix}"
    match suffix:
        case "pth":
            torch.save(state, path)
        case "safetensors":
            save_file(state, path)
        case "npz":
            np.savez(path, weight=state["fc.weight"], bias=state["fc.bias"])
        case "folder":
            path.mkdir()
            save_file(state, path / "model.safetensors")
        case "pt2":
            torch.export.save(torch.export.export(nn.Sequential(layer).eval(), (torch.zeros(1, 4),)), path)
    file = open_model_file(path)
    for name, head in fitted_heads.items():
        again = open_model_file(file.write(tmp_path / name, head.weight_, head.bias_))
        assert all(tensor.is_contiguous() for tensor in again.weights.values())
        for ours, theirs in zip(again.linear, (head.weight_, head.bias_), strict=True):
            np.testing.assert_array_equal(ours, np.asarray(theirs, dtype=np.float32))


def test_types_that_hold_few_digits_say_so(colours, taught, tmp_path, capsys):
    network, features, labels = taught[HiddenFc]
    state = {"out.weight": network.out.weight.detach().to(torch.float8_e4m3fn), "out.bias": network.out.bias.detach()}
    torch.save(state, tmp_path / "net.pth")
    data = colours.write(tmp_path / "embeddings", features, labels)
    assert balance(tmp_path / "net.pth", "--features", data, "--methods", "lda", "--out", tmp_path / "fair") == 0
    after = torch.load(tmp_path / "fair" / "net.pth")
    assert after["out.weight"].dtype == torch.float8_e4m3fn
    same = json.loads((tmp_path / "fair" / "results.json").read_text())["model"]["same_predictions"]
    assert ("stored as float8_e4m3fn, it predicts" in capsys.readouterr().out) == (same < 1)


def test_what_lightning_needs_and_is_not_written_is_told(colours, taught, tmp_path, capsys):
    import argparse

    network, features, labels = taught[HiddenFc]
    state = {f"model.{key}": tensor for key, tensor in network.state_dict().items()}
    content = {"state_dict": state, "hyper_parameters": argparse.Namespace(depth=3), "epoch": 3}
    torch.save(content, tmp_path / "last.ckpt")
    data = colours.write(tmp_path / "embeddings", features, labels)
    words = [tmp_path / "last.ckpt", "--features", data, "--layer", "model.out", "--methods", "la"]
    assert balance(*words, "--out", tmp_path / "fair") == 0
    told = capsys.readouterr().out
    assert "hyper_parameters: no plain values, not read and not written again (argparse.Namespace)" in told
    assert "give it the hyper-parameters by hand" in told
    assert list(torch.load(tmp_path / "fair" / "last.ckpt", weights_only=True)) == ["state_dict", "epoch"]


TINY = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 64, "patch_size": 8}
STAGES = {"embed_dims": [16, 24, 32, 40], "depths": [1, 1, 1, 1]}


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # of a library that need not be here
@pytest.mark.parametrize(
    ("kind", "config", "settings", "told"),
    [
        ("DeiTForImageClassificationWithTeacher", "DeiTConfig", TINY, "cls_classifier, distillation_classifier"),
        ("SwiftFormerForImageClassification", "SwiftFormerConfig", STAGES, "head, dist_head"),
        ("PPLCNetForImageClassification", "PPLCNetConfig", {"scale": 0.25}, "head"),
        (
            "SwinForImageClassification",
            "SwinConfig",
            {"embed_dim": 16, "depths": [1, 1], "num_heads": [2, 2]},
            "classifier",
        ),
        ("Siglip2ForImageClassification", "Siglip2Config", {"vision_config": TINY}, None),
        ("ImageGPTForImageClassification", "ImageGPTConfig", {"n_layer": 1, "n_embd": 32, "n_head": 2}, None),
    ],
)
def test_folders_of_transformers(kind, config, settings, told, tmp_path, colour_photos, capsys):
    transformers = pytest.importorskip("transformers")
    torch.manual_seed(0)
    size = {} if config in ("Siglip2Config", "ImageGPTConfig", "PPLCNetConfig") else {"image_size": 64}
    network = getattr(transformers, kind)(getattr(transformers, config)(**settings, **size, num_labels=3))
    network.save_pretrained(tmp_path / "net")
    if told is None:
        words = [tmp_path / "net", "--data", colour_photos, "--image-size", "64", "--out", tmp_path / "fair"]
        assert balance(*words) == 2
        assert "cannot be run on these inputs" in capsys.readouterr().err
        return
    file = open_model_file(tmp_path / "net")
    built = build_network(file, architecture_of(file, None))
    file = with_measured_layer(file, built, known_preprocessing(file, built, image_size=64)[0])
    assert file.layer.name == told
    weight = np.random.default_rng(0).normal(size=file.layer.weight.shape)
    out = file.write(tmp_path / "out", weight, np.arange(3.0))
    again = type(network).from_pretrained(out, local_files_only=True, trust_remote_code=False).eval()
    images = torch.randn(2, 3, 64, 64)
    features = SplitNetwork(built.model).eval().forward_features(images)
    with torch.inference_mode():
        returned = again(images)
        logits = returned.logits if "logits" in returned else returned.last_hidden_state
        torch.testing.assert_close(
            logits, features @ torch.from_numpy(weight).float().T + torch.arange(3.0), rtol=1e-4, atol=1e-4
        )
