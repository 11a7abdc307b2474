"""Tables as people have them: what is no feature is no feature, what is ambiguous is asked, names are kept."""

import json

import h5py
import numpy as np
import pytest

from longtail.cli import main
from longtail.errors import InputError
from longtail.features import ColumnChoice, Reading, feature_blocks, open_features, read_table, write_features

RNG = np.random.default_rng(0)
NO_CHOICE = ColumnChoice()
LABELS = np.repeat(["ant", "bee", "cow"], [60, 30, 30])
NOISE = RNG.normal(size=(120, 3)).round(4)


def table(path, columns, *, comma=",", end="\n"):
    """Write named columns as text."""
    rows = zip(*columns.values(), strict=True)
    lines = [comma.join(columns), *(comma.join(map(str, row)) for row in rows)]
    path.write_text(end.join(lines) + end, encoding="utf-8")
    return path


def noise(**more):
    return {"label": LABELS, **more, **{f"f{d}": NOISE[:, d] for d in range(3)}}


def refused(path, choice=NO_CHOICE):
    with pytest.raises(InputError) as caught:
        read_table(path, choice)
    assert path.name in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("name", ["", "Unnamed: 0", "__index_level_0__", "index", "row", "X"])
@pytest.mark.parametrize("order", [np.arange(120), np.arange(1, 121), np.arange(120)[::-1]], ids=["0", "1", "down"])
def test_the_number_of_the_row_is_no_feature_and_is_told(tmp_path, name, order):
    read = read_table(table(tmp_path / "e.csv", noise(**{name: order})))
    assert read.feature_names == ("f0", "f1", "f2")
    assert any("the number of the row" in note for note in read.notes)


IDS = {
    "patient": np.repeat(np.arange(24), 5),
    "lesion_id": RNG.permutation(120) + 4000,
    "gbifID": RNG.integers(10**9, 4 * 10**9, size=120),
    "imageId": RNG.integers(0, 500, size=120),
    "specimen": RNG.permutation(120),
    "code": np.repeat([3, 1, 2], [60, 30, 30]),  # another writing of the label
    "place": np.repeat(np.arange(24), 5),  # a number that all rows of a group share, under a plain name
    "taken": np.sort(RNG.integers(0, 10**6, size=120)),  # rises in a file that is sorted by class
    "sample": RNG.permutation(120) * 3 + 7,  # no two alike
}


@pytest.mark.parametrize("name", IDS)
def test_a_number_that_says_which_one_is_a_question_with_two_answers(tmp_path, name):
    path = table(tmp_path / "e.csv", noise(**{name: IDS[name]}))
    assert f"`drop_columns` {name}), or keep it (`keep_columns` {name})" in refused(path)
    assert read_table(path, ColumnChoice(drop_columns=(name,))).feature_names == ("f0", "f1", "f2")
    assert read_table(path, ColumnChoice(keep_columns=(name,))).feature_names == (name, "f0", "f1", "f2")


MEASUREMENTS = {
    "area": RNG.integers(3000, 5200, size=120),
    "patient_age": RNG.integers(20, 90, size=120),
    "legs": np.where(LABELS == "ant", 6, np.where(LABELS == "bee", 6, 4)),
    "spots": RNG.integers(0, 9, size=120),
    "grey": RNG.integers(0, 256, size=120),
    "is_large": RNG.integers(0, 2, size=120),
    "fluid": RNG.integers(0, 100, size=120),
    "perimeter": RNG.normal(300, 25, size=120).round(1),
    "x": RNG.integers(0, 2000, size=120),
    "number_of_hairs": RNG.integers(0, 40, size=120),
}


@pytest.mark.parametrize("name", MEASUREMENTS)
def test_whole_numbers_that_measure_are_features_without_a_question(tmp_path, name):
    read = read_table(table(tmp_path / "e.csv", noise(**{name: MEASUREMENTS[name]})))
    assert read.feature_names == (name, "f0", "f1", "f2")
    assert read.notes == ()


def test_features_that_bear_a_reserved_name_stay(tmp_path):
    places = {"x": RNG.integers(0, 900, size=120), "y": RNG.integers(0, 900, size=120)}
    read = read_table(table(tmp_path / "e.csv", noise(**places)))
    assert read.feature_names == ("x", "y", "f0", "f1", "f2")


def test_a_rank_beside_a_species_is_a_question(tmp_path):
    ranks = {"class": np.where(LABELS == "ant", "Insecta", "Mammalia"), "species": LABELS}
    columns = {**ranks, **{name: column for name, column in noise().items() if name != "label"}}
    path = table(tmp_path / "e.csv", columns)
    assert "class, species could each be the label" in refused(path)
    read = read_table(path, ColumnChoice(label_column="species"))
    assert read.labels.names == ("ant", "bee", "cow")
    assert read.feature_names == ("f0", "f1", "f2")
    assert "class (no numbers)" in read.notes[0]


