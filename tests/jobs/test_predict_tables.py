"""`longtail predict` and `evaluate` on tables of images: kinds of inputs, formats of the results, events."""

import csv
import json
from shutil import copytree

import numpy as np
import pytest

from longtail.cli import main
from longtail.data.manifests import ManifestChoice
from longtail.errors import InputError
from longtail.evaluation.event_labels import labels_of_events
from longtail.evaluation.event_pooling import pooled_by_event
from longtail.features import write_features
from longtail.jobs.predicting.kind_of_inputs import are_features
from longtail.jobs.predicting.units import complete_units, pooled_units


@pytest.fixture(scope="module")
def network(bees_and_cows, tmp_path_factory):
    """The run of a network, and a Camtrap DP package with new images and a table of them."""
    folder = tmp_path_factory.mktemp("network")
    copytree(bees_and_cows / "photos", folder / "photos")
    (folder / "run").symlink_to(bees_and_cows / "run")
    names = [f"{name}/{number:02d}.png" for name in ("bee", "cow") for number in range(3)]
    (folder / "photos" / "new.csv").write_text(
        "file,media,sequence\n"
        + "".join(f"{name},m{row},{'pq'[row % 2] if row < 5 else ''}\n" for row, name in enumerate(names))
    )
    resources = [{"name": name, "path": f"{name}.csv"} for name in ("deployments", "media", "observations")]
    (folder / "photos" / "datapackage.json").write_text(json.dumps({"resources": resources}))
    (folder / "photos" / "deployments.csv").write_text("deploymentID\nd\n")
    (folder / "photos" / "media.csv").write_text(
        "mediaID,deploymentID,timestamp,filePath\n"
        + "".join(f"m{row},d,2020-01-01T00:00:0{row}Z,{name}\n" for row, name in enumerate(names))
    )
    return folder


def predict(network, out, *words, inputs="photos/new.csv"):
    fixed = ["predict", network / "run", network / inputs, "--out", out, "--device", "cpu", "--workers", "0"]
    return main([*map(str, fixed), *words])


def read(path, delimiter=",", encoding="utf-8"):
    with path.open(encoding=encoding, newline="") as file:
        return list(csv.DictReader(file, delimiter=delimiter))


TABLE = ("--id-column", "media", "--event-column", "sequence")


def test_a_table_without_labels_is_predicted(network, tmp_path):
    assert predict(network, tmp_path / "p.csv", "--quiet") == 0
    table = read(tmp_path / "p.csv")
    assert [row["input"] for row in table][:1] == [str(network / "photos" / "bee" / "00.png")]
    assert predict(network, tmp_path / "f.csv", "--quiet", inputs="photos/bee") == 0
    for ours, theirs in zip(table[:3], read(tmp_path / "f.csv")[:3], strict=True):
        assert (ours["prediction"], ours["bee"]) == (theirs["prediction"], theirs["bee"])


@pytest.mark.parametrize(
    ("form", "name"),
    [
        ("manifest", "predictions.csv"),
        ("camtrap-dp", "observations.csv"),
        ("ecotaxa", "ecotaxa_predictions.tsv"),
        ("megadetector", "predictions.json"),
        ("coco", "predictions.coco.json"),
        ("wildlife-insights", "images_predictions.csv"),
    ],
)
def test_every_format_is_written(network, tmp_path, capsys, form, name):
    assert predict(network, tmp_path / "out", "--format", form, *TABLE, "--model-name", "bees 1.0") == 0
    told = capsys.readouterr().out
    assert "6 predictions of joint in " in told
    text = (tmp_path / "out" / name).read_text(encoding="utf-8-sig")
    assert "bees 1.0" in text
    assert "cow" in text or "bee" in text


def test_the_usual_name_of_a_model_has_version_run_and_head(network, tmp_path):
    from longtail import __version__

    assert predict(network, tmp_path / "p.json", "--format", "megadetector", "--quiet") == 0
    assert json.loads((tmp_path / "p.json").read_text())["info"]["classifier"] == f"longtail {__version__} run/joint"


