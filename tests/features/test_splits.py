"""Features and logits of others: every format gives the same rows, and what cannot be right is refused by name."""

import csv
import json

import h5py
import numpy as np
import pytest

from longtail.cli import main
from longtail.errors import InputError
from longtail.features import ColumnChoice, Reading, open_features, read_table, write_features

RNG = np.random.default_rng(0)
LABELS = np.repeat([0, 1, 2], [30, 12, 6])
NAMES = np.array(["ant", "bee", "cat"])
FEATURES = (RNG.normal(size=(48, 4)) + 3 * np.eye(3, 4)[LABELS]).astype(np.float32)


def write(path, features=FEATURES, labels=LABELS, name="features", **more):
    """Write the same rows in the format that the path's suffix asks for."""
    if path.suffix == ".npz":
        np.savez(path, **{name: features, "labels": labels, **more})
    elif path.suffix == ".npy":
        np.save(path, features)
        np.save(path.with_name(f"{path.stem}_labels.npy"), labels)
    elif path.suffix in (".h5", ".hdf5"):
        with h5py.File(path, "w") as file:
            file[name] = features
            for key, column in {"labels": labels, **more}.items():
                file[key] = column.astype("S") if column.dtype.kind == "U" else column
    elif path.suffix == ".parquet":
        pyarrow = pytest.importorskip("pyarrow", reason="pyarrow is not installed")
        import pyarrow.parquet as parquet

        columns = {"label": labels, **more, **{f"f{d}": features[:, d] for d in range(features.shape[1])}}
        parquet.write_table(pyarrow.table(columns), path)
    else:
        comma = "\t" if path.suffix == ".tsv" else ","
        lines = [comma.join(["label", *more, *(f"f{d}" for d in range(features.shape[1]))])]
        for row in range(len(labels)):
            cells = [
                f'"{labels[row]}"',
                *(str(column[row]) for column in more.values()),
                *map(repr, features[row].tolist()),
            ]
            lines.append(comma.join(cells))
        path.write_text("\n".join(lines) + "\n")
    return path


@pytest.mark.parametrize("suffix", [".npz", ".npy", ".h5", ".csv", ".tsv", ".parquet"])
def test_every_format_gives_the_same_rows(tmp_path, suffix):
    table = read_table(write(tmp_path / f"e{suffix}"))
    np.testing.assert_allclose(table.values, FEATURES, rtol=1e-6)
    np.testing.assert_array_equal(table.labels.numbered("012", origin="", known_from=""), LABELS)
    assert table.kind == "features"


@pytest.mark.parametrize("suffix", [".npz", ".h5", ".csv", ".parquet"])
def test_names_splits_and_ids_come_along(tmp_path, suffix):
    split = np.array(["train"] * 40 + ["validation"] * 4 + ["TEST"] * 4)
    order = RNG.permutation(48)
    ids = np.array([f"{row}.jpg" for row in range(48)])
    path = write(tmp_path / f"e{suffix}", FEATURES[order], NAMES[LABELS[order]], split=split, id=ids)
    found = open_features(path)
    assert {name: len(file.labels) for name, file in found.splits.items()} == {"train": 40, "val": 4, "test": 4}
    np.testing.assert_array_equal(found.splits["val"].labels, LABELS[order][40:44])
    assert json.loads(found.splits["train"].attributes["class_names"]) == ["ant", "bee", "cat"]
    assert found.notes == ()


@pytest.mark.parametrize("argument", ["drop_columns", "keep_columns"])
def test_one_name_of_a_column_is_a_list_of_one(argument):
    assert ColumnChoice(**{argument: "patient"}) == ColumnChoice(**{argument: ("patient",)})
    with pytest.raises(InputError, match=f"`{argument}` is 3; expected names of columns"):
        ColumnChoice(**{argument: 3})


def test_one_file_without_splits_is_divided_class_by_class(tmp_path):
    found = open_features(write(tmp_path / "e.npz"), Reading(test_fraction=0.25, val_fraction=0.2, seed=3))
    counts = {name: np.bincount(file.labels, minlength=3).tolist() for name, file in found.splits.items()}
    assert counts["test"] == [8, 3, 2]
    assert np.sum(list(counts.values()), axis=0).tolist() == [30, 12, 6]
    rows = np.concatenate([file.features for file in found.splits.values()])
    assert len(np.unique(rows, axis=0)) == 48
    assert len(found.notes) == 2
    again = open_features(tmp_path / "e.npz", Reading(test_fraction=0.25, val_fraction=0.2, seed=3))
    np.testing.assert_array_equal(again.splits["test"].features, found.splits["test"].features)


