"""Folders as people have them: capitals, empty splits, loose and hidden files, links, names in any bytes."""

import os

import pytest

from longtail.data import folder_walk, open_data, open_unlabelled
from longtail.errors import InputError


@pytest.fixture
def photos(tmp_path, save):
    """Write three classes of 4 images, no two the same."""
    for place, name in enumerate(("ant", "bee", "cat")):
        for number in range(4):
            save(tmp_path / "photos" / name / f"{number}.png", seed=10 * place + number)
    return tmp_path / "photos"


def undivided(root, **settings):
    return open_data(str(root), val_fraction=0, test_fraction=0, **settings)


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


def test_links_are_followed_and_circles_left(photos, tmp_path, save):
    for number in range(3):
        save(tmp_path / "store" / "more" / f"{number}.png", seed=100 + number)
    (photos / "ant" / "more").symlink_to(tmp_path / "store" / "more")
    (photos / "ant" / "up").symlink_to(photos)
    (photos / "bee" / "again").symlink_to(photos / "bee")
    (tmp_path / "dog").mkdir()
    save(tmp_path / "dog" / "1.png", seed=200)
    (photos / "dog").symlink_to(tmp_path / "dog")
    splits = undivided(photos)
    assert splits.class_names == ("ant", "bee", "cat", "dog")
    assert [int((splits.train.labels == c).sum()) for c in range(4)] == [7, 4, 4, 1]
    assert any("2 links lead to folders that were seen before" in note for note in splits.notes)


def test_links_that_meet_each_other_do_not_multiply(photos):
    for step in range(20):
        (photos / "store" / str(step)).mkdir(parents=True)
        for other in ("a", "b"):
            (photos / "store" / str(step) / other).symlink_to(photos / "store" / str(step + 1))
    (photos / "store").rename(photos.parent / "store")
    (photos / "ant" / "maze").symlink_to(photos.parent / "store" / "0")
    assert len(undivided(photos).train) == 12


def test_broken_links_are_counted_and_named(photos):
    for number in range(4):
        (photos / "bee" / f"gone{number}.png").symlink_to(f"../.git/annex/objects/{number}")
    told = "\n".join(undivided(photos).notes)
    assert f"4 links lead nowhere: passed over ({photos / 'bee' / 'gone0.png'}" in told
    assert "and 1 more); `git annex get`" in told
    for path in photos.glob("bee/?.png"):
        path.unlink()
    with pytest.raises(InputError, match=r"bee: 4 links lead nowhere .*nothing else\. `git annex get`"):
        undivided(photos)


def test_pointers_in_place_of_images_say_what_fetches_them(photos):
    (photos / "bee" / "9.png").write_text("version https://git-lfs.github.com/spec/v1\noid sha256:1\nsize 3\n")
    source = undivided(photos).train
    with pytest.raises(
        InputError, match=r"9\.png: cannot be read as an image \(it is a pointer of Git LFS.*git lfs pull"
    ):
        [source.load(row) for row in range(len(source))]
    (photos / "dog.dvc").write_text("outs:\n- path: dog\n")
    with pytest.raises(InputError, match=r"dog\.dvc stand for data that are not here\. `dvc pull`"):
        undivided(photos)


@pytest.mark.parametrize(
    "suffix", ["heic", "jp2", "jxl", "avif", "dng", "nef", "cr2", "svs", "ndpi", "dcm", "psd", "npy"]
)
def test_images_of_other_formats_are_counted_and_no_class_of_them_is_lost(photos, suffix):
    for number in range(2):
        (photos / "bee" / f"{number}.{suffix.upper()}").write_bytes(b"x")
    assert any(f"2 .{suffix} (" in note and "not read here" in note for note in undivided(photos).notes)
    (photos / "dog").mkdir()
    (photos / "dog" / f"1.{suffix}").write_bytes(b"x")
    with pytest.raises(InputError, match=rf"dog: all its images are such as are not read here: 1 \.{suffix} \("):
        undivided(photos)


def test_images_without_an_ending_are_told_and_no_class_of_them_is_lost(photos):
    (photos / "bee" / "1").write_bytes((photos / "bee" / "1.png").read_bytes())
    (photos / "bee" / "1.dat").write_bytes(b"no image")
    told = "\n".join(undivided(photos).notes)
    assert f"1 files are images by their content, but have no ending such as .jpg: passed over ({photos}/bee/1)" in told
    assert "1 files that are no images" in told
    (photos / "dog").mkdir()
    (photos / "bee" / "1").rename(photos / "dog" / "1.thumbnail")
    with pytest.raises(InputError, match=r"dog: 1 files are images by their content.*Rename them"):
        undivided(photos)


