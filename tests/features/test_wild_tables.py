"""Sisters of the tables that were read wrongly: other names of columns, other formats, other places."""

import csv
import json

import numpy as np
import pytest

from longtail.cli import main
from longtail.errors import InputError
from longtail.features import ColumnChoice, Reading, open_features, read_table

RNG = np.random.default_rng(1)
LABELS = np.repeat(["ant", "bee", "cow"], [60, 30, 30])
CODES = np.repeat([0, 1, 2], [60, 30, 30])
NOISE = RNG.normal(size=(120, 3)).round(4)
FEATURES = ("f0", "f1", "f2")


def write(path, columns):
    """Write named columns as the ending says."""
    if path.suffix == ".parquet":
        pyarrow = pytest.importorskip("pyarrow", reason="pyarrow is not installed")
        import pyarrow.parquet as parquet

        parquet.write_table(pyarrow.table({name: list(column) for name, column in columns.items()}), path)
        return path
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, delimiter="\t" if path.suffix == ".tsv" else ",")
        writer.writerow(columns)
        writer.writerows(zip(*columns.values(), strict=True))
    return path


def columns(label="label", labels=LABELS, **more):
    return {label: labels, **more, **{name: NOISE[:, d] for d, name in enumerate(FEATURES)}}


@pytest.fixture(params=[".csv", ".tsv", ".parquet"])
def path(request, tmp_path):
    return tmp_path / f"e{request.param}"


def refused(path, told, choice=None):
    with pytest.raises(InputError, match=told) as caught:
        open_features(path, Reading(columns=choice or ColumnChoice()))
    assert path.name in str(caught.value)


GIVE_AWAY = {
    "label_float": CODES + 0.5,
    "negated": -CODES - 0.25,
    "is_ant": (CODES == 0).astype(int),
    "Ant": (CODES == 0).astype(int),
    "label_cow": (CODES == 2).astype(float),
    "y_true": CODES % 2,
    "predicted_label": np.where(RNG.random(120) < 0.9, CODES, 0),
    "predictedClass": np.where(RNG.random(120) < 0.9, CODES, 0),
    "pred": RNG.random(120).round(3),
    "confidence": RNG.random(120).round(3),
    "target_class": CODES // 2,
    "is_train": RNG.integers(0, 2, 120),
    "test": RNG.integers(0, 2, 120),
    "lat": np.repeat(RNG.random(24), 5).round(5),  # a place: all rows of it are of one class
    "row_of_part": np.concatenate([np.arange(60), np.arange(30), np.arange(30)]),
}


@pytest.mark.parametrize("name", GIVE_AWAY)
def test_numbers_that_give_the_class_away_are_a_question_with_two_answers(path, name):
    write(path, columns(**{name: GIVE_AWAY[name]}))
    refused(path, rf"`drop_columns` {name}\), or keep it \(`keep_columns` {name}\)")
    assert read_table(path, ColumnChoice(drop_columns=(name,))).feature_names == FEATURES
    assert read_table(path, ColumnChoice(keep_columns=(name,))).feature_names == (name, *FEATURES)


MEASURED = {
    "temperature": RNG.normal(10, 2, 120).round(1),
    "length": (CODES * 10 + RNG.integers(1, 6, 120)) / 10,  # parts the classes
    "has_wings": (CODES < 2).astype(int),
    "weight": RNG.random(120),
    "count": RNG.integers(1, 5, 120),
    "constant": np.ones(120),
    "classic": RNG.random(120),
    "trainable": RNG.integers(0, 2, 120),
    "ants_nearby": RNG.integers(0, 2, 120),
    "week": RNG.integers(1, 53, 120),
}


@pytest.mark.parametrize("name", MEASURED)
def test_measurements_are_no_question(tmp_path, name):
    read = read_table(write(tmp_path / "e.csv", columns(**{name: MEASURED[name]})))
    assert read.feature_names == (name, *FEATURES)
    assert read.notes == ()


def test_a_probability_for_each_class_is_what_a_model_says(tmp_path):
    table = {"label": LABELS, **{f"prob_{name}": RNG.random(120) for name in ("ant", "bee", "cow")}}
    assert read_table(write(tmp_path / "e.csv", table)).values.shape == (120, 3)


MARKS = {f"m{code}": (code == CODES) * 3.0 - 1.5 for code in range(3)}