def test_labels_that_do_not_begin_at_zero_are_numbered(tmp_path):
    found = open_features(write(tmp_path / "e.csv", labels=10 * LABELS + 5))
    assert json.loads(found.splits["train"].attributes["class_names"]) == ["5", "15", "25"]
    assert set(found.splits["train"].labels.tolist()) == {0, 1, 2}


def test_a_folder_with_a_file_for_each_split_is_fitted(tmp_path, capsys):
    rows = RNG.permutation(48)
    for split, part in (("train", rows[:32]), ("val", rows[32:40]), ("test", rows[40:])):
        write(tmp_path / f"{split}.csv", FEATURES[part], NAMES[LABELS[part]])
    words = ["fit", str(tmp_path), "--methods", "joint,ncm,auto", "--out", str(tmp_path / "fit"), "--quiet"]
    assert main(words) == 0
    results = json.loads((tmp_path / "fit" / "results.json").read_text())
    assert results["data"]["class_names"] == ["ant", "bee", "cat"]
    assert results["methods"]["auto"]["metrics"]["test"]["all"] > 60


def test_logits_are_their_own_classifier(tmp_path):
    logits = np.log(np.array([0.7, 0.2, 0.1])) + 2 * np.eye(3)[LABELS] + 0.5 * RNG.normal(size=(48, 3))
    write(tmp_path / "l.npz", logits.astype(np.float32), name="logits")
    words = ["fit", str(tmp_path / "l.npz"), "--methods", "joint,lws", "--out", str(tmp_path / "fit"), "--quiet"]
    assert main(words) == 0
    found = open_features(tmp_path / "l.npz")
    predicted = np.loadtxt(tmp_path / "fit" / "predictions" / "test.csv", delimiter=",", skiprows=1, dtype=int)
    np.testing.assert_array_equal(predicted[:, 2], found.splits["test"].features.argmax(axis=1))


def test_probabilities_in_place_of_logits_are_recognised(tmp_path):
    logits = RNG.normal(size=(48, 3))
    shares = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    shares[0] = [1, 0, 0]
    found = open_features(write(tmp_path / "p.npz", shares.astype(np.float32), name="logits"))
    assert found.notes[-1] == "the logits are probabilities: their logarithm is taken"
    for split in found.splits.values():
        assert np.isfinite(split.features).all()
        np.testing.assert_allclose(np.exp(split.features).sum(axis=1), 1, rtol=1e-5)
    plain = open_features(write(tmp_path / "l.npz", logits.astype(np.float32), name="logits"))
    assert not any("probabilities" in note for note in plain.notes)


def test_mistakes_are_told(tmp_path, capsys):
    ids = np.array([f"{row}.jpg" for row in range(48)])
    ids[7] = "3.jpg"
    split = np.array(["train"] * 5 + ["test"] * 43)

    def told(path, **settings):
        with pytest.raises(InputError) as caught:
            open_features(path, Reading(**settings))
        return str(caught.value)

    assert "'3.jpg' is twice in train" in told(write(tmp_path / "a.npz", id=ids), test_fraction=0, val_fraction=0)
    assert "is in train and in test" in told(write(tmp_path / "b.npz", id=ids, split=split), val_fraction=0)
    assert "split 'trane'; expected train" in told(write(tmp_path / "c.npz", split=np.array(["trane"] * 48)))
    assert "no row is of the split train" in told(write(tmp_path / "d.npz", split=np.array(["test"] * 48)))
    assert "2 logits a row, but 3 classes" in told(write(tmp_path / "e.npz", FEATURES[:, :2], name="logits"))
    assert 'expected "labels"' in told(np.savez(tmp_path / "f.npz", features=FEATURES) or tmp_path / "f.npz")
    assert "one label a row" in told(np.savez(tmp_path / "g.npz", x=FEATURES, y=LABELS[1:]) or tmp_path / "g.npz")
    (tmp_path / "h.csv").write_text("label,f0\n1,abc\n")
    assert "h.csv: has no column of numbers" in told(tmp_path / "h.csv")
    (tmp_path / "i.csv").write_text("f0,f1\n1,2\n")
    assert "no column is called label" in told(tmp_path / "i.csv")
    (tmp_path / "j.npz").write_bytes(b"PK\x03\x04 no zip")
    assert "j.npz: damaged, or no .npz file" in told(tmp_path / "j.npz")
    assert "nothing.npz: no such file" in told(tmp_path / "nothing.npz")
    (tmp_path / "x.txt").write_text("1 2 3")
    assert "ends in .h5" in told(tmp_path / "x.txt")
    assert "no such folder" in told(tmp_path / "nowhere")
    np.save(tmp_path / "k.npy", FEATURES)
    assert "no labels beside it" in told(tmp_path / "k.npy")
    np.savez(tmp_path / "m.npz", features=FEATURES, labels=np.array([{}] * 48, dtype=object))
    assert "m.npz: labels holds Python objects" in told(tmp_path / "m.npz")
    (tmp_path / "n.csv").write_text("f0,f1,label\n1,2,cat\n3,4\n")
    assert "row 1 (line 3) has 2 values; expected 3" in told(tmp_path / "n.csv")
    assert "labels such as inf" in told(write(tmp_path / "o.npz", labels=np.where(LABELS == 1, np.inf, LABELS)))
    assert main(["fit", str(tmp_path / "e.npz"), "--quiet"]) == 2
    assert capsys.readouterr().err.startswith("longtail: ")


