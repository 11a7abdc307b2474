"""ImageNet-LT, Places-LT and iNaturalist 2018: published counts, lists, missing images, the choice of splits."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from longtail.cli import main
from longtail.counts import group_of_class
from longtail.data import open_data, published
from longtail.data.decode import write_png
from longtail.data.missing import absent_files, missing_report
from longtail.data.published import PUBLISHED, published_counts
from longtail.errors import InputError

COUNTS = np.array([6, 4, 3])


@pytest.mark.parametrize(
    ("name", "total", "largest", "smallest", "groups"),
    [
        ("imagenet-lt", 115_846, 1280, 5, (385, 479, 136)),
        ("places-lt", 62_500, 4980, 5, (131, 163, 71)),
        ("inat18", 437_513, 1000, 2, (842, 4076, 3224)),
    ],
)
def test_published_counts(name, total, largest, smallest, groups):
    counts = published_counts(name)
    assert (counts.sum(), counts.max(), counts.min()) == (total, largest, smallest)
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


def test_lists_and_images(small, tmp_path):
    splits = open_data("imagenet-lt", root=small("imagenet-lt"))
    assert [len(part) for part in (splits.train, splits.val, splits.test)] == [13, 6, 6]
    assert splits.train.load(12).shape == (3, 8, 8)
    assert splits.name == "imagenet-lt"
    assert splits.class_names == ("c0", "c1", "c2")
    assert splits.test.identify(5) == str(tmp_path / "test/c2/1.png")
    assert any("the published list has 20,000" in note for note in splits.notes)


@pytest.mark.parametrize("place", ["", "Places_LT", "Places_LT/data", "data/Places_LT"])
def test_lists_are_found_where_releases_put_them(small, tmp_path, place):
    root = small("places-lt")
    (tmp_path / place).mkdir(parents=True, exist_ok=True)
    for path in root.glob("*.txt"):
        path.rename(tmp_path / place / path.name)
    assert len(open_data("places-lt", root=root).train) == 13


def test_lists_in_a_folder_of_their_own(small, tmp_path):
    root = small("places-lt")
    (tmp_path / "lists").mkdir()
    for path in root.glob("*.txt"):
        path.rename(tmp_path / "lists" / path.name)
    assert len(open_data("places-lt", root=root, lists=tmp_path / "lists").train) == 13
    with pytest.raises(
        InputError, match=r"no Places_LT_train.txt in .*`relative/path label` a line.*come with.*`lists`"
    ):
        open_data("places-lt", root=root)
    with pytest.raises(InputError, match=r"no such folder. Expected as `root` the folder of Places-LT's images"):
        open_data("places-lt", root=tmp_path / "nothing", lists=tmp_path / "lists")


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("imagenet-lt", "--build-lists"),
        ("places-lt", "released code"),
        ("inat18", "no iNaturalist18_train.txt or train2018"),
    ],
)
def test_who_has_no_list_is_told_where_they_come_from(tmp_path, name, says):
    with pytest.raises(InputError, match=says):
        open_data(name, root=tmp_path)


def test_test_is_never_split_off_train_but_val_may_be(small):
    root = small("imagenet-lt")
    (root / "ImageNet_LT_val.txt").unlink()
    splits = open_data("imagenet-lt", root=root)
    assert len(splits.train) + len(splits.val) == 13
    (root / "ImageNet_LT_test.txt").unlink()
    with pytest.raises(InputError, match=r"no ImageNet_LT_test.txt"):
        open_data("imagenet-lt", root=root)


@pytest.mark.parametrize("name", ["imagenet-lt", "places-lt"])
def test_an_image_under_two_labels(small, name):
    root = small(name)
    prefix = PUBLISHED[name].prefix
    with (root / f"{prefix}_val.txt").open("a") as file:
        file.write("\ntrain/c0/0.png 1\n")
    told = rf"train/c0/0\.png \({prefix}_train\.txt:1 says 0, {prefix}_val\.txt:7 says 1\)"
    with pytest.raises(InputError, match=told):
        open_data(name, root=root)


@pytest.mark.parametrize("split", ["train", "val"])
def test_a_mistyped_label_takes_no_memory(small, split):
    root = small("imagenet-lt")
    with (root / f"ImageNet_LT_{split}.txt").open("a") as file:
        file.write("\ntrain/c0/new.png 800000000\n")
    with pytest.raises(InputError, match=f"ImageNet_LT_{split}.txt: label 800,000,000"):
        open_data("imagenet-lt", root=root, other_counts=True)


def test_fewer_classes_with_other_counts(small):
    root = small("imagenet-lt")
    for path in root.glob("*.txt"):
        path.write_text("\n".join(line for line in path.read_text().split("\n") if not line.endswith(" 2")))
    splits = open_data("imagenet-lt", root=root, other_counts=True)
    assert splits.class_names == ("c0", "c1")


def test_names_of_classes(small):
    root = small("imagenet-lt")
    (root / "classes.txt").write_bytes("\ufeffant\r\nbee\r\ncat\r\n".encode())
    assert open_data("imagenet-lt", root=root).class_names == ("ant", "bee", "cat")
    for content, told in ((b"ant\n", "1 names, but labels go up to 2"), (b"caf\xe9", "is no text in UTF-8")):
        (root / "classes.txt").write_bytes(content)
        with pytest.raises(InputError, match=rf"classes\.txt.*: {told}"):
            open_data("imagenet-lt", root=root)


def test_classes_are_numbered_where_folders_do_not_tell_them_apart(small):
    root = small("imagenet-lt")
    file = root / "ImageNet_LT_train.txt"
    file.write_text(file.read_text().replace("train/c0/0.png 0", "train/c0/0.png 1"))
    assert open_data("imagenet-lt", root=root, other_counts=True).class_names == ("0", "1", "2")


def test_other_counts_are_refused_or_told(small):
    root = small("imagenet-lt")
    file = root / "ImageNet_LT_train.txt"
    file.write_text("\n".join(file.read_text().split("\n")[:-1]))
    with pytest.raises(
        InputError, match=r"1 classes differ, class 2 for example has 2 in place of 3.*`other_counts=True`"
    ):
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
    told = (
        r"1 of 13 train \(train/c0/0.png\), 2 of 6 test \(test/c1/0.png, test/c1/1.png\) images are not in .* "
        r"Whole folders are missing: 1 of 3 in test\. .*`skip_bad=True`"
    )
    with pytest.raises(InputError, match=told):
        open_data("imagenet-lt", root=root)
    splits = open_data("imagenet-lt", root=root, skip_bad=True)
    assert (len(splits.train), len(splits.test)) == (12, 4)
    assert all(splits.test.load(row) is not None for row in range(4))
    assert [(item["split"], item["image"]) for item in splits.record["skipped"]] == [
        ("train", str(root / "train/c0/0.png")),
        ("test", str(root / "test/c1/0.png")),
        ("test", str(root / "test/c1/1.png")),
    ]
    assert any(note.startswith("left out: 1 of 13 train") for note in splits.notes)


def test_unreadable_images_are_left_out_beside_missing_ones(small):
    root = small("imagenet-lt")
    (root / "train/c0/0.png").unlink()
    (root / "train/c1/2.png").write_text("no image")
    splits = open_data("imagenet-lt", root=root, skip_bad=True)
    assert np.bincount(splits.train.labels).tolist() == [5, 3, 3]
    assert {item["image"] for item in splits.record["skipped"]} == {
        str(root / "train/c0/0.png"),
        str(root / "train/c1/2.png"),
    }


def test_a_class_or_split_without_images_stays_an_error(small):
    root = small("imagenet-lt")
    for path in (root / "train/c1").iterdir():
        path.unlink()
    with pytest.raises(InputError, match=r"class 1 \(c1\) has no training image"):
        open_data("imagenet-lt", root=root, skip_bad=True)
    shutil.rmtree(root / "test")
    with pytest.raises(InputError, match=r"No image of test would be left"):
        open_data("imagenet-lt", root=root, skip_bad=True)


def test_a_report_of_many_missing_folders_stays_short():
    listed = {"train": [f"c{c}/{k}.png" for c in range(1000) for k in range(3)]}
    told = missing_report(Path("images"), listed, {"train": list(range(3000))})
    assert told == (
        "3,000 of 3,000 train (c0/0.png, c0/1.png, c0/2.png, ...) images are not in images. Whole folders are missing: "
        "1 of 1 in c0, 1 of 1 in c1, 1 of 1 in c2, 1 of 1 in c3, 1 of 1 in c4 and 995 more."
    )


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


@pytest.mark.parametrize("name", ["imagenet-lt", "digits"])
def test_options_of_other_data_are_refused(tmp_path, name):
    with pytest.raises(InputError, match="is for inat18"):
        open_data(name, root=tmp_path, original_splits=True)
    if name not in PUBLISHED:
        with pytest.raises(InputError, match="`other_counts` are for imagenet-lt"):
            open_data(name, other_counts=True)


def as_json(root, first_id=0, name="species"):
    """Put the competition's files in the place of iNaturalist's lists."""
    for word, file in (("train", "train2018.json"), ("val", "val2018.json")):
        pairs = [line.split() for line in (root / f"iNaturalist18_{word}.txt").read_text().split("\n")]
        content = {
            "images": [{"id": 100 + k, "file_name": path} for k, (path, _) in enumerate(pairs)],
            "annotations": [
                {"id": k, "image_id": 100 + k, "category_id": first_id + int(c)} for k, (_, c) in enumerate(pairs)
            ][::-1],
            "categories": [{"id": first_id + c, "name": f"{name} {c}"} for c in (2, 0, 1)],
        }
        (root / file).write_text(json.dumps(content))
        (root / f"iNaturalist18_{word}.txt").unlink()


def test_inaturalist_from_the_competitions_files(small):
    root = small("inat18")
    from_lists = open_data("inat18", root=root)
    as_json(root)
    splits = open_data("inat18", root=root)
    assert splits.class_names == ("species 0", "species 1", "species 2")
    for split in ("train", "val", "test"):
        one, other = getattr(splits, split), getattr(from_lists, split)
        assert [one.identify(k) for k in range(len(one))] == [other.identify(k) for k in range(len(other))]
        np.testing.assert_array_equal(one.labels, other.labels)


def test_categories_of_both_files_have_to_agree(small):
    root = small("inat18")
    as_json(root, first_id=1)
    splits = open_data("inat18", root=root)
    assert sum("are numbered from 0 here" in note for note in splits.notes) == 2
    content = json.loads((root / "val2018.json").read_text())
    content["categories"][0]["name"] = "another"
    (root / "val2018.json").write_text(json.dumps(content))
    with pytest.raises(InputError, match="their categories differ"):
        open_data("inat18", root=root)


def test_one_set_of_images_in_both_files_is_told(small):
    root = small("inat18")
    as_json(root)
    content = json.loads((root / "train2018.json").read_text())
    for annotation in content["annotations"]:
        annotation["bbox"] = [0, 0, 4, 4]
    content["categories"][1]["name"] = "empty"
    for file in ("train2018.json", "val2018.json"):
        (root / file).write_text(json.dumps(content))
    notes = "\n".join(open_data("inat18", root=root, other_counts=True).notes)
    assert "13 images stand in train2018.json and in val2018.json (train/c0/0.png," in notes
    assert "they are learnt from and measured on" in notes
    assert "train2018.json: 13 annotations have boxes, which are not looked at" in notes
    assert "val2018.json: 'empty' is a class like the others here" in notes


@pytest.mark.parametrize(
    ("name", "classes", "groups", "sizes"),
    [
        ("imagenet-lt", 1000, (385, 479, 136), "115,846 train, 20,000 val, 50,000 test"),
        ("places-lt", 365, (131, 163, 71), "62,500 train, 7,300 val, 36,500 test"),
        ("inat18", 8142, (842, 4076, 3224), "437,513 train, 24,426 test"),
    ],
)
def test_describe_works_from_the_counts_alone(tmp_path, capsys, name, classes, groups, sizes):
    assert main(["describe", name, "--out", str(tmp_path)]) == 0
    told = capsys.readouterr().out
    many, medium, few = groups
    assert f"{classes} classes" in told
    assert sizes in told
    assert f"many (> 100): {many} classes   medium: {medium}   few (< 20): {few}" in told
    assert "from the published counts" in told
    assert "--data" in told
    assert (tmp_path / "counts.png").is_file()
    found = json.loads((tmp_path / "describe.json").read_text())
    np.testing.assert_array_equal(found["train_counts"], published_counts(name))
    assert main(["train", name, "--out", str(tmp_path / "run")]) == 2
    assert "needs --data" in capsys.readouterr().err


def test_describe_opens_no_image_unless_asked(small, tmp_path, capsys):
    root = small("imagenet-lt")
    (root / "train/c0/0.png").write_text("no image")
    words = ["describe", "imagenet-lt", "--data", str(root), "--out", str(tmp_path / "d"), "--quiet"]
    assert main(words) == 0
    told = capsys.readouterr().out
    assert "3 classes, 25 images (13 train, 6 val, 6 test)" in told
    assert "cannot be read" not in told
    assert main([*words, "--look", "yes"]) == 0
    assert "1 file cannot be read" in capsys.readouterr().out
    assert main([*words, "--skip-bad"]) == 0
    assert "12 train" in capsys.readouterr().out