def test_columns_that_together_hold_the_label_are_a_question(path):
    write(path, columns(**MARKS))
    refused(path, r"m0, m1, m2 hold the label, a column for each class.*`drop_columns` m0 m1 m2")
    assert read_table(path, ColumnChoice(drop_columns=tuple(MARKS))).feature_names == FEATURES
    assert read_table(path, ColumnChoice(keep_columns=tuple(MARKS))).feature_names == (*MARKS, *FEATURES)


def test_one_column_that_marks_a_class_may_be_measured(path):
    write(path, columns(m2=MARKS["m2"]))
    assert read_table(path, ColumnChoice()).feature_names == ("m2", *FEATURES)


@pytest.mark.parametrize(
    ("written", "told"),
    [
        (np.eye(3)[CODES], "'column 3', 'column 4', 'column 5' hold the label, a column for each class"),
        (np.eye(3)[CODES][:, :2], "'column 3', 'column 4' hold the label"),
        (np.array([0.5, -0.25, 7])[CODES][:, None], "column 3 of the features is another writing of the label"),
    ],
)
def test_the_label_among_features_without_names_is_refused(tmp_path, written, told):
    np.savez(tmp_path / "e.npz", features=np.hstack([NOISE, written]).astype(np.float32), labels=LABELS)
    refused(tmp_path / "e.npz", told)
    np.savez(tmp_path / "e.npz", features=written.astype(np.float32), labels=LABELS)  # made up: nothing else is told
    assert read_table(tmp_path / "e.npz").values.shape == written.shape


COARSE = np.where(LABELS == "ant", "Insecta", "Mammalia")


@pytest.mark.parametrize(
    "name", ["species", "genus", "vernacularName", "common name", "binomial", "species_name", "breed", "Art", "kingdom"]
)
def test_class_is_a_rank_beside_a_finer_name(path, name):
    write(path, columns("class", COARSE, **{name: LABELS}))
    refused(path, "could each be the label")
    assert read_table(path, ColumnChoice(label_column=name)).labels.names == ("ant", "bee", "cow")
    assert read_table(path, ColumnChoice(label_column="class")).labels.names == ("Insecta", "Mammalia")


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("location", np.resize(["north", "south"], 120)),
        ("date", [f"2020-01-{day:02d}" for day in np.resize(np.arange(1, 29), 120)]),
        ("note", [f"row {row}" for row in range(120)]),
        ("patient", np.repeat([f"p{number}" for number in range(24)], 5)),
    ],
)
def test_class_beside_words_that_are_no_classes_is_the_label(tmp_path, name, values):
    read = read_table(write(tmp_path / "e.csv", columns("class", **{name: values})))
    assert read.labels.names == ("ant", "bee", "cow")


@pytest.mark.parametrize("name", ["set", "partition", "dataset", "phase", "Usage", "split_name", "fold", "data_set"])
@pytest.mark.parametrize("words", [("train", "test"), ("Training", "PublicTest"), ("TRAIN", "dev", "eval")], ids=str)
def test_a_split_under_another_name_is_a_question(tmp_path, name, words):
    path = write(tmp_path / "e.csv", columns(**{name: np.resize(words, 120)}))
    refused(path, f"`split_column` {name}.*`drop_columns` {name}")
    assert read_table(path, ColumnChoice(split_column=name)).split is not None
    assert read_table(path, ColumnChoice(drop_columns=(name,))).split is None


ALIKE = {"case": ("ANT", "Bee"), "blanks": ("an t", "bee"), "underscores": ("_ant", "bee_"), "hyphens": ("ant", "be-e")}


@pytest.mark.parametrize("kind", ALIKE)
@pytest.mark.parametrize("suffix", [".csv", ".parquet", ".npz"])
def test_labels_that_are_alike_are_a_question_with_two_answers(tmp_path, kind, suffix):
    labels = np.where(np.arange(120) % 2, LABELS, np.array([*ALIKE[kind], "cow"])[CODES])
    path = tmp_path / f"e{suffix}"
    if suffix == ".npz":
        np.savez(path, features=NOISE, labels=labels)
    else:
        write(path, columns(labels=labels))
    refused(path, "differ in case, blanks.*`alike_names='merge'`, or several, `alike_names='keep'`")
    for answer, number in (("merge", 3), ("keep", len(set(labels.tolist())))):
        opened = open_features(path, Reading(columns=ColumnChoice(alike_names=answer)))
        assert len(json.loads(opened.splits["train"].attributes["class_names"])) == number


