"""What the pages take for granted: arrays, folders of images, files of features, and a run; and the site."""

import shutil
import subprocess
import sys
from importlib.util import find_spec

import numpy as np
import pytest
from PIL import Image

from longtail.cli import main
from pages.written import ROOT

COUNTS = {"train": (60, 30, 12), "val": (15, 15, 15), "test": (20, 20, 20)}
CLASSES = ("ant", "bee", "cow")


def drawn_rows(split):
    """Features (N, 6) and labels of a split."""
    rng = np.random.default_rng(len(split))
    labels = np.repeat([0, 1, 2], COUNTS[split])
    return (3 * np.eye(3, 6)[labels] + rng.normal(size=(len(labels), 6))).astype(np.float32), labels


def draw_images(folder, counts, rng):
    for grey, (name, count) in enumerate(counts.items(), start=1):
        (folder / name).mkdir(parents=True)
        for number in range(count):
            pixels = rng.normal(60 * grey, 30, size=(32, 32, 3)).clip(0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(folder / name / f"site{number % 6}_{name}_{number}.png")


def lay_out(folder):
    """Write the files that the pages name into a folder."""
    rng = np.random.default_rng(0)
    draw_images(folder / "photos", {"ant": 24, "bee": 18, "cow": 12}, rng)
    for name in ("new-photos", "new_photos", "new"):
        draw_images(folder / name, {"unsorted": 3}, rng)
    photos = sorted((folder / "photos").rglob("*.png"))
    rows = [(path.relative_to(folder / "photos"), path.parent.name, path.name.split("_")[0]) for path in photos]
    lines = [f"{path},{label},{site},{1 + row % 2}" for row, (path, label, site) in enumerate(rows)]
    for name in ("table.csv", "clicks.csv"):
        (folder / name).write_text("\n".join(["file,species,site,n", *lines]))
    (folder / "images").symlink_to("photos")
    (folder / "sites.csv").write_text("\n".join(["image,group", *(f"{path},{site}" for path, _, site in rows)]))
    (folder / "place.csv").write_text("class,share\nant,0.01\nbee,0.5\ncow,0.49\n")
    (folder / "costs.csv").write_text("0,1,1\n1,0,1\n5,5,0\n")
    write_features(folder)
    return folder


def write_features(folder):
    from longtail import write_features

    for split in COUNTS:
        write_features(folder / f"embeddings/feature_{split}.h5", *drawn_rows(split))
    features, labels = drawn_rows("train")
    np.savez(folder / "embeddings.npz", features=features, labels=labels)
    numbers = [f"f{column}" for column in range(features.shape[1])]
    words = {"label": [CLASSES[label] for label in labels], "id": [f"p{row}" for row in range(len(labels))]}
    words |= {"site": [f"s{row % 9}" for row in range(len(labels))], "n": ["2", *["1"] * (len(labels) - 1)]}
    words["sequence"] = [f"q{row // 2}" for row in range(len(labels))]
    write_table(folder / "embeddings.csv", words, numbers, features)
    write_table(folder / "new.csv", {"id": words["id"][:5]}, numbers, features[:5])
    others = {"species": words["label"], "photo": words["id"], "weight": words["n"]}
    write_table(folder / "measured.csv", others, numbers, features)


def write_table(path, words, numbers, features):
    rows = ([*cells, *map(str, row)] for *cells, row in zip(*words.values(), features, strict=True))
    path.write_text("\n".join(",".join(row) for row in [[*words, *numbers], *rows]))


@pytest.fixture(scope="session")
def sandbox(tmp_path_factory):
    """A folder with all of that, and what was run on it: runs/photos (and again) and runs/fit-embeddings."""
    folder = lay_out(tmp_path_factory.mktemp("pages"))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        small = "--backbone resnet20 --image-size 32 --epochs 1 --methods joint,tau,auto --set mlp.epochs=2 --quiet"
        assert main(f"run folder --data photos {small} --out runs/photos".split()) == 0
        fit = ["fit", "embeddings", "--methods", "joint,tau,auto", "--quiet"]
        assert main([*fit, "--out", "runs/fit-embeddings"]) == 0
    shutil.copytree(folder / "runs/photos", folder / "runs/again")
    return folder


@pytest.fixture
def in_sandbox(sandbox, tmp_path, monkeypatch):
    """A copy of it, in which a test stands."""
    folder = shutil.copytree(sandbox, tmp_path / "here", symlinks=True)
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture(scope="session")
def site(tmp_path_factory):
    """The folder of the site."""
    missing = [name for name in ("sphinx", "furo", "myst_parser") if find_spec(name) is None]
    if missing:
        pytest.skip(f"{', '.join(missing)}: not installed; pip install '.[docs]' brings it")
    out = tmp_path_factory.mktemp("docs") / "site"
    words = [sys.executable, str(ROOT / "docs/site/build.py"), "--out", str(out)]
    built = subprocess.run(words, capture_output=True, text=True)
    assert built.returncode == 0, built.stdout + built.stderr
    return out