def test_pipes_are_never_opened(photos):
    os.mkfifo(photos / "bee" / "pipe.png")
    assert len(undivided(photos).train) == 12


def test_what_may_not_be_read_is_no_missing_class(photos, monkeypatch):
    scan = os.scandir

    def forbidden(path):
        if os.fspath(path).endswith("bee"):
            raise PermissionError(13, "Permission denied", path)
        return scan(path)

    monkeypatch.setattr(folder_walk.os, "scandir", forbidden)
    with pytest.raises(InputError, match=r"bee: cannot be opened \(Permission denied\).*no missing class"):
        undivided(photos)


def test_a_file_that_may_not_be_read_is_named(photos, monkeypatch):
    import pathlib

    really = pathlib.Path.open

    def forbidden(path, *arguments, **settings):
        if path.name == "2.png" and path.parent.name == "bee":
            raise PermissionError(13, "Permission denied", str(path))
        return really(path, *arguments, **settings)

    monkeypatch.setattr(pathlib.Path, "open", forbidden)
    with pytest.raises(InputError, match=r"bee/2\.png: Permission denied.*`skip_bad=True`"):
        undivided(photos)
    assert len(undivided(photos, skip_bad=True).train) == 11


def test_files_may_be_called_anything_and_classes_are_called_in_text(photos):
    (photos / "bee" / "1.png").rename(photos / "bee" / os.fsdecode(b"\xe4hre.png"))
    splits = undivided(photos)
    row = next(row for row in range(12) if "hre" in splits.train.identify(row))
    assert splits.train.identify(row) == f"{photos}/bee/\\xe4hre.png"
    assert splits.train.identity(row) == "bee/\\xe4hre.png"
    assert splits.train.status(row).st_size == (photos / "bee" / "2.png").stat().st_size
    assert splits.train.load(row).shape[0] == 3
    (photos / "bee").rename(photos / os.fsdecode(b"b\xe4r"))
    with pytest.raises(InputError, match=r"b\\xe4r: the name of this class is no text in UTF-8\. Rename the folder"):
        undivided(photos)


def test_names_that_are_alike_are_asked_about(photos, save):
    save(photos / "Bee" / "1.png", seed=50)
    with pytest.raises(
        InputError, match=r"1 class name is written in several ways.*'Bee' = 'bee'.*`alike_names='merge'`"
    ):
        undivided(photos)
    assert undivided(photos, alike_names="keep").class_names == ("Bee", "ant", "bee", "cat")
    merged = undivided(photos, alike_names="merge")
    assert merged.class_names == ("Bee", "ant", "cat")
    assert [int((merged.train.labels == c).sum()) for c in range(3)] == [5, 4, 4]


def test_names_that_are_alike_across_splits(tmp_path, save):
    for seed, path in enumerate(("train/Ant/1.png", "train/bee/1.png", "test/ant/2.png", "test/bee/2.png")):
        save(tmp_path / path, seed=seed)
    with pytest.raises(InputError, match="'Ant' = 'ant'"):
        open_data(str(tmp_path))
    splits = open_data(str(tmp_path), alike_names="merge", val_fraction=0)
    assert splits.class_names == ("Ant", "bee")
    assert splits.test.labels.tolist() == [0, 1]


def test_a_class_without_images_to_measure_on_is_told(tmp_path, save):
    for seed, path in enumerate(("train/a/1.png", "train/b/1.png", "train/c/1.png", "test/b/2.png", "val/c/3.png")):
        save(tmp_path / path, seed=seed)
    notes = open_data(str(tmp_path)).notes
    assert "no val image of a, b: val figures say nothing of them" in notes
    assert "no test image of a, c: test figures say nothing of them" in notes


def test_two_folders_for_one_split(tmp_path, save):
    for seed, path in enumerate(("train/a/1.png", "train/b/1.png", "val/a/1.png", "validation/a/1.png")):
        save(tmp_path / path, seed=seed)
    with pytest.raises(InputError, match="val and validation are both val"):
        open_data(str(tmp_path))


def test_a_split_or_a_class_called_train(tmp_path, save):
    for seed, path in enumerate(("train/steam/1.png", "train/diesel/1.png", "bus/1.png", "ship/1.png")):
        save(tmp_path / path, seed=seed)
    with pytest.raises(
        InputError, match=r"bus, ship beside train/ hold images too.*`layout='classes'` or `layout='splits'`"
    ):
        undivided(tmp_path)
    assert undivided(tmp_path, layout="classes").class_names == ("bus", "ship", "train")
    assert undivided(tmp_path, layout="splits").class_names == ("diesel", "steam")
