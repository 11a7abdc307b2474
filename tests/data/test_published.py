"""ImageNet-LT, Places-LT and iNaturalist 2018: published counts, lists, missing images, the choice of splits."""

import json

import numpy as np
import pytest
import torch

from longtail.cli import main
from longtail.counts import group_of_class
from longtail.data import open_data, published
from longtail.data.coco_file import read_coco
from longtail.data.decode import write_png
from longtail.data.missing import absent_files
from longtail.data.published import PUBLISHED, published_counts
from longtail.errors import InputError

COUNTS = np.array([6, 4, 3])


@pytest.mark.parametrize(
    ("name", "total", "largest", "smallest", "groups"),
    [
        ("imagenet-lt", 115_846, 1280, 5, (385, 479, 136)),
        ("places-lt", 62_500, 4980, 5, (131, 163, 71)),
        ("inat18", 437_513, 1000, 2, None),
    ],
)
def test_published_counts(name, total, largest, smallest, groups):
    counts = published_counts(name)
    assert (counts.sum(), counts.max(), counts.min()) == (total, largest, smallest)
    if groups:
        named = group_of_class(counts)
        assert tuple((named == group).sum() for group in ("many", "medium", "few")) == groups


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_counts_are_the_given_ones(name, shared):
    given = np.loadtxt(shared / "reference" / "counts" / f"{name.replace('-', '_')}.txt", dtype=np.int64)
    np.testing.assert_array_equal(published_counts(name), given)


def test_no_published_counts():
    with pytest.raises(InputError, match="imagenet-lt, places-lt, inat18"):
        published_counts("cub")


@pytest.fixture
def small(tmp_path, monkeypatch):
    """Three classes in place of thousands, with real images: a folder and its lists."""
    monkeypatch.setattr(published, "published_counts", lambda name: COUNTS)
    numbers = {"train": COUNTS, "val": np.array([2, 2, 2]), "test": np.array([2, 2, 2])}

    def make(name):
        about = PUBLISHED[name]
        for split, sizes in numbers.items():
            lines = []
            for c, size in enumerate(sizes):
                (tmp_path / split / f"c{c}").mkdir(parents=True, exist_ok=True)
                for k in range(size):
                    path = f"{split}/c{c}/{k}.png"
                    write_png(torch.full((3, 8, 8), 40 * c + k, dtype=torch.uint8), tmp_path / path)
                    lines.append(f"{path} {c}")
            if split in about.list_of.values():
                (tmp_path / f"{about.prefix}_{split}.txt").write_text("\n".join(lines))
        return tmp_path

    return make


def test_lists_and_images(small):
    splits = open_data("imagenet-lt", root=small("imagenet-lt"))
    assert [len(part) for part in (splits.train, splits.val, splits.test)] == [13, 6, 6]
    assert splits.train.load(12).shape == (3, 8, 8)
    assert splits.name == "imagenet-lt"
    assert any("the published list has 20,000" in note for note in splits.notes)


def test_lists_in_a_folder_of_their_own(small, tmp_path):
    root = small("places-lt")
    (tmp_path / "lists").mkdir()
    for path in root.glob("*.txt"):
        path.rename(tmp_path / "lists" / path.name)
    assert len(open_data("places-lt", root=root, lists=tmp_path / "lists").train) == 13
    with pytest.raises(InputError, match=r"no Places_LT_train.txt in .* --lists"):
        open_data("places-lt", root=root)


def test_other_counts_are_refused_or_told(small):
    root = small("imagenet-lt")
    file = root / "ImageNet_LT_train.txt"
    file.write_text("\n".join(file.read_text().split("\n")[:-1]))
    with pytest.raises(InputError, match=r"1 classes differ, class 2 for example has 2 in place of 3.*--other-counts"):
        open_data("imagenet-lt", root=root)
    splits = open_data("imagenet-lt", root=root, other_counts=True)
    assert len(splits.train) == 12
    assert any("1 classes differ" in note for note in splits.notes)


def test_missing_images_are_reported_by_split(small):
    root = small("imagenet-lt")
    (root / "train/c0/0.png").unlink()
    for path in (root / "test/c1").iterdir():
        path.unlink()
    (root / "test/c1").rmdir()
    with pytest.raises(InputError, match=r"1 of 13 train, 2 of 6 test images are not in .* --skip-bad"):
        open_data("imagenet-lt", root=root)
    splits = open_data("imagenet-lt", root=root, skip_bad=True)
    assert (len(splits.train), len(splits.test)) == (12, 4)
    assert all(splits.test.load(row) is not None for row in range(4))


def test_absent_files_by_asking_for_each(tmp_path):
    paths = [f"{folder}/{k}.png" for folder in ("a", "b/c", "d") for k in range(4)]
    for path in paths[::3]:
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).touch()
    assert absent_files(tmp_path, paths) == [row for row, path in enumerate(paths) if not (tmp_path / path).is_file()]


def test_inaturalist_chooses_on_a_part_of_train(small):
    root = small("inat18")
    splits = open_data("inat18", root=root, val_fraction=0.25)
    assert len(splits.test) == 6
    assert len(splits.val) > 0
    assert len(splits.train) + len(splits.val) == 13
    original = open_data("inat18", root=root, original_splits=True)
    assert original.val is None
    assert len(original.train) == 13
    assert original.record["original_splits"]
    assert any("choices are made on the test images" in note for note in original.notes)
    with pytest.raises(InputError, match="is for inat18"):
        open_data("imagenet-lt", root=small("imagenet-lt"), original_splits=True)


def test_inaturalist_from_the_competitions_files(small):
    root = small("inat18")
    for word, name in (("train", "train2018.json"), ("val", "val2018.json")):
        lines = (root / f"iNaturalist18_{word}.txt").read_text().split("\n")
        pairs = [line.split() for line in lines]
        content = {
            "images": [{"id": 100 + k, "file_name": path} for k, (path, _) in enumerate(pairs)],
            "annotations": [{"image_id": 100 + k, "category_id": int(c)} for k, (_, c) in enumerate(pairs)][::-1],
            "categories": [{"id": c, "name": f"species {c}"} for c in (2, 0, 1)],
        }
        (root / name).write_text(json.dumps(content))
        (root / f"iNaturalist18_{word}.txt").unlink()
    splits = open_data("inat18", root=root, val_fraction=0)
    assert splits.class_names == ("species 0", "species 1", "species 2")
    np.testing.assert_array_equal(np.bincount(splits.train.labels), COUNTS)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{", "is no COCO file"),
        ("{}", "'categories' is not there"),
        ('{"images": [{"id": 1, "file_name": "a"}], "annotations": [], "categories": []}', "1 is not there"),
        (
            '{"images": [], "annotations": [{"image_id": 1, "category_id": 0}, {"image_id": 1, "category_id": 0}], '
            '"categories": []}',
            "several annotations",
        ),
    ],
)
def test_a_bad_coco_file(tmp_path, text, told):
    (tmp_path / "train2018.json").write_text(text)
    with pytest.raises(InputError, match=told):
        read_coco(tmp_path / "train2018.json")


def test_describe_works_from_the_counts_alone(tmp_path, capsys):
    assert main(["describe", "imagenet-lt", "--out", str(tmp_path)]) == 0
    told = capsys.readouterr().out
    assert "1000 classes" in told
    assert "many (> 100): 385 classes   medium: 479   few (< 20): 136" in told
    assert "from the published counts" in told
    assert (tmp_path / "counts.png").is_file()
    assert main(["train", "imagenet-lt", "--out", str(tmp_path / "run")]) == 2
    assert "needs --data" in capsys.readouterr().err
