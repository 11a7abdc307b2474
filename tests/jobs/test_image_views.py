"""`--views` and `--test-views` as they are typed."""

import json

import h5py
import numpy as np
import pytest
import torch

from exported_programs import assert_exported
from longtail.cli import main
from longtail.data.views import view_of_images
from longtail.features import open_feature_file
from longtail.features.views import VIEW_OF
from longtail.heads import load_head
from longtail.jobs.stage_one.trained_model import open_model

FAST = ["--device", "cpu", "--precision", "float32", "--quiet"]


def run(photos, out, *words):
    given = ["run", "folder", "--data", str(photos / "data"), "--out", str(out), "--frozen", *FAST]
    return main(
        [*given, "--backbone", "resnet20", "--weights", str(photos / "weights.pth"), "--image-size", "16", *words]
    )


@pytest.fixture(scope="module")
def viewed(photos, tmp_path_factory):
    out = tmp_path_factory.mktemp("viewed") / "run"
    assert run(photos, out, "--views", "3", "--test-views", "4", "--methods", "joint,lda") == 0
    return out


@pytest.fixture(scope="module")
def plain(photos, tmp_path_factory):
    out = tmp_path_factory.mktemp("plain") / "run"
    assert run(photos, out, "--views", "1", "--test-views", "1", "--methods", "joint") == 0
    return out


def test_counts_are_of_images(viewed):
    results = json.loads((viewed / "results.json").read_text())
    assert results["data"]["train_counts"] == [29, 14, 5]
    assert results["data"]["splits"]["train"] == {"images": 48}
    assert any("96 further views of 48 images, in 3 of 3 classes" in note for note in results["data"]["notes"])
    assert (results["stage1"]["views"], results["stage1"]["test_views"]) == (3, 4)
    head = load_head(viewed / "heads" / "joint.npz")
    assert head.class_counts_.tolist() == [3 * 29, 3 * 14, 3 * 5]
    assert head.image_counts_.tolist() == [29, 14, 5]
    page = (viewed / "report.html").read_text()
    assert "the mean over 4 views of an image, each at that cost; up to 3 views of training images" in page
    # a view is no copy of another row
    assert results["shared_rows"]["pairs"]["test"]["rows"] == 14


def test_the_file_says_whose_views_they_are(viewed):
    path = viewed / "features" / "feature_train.h5"
    with h5py.File(path) as file:
        assert file["features"].shape == (144, 64)
        view_of = file[VIEW_OF][:]
        assert np.array_equal(file["ids"][:], file["ids"][:][view_of])
    assert np.array_equal(view_of[:48], np.arange(48))
    assert np.array_equal(view_of[48:], np.repeat(np.arange(48), 2))
    train = open_feature_file(path)
    assert (len(train.labels), len(train.views)) == (48, 96)
    assert {name: train.attributes[name] for name in ("views", "view_seed", "test_views")} == {
        "views": 3,
        "view_seed": 0,
        "test_views": 4,
    }
    for split in ("val", "test"):
        file = open_feature_file(viewed / "features" / f"feature_{split}.h5")
        assert file.views is None
        assert (file.attributes["test_views"], "views" in file.attributes) == (4, False)


def test_one_view_is_as_without(plain, photos, tmp_path):
    assert run(photos, tmp_path / "run", "--methods", "joint") == 0
    for split in ("train", "val", "test"):
        one, other = (out / "features" / f"feature_{split}.h5" for out in (plain, tmp_path / "run"))
        assert one.read_bytes() == other.read_bytes()
        file = open_feature_file(one)
        assert file.views is None
        assert not {"views", "view_seed", "test_views"} & file.attributes.keys()
    assert not hasattr(load_head(plain / "heads" / "joint.npz"), "image_counts_")


def test_the_mean_over_test_views(viewed, plain, photos):
    """What a row of test is, and the first view of it: the image as it is."""
    model = open_model(viewed / "checkpoints" / "last.pt")
    assert model.test_views == 4
    images = torch.randn(3, 3, 16, 16)
    with torch.inference_mode():
        parts = [open_model(plain / "checkpoints" / "last.pt").features(images), model._features_of_one(images.flip(3))]
        parts += [model._features_of_one(view_of_images(images, number)) for number in (2, 3)]
        assert torch.allclose(model.features(images), torch.stack(parts).mean(0), atol=1e-6)


