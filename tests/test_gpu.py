"""On a GPU the same comes out as on the CPU. LONGTAIL_TEST_DEVICE=cpu runs these tests where there is none."""

import inspect
import json
import os

import numpy as np
import pytest
import torch

import longtail
import longtail.heads as heads
from longtail.cli import main
from longtail.data.policies import Policy
from longtail.data.transforms import Preprocessing, augment_batch
from longtail.features import splits_of_arrays
from longtail.heads.tau_normalized import tau_sweep

DEVICE = os.environ.get("LONGTAIL_TEST_DEVICE", "cuda")
pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(DEVICE == "cuda" and not torch.cuda.is_available(), reason="torch finds no GPU here"),
]

KINDS = [
    kind
    for name in heads.__all__
    if inspect.isclass(kind := getattr(heads, name)) and "device" in inspect.signature(kind).parameters
]
QUICK = {"DLSA": {"flow_epochs": 1, "epochs": 2}}
PRECISE = [kind for kind in KINDS if "precision" in inspect.signature(kind).parameters]
ALIKE = 0.97  # of the rows: those between two classes may change sides by rounding


def fitted(kind, train, labels, device, **parameters):
    accepted = inspect.signature(kind).parameters
    if "random_state" in accepted:
        parameters["random_state"] = 0
    return kind(device=device, **QUICK.get(kind.__name__, {}), **parameters).fit(train, labels)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_a_head_decides_as_on_the_cpu(kind, tailed):
    (train, labels), (test, _) = tailed
    here, there = (fitted(kind, train, labels, device).predict(test) for device in ("cpu", DEVICE))
    assert (here == there).mean() >= ALIKE


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_a_head_is_saved_and_answers_on_the_cpu(kind, tailed, tmp_path):
    (train, labels), (test, _) = tailed
    head = fitted(kind, train, labels, DEVICE)
    heads.save_head(head, tmp_path / "head.npz")
    loaded = heads.load_head(tmp_path / "head.npz")
    loaded.set_params(device="cpu")
    assert (loaded.predict(test) == head.predict(test)).mean() >= ALIKE


@pytest.mark.parametrize("kind", PRECISE, ids=lambda kind: kind.__name__)
def test_bfloat16_costs_little(kind, tailed):
    (train, labels), (test, truth) = tailed
    right = {
        precision: (fitted(kind, train, labels, DEVICE, precision=precision).predict(test) == truth).mean()
        for precision in ("float32", "bfloat16")
    }
    assert right["bfloat16"] > right["float32"] - 0.03


def test_the_sweep_counts_the_same_hits(tailed):
    (train, labels), _ = tailed
    weight = np.random.default_rng(0).normal(size=(6, train.shape[1])).astype(np.float32)
    here, there = (tau_sweep(train, labels, weight, device=device) for device in ("cpu", DEVICE))
    assert np.abs(here - there).max() <= 2


def test_auto_chooses_and_predicts(tailed):
    (train, labels), (test, truth) = tailed
    splits = {"train": (train, labels), "test": (test, truth)}
    comparison = longtail.compare(splits_of_arrays(splits), "auto", device=DEVICE)
    assert (comparison.predictions["auto"]["test"].astype(int) == truth).mean() > 0.5


def test_a_whole_run_is_on_the_device(tmp_path):
    words = ["run", "digits", "--out", str(tmp_path), "--epochs", "2", "--quiet", "--device", DEVICE]
    assert main(words) == 0
    results = json.loads((tmp_path / "results.json").read_text(encoding="utf-8"))
    assert ("gpu" in results["environment"]) == (DEVICE == "cuda")
    assert results["methods"]["crt"]["metrics"]["test"]["balanced"] > 20


@pytest.mark.parametrize("name", ["randaugment", "autoaugment"])
def test_policies_change_images_as_on_the_cpu(name):
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (256, 3, 32, 32), dtype=torch.uint8, generator=generator)
    policy = Policy(name, cutout=9, erasing=0.5)
    preprocessing = Preprocessing(32, 32, 3, (0.5,) * 3, (0.2,) * 3, "crop-flip", True, policy=policy)
    here, there = (
        augment_batch(images.to(device), preprocessing, torch.Generator().manual_seed(1)).cpu()
        for device in ("cpu", DEVICE)
    )
    # places between two pixels, and sums of float32, may be rounded otherwise
    assert (here == there).float().mean() >= ALIKE


def test_the_switches_of_stage_one_train_there(tmp_path):
    words = ["train", "digits", "--epochs", "2", "--device", DEVICE, "--quiet", "--out", str(tmp_path)]
    words += ["--policy", "randaugment", "--mix", "cmo", "--ema", "0.9", "--sam", "0.05", "--classifier-radius", "1"]
    assert main(words) == 0
    checkpoint = torch.load(tmp_path / "checkpoints" / "last.pt", weights_only=True)
    assert checkpoint["task"].keys() == checkpoint["learning"].keys()