def test_a_label_of_another_name_is_suggested(tmp_path):
    columns = {"what": LABELS, "f0": NOISE[:, 0]}
    assert "If what is it: `label_column` what" in refused(table(tmp_path / "e.csv", columns))


def test_columns_of_words_are_left_out_and_named(tmp_path):
    read = read_table(table(tmp_path / "e.csv", noise(location=np.repeat(["north", "south"], 60))))
    assert read.feature_names == ("f0", "f1", "f2")
    assert "location (no numbers)" in read.notes[0]


def test_a_word_among_numbers_names_row_line_and_column(tmp_path):
    broken = NOISE[:, 1].astype(object)
    broken[49] = "abc"
    told = refused(table(tmp_path / "e.csv", {"label": LABELS, "f0": NOISE[:, 0], "area": broken}))
    assert "row 49 (line 51): 'abc' in the column 'area' is no number" in told


@pytest.mark.parametrize("gap", ["", "NA", "nan", "null", "N/A"])
def test_a_gap_names_the_row_and_can_be_left_out(tmp_path, capsys, gap):
    broken = NOISE[:, 1].astype(object)
    broken[49] = gap
    path = table(tmp_path / "e.csv", {"label": LABELS, "f0": NOISE[:, 0], "area": broken})
    words = ["fit", str(path), "--methods", "ncm", "--out", str(tmp_path / "run"), "--quiet"]
    assert main(words) == 2
    assert "row 49 holds NaN or infinity" in capsys.readouterr().err
    assert main([*words, "--drop-nonfinite"]) == 0


def test_names_stand_as_they_stand_in_the_file(tmp_path):
    names = np.array(["1", "01", "001", "3.0", "NA", "None", "nan", "²", "--3", "a b"])
    labels = names[np.arange(120) % 10]
    read = read_table(table(tmp_path / "e.csv", {"label": labels, "f0": NOISE[:, 0]}))
    assert set(read.labels.names) == set(names)


def test_blanks_around_names_are_left_out_and_told(tmp_path):
    labels = np.where(np.arange(120) % 2, LABELS, np.char.add(LABELS, " "))
    read = read_table(table(tmp_path / "e.csv", {"label": labels, "f0": NOISE[:, 0]}))
    assert read.labels.names == ("ant", "bee", "cow")
    assert "6 labels are 3 without the blanks around them" in read.notes[0]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('label,f0\n"1",ant,0.5\n"2",bee,1\n', "row 0 (line 2) has 3 values; expected 2"),
        ("label,f0,f0\nant,1,2\n", "two columns are called f0"),
        ("label,label,f0\nant,ant,2\n", "two columns are called label"),
        ("label,f0\n", "holds no row"),
        ("", "holds no row"),
        ("1,2,3\n4,5,6\n", "begins with numbers"),
        ("label,f0\nant,1\nbee\n", "row 1 (line 3) has 1 values"),
        ("label,place\nant,x\nbee,y\n", "has no column of numbers"),
        ('label,f0\nant,"1\n', "row 0"),
    ],
)
def test_what_is_no_table_is_told(tmp_path, text, told):
    (tmp_path / "e.csv").write_text(text)
    assert told in refused(tmp_path / "e.csv")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_encodings_and_line_ends_of_other_programs(tmp_path, encoding, end):
    text = end.join(["label,name,f0", "Bär,ä.jpg,1.5", 'Wolf,"b, c.jpg",2']) + end
    (tmp_path / "e.csv").write_bytes(text.encode(encoding))
    read = read_table(tmp_path / "e.csv")
    assert read.labels.names == ("Bär", "Wolf")
    assert read.ids.tolist() == ["ä.jpg", "b, c.jpg"]
    assert read.values.tolist() == [[1.5], [2.0]]


def test_text_of_another_encoding_is_refused(tmp_path):
    (tmp_path / "e.csv").write_bytes("label,f0\nBär,1\n".encode("latin-1"))
    assert "no text in UTF-8" in refused(tmp_path / "e.csv")


def test_semicolons_and_decimal_commas_of_spreadsheets(tmp_path):
    (tmp_path / "e.csv").write_text("label;area;grey\nant;1,5;-0,25\nbee;2;1e3\n")
    read = read_table(tmp_path / "e.csv")
    assert read.values.tolist() == [[1.5, -0.25], [2.0, 1000.0]]
    assert "decimal commas are read as points" in read.notes[0]


