"""How many images at a time, and when does it pay to compile the network?

Sides, on the same 256 images of noise, as `--precision auto` computes: the batch whole, as torch takes it and
`longtail extract` took it; few images a pass (`longtail.training.passes`); the same by a compiled network
(`longtail.jobs.compiled`), its compilation apart. In turn in one process, by CPU seconds; medians count. Where
compiling pays is the number of images at which it has taken as long as it has saved.

    OMP_NUM_THREADS=1 python benchmarks/speed/passes.py [--networks resnet50:224 ...] [--repeat 3] [--quick]
    OMP_NUM_THREADS=1 python benchmarks/speed/passes.py --numbers 2 4 8 16 32 64 256      # every number of images
"""

import argparse
import os
import resource
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from longtail.backbones import create_backbone
from longtail.data.preprocessing_choice import LARGE_INPUT, preprocessing_for
from longtail.jobs.compiled import settle_program
from longtail.jobs.launch import launch
from longtail.jobs.options import RuntimeOptions
from longtail.jobs.precision import settle_precision
from longtail.jobs.stage_one.trained_model import TrainedModel
from longtail.training.passes import images_a_pass, in_passes

NETWORKS = (
    *("resnet50:224", "vit_small_patch16_224:224", "convnext_tiny:224", "efficientnet_b0:224"),
    *("mobilenetv3_small_100:224", "resnet32:32"),
)


def cpu_seconds() -> float:
    """Return those of this process and of those that it started and waited for."""
    mine, theirs = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    return mine.ru_utime + mine.ru_stime + theirs.ru_utime + theirs.ru_stime


def network_of(words: str) -> TrainedModel:
    """Build NAME:SIZE, with drawn weights."""
    name, size = words.rsplit(":", 1)
    torch.manual_seed(0)
    model = create_backbone(name, num_classes=10).eval().to(memory_format=torch.channels_last)
    preprocessing = preprocessing_for(int(size), 3, LARGE_INPUT.statistics, "none")
    return TrainedModel(model, preprocessing, {}, Path(name))


def medians(sides: dict[str, Callable[[], Tensor]], repeat: int) -> dict[str, float]:
    """Return the median CPU seconds of each side; the first round chooses kernels."""
    seconds: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(repeat + 1):
        for name, side in sides.items():
            begun = time.process_time()
            side()
            seconds[name].append(time.process_time() - begun)
    return {name: float(np.median(times[1:])) for name, times in seconds.items()}


def measure(words: str, images: int, repeat: int) -> None:
    """Print how long the sides take for a network, and where compiling it pays."""
    fabric, model = launch(RuntimeOptions(device="cpu")), network_of(words)
    size = model.preprocessing.size
    batch = torch.randn(images, 3, size, size).to(memory_format=torch.channels_last)
    features_of, _ = settle_precision(fabric, model, quiet=True)
    begun = cpu_seconds()
    program = settle_program(fabric, model, features_of, images, compile="always", quiet=True)
    compiling = cpu_seconds() - begun
    with torch.inference_mode(), fabric.autocast():
        sides = {
            "whole": lambda: features_of(batch),
            "few": lambda: in_passes(features_of, batch),
            "compiled": lambda: in_passes(program, batch),
        }
        whole, few, compiled = (1000 * one / images for one in medians(sides, repeat).values())
    pays = f"pays from {1000 * compiling / (few - compiled):,.0f} images" if few > compiled else "does not pay"
    number = images_a_pass(size, size)
    print(
        f"{words}: whole {whole:.2f} ms an image, {number} a pass {few:.2f} ({whole / few:.2f} times as fast), "
        f"compiled {compiled:.2f} ({whole / compiled:.2f} times); compiling {compiling:.0f} s, {pays}",
        flush=True,
    )


def measure_numbers(words: str, numbers: list[int], images: int, repeat: int) -> None:
    """Print how long an image takes at every number of images a pass."""
    fabric, model = launch(RuntimeOptions(device="cpu")), network_of(words)
    size = model.preprocessing.size
    batch = torch.randn(images, 3, size, size).to(memory_format=torch.channels_last)
    features_of, _ = settle_precision(fabric, model, quiet=True)

    def side(number: int) -> Callable[[], Tensor]:
        return lambda: torch.cat([features_of(part) for part in torch.split(batch, number)])

    with torch.inference_mode(), fabric.autocast():
        found = medians({str(number): side(number) for number in numbers}, repeat)
    taken = ", ".join(f"{number}: {1000 * seconds / images:.2f}" for number, seconds in found.items())
    print(f"{words}: ms an image by images a pass {taken}", flush=True)


def main() -> None:
    """Measure each network."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--networks", nargs="+", default=list(NETWORKS), help="NAME:SIZE")
    parser.add_argument("--numbers", nargs="+", type=int, help="of images a pass, and nothing is compiled")
    parser.add_argument("--images", type=int, default=256)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--quick", action="store_true")
    arguments = parser.parse_args()
    if arguments.quick:
        arguments.networks, arguments.images, arguments.repeat = ["resnet20:32"], 96, 1
    with tempfile.TemporaryDirectory() as folder:
        os.environ["TORCHINDUCTOR_CACHE_DIR"] = folder  # what was compiled before does not count
        for words in arguments.networks:
            if arguments.numbers:
                measure_numbers(words, arguments.numbers, arguments.images, arguments.repeat)
            else:
                measure(words, arguments.images, arguments.repeat)


if __name__ == "__main__":
    main()
