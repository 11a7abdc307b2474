"""The commands as a user types them, one after the other, on the digits."""

import csv
import json

import numpy as np
import pytest

from longtail.cli import main
from longtail.comparison.method_names import USUAL_METHODS
from longtail.data import open_data
from longtail.data.decode import write_png
from longtail.features import open_feature_file
from longtail.heads import NearestClassMean, load_head, save_head
from longtail.jobs.predicting.predictor import open_predictor
from longtail.training.checkpoints import load_checkpoint

FAST = ["--device", "cpu", "--precision", "float32", "--quiet"]


@pytest.fixture(scope="module")
def digits_run(tmp_path_factory):
    """`longtail run digits`, shortened."""
    folder = tmp_path_factory.mktemp("runs") / "digits"
    assert main(["run", "digits", "--epochs", "12", "--out", str(folder), *FAST]) == 0
    return folder


def test_run_leaves_what_the_design_says(digits_run):
    for name in ("config.json", "results.json", "report.html", "metrics.csv", "splits.json"):
        assert (digits_run / name).is_file(), name
    assert {path.stem for path in (digits_run / "checkpoints").iterdir()} == {"last", "best"}
    heads = {path.stem for path in (digits_run / "heads").iterdir()}
    assert heads == set(USUAL_METHODS)
    names = {path.name for path in (digits_run / "features").iterdir()}
    assert names == {"feature_train.h5", "feature_val.h5", "feature_test.h5", "joint_head.npz"}
    assert not list(digits_run.rglob(".*")), "temporary files are left"


def test_results_hold_the_contract(digits_run):
    results = json.loads((digits_run / "results.json").read_text())
    assert results["schema"] == 2
    assert results["data"]["train_counts"] == [119, 78, 52, 34, 23, 15, 10, 6, 4, 2]
    assert results["methods"]["tau"]["selected_on"] == "val"
    assert results["methods"]["joint"]["selected_on"] == "given"
    test = results["methods"]["joint"]["metrics"]["test"]
    assert test["images"] == 400
    assert test["balanced"] == pytest.approx(np.mean(test["per_class"]))
    assert results["stage1"]["history"][-1]["epoch"] == 12
    assert results["verdict"]["sentence"].startswith("The rare classes: joint finds")
    for row in results["rare_classes"]:
        assert all((digits_run / example["file"]).is_file() for example in row["examples"])
    config = json.loads((digits_run / "config.json").read_text())
    assert config["stage"]["epochs"] == 12
    assert config["data"]["ratio"] == 40


def test_rare_classes_are_found_again(digits_run):
    methods = json.loads((digits_run / "results.json").read_text())["methods"]
    few = {name: entry["metrics"]["test"]["few"] for name, entry in methods.items()}
    assert max(few["crt"], few["tau"], few["lws"]) > few["joint"] + 5


def test_joint_is_the_networks_own_classifier(digits_run):
    """The stored features and head give the accuracy that training measured on validation."""
    results = json.loads((digits_run / "results.json").read_text())
    last = results["stage1"]["history"][-1]
    assert results["methods"]["joint"]["metrics"]["val"]["balanced"] == pytest.approx(last["val_balanced"])


def test_a_second_call_trains_nothing_and_gives_the_same(digits_run, capsys):
    before = json.loads((digits_run / "results.json").read_text())
    stamps = {p: p.stat().st_mtime_ns for p in [*digits_run.glob("checkpoints/*"), *digits_run.glob("features/*")]}
    assert main(["run", "digits", "--epochs", "12", "--out", str(digits_run), *FAST]) == 0
    assert all(path.stat().st_mtime_ns == stamp for path, stamp in stamps.items())
    after = json.loads((digits_run / "results.json").read_text())
    for name, entry in before["methods"].items():
        assert entry["metrics"] == after["methods"][name]["metrics"]


def test_other_settings_in_the_same_folder_are_refused(digits_run, capsys):
    assert main(["run", "digits", "--epochs", "13", "--out", str(digits_run), *FAST]) == 2
    assert "other settings: epochs 12, not 13" in capsys.readouterr().err


def test_train_refuses_a_used_folder_without_resume(digits_run, capsys):
    assert main(["train", "digits", "--out", str(digits_run), *FAST]) == 2
    assert "Go on with --resume" in capsys.readouterr().err


