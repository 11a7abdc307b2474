"""`longtail export` of a run: network and chosen head as one program, which says what the run says."""

import json
import shutil

import numpy as np
import onnx
import pytest
import torch

from longtail.cli import main
from longtail.data import open_data
from longtail.data.transforms import normalize
from longtail.deploy.onnx_file import run_onnx
from longtail.deploy.program_file import run_program
from longtail.errors import InputError
from longtail.heads import load_head
from longtail.jobs.calibrating.file import read_calibration
from longtail.jobs.export import _class_names
from longtail.jobs.stage_one.trained_model import open_model


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    words = ["run", "digits", "--epochs", "1", "--methods", "joint,ncm,la,mlp,rfr,auto", "--metric", "all", "--quiet"]
    assert main([*words, "--device", "cpu", "--precision", "float32", "--out", str(folder)]) == 0
    return folder


def digits(count=None):
    source = open_data("digits").test
    return torch.stack([torch.as_tensor(source.load(row)) for row in range(count or len(source))])


def logits_of(folder, head, images):
    model = open_model(folder / "checkpoints" / "last.pt")
    with torch.inference_mode():
        features = model.features(normalize(images, model.preprocessing))
    return torch.from_numpy(load_head(folder / "heads" / f"{head}.npz").logits(features.numpy()))


def export(*words):
    return main(["export", *map(str, words)])


def test_a_run_is_exported_with_its_chosen_head_in_one_command(trained, capsys):
    assert export(trained, "--format", "onnx") == 0
    assert (
        f"(with {trained / 'heads' / 'auto.npz'}; softmax of the scores, not calibrated; checked:"
        in capsys.readouterr().out
    )
    images = digits()
    logits, probabilities = run_onnx(trained / "model.onnx", images / 255)
    expected = logits_of(trained, "auto", images)
    torch.testing.assert_close(logits, expected, rtol=0, atol=1e-4)
    torch.testing.assert_close(probabilities, expected.softmax(dim=1), rtol=0, atol=1e-4)
    table = np.genfromtxt(trained / "predictions" / "test.csv", delimiter=",", names=True, dtype=int)
    assert (logits.argmax(dim=1).numpy() == table["auto"]).mean() > 0.99
    about = {entry.key: entry.value for entry in onnx.load(trained / "model.onnx").metadata_props}
    assert json.loads(about["class_names"]) == [str(c) for c in range(10)]
    assert json.loads(about["preprocessing"])["size"] == 8
    assert json.loads(about["probabilities"]) == "softmax of the scores, not calibrated"


def test_a_run_ends_with_its_program(tmp_path, monkeypatch):
    monkeypatch.setattr("longtail.report.write_report", lambda folder: folder / "report.html")
    words = ["run", "digits", "--epochs", "1", "--methods", "joint", "--export", "torch-export", "--seeds", "2"]
    assert main([*words, "--device", "cpu", "--precision", "float32", "--quiet", "--out", str(tmp_path)]) == 0
    images = digits(20)
    for seed in ("seed-0", "seed-1"):
        logits, _ = run_program(tmp_path / seed / "model.pt2", images / 255)
        torch.testing.assert_close(logits, logits_of(tmp_path / seed, "joint", images), rtol=0, atol=1e-4)


