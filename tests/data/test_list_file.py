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
