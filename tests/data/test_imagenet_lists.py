"""Lists drawn from ImageNet by class counts: what they hold, that they are marked, what is refused."""

import json

import numpy as np
import pytest
import torch

from longtail.cli import main
from longtail.data import imagenet_lists, open_data, published
from longtail.data.decode import write_png
from longtail.data.imagenet_lists import build_imagenet_lt
from longtail.data.list_file import read_list
from longtail.errors import InputError

COUNTS = np.array([6, 4, 3])
SYNSETS = ("n01440764", "n01443537", "n01484850")


@pytest.fixture
def imagenet(tmp_path):
    """Three synsets: 9 images each in train/, 2 in val/, and what else lies about in such folders."""
    for split, number in (("train", 9), ("val", 2)):
        for c, synset in enumerate(SYNSETS):
            for k in range(number):
                image = torch.full((3, 8, 8), 40 * c + k, dtype=torch.uint8)
                write_png(image, tmp_path / "imagenet" / split / synset / f"{synset}_{k}.JPEG")
            (tmp_path / "imagenet" / split / synset / "index.csv").touch()
        (tmp_path / "imagenet" / split / ".cache").mkdir()
        (tmp_path / "imagenet" / split / "readme.txt").touch()
    return tmp_path / "imagenet"


def build(root, out, seed=0, **more):
    return build_imagenet_lt(root, out, seed, counts=more.pop("counts", COUNTS), val_per_class=2, **more)


@pytest.mark.parametrize("counts", [(6, 4, 3), (1, 7, 1), (7, 7, 7)])
def test_lists_hold_what_the_counts_say(imagenet, tmp_path, counts):
    entries = {
        split: (read_list(file).paths, read_list(file).labels)
        for split, file in build(imagenet, tmp_path / "lists", counts=counts).items()
    }
    for split, wanted in (("train", counts), ("val", (2, 2, 2)), ("test", (2, 2, 2))):
        paths, labels = entries[split]
        assert np.bincount(labels).tolist() == list(wanted)
        assert len(set(paths)) == len(paths)
        assert labels == sorted(labels)
        for path, label in zip(paths, labels, strict=True):
            assert path.split("/")[:2] == ["val" if split == "test" else "train", SYNSETS[label]]
            assert (imagenet / path).is_file()
    assert not set(entries["train"][0]) & set(entries["val"][0])


def test_the_seed_decides(imagenet, tmp_path):
    texts = [build(imagenet, tmp_path / str(k), seed)["train"].read_text() for k, seed in enumerate((0, 0, 1))]
    assert texts[0] == texts[1] != texts[2]


def test_one_class_leaves_the_draw_of_others_alone(imagenet, tmp_path):
    before = build(imagenet, tmp_path / "a")["train"].read_text().split("\n")
    write_png(torch.zeros((3, 8, 8), dtype=torch.uint8), imagenet / "train" / SYNSETS[0] / "another.JPEG")
    after = build(imagenet, tmp_path / "b")["train"].read_text().split("\n")
    assert before[6:] == after[6:]


def test_every_image_may_be_drawn_for_train_or_val(imagenet, tmp_path):
    drawn = {"train": set(), "val": set()}
    for seed in range(40):
        files = build(imagenet, tmp_path / str(seed), seed)
        for split, seen in drawn.items():
            seen.update(read_list(files[split]).paths)
    assert len(drawn["train"]) == len(drawn["val"]) == 27


def test_what_is_refused(imagenet, tmp_path):
    out = tmp_path / "lists"
    with pytest.raises(InputError, match=r"n01484850: 9 images; expected at least 8 for train and 2 others"):
        build(imagenet, out, counts=(1, 1, 8))
    with pytest.raises(InputError, match=r"train: 3 folders; expected 1,000"):
        build_imagenet_lt(imagenet, out)
    with pytest.raises(InputError, match=r"no such folder. Expected ImageNet's train/ and val/"):
        build(tmp_path, out)
    (imagenet / "val" / SYNSETS[0]).rename(imagenet / "val" / "n9")
    with pytest.raises(InputError, match=r"val: its folders are not those of train"):
        build(imagenet, out)
    (imagenet / "val" / "n9").rename(imagenet / "val" / ".hidden")
    with pytest.raises(InputError, match=r"val: 2 folders; expected 3"):
        build(imagenet, out)
    assert not out.exists()


def test_lists_that_are_there_are_never_written_over(imagenet, tmp_path):
    (tmp_path / "ImageNet_LT_val.txt").write_text("the published one")
    with pytest.raises(InputError, match=r"ImageNet_LT_val.txt is there already"):
        build(imagenet, tmp_path)
    assert [path.name for path in tmp_path.glob("*.txt")] == ["ImageNet_LT_val.txt"]


@pytest.fixture
def three_classes(monkeypatch):
    monkeypatch.setattr(published, "published_counts", lambda name: COUNTS)
    monkeypatch.setattr(imagenet_lists, "published_counts", lambda name: COUNTS)
    monkeypatch.setattr(build_imagenet_lt, "__kwdefaults__", {"counts": None, "val_per_class": 2})


def test_who_opens_drawn_lists_is_told(imagenet, tmp_path, three_classes):
    build(imagenet, tmp_path / "lists", seed=3)
    splits = open_data("imagenet-lt", root=imagenet, lists=tmp_path / "lists")
    assert [len(part) for part in (splits.train, splits.val, splits.test)] == [13, 6, 6]
    assert splits.class_names == SYNSETS
    assert any("drawn with seed 3" in note and "not the published ones" in note for note in splits.notes)


def test_the_command(imagenet, tmp_path, three_classes, capsys):
    out = tmp_path / "out"
    words = ["describe", "imagenet-lt", "--build-lists", "--out", str(out), "--seed", "5"]
    assert main([*words, "--data", str(imagenet)]) == 0
    told = capsys.readouterr().out
    assert "3 classes, 25 images (13 train, 6 val, 6 test)" in told
    assert "drawn with seed 5" in told
    assert json.loads((out / "describe.json").read_text())["train_counts"] == COUNTS.tolist()
    assert main([*words, "--data", str(imagenet)]) == 2
    assert "is there already" in capsys.readouterr().err
    assert main(words) == 2
    assert "--build-lists needs --data" in capsys.readouterr().err
    assert main(["describe", "places-lt", "--build-lists", "--data", str(imagenet), "--out", str(out)]) == 2
    assert "--build-lists is for imagenet-lt" in capsys.readouterr().err
