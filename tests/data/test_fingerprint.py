"""Marks of images, copies, and images that several splits share."""

import hashlib
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from longtail.data import Subset, open_data
from longtail.data.files import ImageFiles
from longtail.data.fingerprint import fingerprint_of_bytes, fingerprints, identities, same_content
from longtail.data.image_pack import ImagePack, write_pack
from longtail.data.shared_images import shared_images
from longtail.data.source import Joined
from longtail.errors import InputError


def expected(content):
    """Compute the mark by its definition."""
    ends = content if len(content) <= 8192 else content[:4096] + content[-4096:]
    return hashlib.blake2b(str(len(content)).encode() + b" " + ends, digest_size=16).digest()


@pytest.mark.parametrize("size", [1, 4095, 4096, 4097, 8191, 8192, 8193, 100_000])
def test_the_size_and_both_ends(tmp_path, size):
    content = np.random.default_rng(size).bytes(size)
    assert fingerprint_of_bytes(content) == expected(content)
    write_pack(tmp_path / "p.h5", [(b"before", 0, "train"), (content, 1, "train")], ("a", "b"), source="made up")
    assert ImagePack(tmp_path / "p.h5").fingerprint(1) == expected(content)
    assert fingerprint_of_bytes(b"") == bytes(16)


def test_files_and_their_pack_have_the_same_marks_wherever_they_lie(tmp_path, save):
    paths = [f"{name}/{number}.png" for name in ("ant", "bee") for number in range(3)]
    for seed, path in enumerate(paths):
        save(tmp_path / "one" / path, seed=seed)
        save(tmp_path / "other" / "place" / path, seed=seed)
    one, other = (open_data(str(tmp_path / place), val_fraction=0, test_fraction=0) for place in ("one", "other/place"))
    assert identities(one.train) == identities(other.train) == paths
    np.testing.assert_array_equal(fingerprints(one.train), fingerprints(other.train))
    rows = [(one.train.encoded(row), int(one.train.labels[row]), "train") for row in range(6)]
    write_pack(tmp_path / "p.h5", rows, one.class_names, source="made up")
    packed = open_data(str(tmp_path / "p.h5"), val_fraction=0, test_fraction=0)
    np.testing.assert_array_equal(fingerprints(packed.train), fingerprints(one.train))
    assert identities(packed.train) == [f"p[{row}]" for row in range(6)]


def test_images_in_memory_by_their_pixels():
    digits = open_data("digits")
    marks = fingerprints(digits.test)
    assert marks.shape == (400, 16)
    np.testing.assert_array_equal(fingerprints(Subset(digits.test, np.array([7, 3]))), marks[[7, 3]])
    np.testing.assert_array_equal(fingerprints(Joined((digits.val, digits.test)))[150:], marks)
    assert digits.test.status(0) is None


def test_equal_ends_are_not_taken_for_equal_content(tmp_path):
    ends, middles = (b"a" * 4096, b"z" * 4096), (b"1" * 5000, b"2" * 5000, b"1" * 5000)
    contents = [ends[0] + middle + ends[1] for middle in middles] + [b"", b""]
    write_pack(
        tmp_path / "p.h5", [(content, row % 2, "train") for row, content in enumerate(contents)], ("a", "b"), source="x"
    )
    source = ImagePack(tmp_path / "p.h5")
    marks = fingerprints(source)
    assert (marks[:3] == marks[0]).all()
    assert same_content(source, marks).tolist() == [0, 1, 0, 3, 4]


def test_a_file_that_is_gone_is_named(tmp_path, save):
    for seed, path in enumerate(("ant/1.png", "bee/1.png", "bee/2.png")):
        save(tmp_path / path, seed=seed)
    source = open_data(str(tmp_path), val_fraction=0, test_fraction=0).train
    source = ImageFiles(source.source.paths, source.labels, source.class_names, "x")  # that has not looked yet
    (tmp_path / "bee/1.png").unlink()
    with pytest.raises(InputError, match=r"bee/1\.png: No such file"):
        fingerprints(source)
    assert source.status(1) is None