def test_the_steps_one_by_one_give_the_run(digits_run, tmp_path):
    steps = ["--backbone", "digits_cnn", "--profile", "exp", "--ratio", "40", "--epochs", "12", "--batch-size", "32"]
    steps += ["--learning-rate", "0.05", "--schedule", "cosine"]
    assert main(["train", "digits", *steps, "--out", str(tmp_path / "t"), *FAST]) == 0
    assert main(["extract", str(tmp_path / "t" / "checkpoints" / "last.pt"), *FAST]) == 0
    for split in ("train", "val", "test"):
        ours = open_feature_file(tmp_path / "t" / "features" / f"feature_{split}.h5")
        np.testing.assert_array_equal(
            ours.features, open_feature_file(digits_run / f"features/feature_{split}.h5").features
        )
    fit = ["--set", "crt,lws.batch_size=32", "--methods", "joint,tau", "--out", str(tmp_path / "f"), "--quiet"]
    assert main(["fit", str(tmp_path / "t" / "features"), *fit]) == 0
    ours, whole = (json.loads((folder / "results.json").read_text()) for folder in (tmp_path / "f", digits_run))
    assert ours["methods"]["tau"]["metrics"] == whole["methods"]["tau"]["metrics"]
    assert ours["stage1"] is None


def test_evaluate_a_head_and_a_prediction_file(digits_run, tmp_path):
    results = json.loads((digits_run / "results.json").read_text())["methods"]
    assert main(["evaluate", str(digits_run / "heads/tau.npz"), "--out", str(tmp_path)]) == 0
    measured = json.loads((tmp_path / "evaluation.json").read_text())["methods"]
    of_run = results["tau"]["metrics"]["test"]
    assert measured["tau"] == {name: value for name, value in of_run.items() if name != "calibration"}
    predictions = (digits_run / "predictions/test.csv").read_text()
    (tmp_path / "marked.csv").write_text(predictions, encoding="utf-8-sig")  # as spreadsheets save it
    np.savetxt(tmp_path / "counts.txt", [119, 78, 52, 34, 23, 15, 10, 6, 4, 2], fmt="%d")
    counts = ["--train-counts", str(tmp_path / "counts.txt")]
    for words in ([str(digits_run / "predictions/test.csv")], [str(tmp_path / "marked.csv"), *counts]):
        assert main(["evaluate", *words, "--out", str(tmp_path)]) == 0
        measured = json.loads((tmp_path / "evaluation.json").read_text())["methods"]
        assert measured["ncm"]["per_class"] == results["ncm"]["metrics"]["test"]["per_class"]


def test_predict_images_and_features_alike(digits_run, tmp_path):
    """Test images written out as files are predicted as their stored features are."""
    test = open_data("digits").test
    for index in range(0, 400, 20):
        write_png(test.load(index), tmp_path / "new" / f"{index:03}.png")
    arguments = ["--method", "tau", *FAST]
    assert main(["predict", str(digits_run), str(tmp_path / "new"), *arguments, "--out", str(tmp_path / "i.csv")]) == 0
    stored = str(digits_run / "features/feature_test.h5")
    assert main(["predict", str(digits_run), stored, *arguments, "--out", str(tmp_path / "f.csv")]) == 0
    images, features = (list(csv.DictReader((tmp_path / name).read_text().splitlines())) for name in ("i.csv", "f.csv"))
    assert len(images) == 20
    for row, index in zip(images, range(0, 400, 20), strict=True):
        assert row["input"].endswith(f"{index:03}.png")
        assert row["prediction"] == features[index]["prediction"]
        ours, theirs = ([float(r[str(c)]) for c in range(10)] for r in (row, features[index]))
        assert ours == pytest.approx(theirs, abs=1e-4)
        assert sum(ours) == pytest.approx(1, abs=1e-4)
    few = str(tmp_path / "few.csv")
    assert main(["predict", str(digits_run), stored, *arguments, "--top", "99", "--out", few]) == 0
    header, *rows = csv.reader((tmp_path / "few.csv").read_text().splitlines())
    assert header[-2:] == ["class_10", "probability_10"]
    assert all(len(row) == len(header) for row in rows)
    assert main(["predict", str(digits_run), stored, *arguments, "--top", "0", "--out", few]) == 2


def test_report_again(digits_run):
    page = (digits_run / "report.html").read_text()
    (digits_run / "report.html").unlink()
    assert main(["report", str(digits_run), "--quiet"]) == 0
    assert (digits_run / "report.html").read_text() == page


def test_describe_and_pack_a_folder(tmp_path, capsys):
    digits = open_data("digits").train
    for index in range(0, len(digits), 4):
        write_png(digits.load(index), tmp_path / "photos" / f"digit {digits.labels[index]}" / f"{index}.png")
    (tmp_path / "photos" / "digit 0" / "broken.png").write_text("x")
    assert main(["describe", str(tmp_path / "photos"), "--out", str(tmp_path / "d")]) == 0
    told = capsys.readouterr().out
    assert "1 file cannot be read" in told
    facts = json.loads((tmp_path / "d" / "describe.json").read_text())
    assert facts["unreadable"][0]["image"].endswith("broken.png")
    assert (tmp_path / "d" / "counts.png").read_bytes().startswith(b"\x89PNG")
    pack = tmp_path / "photos.h5"
    assert main(["pack", str(tmp_path / "photos"), "--out", str(pack)]) == 2
    assert not pack.exists()
    assert main(["pack", str(tmp_path / "photos"), "--out", str(pack), "--skip-bad", "--quiet"]) == 0
    assert main(["describe", str(pack), "--out", str(tmp_path / "p")]) == 0
    packed = json.loads((tmp_path / "p" / "describe.json").read_text())
    assert sum(packed["splits"].values()) == sum(facts["splits"].values()) - 1