def test_events_are_pooled_beside(network, tmp_path, capsys):
    assert predict(network, tmp_path / "p.csv", *TABLE, "--by-event") == 0
    assert "3 events in " in capsys.readouterr().out
    images, events = read(tmp_path / "p.csv"), read(tmp_path / "p.events.csv")
    assert [row["images"] for row in events] == ["2", "3", "1"]  # as soon as all images of one are there
    p = np.array([[float(row[name]) for name in ("bee", "cow")] for row in images])
    pooled = np.exp(np.log(p[::2][:3]).mean(axis=0))
    first = next(row for row in events if row["event"] == "p")
    assert float(first["bee"]) == pytest.approx(pooled[0] / pooled.sum(), abs=1e-5)
    # an event without a name is its image
    assert events[-1]["event"] == "cow/02.png"
    # by the names of images, and the most likely classes alone
    assert predict(network, tmp_path / "q.csv", "--by-event", "--event-by", "folder:1", "--top", "1", "--quiet") == 0
    assert [(row["event"], row["images"]) for row in read(tmp_path / "q.events.csv")] == [("bee", "3"), ("cow", "3")]
    assert list(read(tmp_path / "q.events.csv")[0]) == ["event", "images", "class_1", "probability_1"]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--by-event",), "--by-event: nothing says which inputs are of one event"),
        (("--by-event", "--event-by", "^x"), "--event-by '^x' fits none of the 6 images"),
        (("--format", "ecotaxa"), "needs the object_id of each input, and these have none"),
        (("--format", "coco", "--sets"), "--sets and --reject are columns of --format csv"),
        (("--image-column", "photo"), "has no column 'photo' (--image-column)"),
        (("--input-format", "table", "--root", "run"), "Say which folder the paths are relative to: --root"),
    ],
)
def test_mistakes_are_told(network, tmp_path, capsys, monkeypatch, words, told):
    monkeypatch.chdir(network)
    assert predict(network, tmp_path / "out", *words) == 2
    assert told in capsys.readouterr().err
    assert not list(tmp_path.rglob("*.*"))


def test_a_file_of_another_ending_is_refused(network, tmp_path, capsys):
    assert predict(network, tmp_path / "p.csv", "--format", "coco") == 2
    assert "expected a folder, or a file that ends in .json" in capsys.readouterr().err


def test_a_table_of_images_is_told_from_features(tmp_path):
    images, features = tmp_path / "images.csv", tmp_path / "features.csv"
    images.write_text("file,species,age\na.jpg,fox,3\n")
    features.write_text("file,f0,f1,f2\na.jpg,0.5,1,2\n")
    none = ManifestChoice()
    assert not are_features(images, none, None, 3)
    assert are_features(features, none, None, 3)
    assert are_features(features, none, ("f0", "f1"), 2)
    assert not are_features(features, ManifestChoice(format="table"), None, 3)
    assert are_features(tmp_path / "missing.npz", none)


# pooling


def test_pooling_is_that_of_a_loop():
    rng = np.random.default_rng(1)
    p = rng.dirichlet(np.ones(4), size=40)
    p[3] = [0, 0.5, 0.5, 0]
    events = rng.integers(0, 9, size=40)
    pooled, event = pooled_by_event(p, events)
    order = list(dict.fromkeys(events.tolist()))
    assert [order[e] for e in event] == events.tolist()
    for number, name in enumerate(order):
        logs = np.log(np.maximum(p[events == name], np.finfo(float).tiny)).mean(axis=0)
        logs[~(p[events == name] > 0).any(axis=0)] = -np.inf
        np.testing.assert_allclose(pooled[number], np.exp(logs) / np.exp(logs).sum(), atol=1e-12)


def test_units_come_as_soon_as_they_are_whole():
    p = np.random.default_rng(2).dirichlet(np.ones(3), size=9)
    codes = np.array([4, 4, 1, 7, 1, 1, 0, 7, 0])
    blocks = [([""] * 4, p[:4]), ([""] * 5, p[4:])]
    units = list(complete_units(iter(blocks), codes))
    assert [rows.tolist() for rows, _ in units] == [[0, 1], [2, 4, 5], [3, 7], [6, 8]]
    assert all(np.array_equal(values, p[rows]) for rows, values in units)
    whole, event = pooled_by_event(p, codes)
    for rows, values in pooled_units(iter(blocks), codes):
        np.testing.assert_allclose(values, whole[event[rows[0]]])


# evaluation


