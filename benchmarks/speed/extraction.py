"""How much of the bare forward pass's speed does feature extraction keep?

Claim: at least 90 %. One side runs the network over normalised batches that lie ready; the other extracts features
from uint8 images into a feature file: normalisation, forward pass, file. In turn in one process; the median ratio
counts.

    python benchmarks/speed/extraction.py [--images 4096] [--repeat 5]
"""

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np
import torch

from longtail.backbones import create_backbone, features_of
from longtail.data.transforms import Preprocessing, normalize
from longtail.jobs.launch import launch, resolve_precision
from longtail.jobs.options import RuntimeOptions
from longtail.training.extraction import FeatureLayout, extract_features
from longtail.training.inference import EvaluationBatches
from longtail.training.passes import in_passes

BATCH = 256


def main() -> None:
    """Run both sides and print the ratio."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=4096)
    parser.add_argument("--repeat", type=int, default=5)
    arguments = parser.parse_args()
    fabric = launch(RuntimeOptions(device="cpu"))
    precision = resolve_precision("auto", "cpu")
    model = create_backbone("resnet32", num_classes=10).eval().to(memory_format=torch.channels_last)
    preprocessing = Preprocessing(32, 32, 3, (0.5,) * 3, (0.25,) * 3, "crop-flip", resident=True)
    images = torch.randint(0, 256, (arguments.images, 3, 32, 32), dtype=torch.uint8)
    labels = np.arange(arguments.images) % 10
    ready = [normalize(part, preprocessing) for part in images.split(BATCH)]
    shares = []
    with tempfile.TemporaryDirectory() as folder:
        for repeat in range(arguments.repeat + 1):
            started = time.perf_counter()
            with torch.inference_mode(), fabric.autocast():
                for batch in ready:
                    in_passes(lambda images: features_of(model, images), batch)
            bare = time.perf_counter() - started
            started = time.perf_counter()
            extract_features(
                fabric,
                lambda batch: features_of(model, batch),
                EvaluationBatches(images, preprocessing, device=fabric.device, batch_size=BATCH),
                FeatureLayout(Path(folder) / "feature_test.h5", labels, dimension=64),
                quiet=True,
            )
            whole = time.perf_counter() - started
            if repeat:  # the first round chooses kernels
                shares.append(bare / whole)
                rates = [arguments.images / seconds for seconds in (bare, whole)]
                print(f"bare forward pass {rates[0]:7.0f} images/s   extraction {rates[1]:7.0f} images/s")
    print(f"median share {100 * np.median(shares):.0f} % ({precision}, {torch.get_num_threads()} threads, ResNet-32)")


if __name__ == "__main__":
    main()
