"""Settings of `open_data` that are out of range, and images whose classes are not known."""

import numpy as np
import pytest

from longtail.data import open_data, open_unlabelled
from longtail.data.image_pack import write_pack
from longtail.errors import InputError


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"val_fraction": float("nan")}, "`val_fraction` is nan; expected at least 0 and below 1"),
        ({"val_fraction": -0.1}, "`val_fraction` is -0.1"),
        ({"test_fraction": 1.0}, "`test_fraction` is 1.0"),
        ({"test_fraction": float("inf")}, "`test_fraction` is inf"),
        ({"ratio": float("nan")}, "`ratio` is nan; expected at least 1"),
        ({"ratio": 0.5}, "`ratio` is 0.5"),
        ({"ratio": float("inf")}, "`ratio` is inf"),
        ({"largest": 0, "ratio": 10.0}, "`largest` is 0; expected at least 1"),
        ({"largest": -3, "ratio": 10.0}, "`largest` is -3"),
        ({"largest": 5}, "`largest=5` is of a profile, and `profile` is none"),
        ({"seed": -1}, "`seed` is -1; expected a whole number from 0"),
        ({"seed": 2**64}, "`seed` is 18446744073709551616"),
        ({"bits": 0}, "`bits` is 0; expected 1 to 32"),
        ({"layout": "class"}, "`layout` is 'class'; expected auto, classes, splits"),
        ({"alike_names": "yes"}, "`alike_names` is 'yes'; expected ask, keep, merge"),
        ({"profile": "linear"}, "no profile 'linear'"),
    ],
)
@pytest.mark.parametrize("dataset", ["digits", "folder"])
def test_settings_out_of_range(tmp_path, save, settings, told, dataset):
    if dataset == "digits" and settings == {"largest": 5}:
        pytest.skip("digits have a profile")
    for seed, path in enumerate(("ant/1.png", "bee/1.png")):
        save(tmp_path / path, seed=seed)
    with pytest.raises(InputError, match=told):
        open_data(dataset if dataset == "digits" else str(tmp_path), **settings)


def test_a_name_of_nothing_and_names_that_no_disk_holds(tmp_path):
    with pytest.raises(InputError, match="`dataset` is empty"):
        open_data("")
    for name in ("a" * 300, "a\0b", str(tmp_path / "gone")):
        with pytest.raises(InputError, match="no such file or folder"):
            open_data(name)


def test_the_largest_seed(tmp_path, save):
    for seed, path in enumerate(("ant/1.png", "ant/2.png", "bee/1.png", "bee/2.png")):
        save(tmp_path / path, seed=seed)
    assert len(open_data(str(tmp_path), seed=2**64 - 1).test) == 2


class TestUnlabelled:
    def test_what_is_left_out_is_named(self, tmp_path, save):
        for number in range(3):
            save(tmp_path / "new" / f"{number}.png", seed=number)
        (tmp_path / "new" / "bad.jpg").write_bytes(b"nope")
        (tmp_path / "new" / "IMG_1.HEIC").write_bytes(b"x")
        source = open_unlabelled(tmp_path / "new", skip_bad=True)
        assert len(source) == 3
        ((name, reason),) = source.left_out
        assert name == str(tmp_path / "new" / "bad.jpg")
        assert "cannot be read as an image" in reason
        assert any("1 .heic (HEIC) are images elsewhere" in note for note in source.notes)
        assert open_unlabelled(tmp_path / "new").left_out == ()

    @pytest.mark.parametrize("number", [1, 3])
    def test_none_that_can_be_read(self, tmp_path, number):
        for k in range(number):
            (tmp_path / f"{k}.jpg").write_bytes(b"nope")
        told = r"none of its 3 images can be read\. The first: " if number > 1 else ""
        with pytest.raises(InputError, match=told + r".*0\.jpg: cannot be read"):
            open_unlabelled(tmp_path, skip_bad=True)

    def test_a_folder_of_images_of_other_formats(self, tmp_path):
        (tmp_path / "a.heic").write_bytes(b"x")
        with pytest.raises(InputError, match=r"no image in it.*1 \.heic \(HEIC\) are images elsewhere"):
            open_unlabelled(tmp_path)

    @pytest.mark.parametrize(
        ("name", "content", "told"),
        [
            ("a.heic", b"x", r"this is HEIC \(\.heic\)"),
            ("a.csv", b"path,label\na.jpg,ant\n", "1 of 1 listed .a.jpg. images are not in"),
            ("a.txt", b"hello", "this is no image"),
            ("a.jpg", b"", "cannot be read as an image .it is an empty file"),
            ("a.jpg", b"\0\0\0\x18ftypheic" + bytes(20), "it is HEIC"),
            ("a.jpg", b"<!DOCTYPE html><html>", "it is a web page, as a download that failed leaves it"),
        ],
    )
    def test_one_file_that_is_none(self, tmp_path, name, content, told):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(InputError, match=told):
            open_unlabelled(tmp_path / name).load(0)

    def test_an_image_without_its_ending_is_one(self, tmp_path, save):
        save(tmp_path / "a.png").rename(tmp_path / "a")
        assert open_unlabelled(tmp_path / "a", channels=1).load(0).shape == (1, 9, 12)

    def test_a_pack(self, tmp_path, save):
        content = save(tmp_path / "a.png").read_bytes()
        write_pack(tmp_path / "p.h5", [(content, 0, "train"), (b"nope", 1, "test")], ("a", "b"), source="x")
        source = open_unlabelled(tmp_path / "p.h5", skip_bad=True)
        assert source.indices.tolist() == [0]
        assert source.left_out[0][0] == f"{tmp_path / 'p.h5'}[1]"


def test_skip_bad_of_a_split_of_which_nothing_is_left(tmp_path, save):
    for seed, path in enumerate(("train/ant/1.png", "train/bee/1.png")):
        save(tmp_path / path, seed=seed)
    (tmp_path / "test" / "ant").mkdir(parents=True)
    (tmp_path / "test" / "ant" / "1.png").write_bytes(b"nope")
    with pytest.raises(InputError, match=r"none of the 1 test images can be read\. The first: .*1\.png"):
        open_data(str(tmp_path), skip_bad=True)


def test_alike_names_of_a_pack(tmp_path, save):
    contents = [save(tmp_path / f"{seed}.png", seed=seed).read_bytes() for seed in range(3)]
    write_pack(
        tmp_path / "p.h5",
        [(content, row, "train") for row, content in enumerate(contents)],
        ("Ant", "bee", "ant "),
        source="x",
    )
    with pytest.raises(InputError, match=r"p\.h5: 1 class name is .*'Ant' = 'ant '"):
        open_data(str(tmp_path / "p.h5"))
    merged = open_data(str(tmp_path / "p.h5"), alike_names="merge", val_fraction=0, test_fraction=0)
    assert (merged.class_names, merged.train.labels.tolist()) == (("Ant", "bee"), [0, 1, 0])
    np.testing.assert_array_equal(merged.train.load(2), open_unlabelled(tmp_path / "2.png").load(0))