def test_columns_of_another_file_are_found_by_name(tmp_path):
    labels = np.repeat(["ant", "bee"], [40, 20])
    features = np.where(labels[:, None] == "ant", [1.0, 500, -3], [2.0, 400, 3]) + RNG.normal(size=(60, 3)) * 0.1
    names = ["width", "area", "red"]
    table(tmp_path / "a.csv", {"label": labels, **dict(zip(names, features.T, strict=True))})
    order = [2, 0, 1]
    more = {"extra": RNG.normal(size=60), "label": labels}
    table(tmp_path / "b.csv", {**{names[d]: features[:, d] for d in order}, **more})
    assert main(["fit", str(tmp_path / "a.csv"), "--methods", "ncm", "--out", str(tmp_path / "r"), "--quiet"]) == 0
    results = json.loads((tmp_path / "r" / "results.json").read_text())
    assert results["data"]["feature_names"] == names
    for part in ("a", "b"):
        out = str(tmp_path / f"{part}p.csv")
        assert main(["predict", str(tmp_path / "r"), str(tmp_path / f"{part}.csv"), "--out", out, "--quiet"]) == 0
    predictions = [np.genfromtxt(tmp_path / f"{part}p.csv", delimiter=",", dtype=str)[1:, 1:] for part in "ab"]
    np.testing.assert_array_equal(*predictions)
    assert (predictions[0][:, 0] == labels).mean() > 0.9


def test_a_column_that_is_missing_is_named(tmp_path, capsys):
    table(tmp_path / "a.csv", noise())
    table(tmp_path / "b.csv", {"label": LABELS, "f0": NOISE[:, 0], "f2": NOISE[:, 2]})
    assert main(["fit", str(tmp_path / "a.csv"), "--methods", "ncm", "--out", str(tmp_path / "r"), "--quiet"]) == 0
    assert main(["predict", str(tmp_path / "r"), str(tmp_path / "b.csv"), "--out", str(tmp_path / "p.csv")]) == 2
    assert "the column 'f1' is not there" in capsys.readouterr().err


def test_splits_of_a_folder_are_matched_by_name(tmp_path):
    table(tmp_path / "train.csv", noise())
    table(tmp_path / "test.csv", {"f2": NOISE[:, 2], "f0": NOISE[:, 0], "label": LABELS, "f1": NOISE[:, 1]})
    opened = open_features(tmp_path)
    np.testing.assert_array_equal(opened.splits["test"].features, opened.splits["train"].features)


def test_classes_of_splits_are_matched_by_name(tmp_path):
    names, other = ["ant", "bee", "cow"], ["cow", "ant", "bee"]
    codes = np.repeat([0, 1, 2], 40)
    write_features(tmp_path / "feature_train.h5", NOISE, codes, attributes={"class_names": names})
    numbers = np.array([other.index(names[code]) for code in codes])
    write_features(tmp_path / "feature_test.h5", NOISE, numbers, attributes={"class_names": other})
    opened = open_features(tmp_path)
    np.testing.assert_array_equal(opened.splits["test"].labels, codes)
    write_features(tmp_path / "feature_test.h5", NOISE, codes, attributes={"class_names": ["ant", "bee", "dodo"]})
    with pytest.raises(InputError, match=r"40 rows are of 'dodo', which .*feature_train\.h5 does not know"):
        open_features(tmp_path)