def test_a_mark_of_windows_and_a_hash_in_a_path_are_read(tmp_path):
    path = tmp_path / "e.csv"
    path.write_text("\ufefflabel,path,f0,f1\nC#,a#1.jpg,1,2\nC,b.jpg,3,4\n", encoding="utf-8")
    table = read_table(path)
    assert [table.labels.names[code] for code in table.labels.codes] == ["C#", "C"]
    assert table.ids.tolist() == ["a#1.jpg", "b.jpg"]
    assert table.values.tolist() == [[1, 2], [3, 4]]


def test_a_gap_among_parquets_labels_is_no_class(tmp_path):
    pyarrow = pytest.importorskip("pyarrow", reason="pyarrow is not installed")
    import pyarrow.parquet as parquet

    parquet.write_table(pyarrow.table({"label": ["ant", None, "bee"], "f0": [1.0, 2.0, 3.0]}), tmp_path / "e.parquet")
    with pytest.raises(InputError, match="row 1 has no label"):
        read_table(tmp_path / "e.parquet")


def test_classes_of_a_single_row_leave_nothing_to_split_off(tmp_path):
    opened = open_features(write(tmp_path / "e.npz", FEATURES[:3], np.arange(3)))
    assert list(opened.splits) == ["train"]
    assert len(opened.splits["train"].labels) == 3


