"""Folders as people have them: capitals, empty splits, loose and hidden files, a class called train."""

import pytest

from longtail.data import open_data, open_unlabelled
from longtail.errors import InputError


def test_capitals_divide_too(tmp_path, save):
    for split, number in (("Train", 3), ("Valid", 1), ("TEST", 2)):
        for name in ("a", "b"):
            for index in range(number):
                save(tmp_path / split / name / f"{index}.png")
    splits = open_data(str(tmp_path))
    assert splits.class_names == ("a", "b")
    assert [len(part) for part in (splits.train, splits.val, splits.test)] == [6, 2, 4]


def test_a_class_called_train(tmp_path, save):
    for name in ("bus", "ship", "train"):
        for index in range(3):
            save(tmp_path / name / f"{index}.png")
    assert open_data(str(tmp_path)).class_names == ("bus", "ship", "train")


@pytest.mark.parametrize("files", [("val/a/1.png", "test/b/1.png"), ("train/cat.1.png", "test/1.png")])
def test_splits_without_training_classes_are_not_taken_for_classes(tmp_path, save, files):
    for file in files:
        save(tmp_path / file)
    with pytest.raises(InputError, match=r"but no train/ with a sub-folder for each class"):
        open_data(str(tmp_path))


def test_a_split_without_images(tmp_path, save):
    for name in ("a", "b"):
        save(tmp_path / "train" / name / "1.png")
    (tmp_path / "val").mkdir()
    with pytest.raises(InputError, match=r"val: no image in any sub-folder.*Remove val/"):
        open_data(str(tmp_path))


def test_everything_passed_over_is_told(tmp_path, save):
    for name in ("a", "b"):
        save(tmp_path / "train" / name / "1.png")
    save(tmp_path / "train" / "loose.png")
    save(tmp_path / "extra" / "1.png")
    (tmp_path / "train" / "oncilla").mkdir()
    (tmp_path / "train" / "oncilla" / "notes.txt").write_text("x")
    (tmp_path / "train" / "a" / "2.heic").write_bytes(b"x")
    save(tmp_path / "train" / "b" / "2.png").rename(tmp_path / "train" / "b" / "2")
    splits = open_data(str(tmp_path), val_fraction=0, test_fraction=0)
    assert splits.class_names == ("a", "b")
    notes = "\n".join(splits.notes)
    assert "extra beside train/" in notes
    assert "1 images that lie in no class folder" in notes
    assert "1 files that are no images" in notes
    assert "1 .heic (HEIC) are images elsewhere and are not read here" in notes
    assert "1 files are images by their content, but have no ending" in notes
    assert "no image in oncilla: left out, not a class" in notes


def test_hidden_files_are_no_images_to_predict(tmp_path, save):
    save(tmp_path / "new" / "1.png")
    (tmp_path / "new" / "._1.png").write_bytes(b"what macOS leaves on other disks")
    save(tmp_path / "new" / ".thumbnails" / "1.png")
    assert len(open_unlabelled(tmp_path / "new")) == 1


def test_a_ratio_alone_means_the_exponential_profile(tmp_path, save):
    for name in ("a", "b", "c"):
        for index in range(10):
            save(tmp_path / name / f"{index}.png")
    splits = open_data(str(tmp_path), ratio=10, val_fraction=0, test_fraction=0)
    assert [int((splits.train.labels == label).sum()) for label in range(3)] == [10, 3, 1]
    assert splits.record["profile"] == "exp"
    assert len(open_data(str(tmp_path), profile="none", ratio=10, val_fraction=0, test_fraction=0).train) == 30
