"""Plain tables: cells stay as they stand, columns are found or given, faults are told with file and line."""

import json

import numpy as np
import pytest
from PIL import Image

from data.manifests.samples_lab import pictures, write
from longtail.data.manifests import ManifestChoice, read_manifest
from longtail.data.manifests.columns import read_word_table
from longtail.errors import InputError

WORDS = ("001", "01", "1", "NA", "None", "nan", "3.0", "a, b", 'the "big" one', "two\nlines", "null", "²")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with the images a0.png to a11.png."""
    root = tmp_path_factory.mktemp("plain")
    pictures(root, [f"a{number}.png" for number in range(12)])
    return root


@pytest.fixture
def table(folder, tmp_path):
    """Write a table of text outside of the folder of its images, and read it with what a person says."""

    def read(content, name="t.csv", **said):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return read_manifest(path, ManifestChoice(root=folder, **said))

    return read


def labels_of(manifest):
    settled = manifest.settled
    return ["" if label < 0 else settled.class_names[label] for label in settled.labels]


@pytest.mark.parametrize("kind", ["csv", "tsv", "jsonl", "parquet"])
def test_names_stay_as_they_stand(folder, tmp_path, kind):
    rows = [(f"a{number}.png", word) for number, word in enumerate(WORDS)]
    path = tmp_path / f"t.{kind}"
    if kind == "jsonl":
        path.write_text("".join(json.dumps({"file": name, "label": word}) + "\n" for name, word in rows))
    elif kind == "parquet":
        pa = pytest.importorskip("pyarrow")
        import pyarrow.parquet as pq

        pq.write_table(pa.table({"file": [name for name, _ in rows], "label": list(WORDS)}), path)
    else:
        write(path, [("file", "label"), *rows], "\t" if kind == "tsv" else ",")
    manifest = read_manifest(path, ManifestChoice(root=folder), alike_names="keep")
    assert labels_of(manifest) == list(WORDS)


def test_numbers_of_json_lines_are_the_words_that_stand_there(table):
    rows = '{"file": "a0.png", "label": 3.0}\n\n{"file": "a1.png", "label": 3}\n{"file": "a2.png", "label": true}\n'
    manifest = table(rows + '{"file": "a3.png"}\n', "t.jsonl")
    assert labels_of(manifest) == ["3.0", "3", "true", ""]
    assert manifest.settled.rows.place(1) == "line 3"


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_what_spreadsheets_write(table, encoding, delimiter, end):
    rows = [("Bild, Nr.", "file", "species"), ("1", "a0.png", "Bär"), ("2", "a1.png", "Kröte"), ("", "", "")]
    quoted = [[f'"{cell}"' if "," in cell else cell for cell in row] for row in rows]
    manifest = table(end.join(delimiter.join(row) for row in quoted).encode(encoding))
    assert labels_of(manifest) == ["Bär", "Kröte"]


def test_a_quoted_line_end_does_not_shift_the_numbers_of_lines(table):
    with pytest.raises(InputError, match="line 5 has 3 values; expected 2"):
        table('file,label\na0.png,"x\ny"\n\na1.png,z,\n')
    manifest = table('file,label\na0.png,"x\ny"\n\na1.png,z\n')
    assert [manifest.settled.rows.place(row) for row in (0, 1)] == ["line 3", "line 5"]


def test_windows_paths_names_without_ending_and_spaces(table):
    manifest = table("file , label\nC:\\x\\a0.png, x\na1 ,y\nsub\\a2.png,y\n")
    assert [manifest.images.contents.path(image).name for image in range(3)] == ["a0.png", "a1.png", "a2.png"]
    assert any("3 images were found by their names" in note for note in manifest.notes)


@pytest.mark.parametrize("marks", [("1", "0"), ("1.0", "0.0"), ("True", "False"), ("TRUE", "FALSE")])
def test_ones_and_zeros_are_classes(table, marks):
    one, zero = marks
    manifest = table(f"file,ant,bee\na0.png,{one},{zero}\na1.png,{zero},{one}\na2.png,{zero},{zero}\n")
    assert labels_of(manifest) == ["ant", "bee", ""]
    assert any("a column a class: ant, bee" in note for note in manifest.notes)


def test_the_column_that_holds_names_of_images_is_taken(table):
    manifest = table("image,species,path\n17,ant,a0.png\n18,bee,a1.png\n")
    assert manifest.settled.rows.images == ["a0.png", "a1.png"]


def test_boxes_groups_events_and_splits(table):
    rows = "path,label,x,y,w,h,site,seq,part\na0.png,ant,2,2,4,5,s1,e1,train\na0.png,bee,,,,,s1,e1,train\n"
    said = {"box_columns": ("x", "y", "w", "h"), "group_column": "site", "event_column": "seq", "split_column": "part"}
    manifest = table(rows + "a1.png,ant,0,0,8,8,s2,e2,test\n", **said)
    assert manifest.source(np.arange(3)).load(0).shape == (3, 5, 4)
    assert manifest.source(np.arange(3)).load(1).shape == (3, 16, 16)
    assert manifest.settled.rows.box_unit == "pixels"
    assert (manifest.settled.groups.number, manifest.settled.events.number) == (2, 2)
    assert set(manifest.splits) == {"train", "test"}
    ungrouped = table(rows + "a1.png,ant,0,0,8,8,s2,e2,test\n", **{**said, "group_column": None})
    assert any("'site' says what belongs together" in note for note in ungrouped.notes)


def test_shares_of_the_image_are_told_from_pixels(table):
    manifest = table("path,label,x,y,w,h\na0.png,ant,0,0,.5,1\n", box_columns=("x", "y", "w", "h"))
    assert manifest.settled.rows.box_unit == "shares"
    assert manifest.source(np.arange(1)).load(0).shape == (3, 16, 8)


@pytest.mark.parametrize(
    ("content", "said", "told"),
    [
        ("file,label\n", {}, "holds no row"),
        ("", {}, "holds no row"),
        ("file,label\na0.png,x\na1.png\n", {}, "line 3 has 1 values; expected 2"),
        ("file,label\na0.png,x\nfile,label\na1.png,y\n", {}, "line 3 repeats the names of the columns"),
        ("file,label,label\na0.png,x,y\n", {}, "two columns are called 'label'"),
        ('file,label\na0.png,"x\n', {}, "line 2 is none of a table"),
        (b"file,label\na0.png,B\xe4r\n", {}, "is no text in UTF-8"),
        ("file,label\na0.png,x\na0.png,x\n", {}, "line 3 names the image a0.png with the same label as line 2"),
        ("file,label\na0.png,x\na0.png,y\n", {}, r"a0.png has 2 labels: 'x' and 'y' .line 2 and line 3."),
        ("file,label\n../../b.png,x\n", {}, "line 2: ../../b.png leads out of"),
        ("file,label\n,x\n", {}, "line 2 names no image"),
        ("file,label\nb.png,x\n", {}, "1 of 1 listed .b.png. images are not in"),
        ("file,label\nhttps://x/b.png,x\n", {}, "1 of 1 listed"),
        ("file,note\na0.png,x\n", {}, "which column holds the class cannot be told.*Columns: file, note"),
        ("number,label\n1,x\n", {}, "which column names the images cannot be told"),
        ("file,label\na0.png,x\n", {"label_column": "lable"}, "has no column 'lable' .*Did you mean .*label"),
        ("file,label\na0.png,x\n", {"image_column": "f"}, "has no column 'f' .`image_column`."),
        ("file,class,species\na0.png,Aves,x\n", {"group_column": "gruppe"}, "has no column 'gruppe'"),
        ("file,label,split\na0.png,x,later\n", {}, "line 2: split 'later'; expected train, val or test"),
        ("file,label,split\na0.png,x,train\na1.png,x,\n", {}, "line 3: no split, as others have"),
        ("file,label,x\na0.png,x,1\n", {"box_columns": ("x",)}, "names 1 columns; expected four"),
        ("file,label,x\na0.png,x,1;5\n", {"box_columns": ("x",) * 4}, "line 2: '1;5' in the column 'x' is no number"),
        ("file,label,x\na0.png,x,-1\n", {"box_columns": ("x",) * 4}, "line 2: the box .* is none"),
        ("file,label,x\na0.png,x,inf\n", {"box_columns": ("x",) * 4}, "line 2: the box .* is none"),
        ("file,label\na0.png,x\n", {"drop_labels": ("blank",)}, "`drop_labels` 'blank' is the label of no row"),
    ],
)
def test_what_is_wrong_is_told(table, content, said, told):
    with pytest.raises(InputError, match=told):
        table(content, **said)


@pytest.mark.parametrize(
    ("content", "told"),
    [('{"file": 1\n', "line 1 is no JSON"), ('{"file": "a"}\n[1]\n', "line 2 is no object"), ("\n", "holds no row")],
)
def test_what_is_wrong_with_json_lines_is_told(table, content, told):
    with pytest.raises(InputError, match=told):
        table(content, "t.jsonl")


def test_a_rank_called_class_is_asked_about(table):
    rows = "file,class,genus,scientific_name\na0.png,Aves,Parus,Parus major\n"
    assert labels_of(table(rows)) == ["Parus major"]
    with pytest.raises(InputError, match=r"'class' may be the class or a rank above 'genus'"):
        table("file,class,genus\na0.png,Aves,Parus\n")


def test_cells_keep_their_blanks_where_that_is_asked(tmp_path):
    path = write(tmp_path / "t.csv", [("a", "b"), (" x ", "y")])
    assert read_word_table(path, strip=False).columns["a"] == [" x "]
    assert read_word_table(path).columns["a"] == ["x"]


def test_an_image_of_another_folder_is_not_taken_for_one_that_is_not_there(tmp_path):
    for name in ("B/IMG_0.png", "B/IMG_1.png", "IMG_2.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        Image.new("RGB", (8, 8)).save(tmp_path / name)
    lines = [f"{site}/IMG_{number}.png,{site}" for site in "AB" for number in (0, 1)]
    (tmp_path / "t.csv").write_text("\n".join(["file,label", *lines]))
    with pytest.raises(InputError, match=r"2 of 4 listed \(A/IMG_0\.png, A/IMG_1\.png\) images are not in"):
        read_manifest(tmp_path / "t.csv")
    # without its folder, or in a folder that the table does not name, it is the one that is meant
    (tmp_path / "u.csv").write_text("file,label\nIMG_0,x\nphotos/IMG_2.png,y\n")
    manifest = read_manifest(tmp_path / "u.csv")
    assert manifest.images.contents.paths == ["B/IMG_0.png", "IMG_2.png"]


def test_shares_that_were_rounded_are_shares_and_a_mixture_is_refused(tmp_path):
    Image.new("RGB", (8, 8)).save(tmp_path / "a.png")
    rows = ["file,label,x,y,w,h", *(f"a.png,{'ab'[n % 2]},0.{n + 1},0,1.0000002,0.5" for n in range(6))]
    (tmp_path / "t.csv").write_text("\n".join(rows))
    choice = ManifestChoice(box_columns=("x", "y", "w", "h"))
    manifest = read_manifest(tmp_path / "t.csv", choice)
    assert manifest.settled.crops.unit == "shares"
    assert manifest.source(np.arange(6)).load(0).shape[1:] == (4, 7)
    (tmp_path / "t.csv").write_text("\n".join([*rows, "a.png,a,3,2,4,4"]))
    with pytest.raises(InputError, match=r"line 8: the box \[3.0, 2.0, 4.0, 4.0\] is in pixels, as it seems"):
        read_manifest(tmp_path / "t.csv", choice)


def test_groups_that_hold_boxes_of_one_image_become_one(tmp_path):
    for name in "ab":
        Image.new("RGB", (8, 8)).save(tmp_path / f"{name}.png")
    rows = ["a.png,x,s1,0,0,.5,.5", "a.png,y,s2,.5,.5,.5,.5", "b.png,x,s2,0,0,.5,.5", "b.png,y,,.5,.5,.5,.5"]
    (tmp_path / "t.csv").write_text("\n".join(["file,label,group,x,y,width,height", *rows]))
    manifest = read_manifest(tmp_path / "t.csv")
    assert manifest.settled.groups.number == 1
    assert any("1 groups were joined" in note for note in manifest.notes)


def test_events_stay_whole_where_no_groups_are_given(tmp_path):
    for number in range(4):
        Image.new("RGB", (8, 8)).save(tmp_path / f"{number}.png")
    (tmp_path / "t.csv").write_text(
        "file,label,event\n" + "".join(f"{n}.png,{'ab'[n % 2]},e{n // 2}\n" for n in range(4))
    )
    assert read_manifest(tmp_path / "t.csv").settled.groups.codes.tolist() == [0, 0, 1, 1]
    assert read_manifest(tmp_path / "t.csv", ManifestChoice(group_column="none")).settled.groups is None