def test_an_event_of_several_classes():
    labels, events, counts = np.array([0, 1, 1, 2, 0]), ["a", "a", "b", "a", "c"], np.array([50, 9, 3])
    with pytest.raises(InputError, match=r"event 'a' are of several classes: x, y, z, and so are those of 0 others"):
        labels_of_events(labels, events, counts, "xyz")
    of_events, _ = labels_of_events(labels, events, counts, "xyz", "majority")
    assert of_events.tolist() == [2, 1, 0]  # of three classes with one image each, the rarest


def test_accuracy_by_event_of_a_file(tmp_path, capsys):
    (tmp_path / "counts.txt").write_text("120\n10\n")
    (tmp_path / "p.csv").write_text(
        "input,prediction,label,burst,fox,lynx\n"
        "1,fox,fox,a,0.9,0.1\n2,lynx,fox,a,0.4,0.6\n3,fox,lynx,b,0.55,0.45\n4,lynx,lynx,b,0.2,0.8\n"
    )
    words = ["evaluate", str(tmp_path / "p.csv"), "--train-counts", str(tmp_path / "counts.txt")]
    assert main([*words, "--by-event", "--event-column", "burst", "--out", str(tmp_path / "out")]) == 0
    told = capsys.readouterr().out
    assert "prediction on test, pooled by event, 2 events" in told
    measured = json.loads((tmp_path / "out" / "evaluation.json").read_text())["methods"]["prediction"]
    assert (measured["all"], measured["by_event"]["all"]) == (50.0, 100.0)
    assert measured["by_event"]["intervals"]["all"][1] == 100.0
    for changed, message in (
        (["--by-event"], "has no column 'event' (--event-column)"),
        (["--event-column", "burst"], "--event-column and --event-by are for --by-event"),
    ):
        assert main([*words, *changed]) == 2
        assert message in capsys.readouterr().err


def test_accuracy_by_event_of_a_run(network, tmp_path, capsys):
    words = ["evaluate", str(network / "run"), "--by-event"]
    assert main([*words, "--event-by", "^([a-z]+)/.(.)", "--out", str(tmp_path)]) == 0
    assert "pooled by event" in capsys.readouterr().out
    assert main(words) == 2
    assert "--by-event: the features in" in capsys.readouterr().err
    # an event holds both classes
    assert main([*words, "--event-by", "/0"]) == 2
    assert "--event-labels majority" in capsys.readouterr().err
    assert main([*words, "--event-by", "/0", "--event-labels", "majority"]) == 0


def test_events_of_a_table_of_features(tmp_path, capsys):
    rng = np.random.default_rng(0)
    lines = ["label,burst,f0,f1,split"]
    for split, number in (("train", 20), ("test", 8)):
        for row in range(number):
            x = rng.normal(size=2) + 3 * (row % 2)
            lines.append(f"{'ab'[row % 2]},{row // 4}{row % 2},{x[0]:.4f},{x[1]:.4f},{split}")
    (tmp_path / "f.csv").write_text("\n".join(lines) + "\n")
    fit = ["fit", str(tmp_path / "f.csv"), "--methods", "ncm", "--drop-columns", "burst", "--label-check", "none"]
    assert main([*fit, "--out", str(tmp_path / "run"), "--quiet"]) == 0
    words = ["evaluate", str(tmp_path / "run"), "--features", str(tmp_path / "f.csv"), "--by-event"]
    assert main([*words, "--event-column", "burst", "--changed", "use"]) == 0
    assert "4 events" in capsys.readouterr().out


@pytest.fixture(scope="module")
def sequences(tmp_path_factory):
    """A run of features with groups and events in columns, and new rows: as a table, and as arrays."""
    folder, rng = tmp_path_factory.mktemp("sequences"), np.random.default_rng(0)
    labels = np.arange(60) % 2
    values = rng.normal(size=(60, 2)) + 2 * labels[:, None]
    lines = ["label,site,burst,f0,f1"]
    for row, (a, b) in enumerate(values):
        lines.append(f"{'ab'[labels[row]]},s{row // 6},b{row // 2}{row % 2},{a:.4f},{b:.4f}")
    (folder / "f.csv").write_text("\n".join(lines) + "\n")
    (folder / "new.csv").write_text("site,burst,f0,f1\n" + "".join(f"{line[2:]}\n" for line in lines[1:25]))
    groups, events = (np.array([line.split(",")[k] for line in lines[1:25]]) for k in (1, 2))
    np.savez(folder / "new.npz", features=values[:24], groups=groups, events=events)
    words = ["fit", str(folder / "f.csv"), "--group-column", "site", "--event-column", "burst", "--methods", "joint"]
    assert main([*words, "--out", str(folder / "run"), "--quiet"]) == 0
    return folder


