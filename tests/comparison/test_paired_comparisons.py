"""What the test images show and what not: in results.json, in words, and over seeds."""

import json

import numpy as np
import pytest
from scipy.stats import ttest_rel

from longtail.cli import main
from longtail.comparison.paired_comparisons import Measured, paired_comparisons
from longtail.comparison.verdict import verdict
from longtail.evaluation import corrected, paired_metric_tests
from longtail.features import write_features
from longtail.jobs.seeds import summarize

GROUPS = np.array(["many", "medium", "few"])


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    rng, path = np.random.default_rng(0), tmp_path_factory.mktemp("features")
    for split, counts in (("train", [300, 60, 6]), ("val", [30, 20, 8]), ("test", [60, 40, 9])):
        labels = np.repeat(np.arange(3), counts)
        features = 1.6 * np.eye(3, 6)[labels] + rng.normal(size=(len(labels), 6))
        write_features(path / f"feature_{split}.h5", features.astype("f4"), labels)
    return path


def fit(folder, *words, out):
    assert main(["fit", str(folder), "--out", str(folder / out), *words]) == 0
    return json.loads((folder / out / "results.json").read_text())


def test_each_method_is_compared_with_joint_and_with_the_best(folder, capsys):
    found = fit(folder, "--methods", "joint,ncm,tau,auto", out="fit")
    comparisons = found["comparisons"]
    pairs = [(pair["method"], pair["baseline"]) for pair in comparisons["pairs"]]
    others = ["ncm", "tau", "ensemble"]
    assert pairs == [(name, "joint") for name in [*others, "auto"]] + [(name, "auto") for name in others]
    table = np.loadtxt(folder / "fit" / "predictions" / "test.csv", delimiter=",", skiprows=1, dtype=int)
    header = (folder / "fit" / "predictions" / "test.csv").read_text().splitlines()[0].split(",")
    column = {name: table[:, place] for place, name in enumerate(header)}
    expected = paired_metric_tests(column["label"], column["ncm"], column["auto"], GROUPS)
    for name, cell in comparisons["pairs"][4]["metrics"].items():
        assert cell["p"] == expected[name].p
        assert cell["difference"] == expected[name].difference
    p = [pair["metrics"]["few"]["p"] for pair in comparisons["pairs"]]
    assert [pair["metrics"]["few"]["p_corrected"] for pair in comparisons["pairs"]] == corrected(p)
    assert comparisons["correction"] == "holm"
    doubt = found["verdict"]["doubt"]
    assert (doubt is None) or doubt in capsys.readouterr().out


def test_the_other_correction_is_an_option(folder):
    found = fit(folder, "--methods", "joint,ncm,tau", "--correction", "benjamini-hochberg", out="other")
    p = [pair["metrics"]["all"]["p"] for pair in found["comparisons"]["pairs"]]
    values = [pair["metrics"]["all"]["p_corrected"] for pair in found["comparisons"]["pairs"]]
    assert values == corrected(p, "benjamini-hochberg")


def results_of(labels, predictions, best="tau"):
    comparisons = paired_comparisons(Measured(labels, predictions), GROUPS, best)
    pair = comparisons["pairs"][0]
    counts = np.bincount(labels, minlength=3)
    recall = {
        name: [100 * float((found == labels)[labels == c].mean()) if counts[c] else None for c in range(3)]
        for name, found in predictions.items()
    }
    methods = {
        name: {
            "selected_on": "val",
            "metrics": {
                "val": {"balanced": float(name == best)},
                "test": {"per_class_images": counts.tolist(), "per_class": recall[name]},
            },
            "versus_joint": pair["metrics"],
        }
        for name in predictions
    }
    return {"methods": methods, "data": {"group_of_class": GROUPS.tolist()}, "comparisons": comparisons}


@pytest.mark.parametrize(("found", "told"), [(9, False), (2, True)])
def test_a_claim_that_is_not_shown_is_named(found, told):
    labels = np.repeat([0, 1, 2], [50, 30, 10])
    joint = np.where(labels == 2, 0, labels)
    tau = joint.copy()
    tau[80 : 80 + found] = 2
    # one rare image of ten would be 10 points
    doubt = verdict(results_of(labels, {"joint": joint, "tau": tau}))["doubt"]
    assert (doubt is not None) == told
    if told:
        assert doubt.startswith("A gain in the rare classes is not shown (p = 0.31): test images like these would show")


def test_results_without_comparisons_have_no_doubt():
    labels = np.repeat([0, 1, 2], [50, 30, 10])
    results = results_of(labels, {"joint": np.zeros(90, int), "tau": labels})
    results["comparisons"] = None
    assert verdict(results)["doubt"] is None


