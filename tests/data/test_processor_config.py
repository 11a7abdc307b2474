"""preprocessor_config.json: sizes, crops and pixels that are multiplied, against what transformers computes."""

import json
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from longtail.data.processor_config import read_processor
from longtail.data.transforms import image_transform
from longtail.errors import InputError

NO_CONFIG = SimpleNamespace()


def written(folder, **settings):
    (folder / "preprocessor_config.json").write_text(json.dumps(settings))
    return read_processor(folder, NO_CONFIG)


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"size": {"height": 96, "width": 96}}, (96, 96, True)),
        ({"size": {"shortest_edge": 256}, "crop_size": {"height": 224, "width": 224}}, (224, 256, False)),
        ({"size": {"height": 64, "width": 64}, "crop_size": {"height": 56, "width": 56}}, (56, 64, False)),
        (
            {"size": {"height": 64, "width": 64}, "crop_size": {"height": 56, "width": 56}, "do_center_crop": False},
            (64, 64, True),
        ),
        ({"size": {"shortest_edge": 224}, "crop_pct": 0.875}, (224, 256, False)),
        ({"size": 32}, (32, 32, False)),
        ({}, (224, None, False)),
    ],
)
def test_sizes(tmp_path, settings, expected):
    result = written(tmp_path, **settings)
    assert (result.size, result.resize, result.squeeze) == expected


@pytest.mark.parametrize(
    "settings",
    [
        {"image_mean": [0.5, 0.4, 0.3], "image_std": [0.2, 0.3, 0.4]},
        {"do_rescale": False, "image_mean": [120.0, 110, 100], "image_std": [60.0, 61, 62]},
        {"rescale_factor": 1 / 127.5, "rescale_offset": True, "image_mean": [0.1, 0.2, 0.3], "image_std": [1.0, 2, 3]},
        {"rescale_factor": 1 / 128, "do_normalize": False},
    ],
)
def test_pixels_are_what_transformers_makes_of_them(tmp_path, settings):
    pixels = np.random.default_rng(0).integers(0, 256, (3, 4, 4)).astype(float)
    x = pixels * settings.get("rescale_factor", 1 / 255) if settings.get("do_rescale", True) else pixels
    x = x - 1 if settings.get("rescale_offset") else x
    if settings.get("do_normalize", True):
        x = (x - np.reshape(settings["image_mean"], (3, 1, 1))) / np.reshape(settings["image_std"], (3, 1, 1))
    mean, std = (np.reshape(one, (3, 1, 1)) for one in written(tmp_path, **settings).statistics)
    np.testing.assert_allclose((pixels / 255 - mean) / std, x, atol=1e-6)


def test_no_file_means_the_networks_own_size(tmp_path):
    result = read_processor(tmp_path, SimpleNamespace(image_size=384))
    assert (result.size, result.resize) == (384, None)


@pytest.mark.parametrize(
    ("settings", "told"),
    [({"size": {"height": 32, "width": 64}}, "Expected a square"), ({"rescale_factor": 0.0}, "multiplied by 0.0")],
)
def test_what_cannot_be(tmp_path, settings, told):
    with pytest.raises(InputError, match=told):
        written(tmp_path, **settings)


def test_squeezing_keeps_the_ends():
    from longtail.data.transforms import Preprocessing

    image = torch.zeros(3, 8, 32, dtype=torch.uint8)
    image[:, :, :4] = 255  # the left end
    plain = Preprocessing(16, 16, 3, (0.5,) * 3, (0.5,) * 3, "none", False)
    squeezed = image_transform(Preprocessing(**{**vars(plain), "squeeze": True}), train=False)(image)
    assert squeezed.shape == (3, 16, 16)
    assert squeezed[:, :, 0].min() > 200
    assert image_transform(plain, train=False)(image).max() == 0
