"""Which way runs a network over images fastest on a CPU, and how far do its features move?

Sides, on the same images of noise: float32 as torch builds it (eager), the same with channels_last, and what
`--precision auto` takes where the processor multiplies in bfloat16 (channels_last under autocast); all parameters in
bfloat16; onnxruntime and OpenVINO, where they are installed; with --compile also torch.compile, which takes minutes at
first. In turn in one process, by CPU seconds; medians count.
Features are compared with those of eager float32, as `moved_features.py` does.

    python benchmarks/speed/forward_passes.py [--batch 16] [--repeat 5] [--compile] [--quick]
"""

import argparse
import copy
import importlib.util
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import timm
import torch
from moved_features import moved
from torch import Tensor, nn

NETWORKS = ("resnet50", "vit_small_patch16_224")
Side = Callable[[], Tensor]


class Features(nn.Module):
    """A network of timm up to the features before its classifier."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.network = timm.create_model(name, num_classes=0)

    def forward(self, images: Tensor) -> Tensor:
        """Map images (B, 3, H, W) to features (B, D)."""
        return self.network(images)


def in_bfloat16(side: Side) -> Side:
    """Run a side under autocast, as `--precision bfloat16` does."""

    def run() -> Tensor:
        with torch.autocast("cpu", torch.bfloat16):
            return side()

    return run


@contextmanager
def as_onnx(network: nn.Module, images: Tensor) -> Iterator[Path]:
    """Write the network as ONNX into a folder that stays while what is inside runs."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "network.onnx"
        torch.onnx.export(network, (images,), path, dynamo=True, input_names=["images"], verbose=False)
        yield path


def onnx_side(network: nn.Module, images: Tensor) -> Side:
    """Return the network as onnxruntime runs it, with as many threads as torch has."""
    import onnxruntime

    with as_onnx(network, images) as path:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = torch.get_num_threads()
        session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    values = images.numpy()
    return lambda: torch.from_numpy(session.run(None, {"images": values})[0])


def openvino_side(network: nn.Module, images: Tensor, precision: str) -> Side:
    """Return the network as OpenVINO runs it in a precision, "f32" or "bf16", with as many threads as torch has."""
    import openvino

    settings = {"INFERENCE_PRECISION_HINT": precision, "INFERENCE_NUM_THREADS": torch.get_num_threads()}
    with as_onnx(network, images) as path:
        compiled = openvino.Core().compile_model(path, "CPU", settings)
    values = images.numpy()
    return lambda: torch.from_numpy(compiled(values)[0])


def sides_of(name: str, batch: int, *, compiles: bool) -> dict[str, Side]:
    """Return the ways to run a network, each on the same images."""
    torch.manual_seed(0)
    eager = Features(name).eval()
    images = torch.randn(batch, 3, 224, 224)
    inner = copy.deepcopy(eager).to(memory_format=torch.channels_last)
    laid_out = images.to(memory_format=torch.channels_last)
    short, short_images = copy.deepcopy(inner).bfloat16(), laid_out.bfloat16()
    sides: dict[str, Side] = {
        "eager float32": lambda: eager(images),
        "channels_last": lambda: inner(laid_out),
        "bfloat16 autocast (auto)": in_bfloat16(lambda: inner(laid_out)),
        "bfloat16 parameters": lambda: short(short_images),
    }
    if importlib.util.find_spec("onnxruntime"):
        sides["onnxruntime float32"] = onnx_side(eager, images)
    if importlib.util.find_spec("openvino"):
        sides["OpenVINO float32"] = openvino_side(eager, images, "f32")
        sides["OpenVINO bfloat16"] = openvino_side(eager, images, "bf16")
    if compiles:
        compiled, compiled_short = torch.compile(copy.deepcopy(inner)), torch.compile(copy.deepcopy(inner))
        sides["compiled float32"] = lambda: compiled(laid_out)
        sides["compiled autocast"] = in_bfloat16(lambda: compiled_short(laid_out))
    return sides


def measure(name: str, sides: dict[str, Side], repeat: int) -> None:
    """Run the sides in turn and print a row for each."""
    seconds: dict[str, list[float]] = {way: [] for way in sides}
    features = {}
    with torch.inference_mode():
        for _ in range(repeat + 1):
            for way, side in sides.items():
                started = time.process_time()
                features[way] = side().float()
                seconds[way].append(time.process_time() - started)
    expected = features["eager float32"]
    # the first round chooses kernels, or compiles
    medians = {way: float(np.median(times[1:])) for way, times in seconds.items()}
    print(f"{name}, {len(expected)} images, {torch.get_num_threads()} threads")
    for way, found in features.items():
        ratio = medians["eager float32"] / medians[way]
        print(
            f"  {way:25s} {1000 * medians[way] / len(expected):7.1f} ms an image, {ratio:5.2f} times eager; "
            f"{moved(found.numpy(), expected.numpy())}"
        )


def main() -> None:
    """Measure each network."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--compile", action="store_true")
    parser.add_argument("--quick", action="store_true")
    arguments = parser.parse_args()
    batch, repeat = (2, 1) if arguments.quick else (arguments.batch, arguments.repeat)
    for name in NETWORKS:
        measure(name, sides_of(name, batch, compiles=arguments.compile), repeat)


if __name__ == "__main__":
    main()