def test_copies_land_on_one_side_and_splits_without_copies_stay_as_they_were(tmp_path, save):
    for place, name in enumerate(("ant", "bee")):
        for number in range(20):
            save(tmp_path / name / f"{number:02}.png", seed=100 * place + number)
    before = open_data(str(tmp_path), val_fraction=0.2, test_fraction=0.2)
    rows = {split: getattr(before, split) for split in ("train", "val", "test")}
    held = set(before.record["indices"]["val"]) | set(before.record["indices"]["test"])
    for number in range(0, 20, 2):
        (tmp_path / "ant" / f"copy{number:02}.png").write_bytes((tmp_path / "ant" / f"{number:02}.png").read_bytes())
    splits = open_data(str(tmp_path), val_fraction=0.2, test_fraction=0.2)
    sides = [{mark.tobytes() for mark in fingerprints(getattr(splits, split))} for split in rows]
    assert [len(sides[a] & sides[b]) for a, b in ((0, 1), (0, 2), (1, 2))] == [0, 0, 0]
    assert splits.shared is None
    assert any("copies of others, byte for byte: 10;" in note for note in splits.notes)
    assert [int((part.labels == 1).sum()) for part in (splits.train, splits.val, splits.test)] == [13, 3, 4]
    assert len(held) == 14
    assert before.notes == tuple(note for note in before.notes if "copies" not in note)


def test_test_as_a_copy_of_train_is_told_with_names_and_numbers(tmp_path, save):
    for place, name in enumerate(("ant", "bee")):
        for number in range(4):
            path = save(tmp_path / "train" / name / f"{number}.png", seed=10 * place + number)
            copy = tmp_path / "test" / ("bee" if name == "ant" and number == 0 else name) / f"copy-{name}-{number}.png"
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(path.read_bytes())
    save(tmp_path / "test" / "bee" / "own.png", seed=99)
    splits = open_data(str(tmp_path), val_fraction=0)
    assert splits.shared.counts == {("train", "test"): 8}
    assert len(splits.shared.rows["test"]) == 8
    assert splits.shared.other_labels == 1
    shared = splits.record["shared"]
    assert (shared["counts"], shared["other_labels"]) == ({"train/test": 8}, 1)
    assert ["test/bee/copy-ant-0.png", "train/ant/0.png"] in shared["pairs"]["train/test"]
    assert shared == json.loads(json.dumps(shared))
    told = "\n".join(splits.notes)
    assert "8 of 9 test images are in train too, byte for byte (test/ant/copy-ant-1.png = train/ant/1.png," in told
    assert "1 of the images that are in two splits have another label there" in told


@given(st.lists(st.tuples(st.integers(0, 5), st.sampled_from(["train", "val", "test"])), min_size=1, max_size=30))
def test_shared_images_by_asking_for_each_pair(images):
    content = {
        split: np.array([number for number, own in images if own == split]) for split in ("train", "val", "test")
    }
    content = {split: numbers for split, numbers in content.items() if len(numbers)}
    labels = {split: np.zeros(len(numbers), dtype=np.int64) for split, numbers in content.items()}
    found = shared_images(content, labels, dict.fromkeys(content, str))
    wanted = {}
    for first, second in (("train", "val"), ("train", "test"), ("val", "test")):
        both = [n for n in content.get(second, []) if n in set(content.get(first, []))]
        if both:
            wanted[first, second] = len(both)
    assert (found.counts if found else {}) == wanted
    if found and "test" in found.rows:
        seen = set(content.get("train", [])) | set(content.get("val", []))
        assert found.rows["test"].tolist() == [row for row, n in enumerate(content["test"]) if n in seen]


def test_images_of_two_classes_are_told(tmp_path, save):
    for seed, path in enumerate(("ant/1.png", "bee/1.png", "bee/2.png")):
        save(tmp_path / path, seed=seed)
    (tmp_path / "bee" / "3.png").write_bytes((tmp_path / "ant" / "1.png").read_bytes())
    notes = open_data(str(tmp_path), val_fraction=0, test_fraction=0).notes
    assert notes[0] == (
        "training images that lie in another class too, byte for byte: 1 (ant/1.png = bee/3.png); one of the labels is "
        "wrong"
    )