def test_labels_that_are_alike_across_splits(tmp_path):
    write(tmp_path / "train.csv", columns())
    write(tmp_path / "test.csv", columns(labels=np.char.capitalize(LABELS)))
    with pytest.raises(InputError, match="'Ant' = 'ant'"):
        open_features(tmp_path)
    opened = open_features(tmp_path, Reading(columns=ColumnChoice(alike_names="merge")))
    np.testing.assert_array_equal(opened.splits["test"].labels, CODES)


def test_the_command_merges_labels_and_finds_its_rows_again(tmp_path, capsys):
    path = write(tmp_path / "e.csv", columns(labels=np.where(np.arange(120) % 2, LABELS, np.char.upper(LABELS))))
    words = ["fit", str(path), "--methods", "ncm", "--out", str(tmp_path / "run"), "--quiet"]
    assert main(words) == 2
    assert "--alike-names merge" in capsys.readouterr().err
    assert main([*words, "--alike-names", "merge"]) == 0
    assert json.loads((tmp_path / "run" / "results.json").read_text())["data"]["num_classes"] == 3
    assert main(["evaluate", str(tmp_path / "run")]) == 0


@pytest.mark.parametrize("several", ["ant;bee", "ant|bee", "ant, bee", "['ant', 'bee']", "ant + bee", "ant/bee/cow"])
def test_labels_of_several_classes_are_refused(path, several):
    labels = LABELS.astype(object)
    labels[7] = several
    write(path, columns(labels=labels))
    refused(path, "of row 7 names . classes that other rows have one by one")


@pytest.mark.parametrize("name", ["salt/pepper", "ant;wasp", "a+b", "Smith & Sons"])
def test_names_with_signs_in_them_are_names(tmp_path, name):
    labels = np.where(CODES == 2, name, LABELS)
    assert name in read_table(write(tmp_path / "e.csv", columns(labels=labels))).labels.names


def test_measured_numbers_are_no_labels(path):
    write(path, columns(labels=RNG.normal(size=120).round(3)))
    refused(path, "measured numbers; expected names, or whole class numbers")


@pytest.mark.parametrize("labels", [[f"img{row}" for row in range(120)], (RNG.permutation(120) * 7).tolist()])
def test_a_label_for_each_row_is_told(path, labels):
    opened = open_features(write(path, columns(labels=labels)))
    assert any("120 classes in 120 rows, so most have one alone" in note for note in opened.notes)


def test_one_number_in_several_ways_is_told(tmp_path):
    read = read_table(write(tmp_path / "e.csv", columns(labels=np.resize(["1", "01", "1.0", "2"], 120))))
    assert read.labels.names == ("01", "1", "1.0", "2")
    assert "one number in several ways, each a class of its own: '01', '1', '1.0'" in read.notes[0]


@pytest.mark.parametrize("id_column", ["image", "path", "file_name", "filename"])
def test_a_list_of_images_with_an_age_is_no_table_of_features(path, id_column):
    table = {id_column: [f"{row}.jpg" for row in range(120)], "label": LABELS, "age": RNG.integers(1, 90, 120) / 2}
    write(path, table)
    refused(path, "age is the only column of numbers")
    assert read_table(path, ColumnChoice(keep_columns=("age",))).feature_names == ("age",)


@pytest.mark.parametrize("image", ["image", "img", "photo"])
def test_images_in_parquet_are_no_features_whatever_stands_beside_them(tmp_path, image):
    pyarrow = pytest.importorskip("pyarrow", reason="pyarrow is not installed")
    import pyarrow.parquet as parquet

    pixels = [{"bytes": b"x", "path": f"{row}.png"} for row in range(120)]
    parquet.write_table(pyarrow.table({image: pixels, "label": CODES, "age": NOISE[:, 0]}), tmp_path / "e.parquet")
    refused(tmp_path / "e.parquet", rf"holds images \({image}\)")


def test_a_column_of_words_that_says_what_belongs_together_is_told(tmp_path, capsys):
    rng = np.random.default_rng(0)
    lines = [f"{'ab'[row % 2]},s{row // 6},{rng.normal():.3f},{rng.normal():.3f}" for row in range(60)]
    (tmp_path / "e.csv").write_text("\n".join(["label,site,f0,f1", *lines]) + "\n")
    words = ["fit", str(tmp_path / "e.csv"), "--methods", "ncm", "--out", str(tmp_path / "o")]
    assert main(words) == 0
    assert "--group-column site keeps those on one side of every split" in capsys.readouterr().err
    assert main([*words, "--group-column", "none"]) == 0
    assert "says what belongs together" not in capsys.readouterr().err
