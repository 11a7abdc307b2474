"""Shards of WebDataset: samples by the first dot of their names, read in any order without unpacking."""

import io
import json
import pickle
import tarfile

import numpy as np
import pytest

from data.manifests.samples_shards import LABELS, picture, sample_members, web_dataset, write_tar
from longtail.cli import main
from longtail.data import open_data
from longtail.data.manifests import ManifestChoice, format_of, read_manifest
from longtail.data.manifests.shards import braces_expanded, shard_files
from longtail.errors import InputError

ORDER = [number for shard in range(3) for number in range(shard, 12, 3)]


@pytest.fixture(scope="module")
def shards(tmp_path_factory):
    return web_dataset(tmp_path_factory.mktemp("shards"))


def names_of(manifest):
    settled = manifest.settled
    return [settled.class_names[label] if label >= 0 else "" for label in settled.labels]


@pytest.mark.parametrize("place", ["", "data-{000..002}.tar", "data-*.tar", "{data,none}-00[0-2].tar"])
def test_a_folder_and_patterns(shards, place):
    path = shards / place
    if place.startswith("{data"):
        with pytest.raises(InputError, match=r"none-00"):
            read_manifest(shards / "{data,none}-000.tar", ManifestChoice(format="webdataset"))
    assert format_of(path).title == "shards of WebDataset"
    manifest = read_manifest(path)
    assert names_of(manifest) == [LABELS[number] for number in ORDER]
    assert manifest.settled.rows.ids == [f"{number:04}" for number in ORDER]
    source = pickle.loads(pickle.dumps(manifest.source(np.arange(12))))
    for row in (11, 0, 5):
        assert source.encoded(row) == picture(ORDER[row])
        assert source.load(row).shape == (3, 16, 16)
    assert source.identify(4).endswith("data-001.tar[0001.png]")
    assert source.identity(4) == "data-001.tar/0001.png"


def test_it_is_opened_as_any_data(shards, tmp_path, capsys):
    splits = open_data(str(shards), test_fraction=0.3, table=ManifestChoice(group_column="site"))
    assert splits.class_names == ("A", "B", "C")
    assert main(["describe", str(shards), "--out", str(tmp_path / "all")]) == 0
    one = ["describe", str(shards / "data-000.tar"), "--test-fraction", "0", "--val-fraction", "0"]
    assert main([*one, "--out", str(tmp_path / "one")]) == 0
    assert "4" in capsys.readouterr().out


def test_labels_groups_and_events_of_the_fields(shards):
    choice = ManifestChoice(label_column="label", group_column="site", event_column="width")
    settled = read_manifest(shards, choice).settled
    assert [settled.class_names[label] for label in settled.labels] == [LABELS[number] for number in ORDER]
    assert settled.groups.by == "site"
    assert (settled.groups.number, settled.events.number) == (3, 1)


def test_numbers_without_names_and_labels_of_text(tmp_path):
    labels = {"a": b"007", "b": b"10", "c": b"7"}
    write_tar(
        tmp_path / "a.tar",
        [
            (f"{key}.{end}", content)
            for key, word in labels.items()
            for end, content in (("cls", word), ("png", picture(3)))
        ],
    )
    assert read_manifest(tmp_path / "a.tar").settled.class_names == ("7", "10")  # as int() reads them
    write_tar(
        tmp_path / "b.tar",
        [
            (f"x/{key}.{end}", content)
            for key, word in labels.items()
            for end, content in (("png", picture(3)), ("txt", word))
        ],
    )
    manifest = read_manifest(tmp_path / "b.tar", ManifestChoice(format="webdataset"))
    assert names_of(manifest) == ["007", "10", "7"]
    assert manifest.settled.rows.ids == ["x/a", "x/b", "x/c"]


def test_splits_by_names(tmp_path):
    for name, numbers in (("train-0", range(8)), ("val-0", (8, 9)), ("test-0", (10, 11))):
        write_tar(tmp_path / f"{name}.tar", sample_members(numbers))
    assert {split: len(rows) for split, rows in read_manifest(tmp_path).splits.items()} == {
        "train": 8,
        "val": 2,
        "test": 2,
    }
    assert read_manifest(tmp_path / "test-0.tar").settled.splits is None


def test_files_that_belong_to_no_sample(tmp_path):
    odd = [("__info__/x.json", b"{}"), ("d/.DS_Store", b"x"), ("d/._a.png", b"x"), ("README", b"x")]
    write_tar(tmp_path / "a.tar", [*odd, *sample_members(range(3))])
    assert len(read_manifest(tmp_path / "a.tar", ManifestChoice(format="webdataset")).settled.rows) == 3


