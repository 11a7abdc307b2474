"""Started by test_ranks.py in processes of their own: validate and extract on however many processes there are."""

import json
import os
import sys
from pathlib import Path

import numpy as np
import torch
from lightning_fabric import Fabric

from longtail.backbones import create_backbone, features_of
from longtail.data.transforms import Preprocessing
from longtail.sampling import Sampler
from longtail.training.batches import ResidentBatches
from longtail.training.extraction import FeatureLayout, extract_features
from longtail.training.inference import EvaluationBatches, validation_accuracy


def main():
    folder = Path(sys.argv[1])
    ranks = int(os.environ["WORLD_SIZE"])
    torch.set_num_threads(1)
    fabric = Fabric(accelerator="cpu", devices=ranks, strategy="ddp" if ranks > 1 else "auto", precision="bf16-mixed")
    fabric.launch()
    preprocessing = Preprocessing(8, 8, 1, (0.3,), (0.4,), "shift", resident=True)
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (333, 1, 8, 8), dtype=torch.uint8, generator=generator)
    labels = np.arange(333) % 7
    torch.manual_seed(0)
    model = create_backbone("digits_cnn", num_classes=7, in_chans=1).eval()
    share = {"rank": fabric.global_rank, "num_ranks": ranks}
    batches = EvaluationBatches(images, preprocessing, device=fabric.device, batch_size=64, **share)
    measured = validation_accuracy(fabric, model, batches, labels, np.array(["many"] * 7))
    extract_features(
        fabric,
        lambda x: features_of(model, x),
        batches,
        FeatureLayout(folder / "feature_val.h5", labels, dimension=64),
        quiet=True,
    )
    sampler = Sampler(labels, strategy="class", seed=5)
    training = ResidentBatches(
        images, torch.from_numpy(labels), sampler, preprocessing, batch_size=32, accumulate=2, seed=1, **share
    )
    steps = [torch.cat([y for _, y in step]).tolist() for step in training.steps(2, 3)]
    (folder / f"rank{fabric.global_rank}.json").write_text(json.dumps({"measured": measured, "labels": steps}))


if __name__ == "__main__":
    main()
