"""The verbs from Python: what they return is what the commands write, and they print nothing."""

import csv
import os

import numpy as np
import pytest
import torch
from PIL import Image

import longtail.verbs as verbs
from longtail.cli import main
from longtail.errors import InputError
from longtail.recipes import RECIPES
from longtail.runs import Run

QUICK = {"epochs": 2, "label_check": "none", "set": {"crt": {"epochs": 2}}}


@pytest.fixture(scope="module")
def run_folder(tmp_path_factory):
    return tmp_path_factory.mktemp("verbs") / "run"


@pytest.fixture(scope="module")
def finished(run_folder):
    return verbs.run("digits", methods=["joint", "tau", "auto"], seed=1, out=run_folder, **QUICK)


def test_a_run_is_what_the_command_makes(finished, tmp_path, capsys):
    assert isinstance(finished, Run)
    assert finished.recommended == "auto"
    assert finished.results["command"] is None
    words = ["run", "digits", "--methods", "joint,tau,auto", "--seed", "1", "--epochs", "2", "--label-check", "none"]
    assert main([*words, "--set", "crt.epochs=2", "--out", str(tmp_path / "r"), "--quiet"]) == 0
    typed = Run(tmp_path / "r").results["methods"]
    assert {name: entry["metrics"] for name, entry in finished.results["methods"].items()} == {
        name: entry["metrics"] for name, entry in typed.items()
    }
    capsys.readouterr()
    verbs.run("digits", methods="joint,tau,auto", seed=1, out=finished.folder, **QUICK)
    assert capsys.readouterr() == ("", "")


def test_its_config_is_the_one_that_the_command_writes(finished, tmp_path):
    words = ["run", "digits", "--methods", "joint,tau,auto", "--seed", "1", "--epochs", "2", "--label-check", "none"]
    assert main([*words, "--set", "crt.epochs=2", "--out", str(tmp_path / "r")]) == 0
    typed = Run(tmp_path / "r").settings
    assert finished.settings["runtime"].pop("out") == str(finished.folder)
    assert typed["runtime"].pop("out") == str(tmp_path / "r")
    assert finished.settings == typed


def test_settings_of_methods_are_taken_as_compare_takes_them(tmp_path, monkeypatch):
    configs = []
    monkeypatch.setattr("longtail.jobs.run.run", lambda config, table: configs.append(config) or tmp_path)
    for words in (
        {"settings": {"tau": {"tau": 0.7}}},
        {"set": {"tau": {"tau": 0.7}}},
        {"set": "tau.tau=0.7"},
        {"set": ["tau.tau=0.7"]},
    ):
        verbs.run("digits", **words)
    brought = RECIPES["digits"]().heads.set
    assert [config.heads.set for config in configs] == 4 * [(*brought, "tau.tau=0.7")]
    verbs.run("digits", set="crt.epochs=3", settings={"tau": {"tau": 0.7}})
    assert configs[-1].heads.set == (*brought, "crt.epochs=3", "tau.tau=0.7")


def test_a_place_that_cannot_be_written_is_told(finished, tmp_path, capsys):
    (tmp_path / "file").write_text("in the way")
    place = tmp_path / "file" / "there"
    for write in (lambda: verbs.run("digits", out=place, **QUICK), lambda: verbs.extract(finished, out=place)):
        with pytest.raises(InputError, match=r"Choose another path") as refusal:
            write()
        assert str(refusal.value).startswith(str(tmp_path / "file"))
    # the command line says the same
    assert main(["run", "digits", "--epochs", "1", "--out", str(place), "--quiet"]) == 2
    assert f"longtail: {tmp_path / 'file'}" in capsys.readouterr().err


def test_features_are_those_of_the_run(finished, tmp_path, capsys):
    splits = verbs.extract(finished, out=tmp_path / "features")
    assert capsys.readouterr() == ("", "")
    again = finished.open_features().splits["test"]
    np.testing.assert_array_equal(splits["test"].features, again.features)
    np.testing.assert_array_equal(splits["test"].labels, again.labels)


