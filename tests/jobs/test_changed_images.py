"""A run whose images are opened again: it keeps the splits it learnt from, and what has changed is told."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from longtail.backbones import create_backbone
from longtail.cli import main
from longtail.features import open_feature_file
from longtail.identity import read_identities

FAST = [
    "--image-size",
    "16",
    "--backbone",
    "digits_cnn",
    "--batch-size",
    "32",
    "--warmup-epochs",
    "0",
    "--workers",
    "0",
]
FAST += ["--augmentation", "none", "--device", "cpu", "--quiet"]
RUN = [*FAST, "--methods", "joint", "--label-check", "none"]


def draw(path, rng):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(rng.integers(0, 255, (16, 16, 3), dtype=np.uint8)).save(path)


@pytest.fixture
def photos(tmp_path, monkeypatch):
    """Images of noise, of which nothing can be learnt but by heart."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    for name in ("bee", "cow", "dog"):
        for number in range(30):
            draw(tmp_path / "photos" / name / f"im{number:03d}.png", rng)
    return tmp_path / "photos"


def run(*words, out="run"):
    return main(["run", "folder", "--data", "photos", *RUN, "--epochs", "2", "--out", out, *words])


def images_of(folder):
    """Return the names of the images of each split."""
    return {split: set(rows.names.tolist()) for split, rows in read_identities(folder / "images.npz").items()}


def measured(folder):
    """Return what a run says of its one method, without the time it took."""
    return results_of(folder)["methods"]["joint"] | {"seconds": None}


def results_of(folder):
    return json.loads((folder / "results.json").read_text())


def test_an_image_that_was_added_is_asked_about(photos, tmp_path, capsys):
    assert run() == 0
    before, splits = results_of(tmp_path / "run"), (tmp_path / "run" / "splits.json").read_bytes()
    draw(photos / "bee" / "added.png", np.random.default_rng(1))
    capsys.readouterr()
    assert run() == 2
    told = capsys.readouterr().err
    assert "1 image is new (bee/added.png)" in told
    assert "--changed leave-out" in told
    assert "another --out" in told
    assert results_of(tmp_path / "run") == before
    assert run("--changed", "leave-out") == 0
    after = results_of(tmp_path / "run")
    assert after["methods"]["joint"] | {"seconds": None} == before["methods"]["joint"] | {"seconds": None}
    assert any("bee/added.png" in note for note in after["data"]["notes"])
    assert (tmp_path / "run" / "splits.json").read_bytes() == splits
    assert run(out="another") == 0
    assert b"bee/added.png" in set().union(*images_of(tmp_path / "another").values())


def test_images_that_are_gone_or_others_now(photos, tmp_path, capsys):
    assert run() == 0
    before = images_of(tmp_path / "run")
    gone, other = (sorted(name.decode() for name in before["train"])[place] for place in (0, 1))
    (photos / gone).unlink()
    draw(photos / other, np.random.default_rng(1))
    assert run() == 2
    told = capsys.readouterr().err
    assert f"1 image is gone ({gone})" in told
    assert f"1 image is another than it was ({other})" in told
    assert run("--changed", "leave-out") == 0
    rows = open_feature_file(tmp_path / "run" / "features" / "feature_train.h5")
    assert len(rows.labels) == len(before["train"]) - 2


def test_an_image_in_another_class_is_another(photos, tmp_path, capsys):
    assert run() == 0
    moved = sorted(name.decode() for name in images_of(tmp_path / "run")["train"])[0]
    (photos / moved).rename(photos / "dog" / "moved.png")
    assert run() == 2
    told = capsys.readouterr().err
    assert "1 image is new (dog/moved.png)" in told
    assert f"1 image is gone ({moved})" in told


def test_a_folder_that_was_moved_is_the_same(photos, tmp_path, monkeypatch):
    assert main(["train", "photos", *FAST, "--epochs", "1", "--out", "run"]) == 0
    assert main(["extract", "run", "--device", "cpu", "--quiet", "--out", "before"]) == 0
    (tmp_path / "elsewhere").mkdir()
    photos.rename(tmp_path / "elsewhere" / "photos")
    (tmp_path / "run").rename(tmp_path / "elsewhere" / "run")
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert main(["extract", "run", "--device", "cpu", "--quiet", "--out", "after"]) == 0
    for split in ("train", "val", "test"):
        first, second = (open_feature_file(f / f"feature_{split}.h5") for f in (tmp_path / "before", Path("after")))
        np.testing.assert_array_equal(first.features, second.features)


def test_other_data_altogether(photos, tmp_path, capsys):
    assert run() == 0
    for path in sorted(photos.glob("*/*.png")):
        path.rename(path.with_name(f"x{path.name}"))
    assert run("--changed", "leave-out") == 2
    assert "holds none of the 90 images that run was made of" in capsys.readouterr().err


def test_a_pack_is_known_by_its_content(photos, tmp_path, capsys):
    assert main(["pack", "photos", "--out", "p.h5", "--quiet"]) == 0
    words = ["run", "folder", "--data", "p.h5", *RUN, "--epochs", "2", "--out", "run"]
    assert main(words) == 0
    before = measured(tmp_path / "run")
    draw(photos / "bee" / "aaa.png", np.random.default_rng(1))  # all others stand one row later
    (tmp_path / "p.h5").unlink()
    assert main(["pack", "photos", "--out", "p.h5", "--quiet"]) == 0
    assert main(words) == 2
    assert "1 image is new" in capsys.readouterr().err
    assert main([*words, "--changed", "leave-out"]) == 0
    assert measured(tmp_path / "run") == before


