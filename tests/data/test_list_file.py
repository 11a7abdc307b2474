"""List files from other people's machines."""

import pytest

from longtail.data import open_data
from longtail.data.list_file import Listed, read_list
from longtail.errors import InputError


@pytest.fixture
def listed(tmp_path):
    def write(content, name="list.txt"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


def test_marks_tabs_and_odd_spaces(listed):
    path = listed("\ufeffa b.jpg 0\r\n\tc\u2028d.jpg\t\t1  \n\n")
    assert read_list(path) == Listed(["a b.jpg", "c\u2028d.jpg"], [0, 1], [1, 2])


@pytest.mark.parametrize("line", ["a.jpg", "a.jpg -1", "a.jpg 1.0", "a.jpg ²", "a.jpg ٣", "7", "a.jpg 12345678901"])
def test_labels_that_are_none_are_told_with_their_line(listed, line):
    with pytest.raises(InputError, match=r"list\.txt:2: .*expected a path and a class number"):
        read_list(listed(f"b.jpg 0\n{line}\n"))


def test_other_encodings(listed):
    with pytest.raises(InputError, match=r"list\.txt, line 1: is no text in UTF-8"):
        read_list(listed(b"caf\xe9.jpg 0\n"))


def test_a_mistyped_label_names_the_gap_and_takes_no_memory(listed):
    listed("ant\nbee\ncat\n", "classes.txt")
    with pytest.raises(InputError, match=r"class 2 \(cat\) has no training image, nor have 799,999,997 others"):
        open_data(str(listed("a.jpg 0\nb.jpg 1\nc.jpg 800000000\n")))


def test_siblings_are_found_by_the_last_train_in_the_name(listed, tmp_path, save):
    for name in "ab":
        save(tmp_path / f"{name}.png")
    for split in ("train", "val", "test"):
        listed("a.png 0\nb.png 1\n", f"trains_{split}.txt")
    splits = open_data(str(tmp_path / "trains_train.txt"))
    assert [len(part) for part in (splits.train, splits.val, splits.test)] == [2, 2, 2]
    listed("ant\n", "classes.txt")
    with pytest.raises(InputError, match=r"classes\.txt: 1 names, but labels go up to 1"):
        open_data(str(tmp_path / "trains_train.txt"))


@pytest.mark.parametrize(
    ("train", "val", "test"),
    [
        ("train.txt", "valid.txt", "Test.txt"),
        ("Train.txt", "Validation.txt", "testing.txt"),
        ("list_TRAINING_1.txt", "list_VAL_1.txt", "list_TEST_1.txt"),
    ],
)
def test_siblings_are_called_as_splits_may_be(listed, tmp_path, save, train, val, test):
    for number, name in enumerate((train, val, test)):
        for kind in "ab":
            save(tmp_path / f"{kind}{number}.png")
        listed(f"a{number}.png 0\nb{number}.png 1\n", name)
    splits = open_data(str(tmp_path / train))
    assert [len(part) for part in (splits.train, splits.val, splits.test)] == [2, 2, 2]
    listed("a0.png 0\n", val.lower().replace("validation", "val").replace("valid", "val").replace("_val_", "_valid_"))
    with pytest.raises(InputError, match="are both of val"):
        open_data(str(tmp_path / train))


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("path label\na.png 0\nb.png 1\n", r":1: 'path label'; .*looks like a heading\. Take the line away"),
        ("image,label\na.png,0\n", r":1: .*heading\. Take the line away; and of 'a\.png,0': .*this has a comma"),
        ("a.png,0\nb.png,1\n", r":1: .*with a blank between them: this has a comma"),
        ("a.png;0\n", r":1: .*this has a semicolon"),
        ("a.png 0\n1,b.png\n", r":2: .*this has a comma"),
        ("0 a.png\n1 b.png\n", r":1: .*here the number stands first\. Turn them round"),
        ("0\ta.png\n", r":1: .*here the number stands first"),
        ("a.png ant\n", r":1: .*'ant' is no number\. Number the classes from 0, .*classes\.txt"),
        ("a.png 1.0\n", r":1: .*a whole one: 1 and not 1\.0"),
        ("a.png 0 1\n", r":1: .*one: an image of several classes cannot be learnt here"),
        ('"a.png" 0\n', r":1: .*take the quotation marks away"),
        ("a.png 1\nb.png 2\n", r"the labels are numbered from 1 to 2; expected from 0.*awk"),
        (
            "a.png 0\nb.png 1\na.png 1\n",
            r"1 image stands under two labels: a\.png \(l\.txt:1 says 0, l\.txt:3 says 1\)",
        ),
        ("a.png 0\nb.png 1\n./b.png 0\n", r"b\.png \(l\.txt:2 says 1, l\.txt:3 says 0\)"),
        ("a 0\nb 1\n", r"2 of 2 train \(a, b\) images .*They are there with \.png at the end \(a\.png\)"),
        ("sub\\\\c.png 0\na.png 1\n", r"written with backslashes, as on Windows"),
        ("photos/a.png 0\nphotos/b.png 1\n", r"there without photos/"),
        ("c.png 0\na.png 1\n", r"They are in .*sub\. Give the folder"),
        ("c 0\na.png 1\n", r"They are there in .*sub with \.png at the end \(c\.png\)"),
        ("A.PNG 0\nb.png 1\n", r"Capitals and small letters differ \(a\.png is there\)"),
        ("gone 0 1\nb.png 0\n", r"Their lines have several numbers"),
        ("a" * 300 + ".png 0\nb.png 1\n", r"1 of 2 train .*images are not in"),
        ("a\0.png 0\nb.png 1\n", r"line 1: holds null characters"),
        ("a.png 0\nb.png 1\n".encode("utf-16-le"), r"line 1: holds null characters, .*UTF-16 without its mark"),
        ("caf\u00e9.png 0\n".encode("latin-1"), r"line 1: is no text in UTF-8"),
    ],
)
def test_each_fault_names_its_line_and_what_mends_it(listed, tmp_path, save, content, told):
    for seed, name in enumerate(("a.png", "b.png", "sub/c.png")):
        save(tmp_path / name, seed=seed)
    with pytest.raises(InputError, match=told) as raised:
        open_data(str(listed(content, "l.txt")))
    assert str(raised.value).startswith(("l.txt", str(tmp_path / "l.txt")))