def test_seeds_are_compared_in_pairs(tmp_path, capsys):
    rng = np.random.default_rng(1)
    base = rng.normal(50, 5, 4)
    values = {"joint": base, "tau": base + 3 + rng.normal(0, 1, 4), "la": base + 1}
    runs = [
        {
            "title": "made up",
            "command": "longtail fit",
            "seed": seed,
            "environment": {},
            "methods": {
                name: {
                    "metrics": {"test": {**dict.fromkeys(("all", "balanced", "many", "few"), v[seed]), "medium": None}}
                }
                for name, v in values.items()
            },
        }
        for seed in range(4)
    ]
    versus = summarize(runs, tmp_path)["versus_joint"]
    expected = ttest_rel(values["tau"], values["joint"]).pvalue
    assert versus["tau"]["few"]["p"] == pytest.approx(expected)
    assert versus["tau"]["medium"] is None
    assert versus["la"]["few"]["p"] is None  # the same with every seed: no spread to test against
    assert versus["tau"]["few"]["p_corrected"] == versus["tau"]["few"]["p"]
    assert f"p = {expected:.2g}" in capsys.readouterr().out
    assert json.loads((tmp_path / "summary.json").read_text())["correction"] == "holm"


def write_split(folder, split, rows, labels):
    write_features(folder / f"feature_{split}.h5", rows.astype("f4"), labels)


def test_headline_and_doubt_agree_in_the_case_of_a_few_images(tmp_path, capsys):
    # six images of which the recommended method finds two more: a third of the class, and no proof
    labels = np.repeat([0, 1, 2], [50, 30, 6])
    joint = np.where(labels == 2, 0, labels)
    tau = joint.copy()
    tau[80:82] = 2
    told = verdict(results_of(labels, {"joint": joint, "tau": tau}))
    assert "(+33.3 points as the mean over these classes, 95 % interval [-" in told["sentence"]
    assert told["sentence"].count("which may be chance") >= 1
    assert "is not shown" in told["doubt"]


@pytest.mark.parametrize("correction", ["holm", "benjamini-hochberg"])
def test_intervals_and_corrected_p_agree_for_every_pair(correction):
    rng = np.random.default_rng(2)
    labels = np.repeat([0, 1, 2], [40, 20, 7])
    names = ("joint", "ncm", "crt", "tau", "la", "lws")
    for trial in range(6):
        rates = rng.uniform(0.3, 0.9, size=(len(names), 3)) if trial % 2 else np.full((len(names), 3), 0.6)
        predictions = {
            name: np.where(rng.random(67) < rate[labels], labels, (labels + 1) % 3)
            for name, rate in zip(names, rates, strict=True)
        }
        found = paired_comparisons(Measured(labels, predictions), GROUPS, "tau", correction=correction)
        for pair in found["pairs"]:
            for cell in pair["metrics"].values():
                low, high = cell["interval"]
                assert (low > 0 or high < 0) == (cell["p_corrected"] < found["level"])
                assert low < high


def test_a_test_split_that_is_train_again_is_told_at_the_headline(tmp_path, capsys):
    rng = np.random.default_rng(0)
    labels = np.repeat([0, 1, 2], [40, 20, 8])
    rows = rng.normal(size=(68, 10))
    for split in ("train", "test"):
        write_split(tmp_path, split, rows, labels)
    found = fit(tmp_path, "--methods", "joint,ncm", out="copy")
    leak = "68 of 68 test rows stand in train too: this test split says nothing about new images."
    assert found["verdict"]["leak"] == leak
    assert leak in capsys.readouterr().out
    assert leak in (tmp_path / "copy" / "report.html").read_text()
    assert found["shared_rows"]["without"] is None


def test_near_copies_of_noise_are_told_with_what_is_left(tmp_path, capsys):
    rng = np.random.default_rng(1)
    classes = np.arange(120) % 4
    originals = rng.normal(size=(120, 8))
    near = originals + 0.08 * rng.normal(size=(120, 8))
    write_split(tmp_path, "train", originals, classes)
    write_split(tmp_path, "val", near[:60], classes[:60])
    fresh = rng.normal(size=(20, 8))
    write_split(tmp_path, "test", np.concatenate([near[60:], fresh]), np.concatenate([classes[60:], np.arange(20) % 4]))
    found = fit(tmp_path, "--methods", "joint,knn", out="near")
    shared = found["shared_rows"]
    assert shared["pairs"]["test"]["rows"] == 80
    assert 50 <= shared["near"] <= 62
    assert shared["without"]["knn"]["images"] == 80 - shared["near"]
    assert found["methods"]["knn"]["metrics"]["test"]["all"] > shared["without"]["knn"]["all"] + 20
    assert "nearly the same as one of train or val" in found["verdict"]["leak"]
    assert "val rows are nearly the same as one of train: what was chosen there" in found["verdict"]["leak"]
    assert found["verdict"]["leak"] in capsys.readouterr().out


def test_classes_without_test_images_and_unfinished_heads_are_named():
    labels = np.repeat([0, 1], [50, 30])
    results = results_of(labels, {"joint": labels, "tau": labels})
    results["data"]["class_names"] = ["ant", "bee", "cat"]
    results["methods"]["tau"]["notes"] = ["it was stopped before it had converged"]
    doubts = verdict(results)["doubts"]
    assert doubts == [
        "tau: it was stopped before it had converged",
        "1 of 3 classes has no test image (cat): nothing is measured of it, and no mean counts it.",
    ]