@pytest.mark.parametrize(
    ("name", "words"), [("new.csv", []), ("new.csv", ["--event-column", "burst"]), ("new.npz", [])]
)
def test_rows_of_features_are_pooled_by_the_events_of_their_column_or_array(sequences, tmp_path, name, words):
    call = ["predict", str(sequences / "run"), str(sequences / name), "--by-event", *words]
    assert main([*call, "--out", str(tmp_path / "p.csv"), "--quiet"]) == 0
    events = read(tmp_path / "p.events.csv")
    assert len(events) == 24
    assert {row["event"] for row in events} == {f"b{row // 2}{row % 2}" for row in range(24)}


def test_an_estimated_prior_of_rows_of_features_draws_their_groups(sequences, tmp_path, capsys):
    call = ["predict", str(sequences / "run"), str(sequences / "new.csv"), "--prior", "estimated-em"]
    assert main([*call, "--out", str(tmp_path / "p.csv")]) == 0
    assert "its interval draws the 4 groups of the inputs" in capsys.readouterr().out
    assert main([*call, "--group-column", "burts", "--out", str(tmp_path / "p.csv")]) == 2
    assert "--group-column burts: there is no such column" in capsys.readouterr().err


def test_what_predict_wrote_is_measured_once_the_true_classes_stand_beside(sequences, tmp_path, capsys):
    out = tmp_path / "p.csv"
    assert main(["predict", str(sequences / "run"), str(sequences / "new.csv"), "--out", str(out), "--quiet"]) == 0
    rows = read(out)
    with out.open("w", newline="") as file:
        writer = csv.DictWriter(file, ["label", *rows[0]])
        writer.writeheader()
        writer.writerows({"label": "ab"[row % 2], **one} for row, one in enumerate(rows))
    (tmp_path / "counts.txt").write_text("120\n10\n")
    words = ["evaluate", str(out), "--train-counts", str(tmp_path / "counts.txt"), "--out", str(tmp_path / "e")]
    assert main(words) == 0
    right = np.mean([one["prediction"] == "ab"[row % 2] for row, one in enumerate(rows)])
    measured = json.loads((tmp_path / "e" / "evaluation.json").read_text())["methods"]["prediction"]
    assert measured["all"] == pytest.approx(100 * right)
    assert "by_event" not in measured


def test_a_run_on_boxes_tells_when_whole_images_come(network, tmp_path, capsys):
    boxed, names = (
        tmp_path / "boxed.csv",
        [f"{name}/{number:02d}.png" for name in ("bee", "cow") for number in range(8)],
    )
    lines = [f"{name},{name[:3]},0.1,0.1,0.8,0.8" for name in names]
    boxed.write_text("file,label,x,y,width,height\n" + "\n".join(lines) + "\n")
    words = ["run", "folder", "--data", str(boxed), "--root", str(network / "photos"), "--epochs", "1"]
    words += ["--image-size", "8", "--backbone", "digits_cnn", "--methods", "ncm", "--device", "cpu", "--quiet"]
    assert main([*words, "--out", str(tmp_path / "r")]) == 0
    call = ["predict", str(tmp_path / "r"), "--device", "cpu", "--workers", "0", "--out", str(tmp_path / "p.csv")]
    assert main([*call, str(network / "photos" / "bee")]) == 0
    assert "the run has learnt from boxes" in capsys.readouterr().out
    assert main([*call, str(boxed), "--root", str(network / "photos")]) == 0
    assert "the run has learnt from boxes" not in capsys.readouterr().out


def test_features_have_events_by_their_names(tmp_path):
    values = np.eye(4, 3, dtype=np.float32)
    write_features(tmp_path / "feature_train.h5", values, np.array([0, 1, 0, 1]), ids=["a_1", "a_2", "b_1", "b_2"])
    from longtail.features import open_feature_file
    from longtail.jobs.predicting.event_accuracy import events_of_features

    file = open_feature_file(tmp_path / "feature_train.h5")
    assert events_of_features(file, None, "^(.)_") == ["a", "a", "b", "b"]
