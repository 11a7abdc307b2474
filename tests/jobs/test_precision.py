"""`--precision auto`, and networks whose features do not bear fewer bits."""

from dataclasses import dataclass

import pytest
import torch
from torch import nn

import longtail.jobs.launch as launching
from longtail.data.transforms import Preprocessing
from longtail.jobs.launch import launch
from longtail.jobs.options import RuntimeOptions
from longtail.jobs.precision import TOLERANCE, rounding_error, settle_precision
from longtail.jobs.stage_one.trained_model import TrainedModel


@dataclass
class Made(TrainedModel):
    """A network whose features are what its parts give."""

    def features(self, images):
        return self.model(images)


def network(*, sensitive):
    """Return a linear network; of a sensitive one, the first layer's values cancel each other but for a thousandth."""
    torch.manual_seed(0)
    first = nn.Linear(3 * 8 * 8, 64)
    last = nn.Linear(64, 16, bias=False)
    if sensitive:
        with torch.no_grad():
            last.weight[:, 1::2] = -last.weight[:, ::2]
            first.weight[1::2] = first.weight[::2] * 1.001
            first.bias[1::2] = first.bias[::2]
    preprocessing = Preprocessing(8, 8, 3, (0.5,) * 3, (0.25,) * 3, "none", resident=True)
    return Made(nn.Sequential(nn.Flatten(), first, last).eval(), preprocessing, {}, None)


@pytest.fixture
def in_bfloat16(monkeypatch):
    monkeypatch.setattr(launching, "cpu_has_bfloat16", lambda: True)


def computed(fabric, features_of, images):
    with torch.inference_mode(), fabric.autocast():
        return features_of(images)


def test_a_network_that_bears_it_computes_in_bfloat16(in_bfloat16, capsys):
    fabric, model = launch(RuntimeOptions(device="cpu")), network(sensitive=False)
    assert 0 < rounding_error(fabric, model) < TOLERANCE
    images = torch.rand(4, 3, 8, 8)
    assert computed(fabric, settle_precision(fabric, model)[0], images).dtype == torch.bfloat16
    assert capsys.readouterr().err == ""


def test_one_that_does_not_computes_in_float32_and_says_so(in_bfloat16, capsys):
    fabric, model = launch(RuntimeOptions(device="cpu")), network(sensitive=True)
    assert rounding_error(fabric, model) > TOLERANCE
    images = torch.rand(4, 3, 8, 8)
    found = computed(fabric, settle_precision(fabric, model)[0], images)
    assert torch.equal(found, model.features(images))
    assert "computing features in float32" in capsys.readouterr().err
    settle_precision(fabric, model, quiet=True)
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(("precision", "dtype"), [("bfloat16", torch.bfloat16), ("float32", torch.float32)])
def test_what_a_person_names_is_taken(precision, dtype):
    fabric, model = launch(RuntimeOptions(device="cpu", precision=precision)), network(sensitive=True)
    assert computed(fabric, settle_precision(fabric, model)[0], torch.rand(4, 3, 8, 8)).dtype == dtype


def test_where_auto_is_float32_nothing_is_tried(monkeypatch):
    monkeypatch.setattr(launching, "cpu_has_bfloat16", lambda: False)
    fabric, model = launch(RuntimeOptions(device="cpu")), network(sensitive=True)
    assert settle_precision(fabric, model) == (model.features, "float32")
    assert rounding_error(fabric, model) == 0