LAYOUTS = {
    "from 1": np.repeat([1, 2, 3], 40),
    "gaps": np.repeat([0, 7, 9], 40),
    "keys of a database": np.repeat([2435099, 5231190, 10**10], 40),
    "(N, 1)": np.repeat([0, 1, 2], 40)[:, None],
    "(1, N)": np.repeat([0, 1, 2], 40)[None],
    "one-hot": np.eye(3)[np.repeat([0, 1, 2], 40)],
    "names": np.repeat(["ant", "bee", "cow"], 40),
    "floats": np.repeat([0.0, 1.0, 2.0], 40),
    "uint8": np.repeat([0, 1, 2], 40).astype(np.uint8),
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("kind", ["npz", "h5", "folder"])
def test_labels_of_every_layout_are_read_alike(tmp_path, layout, kind):
    labels = LAYOUTS[layout]
    path = {"npz": tmp_path / "e.npz", "h5": tmp_path / "e.h5", "folder": tmp_path / "feature_train.h5"}[kind]
    if kind == "npz":
        np.savez(path, features=NOISE, labels=labels)
    else:
        with h5py.File(path, "w") as file:
            file["features"] = NOISE
            file["labels"] = labels.astype("S") if labels.dtype.kind == "U" else labels
    opened = open_features(tmp_path if kind == "folder" else path, Reading(val_fraction=0, test_fraction=0))
    np.testing.assert_array_equal(opened.splits["train"].labels, np.repeat([0, 1, 2], 40))


NUMBERS = [np.uint8, np.int16, np.float16, np.float32, np.float64, ">f4", "bfloat16"]


@pytest.mark.parametrize("dtype", NUMBERS, ids=str)
@pytest.mark.parametrize("kind", ["npz", "h5", "folder"])
def test_features_of_every_type_are_read_alike(tmp_path, dtype, kind):
    values = np.arange(360).reshape(120, 3) % 64
    if dtype == "bfloat16":
        stored = (values.astype(np.float32).view(np.uint32) >> 16).astype(np.uint16).view("V2")
    else:
        stored = values.astype(dtype)
    path = {"npz": tmp_path / "e.npz", "h5": tmp_path / "e.h5", "folder": tmp_path / "feature_train.h5"}[kind]
    if kind == "npz":
        np.savez(path, features=stored, labels=LAYOUTS["uint8"])
    else:
        with h5py.File(path, "w") as file:
            file["features"], file["labels"] = stored, LAYOUTS["uint8"]
    opened = open_features(tmp_path if kind == "folder" else path, Reading(val_fraction=0, test_fraction=0))
    np.testing.assert_array_equal(opened.splits["train"].features, values)


def test_features_by_columns_are_turned_and_told(tmp_path):
    np.savez(tmp_path / "e.npz", features=NOISE.T, labels=LAYOUTS["from 1"])
    read = read_table(tmp_path / "e.npz")
    np.testing.assert_array_equal(read.values, NOISE)
    assert "is D x N, and was turned" in read.notes[0]


def matlab(path, features, labels):
    """Write as MATLAB's save -v7.3 does: columns first, class and 512 bytes of its own in front."""
    with h5py.File(path, "w", userblock_size=512) as file:
        for name, array in (("features", features.T), ("labels", labels[None].astype(float))):
            file[name] = array
            file[name].attrs["MATLAB_class"] = np.bytes_("double")
    with path.open("r+b") as file:
        file.write(b"MATLAB 7.3 MAT-file, Platform: GLNXA64".ljust(116))


@pytest.mark.parametrize("rows", [120, 3])
def test_matlab_files_are_read_as_matlab_means_them(tmp_path, rows):
    features, labels = NOISE[:rows], np.resize([1, 2, 3], rows)
    matlab(tmp_path / "e.mat", features, labels)
    read = read_table(tmp_path / "e.mat", ColumnChoice(orientation=None if rows == 120 else "rows"))
    np.testing.assert_array_equal(read.values, features)
    assert read.labels.names == ("1", "2", "3")


def test_axes_of_length_one_behind_the_features_are_left_out(tmp_path):
    np.savez(tmp_path / "e.npz", features=NOISE[:, :, None, None], labels=LABELS)
    np.testing.assert_array_equal(read_table(tmp_path / "e.npz").values, NOISE)
    np.savez(tmp_path / "e.npz", features=NOISE[:, :, None].repeat(2, axis=2), labels=LABELS)
    assert "features has shape (120, 3, 2)" in refused(tmp_path / "e.npz")


def test_a_matrix_that_counts_its_rows_is_refused(tmp_path):
    np.savez(tmp_path / "e.npz", features=np.c_[np.arange(120), NOISE], labels=LABELS)
    assert "column 0 of the features counts the rows" in refused(tmp_path / "e.npz")


@pytest.mark.parametrize("suffix", [".csv", ".npz", ".npy", ".h5", ".parquet"])
def test_blocks_give_what_the_table_gives(tmp_path, suffix):
    path = tmp_path / f"e{suffix}"
    values = NOISE.astype(np.float32)
    if suffix == ".csv":
        table(path, noise())
    elif suffix == ".npz":
        np.savez(path, features=values)
    elif suffix == ".npy":
        np.save(path, values)
    elif suffix == ".h5":
        write_features(path, values, LAYOUTS["uint8"])
    else:
        pyarrow = pytest.importorskip("pyarrow", reason="pyarrow is not installed")
        import pyarrow.parquet as parquet

        parquet.write_table(pyarrow.table({f"f{d}": values[:, d] for d in range(3)}), path)
    kind, blocks = feature_blocks(path, rows_at_once=7)
    blocks = list(blocks)
    assert kind == "features"
    assert max(len(block.values) for block in blocks) <= 7
    np.testing.assert_allclose(np.concatenate([block.values for block in blocks]), values, rtol=1e-6)
    assert [name for block in blocks for name in block.names] == [f"{path.name}[{row}]" for row in range(120)]
