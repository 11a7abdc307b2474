"""How much memory do heads take on memory-mapped features of iNaturalist size?

Claim: NCM and a tau sweep on 437,513 x 2048 float16 features (1.8 GB) with 8142 classes stay below 3 GiB resident: no
second copy of the features is made. Made-up features on the true class counts.

The peak counts everything that the process holds, mapped pages of the file included.

    python benchmarks/speed/memory.py [--rows 437513]
"""

import argparse
import resource
import tempfile
import time
from pathlib import Path

import numpy as np

from longtail.data.published import published_counts
from longtail.features import FeatureRows, create_feature_file, open_feature_file
from longtail.heads import NearestClassMean
from longtail.heads.tau_normalized import tau_sweep


def make_file(path: Path, labels: np.ndarray, dimension: int) -> None:
    """Write random features, a block at a time."""
    create_feature_file(path, labels, dimension, "float16", {})
    rows = FeatureRows(path)
    rng = np.random.default_rng(0)
    block = rng.normal(size=(8192, dimension)).astype(np.float16)
    for start in range(0, len(labels), len(block)):
        rows.write(start, np.roll(block, start // 8192, axis=1)[: len(labels) - start])


def peak() -> float:
    """Give the largest resident size so far, in GiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def main() -> None:
    """Fit, predict and sweep; print seconds and the peak."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=437_513)
    arguments = parser.parse_args()
    counts = published_counts("inat18")
    labels = np.repeat(np.arange(len(counts)), counts)
    labels = np.random.default_rng(1).permutation(labels)[: arguments.rows]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "feature_train.h5"
        make_file(path, labels, 2048)
        file = open_feature_file(path)
        print(f"{len(labels):,} x 2048 float16, {len(counts):,} classes; before: {peak():.2f} GiB")
        started = time.perf_counter()
        head = NearestClassMean().fit(file.features, file.labels)
        print(f"ncm fit             {time.perf_counter() - started:7.1f} s   peak {peak():.2f} GiB")
        started = time.perf_counter()
        head.predict(file.features[:20_000])
        print(f"ncm predict 20,000  {time.perf_counter() - started:7.1f} s   peak {peak():.2f} GiB")
        weight = np.random.default_rng(2).normal(size=(len(counts), 2048)).astype(np.float32)
        started = time.perf_counter()
        tau_sweep(file.features[:20_000], file.labels[:20_000], weight)
        print(f"tau sweep 20,000    {time.perf_counter() - started:7.1f} s   peak {peak():.2f} GiB")
        started = time.perf_counter()
        tau_sweep(file.features, file.labels, weight, (0.0, 0.5, 1.0))
        print(f"tau sweep, all rows, 3 taus {time.perf_counter() - started:7.1f} s   peak {peak():.2f} GiB")


if __name__ == "__main__":
    main()
