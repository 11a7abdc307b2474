"""The Python parts of README and docs run as they stand."""

import re
import textwrap
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import longtail

ROOT = Path(__file__).parents[1]
COUNTS = {"": (60, 30, 12), "_val": (15, 15, 15), "_test": (20, 20, 20)}
# a page names a network that has to be downloaded, and all methods; here is less of both
QUICK = {
    'backbone="resnet50", pretrained=True, frozen=True': 'backbone="resnet20", epochs=1, image_size=32, workers=0',
    'methods="auto"': 'methods="joint,tau,auto"',
    'data, "auto"': 'data, "joint,tau,auto"',
    '"test": (new, new_labels)}, "auto"': '"test": (new, new_labels)}, "joint,tau,auto"',
    'prior="estimated")': 'prior="uniform", workers=0)',
}


@pytest.fixture
def names(tmp_path, monkeypatch):
    """What the pages take for granted: arrays, a folder of images, and files of features."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    given = {"longtail": longtail}
    for suffix, counts in COUNTS.items():
        codes = np.repeat([0, 1, 2], counts)
        given[f"features{suffix}"] = (3 * np.eye(3, 6)[codes] + rng.normal(size=(len(codes), 6))).astype(np.float32)
        given[f"labels{suffix}"] = np.array(["ant", "bee", "cow"])[codes]
    given |= {"new_features": given["features_test"], "new": given["features_test"], "new_labels": given["labels_test"]}
    np.savez("embeddings.npz", features=given["features"], labels=given["labels"])
    for name, grey, count in (("ant", 40, 24), ("bee", 120, 12), ("cow", 200, 8)):
        Path("photos", name).mkdir(parents=True)
        for number in range(count):
            pixels = rng.normal(grey, 30, size=(32, 32, 3)).clip(0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(Path("photos", name, f"{number}.png"))
    Path("new-photos").mkdir()
    Image.fromarray(np.full((32, 32, 3), 40, np.uint8)).save("new-photos/a.png")
    return given


def python_of(page):
    """Every indented block of a page that is Python, comments and all."""
    blocks = re.findall(r"(?:^(?: {4}.*)?\n)+", (ROOT / page).read_text(), re.MULTILINE)
    code = (textwrap.dedent(block) for block in blocks if "longtail." in block and "    longtail " not in block)
    return [block for block in code if block.strip() and not block.strip().startswith(">>>")]


def quickened(code):
    for written, quick in QUICK.items():
        code = code.replace(written, quick)
    return code


def test_from_python(names):
    blocks = python_of("docs/how-to/from-python.md")
    assert len(blocks) == 3
    for block in blocks:
        exec(compile(quickened(block), "from-python.md", "exec"), names)
    assert names["comparison"].best == "auto"
    assert Path("fair/report.html").is_file()
    assert names["predictions"].classes.shape == (1,)


def test_a_loss_in_ones_own_loop():
    (block,) = (code for code in python_of("docs/how-to/your-loop.md") if "build_loss" in code)
    network, targets = torch.nn.Linear(4, 3), torch.tensor([0, 0, 0, 1, 2])
    before = network.weight.detach().clone()
    given = {"targets_of_train": targets.numpy(), "network": network, "batches": [(torch.ones(5, 4), targets)]}
    exec(compile(block, "your-loop.md", "exec"), given)
    assert not torch.equal(before, network.weight)


def test_readme(names):
    lines = re.findall(r"^    >>> (.*)$", (ROOT / "README.md").read_text(), re.MULTILINE)
    assert len(lines) >= 4
    for line in lines:
        exec(compile(quickened(line), "README.md", "exec"), names)
    assert Path("page.html").is_file()
