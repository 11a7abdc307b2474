"""Images that belong together: by paths, times and tables; kept on one side; told where nobody said so."""

import numpy as np
import pytest
from PIL import Image

from longtail import cli
from longtail.data import open_data
from longtail.data.capture_times import bursts, capture_times
from longtail.data.files import ImageFiles
from longtail.data.group_by import group_words, grouped_by
from longtail.data.manifests import ManifestChoice
from longtail.data.signs_of_groups import signs_of_groups
from longtail.data.source import Joined, Subset, groups_of
from longtail.errors import InputError
from longtail.jobs.options import DataOptions, UnlabelledOptions
from longtail.jobs.unlabelled_images import open_extra


def write_image(path, seed, *, brighter=0, taken=None):
    """A picture of noise; with the time that a camera writes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = (np.random.default_rng(seed).integers(0, 250, (8, 8, 3)) + brighter).astype(np.uint8)
    exif = Image.Exif()
    if taken is not None:
        exif[0x0132], exif[0x0110] = taken, "Trap 3"
    Image.fromarray(pixels).save(path, exif=exif)
    return path


@pytest.fixture(scope="module")
def bursts_folder(tmp_path_factory):
    """Two classes; each burst has three images that are alike."""
    root = tmp_path_factory.mktemp("bursts")
    for c, name in enumerate(["fox", "owl"]):
        for burst in range(12 - 6 * c):
            for frame in range(3):
                taken = f"2024:05:0{c + 1} 10:{burst:02d}:0{frame}"
                path = root / name / f"seq{c}{burst:02d}_{frame}.jpg"
                write_image(path, 100 * c + burst, brighter=frame, taken=taken)
    return root


def sides(splits):
    """Which splits each group lies in."""
    result = {}
    for split in ("train", "val", "test"):
        source = getattr(splits, split)
        groups = groups_of(source)
        for code in groups.codes.tolist():
            result.setdefault(groups.names[code], set()).add(split)
    return result


@pytest.mark.parametrize("how", [r"(seq\d+)_", "time:10"])
def test_a_group_lies_on_one_side_of_every_split(bursts_folder, how):
    splits = open_data(str(bursts_folder), group_by=how, val_fraction=0.2)
    assert len(sides(splits)) == 18
    assert all(len(of_group) == 1 for of_group in sides(splits).values())
    assert any("18 groups" in note for note in splits.notes)
    assert splits.record["group_by"] == how


def test_without_groups_nothing_is_other_than_it_was(bursts_folder):
    splits = open_data(str(bursts_folder))
    assert groups_of(splits.train) is None
    assert any("class by class" in note for note in splits.notes)


def test_groups_of_splits_that_the_data_have_are_told_where_they_cross(tmp_path):
    for split, sites in {"train": "abc", "test": "cd"}.items():
        for label in ("ant", "bee"):
            for site in sites:
                for number in range(2):
                    name = f"{split}/{label}/{site}_{label}{number}.png"
                    write_image(tmp_path / name, sum(map(ord, name)) + 1000 * number)
    splits = open_data(str(tmp_path), group_by=r"/([a-d])_")
    assert any("1 group of train is in test too, with 4 of its 8 images" in note for note in splits.notes)


@pytest.mark.parametrize(
    ("names", "how", "words"),
    [
        (["a/x.jpg", "a/y.jpg", "b/x.jpg"], "folder:1", ["a", "a", "b"]),
        (["a/1/x.jpg", "b/1/x.jpg"], "folder:2", ["a/1", "b/1"]),
        (["a/1/x.jpg", "b/1/x.jpg", "x.jpg"], "folder:-1", ["1", "1", ""]),
        (["s1_2.png", "s1_3.png", "t.png"], r"^(s\d)_(?:\d)", ["s1", "s1", ""]),
        (["s1_2.png", "s1_3.png"], r"s\d", ["s1", "s1"]),
        (["s1_2.png", "s2_2.png"], r"(s\d)_(\d)", ["s1/2", "s2/2"]),
    ],
)
def test_words_by_which_images_are_grouped(names, how, words):
    assert group_words(names, how) == words


def test_a_table_says_which_images_belong_together(tmp_path):
    table = tmp_path / "groups.csv"
    table.write_text("image,note,site\nfox/1.jpg,x,lake\nfox\\2.jpg,,lake\n3,y,hill\n")
    assert group_words(["fox/1.jpg", "fox/2.jpg", "owl/3.jpg", "owl/4.jpg"], str(table)) == ["lake", "lake", "hill", ""]


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ("(", "is no pattern"),
        ("zebra", "fits none of the 1 images"),
        ("folder:0", "is no folder"),
        ("folder:7", "no image lies so deep"),
    ],
)
def test_what_groups_nothing_is_refused(how, message):
    with pytest.raises(InputError, match=message):
        group_words(["a/x.jpg"], how)


def test_images_without_times_are_not_grouped_by_time(tmp_path):
    source = ImageFiles([write_image(tmp_path / "a.png", 0)], [0], ("a",), "a")
    with pytest.raises(InputError, match="none of the 1 images says when it was taken"):
        grouped_by({"train": source}, "time:10")


def test_times_and_cameras_are_read_of_any_source(bursts_folder):
    path = sorted((bursts_folder / "fox").iterdir())[1]
    source = Subset(Joined((ImageFiles([path], [0], ("fox",), "x"),)), np.array([0]))
    times, cameras = capture_times(source)
    assert np.isfinite(times).all()
    assert cameras == ["Trap 3"]


def test_a_burst_ends_where_the_gap_is_longer_and_at_another_camera():
    times = np.array([0.0, 10.0, 20.5, 21.0])
    assert bursts(times, ["a", "a", "a", "b"], 10) == ["a 0", "a 0", "a 1", "b 2"]


def test_names_times_and_likeness_are_signs_that_images_belong_together(bursts_folder):
    splits = open_data(str(bursts_folder))
    signs = signs_of_groups({"train": splits.train, "val": splits.val, "test": splits.test})
    by_kind = {sign.kind: sign for sign in signs}
    assert set(by_kind) >= {"names", "times"}
    assert by_kind["names"].groups == by_kind["times"].groups == 18
    assert by_kind["names"].crossing > 0
    assert len(set(group_words(["fox/seq000_1.jpg", "fox/seq000_2.jpg"], by_kind["names"].how))) == 1


def test_counters_of_a_camera_and_names_of_classes_are_no_signs(tmp_path):
    paths = [write_image(tmp_path / c / f"IMG_{n:04d}.png", 10 * n + len(c)) for c in ("a", "bb") for n in range(20)]
    source = ImageFiles(paths, np.repeat([0, 1], 20), ("a", "bb"), "x", root=tmp_path)
    assert not signs_of_groups({"train": source}, pictures=False)
    paths = [write_image(tmp_path / "c" / f"{c}-{n}.png", n) for c in ("fox", "owl") for n in range(20)]
    source = ImageFiles(paths, np.repeat([0, 1], 20), ("fox", "owl"), "x", root=tmp_path)
    assert not signs_of_groups({"train": source}, pictures=False)


def test_describe_counts_groups_and_tells_of_signs(bursts_folder, tmp_path, capsys):
    cli.main(["describe", str(bursts_folder), "--out", str(tmp_path)])
    told = capsys.readouterr().out
    assert "54 images belong together in 18 groups, by their names" in told
    assert "--group-by" in told
    cli.main(["describe", str(bursts_folder), "--out", str(tmp_path), "--group-by", r"(seq\d+)_"])
    told = capsys.readouterr().out
    assert "train groups" in told
    assert "belong together in" not in told


def test_groups_that_share_a_copy_of_an_image_go_together(tmp_path):
    lines = ["file,label,site"]
    for n in range(60):
        # sites 0 and 1, 2 and 3, ... have one image in common
        write_image(tmp_path / f"{n}.png", n if n % 3 else 1000 + n // 6)
        lines.append(f"{n}.png,{'ab'[n // 6 % 2]},s{n // 3}")
    (tmp_path / "t.csv").write_text("\n".join(lines))
    splits = open_data(str(tmp_path / "t.csv"), table=ManifestChoice(group_column="site"))
    side = sides(splits)
    assert set().union(*side.values()) == {"train", "val", "test"}
    for pair in range(10):
        assert len(side[f"s{2 * pair}"] | side[f"s{2 * pair + 1}"]) == 1


def test_unlabelled_images_of_a_group_that_is_measured_are_not_learnt_from(tmp_path):
    lines = ["file,label,site"]
    for n in range(48):
        write_image(tmp_path / f"{n}.png", n)
        lines.append(f"{n}.png,{'ab'[n % 2] if n % 4 else ''},s{n // 4}")
    (tmp_path / "t.csv").write_text("\n".join(lines))
    options = DataOptions(group_column="site")
    splits = open_data(str(tmp_path / "t.csv"), table=options.table)
    extra = open_extra(splits, UnlabelledOptions(unlabelled=str(tmp_path / "t.csv")), options)
    held_out = {word for part in (splits.val, splits.test) for word in groups_of(part).words}
    there = set(groups_of(extra).words)
    assert len(extra) == 12 - len(held_out)
    assert not there & held_out
    assert there == set(groups_of(splits.train).words)