def test_labels_stand_as_they_are_and_need_not_be_there_to_be_predicted(tmp_path):
    words = ["001", "01", "1", "3.0"]
    texts = [(json.dumps({"species": word}).encode(), str(number)) for number, word in enumerate(words)]
    write_tar(tmp_path / "a.tar", [m for text, k in texts for m in ((f"{k}.json", text), (f"{k}.png", PNG))])
    assert names_of(read_manifest(tmp_path / "a.tar")) == words
    fields = [m for k, w in enumerate(words) for m in ((f"{k}.json", b'{"site": "01"}'), (f"{k}.png", PNG))]
    write_tar(tmp_path / "new.tar", fields)
    choice = ManifestChoice(format="webdataset", labelled=False, event_column="site")
    manifest = read_manifest(tmp_path / "new.tar", choice)
    assert names_of(manifest) == [""] * 4
    assert manifest.settled.events.words == ["01"] * 4


def test_a_segmentation_beside_the_image(tmp_path):
    members = [("a.cls", b"1"), ("a.jpg", picture(1, "JPEG")), ("a.seg.png", picture(2))]
    write_tar(tmp_path / "a.tar", members)
    with pytest.raises(InputError, match=r"has 2 images: \.cls, \.jpg, \.seg\.png"):
        read_manifest(tmp_path / "a.tar")
    manifest = read_manifest(tmp_path / "a.tar", ManifestChoice(image_column="seg.png"))
    assert manifest.source(np.arange(1)).encoded(0) == picture(2)


PNG = picture(0)
BROKEN = {
    "two images": ([("img.0001.png", PNG), ("img.0002.png", PNG), ("img.cls", b"1")], "All behind the first dot"),
    "no image": ([("a.cls", b"1"), ("a.json", b"{}")], "the sample a has no image"),
    "no label": ([("a.png", PNG), ("a.npy", b"1"), ("b.cls", b"")], "which of its files holds the class"),
    "apart": ([("a.cls", b"1"), ("b.cls", b"1"), ("b.png", PNG), ("a.png", PNG)], "has no image"),
    "twice": (
        [("a.png", PNG), ("a.cls", b"1"), ("b.png", PNG), ("b.cls", b"1"), ("a.png", PNG)],
        "do not lie one after",
    ),
    "same": ([("a.png", PNG), ("a.cls", b"1"), ("a.CLS", b"1")], r"two files \.cls"),
    "json": ([("a.png", PNG), ("a.json", b"{")], "no object of JSON"),
    "field": ([("a.png", PNG), ("a.json", b'{"label": [1]}')], "expected a word or number"),
    "bytes": ([("a.png", PNG), ("a.cls", b"\xff")], "no text in UTF-8"),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_shards_that_cannot_be_used(tmp_path, kind):
    members, told = BROKEN[kind]
    write_tar(tmp_path / "a.tar", members)
    with pytest.raises(InputError, match=told) as refusal:
        read_manifest(tmp_path / "a.tar", ManifestChoice(format="webdataset"))
    assert "a.tar" in str(refusal.value)


def test_damaged_archives(tmp_path, shards):
    content = (shards / "data-000.tar").read_bytes()
    choice = ManifestChoice(format="webdataset")
    for number, (wrong, told) in enumerate(
        [(content[:3000], "damaged, truncated"), (b"x" * 2000, "damaged"), (b"\x1f\x8bxxxx", "gunzip")]
    ):
        (tmp_path / f"{number}.tar").write_bytes(wrong)
        with pytest.raises(InputError, match=told):
            read_manifest(tmp_path / f"{number}.tar", choice)
    with pytest.raises(InputError, match="no such file"):
        read_manifest(tmp_path / "none.tar", choice)
    (tmp_path / "a.tar").write_bytes(content)
    source = read_manifest(tmp_path / "a.tar").source(np.arange(4))
    (tmp_path / "a.tar").write_bytes(content[:600])
    with pytest.raises(InputError, match="shorter than it was"):
        source.load(3)


def test_names_of_classes_that_do_not_fit(tmp_path):
    write_tar(tmp_path / "a.tar", sample_members(range(12)))
    for text, told in (
        ("A\nB\n", "names 2 classes from 0"),
        ("A\nA\nC\n", "a name twice"),
        ("A\n\nC\n", "an empty line"),
    ):
        (tmp_path / "classes.txt").write_text(text)
        with pytest.raises(InputError, match=told):
            read_manifest(tmp_path / "a.tar")


def test_links_and_folders_in_an_archive_are_passed_over(tmp_path):
    with tarfile.open(tmp_path / "a.tar", "w") as archive:
        folder = tarfile.TarInfo("d.png")
        folder.type = tarfile.DIRTYPE
        archive.addfile(folder)
        link = tarfile.TarInfo("evil.png")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
        for name, content in sample_members(range(2)):
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    assert len(read_manifest(tmp_path / "a.tar").settled.rows) == 2


@pytest.mark.parametrize("pattern", ["a{1..x}", "a{}", "a{3..1}", "a{0..9999999}", "a{0..2000}{0..2000}"])
def test_braces_that_mean_nothing(pattern):
    with pytest.raises(InputError):
        braces_expanded(pattern)


def test_shards_that_are_not_there(tmp_path):
    for path in (tmp_path, tmp_path / "*.tar", tmp_path / "{0..3}.tar"):
        with pytest.raises(InputError):
            shard_files(path, ".tar")