@pytest.mark.parametrize("head", ["ncm", "la", "mlp", "rfr"])
def test_heads_of_every_kind_as_a_program(trained, head, tmp_path):
    words = ["--head", trained / "heads" / f"{head}.npz", "--format", "torch-export", "--pixels", "uint8"]
    assert export(trained, *words, "--out", tmp_path / "net.pt2") == 0
    images = digits(20)
    logits, _ = run_program(tmp_path / "net.pt2", images)
    torch.testing.assert_close(logits, logits_of(trained, head, images), rtol=0, atol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("head", ["la", "mlp", "rfr"])
@pytest.mark.parametrize("kind", ["onnx", "torch-export"])
def test_a_thousand_images(trained, head, kind, tmp_path):
    out = tmp_path / ("net.onnx" if kind == "onnx" else "net.pt2")
    assert export(trained, "--head", trained / "heads" / f"{head}.npz", "--format", kind, "--out", out) == 0
    rng = np.random.default_rng(0)
    drawn = torch.from_numpy(rng.integers(0, 256, (1000 - len(digits()), 1, 8, 8), dtype=np.uint8))
    images = torch.cat([digits(), drawn])
    assert len(images) == 1000
    logits, _ = (run_onnx if kind == "onnx" else run_program)(out, images / 255)
    expected = logits_of(trained, head, images)
    torch.testing.assert_close(logits, expected, rtol=0, atol=1e-4)
    assert torch.equal(logits.argmax(dim=1), expected.argmax(dim=1))


def test_what_cannot_be_exported_is_told(trained, tmp_path, capsys):
    def refused(*words):
        assert export(*words) == 2
        return capsys.readouterr().err

    out = ["--out", tmp_path / "net.pth"]
    told = refused(trained, *out, "--head", trained / "heads" / "mlp.npz")
    assert "MultilayerPerceptron does not fit; expected a linear head" in told
    assert "--format onnx and torch-export take any head" in told
    other = load_head(trained / "heads" / "la.npz")
    other.take(other.weight_[:, :5], other.bias_, other.classes_)
    from longtail.heads import save_head

    save_head(other, tmp_path / "other.npz")
    assert "for the 64 features of this network, not for 5" in refused(trained, *out, "--head", tmp_path / "other.npz")
    assert "expected a file that ends in .onnx" in refused(trained, *out, "--format", "onnx")
    assert not (tmp_path / "net.pth").exists()


@pytest.mark.parametrize("method", ["temperature", "group", "vector"])
def test_probabilities_are_the_calibrated_ones(trained, method, tmp_path, capsys):
    run = tmp_path / "run"
    shutil.copytree(trained, run)
    words = ["--head", run / "heads" / "la.npz", "--format", "torch-export", "--out", tmp_path / "net.pt2"]
    assert main(["calibrate", str(run), "--heads", "la", "--method", method, "--quiet"]) == 0
    capsys.readouterr()
    assert export(run, *words) == 0
    assert "probabilities calibrated on val" in capsys.readouterr().out
    images = digits(60)
    logits, probabilities = run_program(tmp_path / "net.pt2", images / 255)
    torch.testing.assert_close(logits, logits_of(run, "la", images), rtol=0, atol=1e-4)
    expected = read_calibration(run / "heads" / "la.npz").calibrator.probabilities(logits.numpy())
    torch.testing.assert_close(probabilities.double(), torch.from_numpy(expected), rtol=0, atol=1e-5)
    assert (probabilities - logits.softmax(dim=1)).abs().max() > 0.01
    assert export(run, *words, "--uncalibrated") == 0
    assert "not calibrated" in capsys.readouterr().out
    _, plain = run_program(tmp_path / "net.pt2", images / 255)
    torch.testing.assert_close(plain, logits.softmax(dim=1))


@pytest.mark.parametrize(
    ("network", "head", "told"),
    [
        (["a", "b"], ["a", "b"], ["a", "b"]),
        (["a", "b"], [], ["a", "b"]),
        (["a", "b"], ["0", "1"], ["a", "b"]),
        (["0", "1"], ["a", "b"], ["a", "b"]),
        (["a", "b"], ["b", "a"], None),
        (["a", "b"], ["a", "b", "c"], None),
        (["0", "1"], ["a", "b", "c"], None),
    ],
)
def test_names_of_network_and_head_are_compared(network, head, told):
    if told is not None:
        assert _class_names(network, head, "tau.npz") == told
        return
    with pytest.raises(
        InputError, match=r"tau.npz: a head for \d classes .*Expected the same classes in the same order"
    ):
        _class_names(network, head, "tau.npz")


def test_without_onnx_it_says_what_to_install(trained, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert export(trained, "--format", "onnx", "--out", tmp_path / "net.onnx") == 2
    assert "pip install longtail[onnx]" in capsys.readouterr().err
    assert main(["run", "digits", "--export", "onnx", "--out", str(tmp_path / "run")]) == 2
    assert "pip install longtail[onnx]" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