def test_extract_takes_the_splits_that_the_network_learnt_from(photos, tmp_path, capsys):
    assert run() == 0
    draw(photos / "bee" / "added.png", np.random.default_rng(1))
    words = ["extract", "run", "--device", "cpu", "--quiet", "--out", "again"]
    assert main(words) == 2
    assert "1 image is new" in capsys.readouterr().err
    assert main([*words, "--changed", "leave-out"]) == 0
    for split in ("train", "val", "test"):
        first, second = (open_feature_file(tmp_path / f / f"feature_{split}.h5") for f in ("run/features", "again"))
        np.testing.assert_array_equal(first.features, second.features)


@pytest.mark.parametrize("verb", ["train", "pretrain"])
def test_a_stage_that_was_stopped_goes_on_with_its_images(photos, tmp_path, capsys, monkeypatch, verb):
    from longtail.training import loop

    save = loop.save_checkpoint

    def stopping(state, path):
        save(state, path)
        if path.name == "last.pt" and state["state"]["epoch"] == 1:
            raise KeyboardInterrupt

    task = ["--task", "rotation"] if verb == "pretrain" else []
    words = [verb, "photos", *task, *FAST, "--epochs", "2", "--out", "run"]
    monkeypatch.setattr(loop, "save_checkpoint", stopping)
    assert main(words) == 130
    monkeypatch.setattr(loop, "save_checkpoint", save)
    draw(photos / "bee" / "added.png", np.random.default_rng(1))
    assert main([*words, "--resume"]) == 2
    assert "1 image is new (bee/added.png)" in capsys.readouterr().err
    assert main([*words, "--resume", "--changed", "leave-out"]) == 0


def test_what_never_trained_begins_with_the_images_of_now(photos, tmp_path):
    assert run("--epochs", "0") == 2
    assert not (tmp_path / "run" / "checkpoints").exists()
    draw(photos / "bee" / "added.png", np.random.default_rng(1))
    assert run() == 0
    assert b"bee/added.png" in set().union(*images_of(tmp_path / "run").values())


def test_a_frozen_network_looks_at_other_images_without_harm(photos, tmp_path):
    torch.save(create_backbone("resnet20", num_classes=5).state_dict(), tmp_path / "theirs.pth")
    words = ["run", "folder", "--data", "photos", "--frozen", "--weights", "theirs.pth"]
    words += ["--backbone", "resnet20", "--image-size", "16", "--methods", "ncm", "--label-check", "none"]
    words += ["--device", "cpu", "--workers", "0", "--quiet", "--out", "run"]
    assert main(words) == 0
    draw(photos / "bee" / "added.png", np.random.default_rng(1))
    assert main(words) == 0
    assert b"bee/added.png" in set().union(*images_of(tmp_path / "run").values())


def test_a_run_of_an_earlier_version_is_told(photos, tmp_path, capsys):
    assert run() == 0
    (tmp_path / "run" / "images.npz").unlink()
    assert run() == 0
    assert any("was not written down" in note for note in results_of(tmp_path / "run")["data"]["notes"])


def test_labels_of_a_teacher_are_matched_by_name(photos, tmp_path, capsys, monkeypatch):
    from longtail.training import loop

    rng = np.random.default_rng(2)
    for number in range(20):
        draw(tmp_path / "more" / f"u{number:02d}.png", rng)
    assert main(["train", "photos", *FAST, "--epochs", "1", "--out", "teacher"]) == 0
    save = loop.save_checkpoint

    def stopping(state, path):
        save(state, path)
        if path.name == "last.pt" and state["state"]["epoch"] == 1:
            raise KeyboardInterrupt

    words = ["train", "photos", *FAST, "--epochs", "2", "--out", "run", "--unlabelled", "more"]
    words += ["--teacher", "teacher/checkpoints/last.pt"]
    monkeypatch.setattr(loop, "save_checkpoint", stopping)
    assert main(words) == 130
    monkeypatch.setattr(loop, "save_checkpoint", save)
    draw(tmp_path / "more" / "a.png", rng)
    (tmp_path / "more" / "u03.png").unlink()
    capsys.readouterr()
    assert main([*words, "--resume"]) == 2
    assert "1 of the 20 unlabelled images are new, and 1 of the 20" in capsys.readouterr().err
    assert main([*words, "--resume", "--changed", "leave-out"]) == 0


def test_other_settings_are_told_before_other_images(photos, tmp_path, capsys):
    assert run() == 0
    assert run("--val-fraction", "0.2") == 2
    told = capsys.readouterr().err
    assert "holds a run with other settings: val-fraction 0.1, not 0.2" in told


def test_settings_under_which_nothing_was_trained_bind_nobody(photos, tmp_path):
    assert run() == 0
    for path in (tmp_path / "run" / "checkpoints").iterdir():
        path.unlink()
    assert run("--val-fraction", "0.2") == 0


def test_a_run_goes_on_wherever_its_images_lie_now(photos, tmp_path):
    assert run() == 0
    before = measured(tmp_path / "run")
    assert main(["run", "folder", "--data", str(photos), *RUN, "--epochs", "2", "--out", "run"]) == 0
    photos.rename(tmp_path / "pictures")
    assert main(["run", "folder", "--data", "pictures", *RUN, "--epochs", "2", "--out", "run"]) == 0
    assert measured(tmp_path / "run") == before
    assert main(["run", "digits", *RUN, "--epochs", "2", "--out", "run"]) == 2
