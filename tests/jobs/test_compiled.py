"""Features by a compiled network: when, by what, and what happens where it does not work."""

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from longtail.backbones import create_backbone
from longtail.cli import main
from longtail.data.transforms import Preprocessing
from longtail.errors import InputError
from longtail.features import open_feature_file
from longtail.jobs import compiled
from longtail.jobs.compiled import compiling_pays, settle_features, settle_program
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


def test_where_compiling_is_turned_off_nobody_says_that_it_is_compiled(fabric, model, capsys):
    from torch._dynamo.config import patch

    with patch(disable=True):
        assert settle_program(fabric, model, model.features, 10**9) == model.features
        assert "computes as it is: TORCHDYNAMO_DISABLE turns compiling off." in capsys.readouterr().err
        with pytest.raises(InputError, match="TORCHDYNAMO_DISABLE"):
            settle_program(fabric, model, model.features, 1, compile="always")


def test_a_compiler_that_is_missing_is_missed_at_once(fabric, model, monkeypatch, capsys):
    monkeypatch.setenv("CXX", "no-such-compiler")
    monkeypatch.setattr(torch, "compile", lambda *_, **__: pytest.fail("asked to compile"))
    assert settle_program(fabric, model, model.features, 10**9) == model.features
    assert "there is no C++ compiler no-such-compiler, which CXX names" in capsys.readouterr().err


def test_a_dry_run_of_predictions_knows_of_it(trained, tmp_path, monkeypatch, capsys):
    Image.fromarray(np.zeros((8, 8), dtype=np.uint8)).save(tmp_path / "a.png")
    words = ["predict", str(trained / "checkpoints/last.pt"), str(tmp_path), "--device", "cpu", "--dry-run"]
    assert main(words) == 0
    assert "compiling" not in capsys.readouterr().out
    monkeypatch.setattr(compiled, "_ENOUGH_PIXELS", 1)
    assert main(words) == 0
    assert "not in it: compiling the network" in capsys.readouterr().out


def test_of_a_network_that_gives_nan_the_compiler_is_not_blamed(fabric, model, capsys):
    torch.nn.init.constant_(model.model.layer3[0].conv1.weight, float("nan"))
    assert settle_program(fabric, model, model.features, 10**9) == model.features
    assert "its features of made-up images are no finite numbers" in capsys.readouterr().err


@pytest.mark.parametrize("wanted", [False, True])
def test_what_the_compiler_logs_is_kept_back_unless_it_is_asked_for(fabric, model, monkeypatch, capsys, caplog, wanted):
    import logging

    def talkative(features_of, **_):
        logging.getLogger("torch._inductor").warning("no CUDA runtime")
        return features_of

    monkeypatch.setattr(torch, "compile", talkative)
    monkeypatch.setattr(logging.getLogger("torch"), "propagate", True)
    monkeypatch.setenv("TORCH_LOGS", "") if wanted else monkeypatch.delenv("TORCH_LOGS", raising=False)
    settle_program(fabric, model, model.features, 10**9)
    assert ("no CUDA runtime" in caplog.text) == wanted
    logging.getLogger("torch._inductor").warning("heard again")
    assert "heard again" in caplog.text


def test_settled_features_say_how_they_are_computed(fabric, model, not_compiling, monkeypatch):
    assert settle_features(fabric, model, 10**9, quiet=True).how == "float32"
    compiled_as(monkeypatch, lambda features: features)
    settled = settle_features(fabric, model, 10**9, quiet=True)
    assert (settled.how, settled.is_compiled) == ("float32, compiled", True)
    images = torch.randn(3, 3, 16, 16)
    torch.testing.assert_close(settled(images), model.features(images))


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("digits")
    assert main(["train", "digits", "--epochs", "1", "--device", "cpu", "--quiet", "--out", str(folder)]) == 0
    return folder


def extract(trained, out, *words):
    return main(["extract", str(trained), "--device", "cpu", "--out", str(out), *words])


def computed(out):
    files = [open_feature_file(out / f"feature_{split}.h5") for split in ("train", "val", "test")]
    return [file.attributes["computed"] for file in files], [np.array(file.features) for file in files]


def test_a_folder_keeps_what_it_holds_unless_another_precision_is_named(trained, tmp_path, capsys):
    assert extract(trained, tmp_path, "--precision", "bfloat16") == 0
    begun, rounded = computed(tmp_path)
    assert begun == ["bfloat16"] * 3
    assert extract(trained, tmp_path, "--precision", "bfloat16") == 0
    capsys.readouterr()
    assert extract(trained, tmp_path, "--precision", "float32") == 0
    assert "feature_train.h5 was computed in bfloat16: again, in float32" in capsys.readouterr().err
    again, features = computed(tmp_path)
    assert again == ["float32"] * 3
    assert all((a != b).any() for a, b in zip(rounded, features, strict=True))
    before = (tmp_path / "feature_train.h5").stat().st_mtime_ns
    assert extract(trained, tmp_path) == 0  # nobody named one: what is whole stays
    assert (tmp_path / "feature_train.h5").stat().st_mtime_ns == before
    assert extract(trained, tmp_path, "--compile", "never") == 0
    assert (tmp_path / "feature_train.h5").stat().st_mtime_ns == before


def test_the_splits_of_a_folder_are_computed_alike(trained, tmp_path):
    assert extract(trained, tmp_path, "--precision", "float32") == 0
    (tmp_path / "feature_val.h5").unlink()
    assert extract(trained, tmp_path, "--precision", "bfloat16") == 0
    assert computed(tmp_path)[0] == ["bfloat16"] * 3


def test_what_was_begun_in_another_precision_is_begun_anew(trained, tmp_path, monkeypatch):
    """Killed after the first batch, whose rows are whole on the disk."""
    from longtail.training import unfinished

    class Killed(BaseException):
        pass

    def advance(self):
        self.done += 1
        self._write()
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(unfinished.UnfinishedFeatures, "advance", advance)
        with pytest.raises(Killed):
            extract(trained, tmp_path / "cut", "--precision", "float32", "--quiet")
    assert extract(trained, tmp_path / "cut", "--precision", "bfloat16", "--quiet") == 0
    assert extract(trained, tmp_path / "whole", "--precision", "bfloat16", "--quiet") == 0
    for one, other in zip(computed(tmp_path / "cut")[1], computed(tmp_path / "whole")[1], strict=True):
        np.testing.assert_array_equal(one, other)


def test_predict_says_what_it_computes_by(trained, tmp_path, not_compiling, monkeypatch, capsys):
    monkeypatch.setattr(compiled, "_ENOUGH_PIXELS", 1)
    Image.fromarray(np.zeros((8, 8), dtype=np.uint8)).save(tmp_path / "a.png")
    words = ["predict", str(trained / "checkpoints/last.pt"), str(tmp_path), "--device", "cpu"]
    assert main([*words, "--out", str(tmp_path / "p.csv")]) == 0
    assert "computes as it is: it cannot be compiled" in capsys.readouterr().err
    assert main([*words, "--out", str(tmp_path / "p.csv"), "--quiet"]) == 0
    assert "computes as it is" not in capsys.readouterr().err


@pytest.mark.parametrize(("views", "told"), [(1, False), (2, True)])
def test_a_dry_run_counts_the_views_that_are_computed(trained, tmp_path, monkeypatch, capsys, views, told):
    images = 343 + 150 + 400
    monkeypatch.setattr(compiled, "_ENOUGH_PIXELS", images * 8**2 + 1)
    assert extract(trained, tmp_path, "--test-views", str(views), "--dry-run") == 0
    assert ("compiling the network, about half a minute" in capsys.readouterr().out) == told


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
