"""The Python parts of README and docs run as they stand."""

import numpy as np
import pytest
import scipy
import torch
from torch.utils.data import DataLoader, TensorDataset

import longtail
from pages.conftest import drawn_rows
from pages.written import PAGES, PUBLIC, name_of, python_of

# what a page writes, which would take long here or needs what must be downloaded: what is run in its place
QUICK = {
    'backbone="resnet50", pretrained=True, frozen=True': 'backbone="resnet20", epochs=1, image_size=32, workers=0',
    'methods="auto"': 'methods="joint,tau,auto"',
    '"auto", rules': '"joint,tau", rules',
    'data, "auto"': 'data, "joint,tau,auto"',
    "(data)": '(data, "joint,tau,auto")',
    '"test": (new, new_labels)}, "auto"': '"test": (new, new_labels)}, "joint,tau,auto"',
    'prior="estimated")': 'prior="uniform", workers=0)',
    "range(90)": "range(2)",
    "epochs=20": "epochs=2",
    'out="runs/photos"': 'out="runs/from-python"',
    '"runs/first"': '"runs/photos"',
    '"runs/second"': '"runs/again"',
}
SECONDS = ("disalign.md", "distilled.md", "dlsa.md", "faq.md", "los.md", "marc.md", "mlp.md")
# modules, and what is public one room deeper, as the cards write them without their imports
KNOWN = PUBLIC | {"fit_bias_correction", "write_features", "SplitNetwork", "DataLoader", "scipy", "head", "loss"}


def given_names():
    """The names that pages use without saying where they come from."""
    features, labels = drawn_rows("train")
    val, labels_val = drawn_rows("val")
    test, labels_test = drawn_rows("test")
    head = longtail.Joint(epochs=2).fit(features, labels)
    images = torch.from_numpy(features).reshape(-1, 1, 2, 3)
    model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(6, 3))
    model[1].load_state_dict({"weight": torch.from_numpy(head.weight_), "bias": torch.from_numpy(head.bias_)})
    network = torch.nn.Linear(4, 3)
    return {name: getattr(longtail, name) for name in longtail.__all__} | {
        "longtail": longtail,
        "np": np,
        "scipy": scipy,
        "DataLoader": DataLoader,
        "fit_bias_correction": longtail.priors.fit_bias_correction,
        **dict.fromkeys(("features", "new_features"), features),
        "labels": labels,
        **dict.fromkeys(("features_val", "val_features"), val),
        **dict.fromkeys(("labels_val", "val_labels"), labels_val),
        **dict.fromkeys(("features_test", "new"), test),
        **dict.fromkeys(("labels_test", "new_labels"), labels_test),
        "head": head,
        "weight": head.weight_,
        "bias": head.bias_,
        **dict.fromkeys(("logits_val", "val_logits"), head.logits(val)),
        "logits": head.logits(test),
        "probabilities_val": head.predict_proba(val),
        "probabilities": head.predict_proba(test),
        "val_predictions": head.predict(val),
        "predictions": head.predict(test),
        "source": np.full(3, 1 / 3),
        "num_classes": 3,
        "groups": np.array(["many", "medium", "few"]),
        "sites": np.arange(len(labels)) % 9,
        "rows": np.arange(len(labels)),
        "model": model,
        "images": images,
        "dataset": TensorDataset(images, torch.from_numpy(labels)),
        "network": network,
        "targets_of_train": labels,
        "batches": [(torch.ones(5, 4), torch.tensor([0, 0, 0, 1, 2]))],
    }


@pytest.fixture(scope="module")
def names():
    return given_names()


def quickened(code):
    for written, quick in QUICK.items():
        code = code.replace(written, quick)
    return code


def with_python():
    for page in PAGES:
        if list(python_of(page, KNOWN)):
            yield pytest.param(page, id=name_of(page), marks=[pytest.mark.slow] if page.name in SECONDS else [])


@pytest.mark.parametrize("page", list(with_python()))
def test_python_of_a_page(page, names, in_sandbox, capsys):
    here = dict(names)
    for code in python_of(page, KNOWN):
        exec(compile(quickened(code), name_of(page), "exec"), here)
    if page.name == "from-python.md":
        assert here["comparison"].best in here["comparison"].heads
        assert here["predictions"].classes.shape == (3,)
        assert (in_sandbox / "fair/report.html").is_file()


def test_a_loss_in_ones_own_loop_moves_the_weights(names, in_sandbox):
    (code,) = (code for code in python_of(PAGES[0].parent / "how-to/your-loop.md", KNOWN) if "build_loss" in code)
    network = torch.nn.Linear(4, 3)
    before = network.weight.detach().clone()
    exec(compile(code, "your-loop.md", "exec"), {**names, "network": network})
    assert not torch.equal(before, network.weight)


def test_python_is_found():
    """Nothing of this is looked at where the pages are written otherwise than `python_of` reads them."""
    pieces = {name_of(page): len(list(python_of(page, KNOWN))) for page in PAGES}
    assert pieces["docs/how-to/from-python.md"] == 3
    assert pieces["README.md"] == 1
    assert pieces["docs/methods/em.md"] == 3
    assert sum(pieces.values()) >= 40
