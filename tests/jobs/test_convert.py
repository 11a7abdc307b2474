"""`longtail convert`: what is written is read again as the same rows, classes, splits, groups, events and boxes."""

import h5py
import numpy as np
import pytest
from PIL import Image

from longtail.cli import main
from longtail.data.image_pack import ImagePack
from longtail.data.manifests import ManifestChoice, read_manifest
from longtail.data.open import open_data
from longtail.data.source import events_of, groups_of

TABLE = (
    "file,label,split,site,event,id,l,t,w,h\n"
    "a/1.png,001,train,lake,e1,i1,0,0,10,20\n"
    "a/2.png,NA,train,lake,e1,i2,10,5,20,10\n"
    'a/2.png,"fox, red",train,lake,e2,i3,,,,\n'
    "b/3.png,001,val,hill,,i4,5,5,5,5\n"
    "b/4.png,NA,test,,e3,i5,0,10,40,10\n"
    "b/5.png,,test,bog,e3,i6,,,,\n"
)
COLUMNS = ("--group-column", "site", "--box-columns", "l", "t", "w", "h")


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    """Images of 40 x 20 pixels in a/ and b/, and a table of them."""
    folder = tmp_path_factory.mktemp("images")
    rng = np.random.default_rng(0)
    for name in ("a/1.png", "a/2.png", "b/3.png", "b/4.png", "b/5.png"):
        (folder / name).parent.mkdir(exist_ok=True)
        Image.fromarray(rng.integers(0, 255, (20, 40, 3), dtype=np.uint8)).save(folder / name)
    (folder / "t.csv").write_text(TABLE)
    return folder


def convert(*words):
    return main(["convert", *map(str, words), "--quiet"])


def words_of(grouping):
    return [grouping.names[code] for code in grouping.codes]


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".jsonl", ".parquet"])
def test_a_table_is_read_again_as_it_was(images, tmp_path, suffix):
    out = tmp_path / f"o{suffix}"
    assert convert(images / "t.csv", out, *COLUMNS) == 0
    choice = ManifestChoice(group_column="site", box_columns=("l", "t", "w", "h"))
    given, again = read_manifest(images / "t.csv", choice), read_manifest(out)
    ours, theirs = again.settled, given.settled
    assert ours.class_names == theirs.class_names == ("001", "NA", "fox, red")
    np.testing.assert_array_equal(ours.labels, theirs.labels)
    np.testing.assert_array_equal(ours.splits, theirs.splits)
    assert ours.rows.ids == theirs.rows.ids
    assert words_of(ours.groups) == words_of(theirs.groups)
    assert words_of(ours.events) == words_of(theirs.events)
    np.testing.assert_allclose(ours.crops.boxes * np.array([40, 20, 40, 20]), theirs.crops.boxes, atol=1e-9)
    rows = np.arange(6)
    for row in rows:
        assert np.array_equal(again.source(rows).load(row), given.source(rows).load(row))
    # and once more it is the same file
    assert convert(out, tmp_path / f"p{suffix}") == 0
    if suffix != ".parquet":
        assert (tmp_path / f"p{suffix}").read_text() == out.read_text()


def test_paths_are_relative_to_the_table_or_to_a_folder(images, tmp_path):
    inside = images / "inside.csv"
    assert convert(images / "t.csv", inside, *COLUMNS) == 0
    assert inside.read_text().splitlines()[1].startswith("a/1.png,001,train,lake,e1,0,0,0.25,1,i1")
    assert convert(images / "t.csv", tmp_path / "o.csv", *COLUMNS, "--relative-to", images) == 0
    assert (tmp_path / "o.csv").read_text() == inside.read_text()
    inside.unlink()


def test_a_pack_holds_the_crops_and_what_belongs_together(images, tmp_path):
    out = tmp_path / "o.h5"
    assert convert(images / "t.csv", out, *COLUMNS) == 0
    packed = open_data(str(out))
    given = open_data(
        str(images / "t.csv"), table=ManifestChoice(group_column="site", box_columns=("l", "t", "w", "h"))
    )
    for split in ("train", "val", "test"):
        ours, theirs = getattr(packed, split), getattr(given, split)
        np.testing.assert_array_equal(ours.labels, theirs.labels)
        assert words_of(groups_of(ours)) == words_of(groups_of(theirs))
        assert words_of(events_of(ours)) == words_of(events_of(theirs))
        assert all(np.array_equal(ours.load(row), theirs.load(row)) for row in range(len(theirs)))
    # and out of the pack again: the images are written beside the table
    assert convert(out, tmp_path / "q.csv") == 0
    assert len(list((tmp_path / "q-images").glob("*.png"))) == 5
    again = read_manifest(tmp_path / "q.csv").settled
    assert words_of(again.groups) == ["lake", "lake", "lake", "", "hill"]
    assert again.splits.tolist() == ["train"] * 3 + ["test", "val"]


def test_a_folder(images, tmp_path):
    assert convert(images, tmp_path / "o.csv", "--layout", "classes", "--group-by", "folder:1") == 0
    again = read_manifest(tmp_path / "o.csv").settled
    assert again.class_names == ("a", "b")
    assert again.splits is None
    assert words_of(again.groups) == ["a", "a", "b", "b", "b"]


def test_a_pack_without_groups_is_what_it_was(images, tmp_path):
    assert convert(images, tmp_path / "o.h5", "--layout", "classes") == 0
    assert main(["pack", str(images), "--layout", "classes", "--out", str(tmp_path / "p.h5"), "--quiet"]) == 0
    assert (tmp_path / "o.h5").read_bytes() == (tmp_path / "p.h5").read_bytes()
    assert ImagePack(tmp_path / "o.h5").groups is None


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("t.csv", "o.txt"), r"expected a table \(.csv, .*\) or a pack \(.h5\)"),
        (("t.csv", "t.csv"), "is what is read"),
        (("none.csv", "o.csv"), "no such file"),
        (("t.csv", "o.csv", "--label-column", "kind"), "has no column 'kind' (--label-column)"),
    ],
)
def test_mistakes_are_told(images, tmp_path, capsys, monkeypatch, words, told):
    import re

    monkeypatch.chdir(tmp_path)
    (tmp_path / "t.csv").write_bytes((images / "t.csv").read_bytes())
    assert convert(*words) == 2
    message = capsys.readouterr().err
    assert re.search(told, message) or told in message
    assert [path.name for path in tmp_path.iterdir()] == ["t.csv"]


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        (lambda file: file.__delitem__("group_names"), "groups without group_names"),
        (lambda file: file["groups"].__setitem__(0, 77), "groups are no numbers from 0 to"),
        (lambda file: file["events"].__setitem__(0, -1), "events are no numbers from 0 to"),
    ],
)
def test_damaged_groups_of_a_pack(images, tmp_path, damage, told):
    assert convert(images / "t.csv", tmp_path / "o.h5", *COLUMNS) == 0
    with h5py.File(tmp_path / "o.h5", "a") as file:
        damage(file)
    with pytest.raises(ValueError, match=told):
        ImagePack(tmp_path / "o.h5")