@pytest.fixture(scope="module")
def csv_run(tmp_path_factory):
    """A run of `fit` on one CSV without splits; and some of its rows without labels, in several formats."""
    tmp_path = tmp_path_factory.mktemp("csv")
    rng = np.random.default_rng(4)
    labels = np.repeat([0, 1, 2, 3], [120, 60, 30, 20])
    features = (2 * np.eye(4, 3)[labels] + rng.normal(size=(230, 3))).astype(np.float32)
    names = np.array(["ant", "bee, or wasp", "cat", "dog"])[labels]
    with (tmp_path / "e.csv").open("w", newline="") as file:
        rows = zip(names, *features.T, strict=True)
        csv.writer(file).writerows([["label", "a", "b", "c"], *rows])
    new = features[:5]
    ids = [f"{row}.jpg" for row in range(5)]
    np.savez(tmp_path / "new.npz", features=new)
    np.save(tmp_path / "new.npy", new)
    with (tmp_path / "new.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["id", "a", "b", "c"], *([name, *row] for name, row in zip(ids, new, strict=True))])
    write_features(tmp_path / "new.h5", new, np.zeros(5, dtype=np.int64))
    fit = ["fit", str(tmp_path / "e.csv"), "--methods", "joint,la", "--test-fraction", "0.3", "--quiet"]
    assert main([*fit, "--out", str(tmp_path / "run")]) == 0
    return tmp_path


def test_new_rows_of_every_format_are_predicted_alike(csv_run):
    found = {}
    for suffix in ("csv", "npz", "npy", "h5"):
        out = csv_run / f"{suffix}-predictions.csv"
        assert main(["predict", str(csv_run / "run"), str(csv_run / f"new.{suffix}"), "--out", str(out)]) == 0
        with out.open(newline="") as file:
            found[suffix] = list(csv.reader(file))
    assert [row[0] for row in found["csv"][1:]] == [f"{row}.jpg" for row in range(5)]
    assert [row[0] for row in found["npy"][1:]] == [f"new.npy[{row}]" for row in range(5)]
    for suffix in ("npz", "npy", "h5"):
        assert [row[1:] for row in found[suffix]] == [row[1:] for row in found["csv"]]


def test_probabilities_are_predicted_from_as_they_were_fitted(csv_run):
    rng = np.random.default_rng(5)
    labels = np.repeat([0, 1, 2], [80, 40, 20])
    scores = np.exp(2 * np.eye(3)[labels] + rng.normal(size=(140, 3)))
    probabilities = (scores / scores.sum(axis=1, keepdims=True)).astype(np.float32)
    np.savez(csv_run / "p.npz", logits=probabilities, labels=labels)
    assert main(["fit", str(csv_run / "p.npz"), "--methods", "joint", "--out", str(csv_run / "p"), "--quiet"]) == 0
    out = csv_run / "p.csv"
    assert main(["predict", str(csv_run / "p"), str(csv_run / "p.npz"), "--out", str(out)]) == 0
    told = np.genfromtxt(out, delimiter=",", skip_header=1, usecols=(2, 3, 4))
    np.testing.assert_allclose(told, probabilities, atol=1e-5)


def test_a_run_on_a_csv_is_measured_on_its_own_split(csv_run, capsys):
    """Its rows are divided as they were then, by evaluate, by an estimated prior and by studies of the run."""
    results = json.loads((csv_run / "run" / "results.json").read_text())
    best = results["verdict"]["best"]
    assert main(["evaluate", str(csv_run / "run"), "--out", str(csv_run / "ev")]) == 0
    measured = json.loads((csv_run / "ev" / "evaluation.json").read_text())["methods"][best]
    assert measured["per_class"] == results["methods"][best]["metrics"]["test"]["per_class"]
    assert measured["images"] == results["data"]["splits"]["test"]["images"]
    words = ["predict", str(csv_run / "run"), str(csv_run / "new.csv"), "--method", "joint", "--prior", "estimated"]
    assert main([*words, "--out", str(csv_run / "o.csv")]) == 0
    assert json.loads((csv_run / "o.prior.json").read_text())["calibrated_on"] == "val"
    shift = ["study", "shift", str(csv_run / "run"), "--methods", "joint", "--draws", "1", "--out", str(csv_run / "s")]
    assert main([*shift, "--quiet"]) == 0
    study = json.loads((csv_run / "s" / "study.json").read_text())
    assert study["data"]["train_counts"] == results["data"]["train_counts"]
    capsys.readouterr()
    assert main(["evaluate", str(csv_run)]) == 2
    assert "no results.json" in capsys.readouterr().err


def test_new_rows_without_names_of_columns_are_refused(csv_run, capsys):
    (csv_run / "bare.csv").write_text("0.5,1,2\n0.1,2,3\n")
    assert main(["predict", str(csv_run / "run"), str(csv_run / "bare.csv")]) == 2
    assert "begins with numbers; expected a line with the names of the columns" in capsys.readouterr().err


def test_the_similarity_study_takes_one_file(csv_run):
    words = ["study", "similarity", str(csv_run / "e.csv"), "--out", str(csv_run / "similar"), "--quiet"]
    assert main(words) == 0
    assert (csv_run / "similar" / "study.json").is_file()


def test_top_is_at_least_one_and_no_more_than_the_classes(csv_run, capsys):
    words = ["predict", str(csv_run / "run"), str(csv_run / "new.csv"), "--out", str(csv_run / "top.csv"), "--top"]
    assert main([*words, "0"]) == 2
    assert "--top 0; expected at least 1" in capsys.readouterr().err
    assert main([*words, "9"]) == 0
    with (csv_run / "top.csv").open(newline="") as file:
        assert {len(row) for row in csv.reader(file)} == {1 + 2 * 4}


@pytest.mark.parametrize(
    "columns", [{"label_column": "q"}, {"id_column": "z"}, {"split_column": "s"}, {"drop_columns": ("a",)}]
)
def test_arrays_have_no_columns_to_choose(tmp_path, columns):
    path = write(tmp_path / "a.npz")
    argument = next(iter(columns))
    with pytest.raises(InputError, match=f"a.npz: holds arrays, and no columns with names, which `{argument}`"):
        open_features(path, Reading(columns=ColumnChoice(**columns)))