def test_lists_in_utf_16_and_with_a_mark_are_read(listed, tmp_path, save):
    for seed, name in enumerate(("é.png", "b.png")):
        save(tmp_path / name, seed=seed)
    for encoding in ("utf-16", "utf-8-sig"):
        path = listed("é.png 0\r\nb.png 1\r\n".encode(encoding))
        assert open_data(str(path), val_fraction=0, test_fraction=0).train.identity(0) == "é.png"


def test_an_image_twice_under_one_label_is_told(listed, tmp_path, save):
    for seed, name in enumerate(("a.png", "b.png")):
        save(tmp_path / name, seed=seed)
    splits = open_data(str(listed("a.png 0\nb.png 1\nb.png 1\n")), val_fraction=0, test_fraction=0)
    assert len(splits.train) == 3
    assert "list.txt: 1 image stands in it more than once (b.png, lines 2 and 3)" in splits.notes


@pytest.mark.parametrize("label", [0, 1])
def test_an_image_in_two_lists(listed, tmp_path, save, label):
    for seed, name in enumerate(("a.png", "b.png", "c.png")):
        save(tmp_path / name, seed=seed)
    listed(f"a.png {label}\nc.png 1\n", "val.txt")
    path = listed("a.png 0\nb.png 1\n", "train.txt")
    if label == 1:
        with pytest.raises(InputError, match=r"a\.png \(train\.txt:1 says 0, val\.txt:1 says 1\)"):
            open_data(str(path), test_fraction=0)
        return
    splits = open_data(str(path), test_fraction=0)
    assert "1 image stands in train.txt and in val.txt (a.png): it is learnt from and measured on" in splits.notes
    assert splits.shared.counts == {("train", "val"): 1}
    assert splits.shared.rows["val"].tolist() == [0]


def test_names_of_classes_that_are_alike(listed, tmp_path, save):
    for seed, name in enumerate(("a.png", "b.png", "c.png")):
        save(tmp_path / name, seed=seed)
    listed("Ant\nant\nbee\n", "classes.txt")
    path = str(listed("a.png 0\nb.png 1\nc.png 2\n"))
    with pytest.raises(InputError, match="'Ant' = 'ant'"):
        open_data(path)
    merged = open_data(path, alike_names="merge", val_fraction=0, test_fraction=0)
    assert (merged.class_names, merged.train.labels.tolist()) == (("Ant", "bee"), [0, 0, 1])


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("data.csv", "holds no row. Expected a table"),
        ("data.tsv", "holds no row. Expected a table"),
        ("notes.md", "What is read: a folder with a sub-folder for each class, a table of images"),
        ("data.json", "What is read: a folder with a sub-folder for each class, a table of images"),
    ],
)
def test_other_files_are_no_lists(listed, name, told):
    with pytest.raises(InputError, match=told):
        open_data(str(listed("a.jpg,0\n", name)))


def test_pipes_in_a_list_are_no_images(listed, tmp_path, save):
    import os

    os.mkfifo(tmp_path / "pipe.png")
    save(tmp_path / "b.png")
    with pytest.raises(InputError, match=r"1 of 2 train \(pipe\.png\) images are not in"):
        open_data(str(listed("pipe.png 0\nb.png 1\n")))