def test_predictions_are_those_that_the_command_writes(finished, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    features = finished.folder / "features" / "feature_test.h5"
    for settings in ({}, {"method": "joint", "prior": "uniform"}, {"prior": "estimated"}):
        predictions = verbs.predict(finished, features, **settings)
        assert capsys.readouterr() == ("", "")
        assert not list(tmp_path.iterdir())
        typed = [word for name, value in settings.items() for word in (f"--{name}", value)]
        out = ["--out", str(tmp_path / "p.csv"), "--quiet"]
        assert main(["predict", str(finished.folder), str(features), *typed, *out]) == 0
        capsys.readouterr()
        with (tmp_path / "p.csv").open() as file:
            rows = list(csv.DictReader(file))
        assert [row["prediction"] for row in rows] == predictions.classes.tolist()
        assert [row["input"] for row in rows] == list(predictions.inputs)
        for path in tmp_path.iterdir():
            path.unlink()
    assert predictions.probabilities.sum(axis=1) == pytest.approx(1)


def test_what_was_before_goes_on(tmp_path, monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    usual, state = torch.get_num_threads(), torch.get_rng_state()
    words = {"epochs": 1, "methods": "joint", "label_check": "none", "threads": usual + 1}
    verbs.run("digits", out=tmp_path, **words)
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.get_num_threads() == usual
    assert "OMP_NUM_THREADS" not in os.environ


def test_images_are_predicted(finished, tmp_path):
    Image.new("L", (8, 8), 100).save(tmp_path / "a.png")
    predictions = verbs.predict(finished.folder, tmp_path, workers=0)
    assert len(predictions.inputs) == 1
    assert predictions.probabilities.shape == (1, 10)


def test_a_table_of_images_is_predicted(finished, tmp_path):
    for number in range(3):
        Image.new("L", (8, 8), 80 * number).save(tmp_path / f"{number}.png")
    (tmp_path / "t.csv").write_text("photo,x,y,w,h\n" + "".join(f"{number}.png,0,0,0.5,1\n" for number in range(3)))
    boxes = ("x", "y", "w", "h")
    predictions = verbs.predict(finished, tmp_path / "t.csv", image_column="photo", box_columns=boxes, workers=0)
    assert predictions.inputs[0] == f"{tmp_path / '0.png'}[0,0,0.5x1]"


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (lambda path: verbs.run(path / "photos", backbnoe="x"), r"longtail.run: no such settings here: 'backbnoe'"),
        (lambda path: verbs.run(path / "photos", epochs=0), r"longtail.run: epochs is 0; expected"),
        (lambda path: verbs.run(path / "photos"), "no such file or folder"),
        (lambda path: verbs.run(path, recipe="folders"), r"`recipe` is 'folders'; expected one of cifar10-lt"),
        (lambda path: verbs.run("digits", settings={"tau": 0.7}), r"`settings` is \{'tau': 0.7\}; expected"),
        (lambda path: verbs.run("digits", settings={"tau": {"tua": 0.7}}), "tua"),
        (lambda path: verbs.run("digits", set=3), "`settings` is 3"),
        (lambda path: verbs.run("digits", weights="x.pt"), "`weights`: is for `frozen`"),
        (
            lambda path: verbs.run("digits", select_on="test"),
            "`select_on` test: choosing on the test split",
        ),
        (lambda path: verbs.run("digits", seeds=2), "`seeds`: longtail.run makes one run"),
        (lambda path: verbs.run(path, recipe="digits"), "`data`: digits are scikit-learn's own images"),
        (lambda path: verbs.predict(path, np.eye(3)), "`inputs` is ndarray; expected a path"),
        (lambda path: verbs.predict(path, path, top=3), "`top` is of the file"),
        (lambda path: verbs.predict(path, path, format="coco"), "`format` is of the file"),
        (lambda path: verbs.extract(path / "x.pt"), "no such checkpoint"),
    ],
)
def test_mistakes_are_told(call, told, tmp_path):
    with pytest.raises(InputError, match=told):
        call(tmp_path)


def test_predictions_show_themselves():
    names = tuple(f"<{number}>.png" for number in range(10))
    shown = verbs.Predictions(names, np.tile([0.75, 0.25], (10, 1)), ("a|b", "<i>"))
    assert repr(shown).splitlines()[:2] == ["10 predictions of 2 classes", "<0>.png  a|b  0.750"]
    assert repr(shown).endswith("and 2 more")
    html = shown._repr_html_()
    assert "<td>&lt;0&gt;.png</td><td>a|b</td><td>0.750</td>" in html
    assert html.count("<tr>") == 9
    assert repr(verbs.Predictions((), np.empty((0, 2)), ("a", "b"))) == "0 predictions of 2 classes"
