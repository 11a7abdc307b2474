"""examples/serve: an exported model behind HTTP, and by itself, where longtail cannot be imported."""

import io
import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import longtail
from longtail.cli import main

SERVE = Path(__file__).parents[2] / "examples" / "serve"
# whoever imports one of these is told that there is none
WITHOUT = """
import runpy, sys
sys.modules.update(dict.fromkeys({}, None))
sys.argv = {}
runpy.run_path({!r}, run_name="__main__")
"""
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def exported(photos, tmp_path_factory):
    """A calibrated run on colour images of digits, exported in both ways, and probabilities of `predict`."""
    folder = tmp_path_factory.mktemp("serve")
    words = ["run", "folder", "--data", str(photos / "data"), "--backbone", "resnet20", "--epochs", "2", "--quiet"]
    words += [
        "--image-size",
        "16",
        "--methods",
        "joint,la",
        "--metric",
        "all",
        "--label-check",
        "none",
        "--device",
        "cpu",
    ]
    assert main([*words, "--precision", "float32", "--out", str(folder / "run")]) == 0
    assert main(["calibrate", str(folder / "run"), "--heads", "la", "--method", "temperature", "--quiet"]) == 0
    head = ["--head", str(folder / "run" / "heads" / "la.npz")]
    for form, name in (("onnx", "model.onnx"), ("torch-export", "model.pt2")):
        assert main(["export", str(folder / "run"), "--format", form, *head, "--out", str(folder / name)]) == 0
    images = sorted((photos / "data").rglob("*.png"))
    rng = np.random.default_rng(0)
    for number, size in enumerate([(40, 30), (21, 55)]):
        pixels = rng.integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
        images.append(folder / f"photo-{number}.png")
        Image.fromarray(pixels).save(images[-1])
    settings = {"method": "la", "device": "cpu", "precision": "float32", "workers": 0}
    expected = {}
    for place in (photos / "data", *images[-2:]):
        predictions = longtail.predict(folder / "run", place, **settings)
        expected |= {Path(name): row for name, row in zip(predictions.inputs, predictions.probabilities, strict=True)}
    return folder, expected


def alone(script, model, image, absent):
    """Run an example in a process that has neither longtail nor `absent`."""
    code = WITHOUT.format(("longtail", *absent), [script, str(model), str(image)], str(SERVE / script))
    done = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return {name: float(text) for name, text in (line.split("\t") for line in done.stdout.splitlines())}


@pytest.mark.parametrize(
    ("script", "model", "absent"),
    [
        ("onnx_in_ten_lines.py", "model.onnx", ("torch", "torchvision")),
        ("program_in_ten_lines.py", "model.pt2", ("timm",)),
    ],
)
def test_ten_lines_without_longtail(exported, script, model, absent):
    folder, expected = exported
    for image in list(expected)[-2:]:
        answer = alone(script, folder / model, image, absent)
        for name, probability in answer.items():
            assert probability == pytest.approx(expected[image][int(name)], abs=0.02)  # resized by Pillow, not by torch
        assert len(answer) == 3
        assert sum(answer.values()) == pytest.approx(1, abs=1e-3)


@pytest.fixture(scope="module")
def server(exported):
    """The address of a server with small limits."""
    absent = [name for name in ("fastapi", "uvicorn", "onnxruntime") if find_spec(name) is None]
    if absent:
        pytest.skip(f"{', '.join(absent)} not installed: pip install -r examples/serve/requirements.txt")
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port = one.getsockname()[1]
    limits = {"MODEL": str(exported[0] / "model.onnx"), "MOST_BYTES": "200000", "MOST_PIXELS": "250000", "WAIT": "0.02"}
    words = ["-m", "uvicorn", "app:app", "--port", str(port), "--app-dir", str(SERVE), "--log-level", "warning"]
    process = subprocess.Popen(
        [sys.executable, *words], env={**os.environ, **limits, "PYTHONPATH": ""}, cwd=exported[0]
    )
    address = f"http://127.0.0.1:{port}"
    try:
        for _ in range(300):
            assert process.poll() is None
            try:
                assert asked(f"{address}/health")[1]["status"] == "ok"
                break
            except (urllib.error.URLError, ConnectionError):
                time.sleep(0.1)
        yield address
    finally:
        process.terminate()
        process.wait(20)


def asked(address, body=None):
    """The status and the answer of a request."""
    try:
        with urllib.request.urlopen(urllib.request.Request(address, data=body), timeout=60) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def test_many_clients_share_calls_and_get_their_own_answers(server, exported):
    _, expected = exported
    paths = 5 * list(expected)
    with ThreadPoolExecutor(16) as clients:
        answers = list(clients.map(lambda path: asked(f"{server}/predict", path.read_bytes()), paths))
    for path, (status, answer) in zip(paths, answers, strict=True):
        assert status == 200
        for one in answer["top"]:
            assert one["probability"] == pytest.approx(expected[path][int(one["class"])], abs=0.02)
    _, health = asked(f"{server}/health")
    assert health["images"] == len(paths)
    assert health["calls"] < health["images"] / 2
    assert health["waiting"] == 0


def test_what_it_serves_is_told(server):
    _, model = asked(f"{server}/model")
    assert model["classes"] == ["0", "1", "2"]
    assert "calibrated on" in model["probabilities"]
    assert "Resize" in model["preprocessing"]["outside"]


def encoded(size, form="PNG"):
    stream = io.BytesIO()
    Image.new("RGB", size, (200, 10, 10)).save(stream, form)
    return stream.getvalue()


def test_what_it_does_not_take(server):
    def refused(body, query=""):
        status, answer = asked(f"{server}/predict{query}", body)
        return status, answer.get("error")

    assert refused(b"") == (415, "the request has no body; expected an image")
    assert refused(b"GIF89a")[0] == 415
    assert refused(encoded((8, 8), "BMP"))[0] == 415
    assert refused(b"\0" * 200_001) == (413, "the upload is longer than 200,000 bytes")
    assert refused(encoded((1000, 1000))) == (413, "the image has 1000 x 1000 pixels; expected at most 250,000")
    assert refused(encoded((400, 400))[:-300])[0] == 422
    assert refused(encoded((100_000, 1)))[0] == 422
    assert refused(encoded((8, 8)), "?top=0")[0] == 422
    status, answer = asked(f"{server}/predict?top=1", encoded((8, 8), "JPEG"))
    assert (status, len(answer["top"])) == (200, 1)
