"""Features by a compiled network: when, by what, and what happens where it does not work."""

import numpy as np
import pytest
import torch
from torch import nn

from longtail.backbones import create_backbone
from longtail.cli import main
from longtail.data.transforms import Preprocessing
from longtail.errors import InputError
from longtail.features import open_feature_file
from longtail.jobs.compiled import compiling_pays, settle_program
from longtail.jobs.launch import launch
from longtail.jobs.options import RuntimeOptions
from longtail.jobs.stage_one.trained_model import TrainedModel


@pytest.fixture
def fabric():
    return launch(RuntimeOptions(device="cpu", precision="float32"))


@pytest.fixture
def model():
    torch.manual_seed(0)
    network = create_backbone("resnet20", num_classes=3)
    for layer in network.modules():
        if isinstance(layer, nn.BatchNorm2d):  # as trained: folded wrongly, it would show
            layer.running_mean.uniform_(-1, 1)
            layer.running_var.uniform_(0.5, 2)
    preprocessing = Preprocessing(16, 16, 3, (0.5,) * 3, (0.25,) * 3, "none", resident=True)
    return TrainedModel(network.eval().to(memory_format=torch.channels_last), preprocessing, {}, None)


@pytest.fixture
def not_compiling(monkeypatch):
    def refuse(*_, **__):
        def program(_images):
            raise RuntimeError("\n  no C++ compiler here\nand much more")

        return program

    monkeypatch.setattr(torch, "compile", refuse)


def compiled_as(monkeypatch, change):
    monkeypatch.setattr(torch, "compile", lambda features_of, **_: lambda images: change(features_of(images)))


def test_it_hangs_on_the_number_of_pixels_alone():
    assert [compiling_pays(number, 224) for number in (5_349, 5_350)] == [False, True]
    assert not compiling_pays(260_000, 32)
    assert compiling_pays(263_000, 32)


@pytest.mark.parametrize(("compile", "images"), [("auto", 100), ("never", 10**9)])
def test_few_images_or_never_leave_the_network_alone(fabric, model, not_compiling, compile, images):
    assert settle_program(fabric, model, model.features, images, compile=compile) == model.features


def test_what_cannot_be_compiled_computes_as_it_is_and_says_so(fabric, model, not_compiling, capsys):
    assert settle_program(fabric, model, model.features, 10**9) == model.features
    assert "computes as it is: it cannot be compiled (no C++ compiler here)." in capsys.readouterr().err
    settle_program(fabric, model, model.features, 10**9, quiet=True)
    assert capsys.readouterr().err == ""
    with pytest.raises(InputError, match=r"--compile always: it cannot be compiled \(no C\+\+ compiler here\)"):
        settle_program(fabric, model, model.features, 1, compile="always")


def test_where_there_is_no_compiler_at_all_it_computes_as_it_is(fabric, model, monkeypatch, capsys):
    def refuse(*_, **__):
        raise RuntimeError("not supported on this Python")

    monkeypatch.setattr(torch, "compile", refuse)
    assert settle_program(fabric, model, model.features, 10**9) == model.features
    assert "it cannot be compiled (not supported on this Python)." in capsys.readouterr().err


def test_a_program_that_gives_other_features_is_not_taken(fabric, model, monkeypatch, capsys):
    compiled_as(monkeypatch, lambda features: 1.1 * features)
    assert settle_program(fabric, model, model.features, 10**9) == model.features
    assert "compiled, its features move by 10 % of their length" in capsys.readouterr().err


def test_a_program_that_gives_nan_is_not_taken(fabric, model, monkeypatch, capsys):
    compiled_as(monkeypatch, lambda features: features * float("nan"))
    assert settle_program(fabric, model, model.features, 10**9) == model.features
    assert "compiled" in capsys.readouterr().err


def test_another_device_computes_as_it_is(fabric, model, monkeypatch):
    class Elsewhere:
        device, is_global_zero, world_size = torch.device("meta"), True, 1

    assert settle_program(Elsewhere(), model, model.features, 10**9) == model.features
    with pytest.raises(InputError, match="--compile always: on meta the network computes as it is"):
        settle_program(Elsewhere(), model, model.features, 1, compile="always")


@pytest.mark.slow
def test_a_compiled_network_gives_the_same_features_for_any_number_of_images(fabric, model):
    program = settle_program(fabric, model, model.features, 1, compile="always")
    assert program != model.features
    with torch.inference_mode(), fabric.autocast():
        for number in (1, 64, 70):
            images = torch.randn(number, 3, 16, 16)
            torch.testing.assert_close(program(images), model.features(images), rtol=1e-4, atol=1e-4)


@pytest.mark.slow
def test_each_network_is_compiled_once_and_after_many_others_too(fabric, model):
    from torch._dynamo.config import patch
    from torch._dynamo.utils import counters

    other = create_backbone("resnet20", num_classes=3).eval()
    with patch(recompile_limit=1):
        for network in (model, TrainedModel(other, model.preprocessing, {}, None)):
            before = counters["stats"]["unique_graphs"]
            program = settle_program(fabric, network, network.features, 1, compile="always")
            outside = torch.randn(70, 3, 16, 16)
            with torch.inference_mode(), fabric.autocast():
                program(outside)
                program(outside.clone(memory_format=torch.channels_last))
            assert counters["stats"]["unique_graphs"] == before + 1


@pytest.mark.slow
def test_extract_by_a_compiled_network(tmp_path, photos):
    from torch._dynamo.utils import counters

    run, features, programs = tmp_path / "run", {}, {}
    assert main(["train", str(photos / "data"), "--epochs", "1", "--out", str(run), "--quiet"]) == 0
    for how in ("never", "always"):
        before = counters["stats"]["unique_graphs"]
        words = ["--compile", how, "--out", str(tmp_path / how), "--precision", "float32", "--device", "cpu", "--quiet"]
        assert main(["extract", str(run), *words]) == 0
        programs[how] = counters["stats"]["unique_graphs"] - before
        features[how] = np.asarray(open_feature_file(tmp_path / how / "feature_train.h5").features)
    assert programs == {"never": 0, "always": 1}
    np.testing.assert_allclose(features["always"], features["never"], rtol=1e-3, atol=1e-4)
