"""What does it save to train the classifier on cached features instead of running the network in every epoch?

Claim: 10 epochs of cRT at the size of ImageNet-LT (115,846 images of 224 pixels, ResNet-50, 1000 classes) cost little
more than one pass of the network: the images go through it once, as features they stay the same.

Measured: the forward pass of ResNet-50 (evaluation mode, channels_last, bfloat16 where the processor computes in it)
and the extraction into a feature file, both in seconds an image over a few random images that lie decoded in memory;
and one epoch of the head on as many made-up features as ImageNet-LT has images. Extrapolated: what the network takes
for all images. Decoding images, which only the other side does in every epoch, is left out.

    python benchmarks/speed/crt_cached.py [--scale small] [--repeat 5]
"""

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np
import torch

from longtail.backbones import create_backbone, features_of
from longtail.data.transforms import Preprocessing, normalize
from longtail.heads import ClassifierRetraining
from longtail.jobs.launch import launch, resolve_precision
from longtail.jobs.options import RuntimeOptions
from longtail.training.extraction import FeatureLayout, extract_features
from longtail.training.inference import EvaluationBatches

IMAGES_IN_ALL, NUM_CLASSES, DIMENSION, EPOCHS, BATCH = 115_846, 1000, 2048, 10, 32


def network_seconds(num_images: int, size: int, repeat: int) -> tuple[float, float]:
    """Give the seconds an image of the bare forward pass and of extraction, medians over rounds in turn."""
    fabric = launch(RuntimeOptions(device="cpu"))
    model = create_backbone("resnet50", num_classes=NUM_CLASSES).eval().to(memory_format=torch.channels_last)
    preprocessing = Preprocessing(size, size, 3, (0.5,) * 3, (0.25,) * 3, "none", resident=True)
    images = torch.randint(0, 256, (num_images, 3, size, size), dtype=torch.uint8)
    ready = [normalize(part, preprocessing) for part in images.split(BATCH)]
    seconds = []
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(repeat + 1):
            started = time.perf_counter()
            with torch.inference_mode(), fabric.autocast():
                for batch in ready:
                    features_of(model, batch)
            forward = time.perf_counter() - started
            started = time.perf_counter()
            extract_features(
                fabric,
                lambda batch: features_of(model, batch),
                EvaluationBatches(images, preprocessing, device=fabric.device, batch_size=BATCH),
                FeatureLayout(
                    Path(folder) / "feature_train.h5", np.zeros(num_images, dtype=np.int64), DIMENSION, dtype="float16"
                ),
                quiet=True,
            )
            seconds.append((forward, time.perf_counter() - started))
    # the first round chooses kernels
    forward, extraction = np.median(seconds[1:], axis=0) / num_images
    return float(forward), float(extraction)


def head_seconds(num_images: int, precision: str, repeat: int) -> float:
    """Give the seconds an image of one epoch of the head, checks of the features included; median."""
    rng = np.random.default_rng(0)
    features = np.empty((num_images, DIMENSION), dtype=np.float16)
    for start in range(0, num_images, 8192):
        part = features[start : start + 8192]
        part[...] = rng.standard_normal(part.shape, dtype=np.float32) / 2
    labels = np.arange(num_images) % NUM_CLASSES
    seconds = []
    for _ in range(repeat):
        started = time.perf_counter()
        ClassifierRetraining(epochs=1, precision=precision, random_state=0).fit(features, labels)
        seconds.append(time.perf_counter() - started)
    return float(np.median(seconds)) / num_images


def main() -> None:
    """Measure the parts and print what 10 epochs cost either way."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scale", choices=["full", "small"], default="full")
    parser.add_argument("--repeat", type=int, default=5)
    arguments = parser.parse_args()
    num_images, rows, size = (128, IMAGES_IN_ALL, 224) if arguments.scale == "full" else (BATCH, 10_000, 64)
    forward, extraction = network_seconds(num_images, size, arguments.repeat)
    precision = resolve_precision("auto", "cpu")
    print(f"ResNet-50 at {size} px ({precision}, {torch.get_num_threads()} threads, {num_images} images)")
    print(f"forward pass    {1e3 * forward:8.3f} ms an image")
    print(f"extraction      {1e3 * extraction:8.3f} ms an image")
    for kind in ("float32", "bfloat16"):
        head = head_seconds(rows, kind, min(arguments.repeat, 3))
        every_epoch, cached = (
            seconds * IMAGES_IN_ALL / 3600 for seconds in (EPOCHS * (forward + head), extraction + EPOCHS * head)
        )
        print(f"head, {kind:<10}{1e3 * head:8.3f} ms an image and epoch ({rows:,} rows)")
        print(
            f"{EPOCHS} epochs of {IMAGES_IN_ALL:,} images, extrapolated: {every_epoch:.2f} h with the network in each, "
            f"{cached:.2f} h on cached features; ratio {every_epoch / cached:.1f}, and {1 + forward / head:.0f} for "
            "each epoch after the extraction"
        )


if __name__ == "__main__":
    main()