def test_crt_from_images_with_both_kinds_of_batch_norm(digits_run, tmp_path, capsys):
    import shutil

    found = {}
    for mode in ("frozen", "reestimated"):
        shutil.copytree(digits_run, tmp_path / mode)
        arguments = ["--epochs", "12", "--methods", "joint,crt", "--crt-from", "images", "--bn-mode", mode]
        arguments += ["--set", "crt.weight_decay=1e-3"]
        assert main(["run", "digits", *arguments, "--out", str(tmp_path / mode), *FAST]) == 0
        methods = json.loads((tmp_path / mode / "results.json").read_text())["methods"]
        found[mode] = methods["crt"]["metrics"]["test"]
        assert found[mode]["few"] > methods["joint"]["metrics"]["test"]["few"]
        test = open_data("digits").test
        write_png(test.load(7), tmp_path / "one" / "7.png")
        out = str(tmp_path / f"{mode}.csv")
        assert (
            main(["predict", str(tmp_path / mode), str(tmp_path / "one"), "--method", "crt", "--out", out, *FAST]) == 0
        )
        (row,) = csv.DictReader((tmp_path / f"{mode}.csv").read_text().splitlines())
        stored = list(csv.DictReader((tmp_path / mode / "predictions/test.csv").read_text().splitlines()))[7]
        assert row["prediction"] == stored["crt"]
        assert load_head(tmp_path / mode / "heads/crt.npz").weight_decay == 1e-3
        about = load_checkpoint(tmp_path / mode / "checkpoints/crt/last.pt")["about"]
        assert about["crt"]["weight_decay"] == 1e-3
        # the network that was retrained predicts, not that of stage 1
        assert open_predictor(tmp_path / mode, "crt").checkpoint == tmp_path / mode / "checkpoints/crt/last.pt"
        assert open_predictor(tmp_path / mode, "joint").checkpoint == tmp_path / mode / "checkpoints/last.pt"
        capsys.readouterr()
        for verb in ("evaluate", "calibrate"):
            assert main([verb, str(tmp_path / mode / "heads/crt.npz")]) == 2
            assert "features of its own that were not kept" in capsys.readouterr().err
    assert found["frozen"] != found["reestimated"]


def test_the_network_behind_auto_is_that_of_the_method_it_stands_for(tmp_path):
    (tmp_path / "heads").mkdir()
    head = NearestClassMean().fit(np.eye(2), [0, 1])
    for name in ("auto", "joint"):
        save_head(head, tmp_path / "heads" / f"{name}.npz")
    entry = {"params": {}, "selected_on": "val", "seconds": 0.1, "metrics": {}}
    choice = {"method": "crt", "on": "val", "metric": "balanced", "rule": "highest score", "scores": {}}
    data = {
        "name": "two",
        "class_names": ["a", "b"],
        "train_counts": [1, 1],
        "group_of_class": ["few", "few"],
        "group_thresholds": {"many_above": 100, "few_below": 20},
        "splits": {},
    }
    results = {
        "schema": 2,
        "title": "two",
        "data": data,
        "methods": {"joint": entry, "auto": {**entry, "choice": {**choice, "fitted_on": ["train"]}}},
        "verdict": {"best": "auto"},
    }
    (tmp_path / "results.json").write_text(json.dumps(results))
    images = {"crt_from": "images"}
    # now, as a group of the heads' settings, and before settings had groups
    for settings in ({"images": images, "heads": {}}, {"heads": {"images": images}}, {"heads": images}):
        (tmp_path / "config.json").write_text(json.dumps(settings))
        assert open_predictor(tmp_path).checkpoint == tmp_path / "checkpoints/crt/last.pt"
        assert open_predictor(tmp_path, "joint").checkpoint == tmp_path / "checkpoints/last.pt"


def test_several_seeds_are_summarised(tmp_path, capsys):
    arguments = ["--epochs", "2", "--seeds", "2", "--methods", "joint,ncm", "--out", str(tmp_path)]
    assert main(["run", "digits", *arguments, *FAST]) == 0
    summary = json.loads((tmp_path / "summary.json").read_text())
    runs = [json.loads((tmp_path / f"seed-{seed}" / "results.json").read_text()) for seed in (0, 1)]
    values = [run["methods"]["ncm"]["metrics"]["test"]["few"] for run in runs]
    assert summary["methods"]["ncm"]["few"]["values"] == values
    assert summary["methods"]["ncm"]["few"]["mean"] == pytest.approx(np.mean(values))
    assert "| ncm |" in (tmp_path / "summary.md").read_text()
    assert runs[0]["data"]["train_counts"] == runs[1]["data"]["train_counts"]
