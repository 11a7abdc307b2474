"""`longtail pack`: folders and lists into one file, split by split and byte by byte."""

import numpy as np
import pytest

from longtail.cli import main
from longtail.data.decode import write_png
from longtail.data.image_pack import ImagePack
from longtail.data.open import open_data


@pytest.fixture
def divided(tmp_path):
    digits = open_data("digits", profile="none").train
    for split, number in (("train", 5), ("val", 1), ("test", 2)):
        for label in range(3):
            for index in np.flatnonzero(digits.labels == label)[:number]:
                write_png(digits.load(int(index)), tmp_path / "d" / split / f"digit {label}" / f"{index}.png")
    return tmp_path / "d"


def test_a_pack_gives_what_its_folder_gives(divided):
    out = divided.parent / "new folder" / "d.h5"
    assert main(["pack", str(divided), "--out", str(out), "--quiet"]) == 0
    ours, theirs = open_data(str(out)), open_data(str(divided))
    assert ours.class_names == theirs.class_names
    for split in ("train", "val", "test"):
        pack, folder = getattr(ours, split), getattr(theirs, split)
        np.testing.assert_array_equal(pack.labels, folder.labels)
        assert [pack.encoded(i) for i in range(len(pack))] == [folder.encoded(i) for i in range(len(folder))]
    assert np.bincount(ImagePack(out).split).tolist() == [15, 6, 3]


def test_a_list_with_its_images_elsewhere(divided, capsys):
    files = [path.relative_to(divided) for path in sorted(divided.glob("train/*/*.png"))]
    lines = "".join(f"{path.as_posix()} {int(path.parent.name[-1])}\n" for path in files)
    (divided.parent / "train.txt").write_text(lines)
    out = divided.parent / "l.h5"
    assert main(["pack", str(divided.parent / "train.txt"), "--data", str(divided), "--out", str(out)]) == 0
    assert "15 images of 3 classes" in capsys.readouterr().out
    assert len(ImagePack(out)) == 15


def test_bad_images_are_counted_and_the_old_pack_stays(divided, capsys):
    out = divided.parent / "d.h5"
    out.write_text("before")
    for name in ("x.jpg", "y.jpg"):
        (divided / "test" / "digit 1" / name).write_text("no image")
    assert main(["pack", str(divided), "--out", str(out), "--quiet"]) == 2
    told = capsys.readouterr().err
    assert "x.jpg: cannot be read" in told
    assert "1 more like it" in told
    assert out.read_text() == "before"
    assert main(["pack", str(divided), "--out", str(out), "--skip-bad", "--quiet"]) == 0
    assert capsys.readouterr().err.count("left out: ") == 2
    assert len(ImagePack(out)) == 24


def test_what_white_is_need_not_be_known_to_pack(tmp_path, capsys):
    from PIL import Image

    for name in ("ant", "bee"):
        (tmp_path / "scans" / name).mkdir(parents=True)
        for number in range(3):
            pixels = np.random.default_rng(number).integers(0, 4096, (6, 6)).astype(np.uint16)
            Image.fromarray(pixels).save(tmp_path / "scans" / name / f"{number}.png")
    out = tmp_path / "p.h5"
    assert main(["pack", str(tmp_path / "scans"), "--out", str(out), "--quiet"]) == 0
    assert main(["describe", str(out), "--out", str(tmp_path / "d")]) == 2
    assert "--bits 12 where white is 4,095" in capsys.readouterr().err
    assert main(["describe", str(out), "--bits", "12", "--out", str(tmp_path / "d"), "--quiet"]) == 0


def test_questions_are_answered_by_options(divided, capsys):
    (divided / "train" / "digit 1").rename(divided / "train" / "Digit_1")
    out = divided.parent / "p.h5"
    assert main(["pack", str(divided), "--out", str(out), "--quiet"]) == 2
    assert "--alike-names merge" in capsys.readouterr().err
    assert main(["pack", str(divided), "--alike-names", "merge", "--out", str(out), "--quiet"]) == 0
    assert len(ImagePack(out).class_names) == 3
