"""Does it change a prediction or a choice that the network computes its features in bfloat16?

`--precision auto` does so where the processor multiplies in bfloat16. Plankton images (121 classes) go through a real
network of ImageNet in float32 and under autocast to bfloat16; on either features the same trained linear head predicts,
and tau is chosen for it.

    python benchmarks/accuracy/bfloat16_features.py [--images 2000] [--quick]
"""

import argparse
import os
from pathlib import Path

import numpy as np
import torch
from auto_sets.mobilenet import features_of
from numpy.typing import NDArray

from longtail import TauNormalized
from longtail.data.image_pack import ImagePack
from longtail.data.source import Subset
from longtail.features import open_feature_file


def main() -> None:
    """Print how far features are apart, predictions that differ, and the choices."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=2000)
    parser.add_argument("--quick", action="store_true")
    arguments = parser.parse_args()
    shared = Path(os.environ["LONGTAIL_SHARED"])
    pack = ImagePack(shared / "data" / "plankton121.h5")
    rng = np.random.default_rng(0)
    number = 100 if arguments.quick else arguments.images
    rows = rng.choice(np.flatnonzero(pack.split == 1), number, replace=False)
    source = Subset(pack, rows)
    network = shared / "models" / "mobilenet_v1_0.75_imagenet"
    whole = features_of(source, network)
    with torch.autocast("cpu", torch.bfloat16):
        short = features_of(source, network)
    apart = np.linalg.norm(short - whole, axis=1) / np.linalg.norm(whole, axis=1)
    print(f"{number} images: features apart by {apart.mean():.4f} of a row's length, at most {apart.max():.4f}")

    known = shared / "data" / "features_plankton121"
    train, head = open_feature_file(known / "feature_train.h5"), np.load(known / "joint_head.npz")
    labels = np.asarray(source.labels)
    half = number // 2
    predictions: dict[str, list[NDArray[np.int64]]] = {"joint": [], "tau": []}
    for name, features in (("float32", whole), ("bfloat16", short)):
        logits = features @ head["weight"].T + head["bias"]
        validation = features[:half], labels[:half]
        tau = TauNormalized("auto", head=(head["weight"], head["bias"]))
        tau.fit(train.features[:], train.labels, validation=validation)
        predictions["joint"].append(logits.argmax(axis=1))
        predictions["tau"].append(tau.predict(features))
        hits = [100 * (found[-1] == labels)[half:].mean() for found in predictions.values()]
        print(f"{name:9s} joint {hits[0]:.2f} %, tau {hits[1]:.2f} %, {tau.chosen_parameters()}")
    for name, (first, second) in predictions.items():
        print(f"{name}: {(first != second).sum()} of {number} predictions differ")


if __name__ == "__main__":
    main()
