"""A network of experts, or with adapters, calibrated and exported: the program says what `predict` says."""

import numpy as np
import pytest
import torch

import longtail
from longtail.cli import main
from longtail.data import open_data
from longtail.data.decode import write_png
from longtail.deploy.onnx_file import run_onnx

pytestmark = pytest.mark.slow
FAST = ["--device", "cpu", "--precision", "float32", "--quiet"]


@pytest.mark.parametrize("kind", ["experts", "adapters"])
def test_a_program_says_what_predict_says(kind, learnt_digits, tmp_path):
    pytest.importorskip("onnxruntime", reason="the extra `onnx` is not installed")
    words = {"experts": ["--experts", "sade"], "adapters": ["--adapter", "lora", "--init", str(learnt_digits)]}[kind]
    run, images, test = tmp_path / "run", tmp_path / "new", open_data("digits").test
    methods = ["--methods", "joint,la", "--epochs", "2", "--batch-size", "64", "--warmup-epochs", "0"]
    assert main(["run", "digits", *words, *methods, "--out", str(run), *FAST]) == 0
    assert main(["calibrate", str(run), "--quiet"]) == 0
    assert main(["export", str(run), "--format", "onnx", "--out", str(tmp_path / "net.onnx")]) == 0
    images.mkdir()
    rows = range(0, 300, 10)
    for row in rows:
        write_png(test.load(row), images / f"{row:03d}.png")
    told = longtail.predict(run, images, device="cpu", precision="float32").probabilities
    pixels = torch.stack([torch.as_tensor(test.load(row)) for row in rows])
    probabilities = run_onnx(tmp_path / "net.onnx", pixels / 255)[1].numpy()
    np.testing.assert_allclose(probabilities, told, atol=1e-5)
    plain = longtail.predict(run, images, device="cpu", precision="float32", uncalibrated=True).probabilities
    assert np.abs(plain - told).max() > 0.01  # that calibration is in it can be seen