def test_new_images_are_seen_as_those_of_test(viewed, photos, tmp_path):
    """What `predict` says of images is what it says of the stored rows, of which further views are none."""
    head = load_head(viewed / "heads" / "lda.npz")
    assert main(["predict", str(viewed), str(photos / "data" / "2"), "--method", "lda", "--out", str(tmp_path)]) == 0
    lines = next(tmp_path.rglob("predictions.csv")).read_text().splitlines()
    predicted = {line.split(",")[0].rpartition("/")[2]: line.split(",")[1] for line in lines[1:]}
    test = open_feature_file(viewed / "features" / "feature_test.h5")
    for name, label in zip(test.ids, head.predict(test.features), strict=True):
        if str(name).startswith("2/"):
            assert predicted[str(name).rpartition("/")[2]] == str(label)
    stored = viewed / "features" / "feature_train.h5"
    assert main(["predict", str(viewed), str(stored), "--method", "lda", "--out", str(tmp_path / "rows")]) == 0
    assert len(next((tmp_path / "rows").rglob("predictions.csv")).read_text().splitlines()) == 1 + 48


@pytest.mark.slow
@pytest.mark.parametrize("form", ["torch-export", "onnx"])
def test_a_program_averages_them_too(viewed, form, tmp_path, capsys):
    assert_exported(viewed, "lda", form, tmp_path, capsys)


def test_weights_alone_average_nothing(viewed, tmp_path, capsys):
    words = ["export", str(viewed), "--head", str(viewed / "heads" / "joint.npz"), "--out", str(tmp_path / "m.pth")]
    assert main(words) == 2
    told = capsys.readouterr().err
    assert "is of the mean over 4 views of an image" in told
    assert "onnx and torch-export take it" in told


def test_the_features_are_read_again(viewed, tmp_path, capsys):
    features = str(viewed / "features")
    assert main(["fit", features, "--methods", "joint,lda", "--quiet", "--out", str(tmp_path / "fit")]) == 0
    results = json.loads((tmp_path / "fit" / "results.json").read_text())
    assert results["data"]["train_counts"] == [29, 14, 5]
    of_run = json.loads((viewed / "results.json").read_text())["methods"]["lda"]["metrics"]
    assert results["methods"]["lda"]["metrics"] == of_run
    assert main(["report", str(tmp_path / "fit")]) == 0
    assert main(["calibrate", str(tmp_path / "fit" / "heads" / "lda.npz"), "--quiet"]) == 0
    assert main(["inspect", features, "--out", str(tmp_path / "inspect"), "--quiet"]) == 0
    told = (
        json.loads((tmp_path / "inspect" / "labels.json").read_text())
        if (tmp_path / "inspect" / "labels.json").is_file()
        else {}
    )
    assert told.get("rows", 48) == 48


def test_extract_takes_the_views_of_the_run_or_others(viewed, tmp_path):
    again = open_feature_file(viewed / "features" / "feature_train.h5")
    assert main(["extract", str(viewed), "--out", str(tmp_path / "again"), *FAST]) == 0
    other = open_feature_file(tmp_path / "again" / "feature_train.h5")
    assert np.array_equal(again.features, other.features)
    assert np.array_equal(again.views.features, other.views.features)
    assert main(["extract", str(viewed), "--views", "2", "--test-views", "1", "--seed", "5", *FAST]) == 0
    train = open_feature_file(viewed / "features-views2-test1" / "feature_train.h5")
    assert (len(train.views), train.attributes["view_seed"], "test_views" in train.attributes) == (48, 5, False)
    # in the same place they are extracted anew
    assert (
        main(["extract", str(viewed), "--views", "1", "--test-views", "1", "--out", str(tmp_path / "again"), *FAST])
        == 0
    )
    assert open_feature_file(tmp_path / "again" / "feature_train.h5").views is None


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--views", "0"], "--views"),
        (["--test-views", "13"], "--test-views"),
        (["--views", "2", "--crt-from", "images", "--methods", "crt"], "--crt-from images, cRT draws views of its own"),
    ],
)
def test_what_cannot_be(photos, tmp_path, words, told, capsys):
    assert run(photos, tmp_path / "run", *words) == 2
    assert told in capsys.readouterr().err


def test_views_of_a_network_that_is_trained(photos, tmp_path, capsys):
    words = ["run", "folder", "--data", str(photos / "data"), "--views", "2", "--out", str(tmp_path), *FAST]
    assert main(words) == 2
    assert "longtail extract RUN --views 4" in capsys.readouterr().err


def test_shards_are_taken_as_they_are(tmp_path, capsys):
    words = [
        "extract",
        "--shards",
        str(tmp_path),
        "--backbone",
        "resnet18",
        "--views",
        "2",
        "--out",
        str(tmp_path / "o"),
    ]
    assert main(words) == 2
    assert "--views and --test-views: of --shards" in capsys.readouterr().err
