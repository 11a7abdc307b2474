"""Heads on 2,000,000 x 256 float16 features (a mapped file of 1 GB) with 5,000 classes: time and memory.

    python benchmarks/speed/heads_at_two_million.py --folder DIR [--rows 200000] [--methods ncm,ridge] [--quick]

Claim: below 4 GiB resident, pages of the mapped file included. Each head is fitted in a process of its own, on features
around random centres with a long tail, and predicts --held-out rows. Prints seconds of the
processor, those of the method's own matrix products alone (float32, in this process), and the peak.

The products: ncm, the rows converted and summed; ridge, four weighted scatters, and the scores of 8,192 left-out rows
for 24 candidates; la and bsm, the two products of one pass over all rows (how many passes it takes depends on the
data).
"""

import argparse
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from longtail.counts import exponential_counts
from longtail.features import FeatureRows, create_feature_file, open_feature_file

BLOCK = 8192


def write_files(folder: Path, counts: np.ndarray, dimension: int, held_out: int) -> None:
    """Write train and val; files that are there already are kept."""
    centres = np.random.default_rng(0).standard_normal((len(counts), dimension), dtype=np.float32)
    rng = np.random.default_rng(1)
    even = np.arange(held_out) % len(counts)
    splits = {"train": rng.permutation(np.repeat(np.arange(len(counts)), counts)), "val": even}
    for split, labels in splits.items():
        path = folder / f"feature_{split}.h5"
        if path.is_file():
            continue
        part = path.with_suffix(".part")
        create_feature_file(part, labels, dimension, "float16", {})
        rows = FeatureRows(part)
        for start in range(0, len(labels), BLOCK):
            codes = labels[start : start + BLOCK]
            noise = rng.standard_normal((len(codes), dimension), dtype=np.float32)
            rows.write(start, (0.3 * centres[codes] + noise) * (20 / np.sqrt(dimension)))
        part.replace(path)


def seconds_of(product: Callable[[], object], repeat: int = 3) -> float:
    """Return the processor's seconds of a product, the least of a few."""
    times = []
    for _ in range(repeat):
        started = time.process_time()
        product()
        times.append(time.process_time() - started)
    return min(times)


def bare_products(method: str, num_rows: int, num_classes: int, dimension: int) -> float:
    """Return the seconds of a method's matrix products, from one block of each kind."""
    half = torch.randn(BLOCK, dimension).half()
    block, weight = half.float(), torch.randn(num_classes, dimension)
    blocks = num_rows / BLOCK
    if method == "ncm":
        return blocks * seconds_of(lambda: half.float().sum(dim=0))
    scores = seconds_of(lambda: block @ weight.T)
    if method == "ridge":
        return blocks * 4 * seconds_of(lambda: block.T @ block) + 24 * scores
    upstream = torch.randn(BLOCK, num_classes)
    return blocks * (scores + seconds_of(lambda: upstream.T @ block))


def fit(folder: Path, method: str) -> tuple[float, float]:
    """Fit a head to the mapped file in a process of its own; return the processor's seconds and the peak in GiB."""
    command = [sys.executable, __file__, "--folder", str(folder), "--one", method]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    seconds, peak = done.stdout.split()
    return float(seconds), float(peak)


def fit_here(folder: Path, method: str) -> None:
    """Fit, and predict the rows of val; print the processor's seconds of the fit and the peak."""
    from longtail.heads import ClassifierRetraining, LogitAdjusted, NearestClassMean, WeightedRidge

    train, val = (open_feature_file(folder / f"feature_{split}.h5") for split in ("train", "val"))
    heads = {
        "ncm": NearestClassMean,
        "ridge": WeightedRidge,
        "la": lambda: LogitAdjusted(1.0, random_state=0),
        "bsm": lambda: ClassifierRetraining(
            loss="balanced-softmax", sampling="instance", weight_decay=5e-3, random_state=0
        ),
    }
    started = time.process_time()
    head = heads[method]().fit(train.features, train.labels)
    seconds = time.process_time() - started
    head.predict(val.features)
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    peak = next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))
    print(seconds, peak / 2**20)


def main() -> None:
    """Write the files, fit and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, required=True, help="for the files, which are kept")
    parser.add_argument("--rows", type=int, default=2_000_000)
    parser.add_argument("--classes", type=int, default=5_000)
    parser.add_argument("--dimension", type=int, default=256)
    parser.add_argument("--held-out", type=int, default=15_000, help="rows that are predicted")
    parser.add_argument("--methods", default="ncm,ridge,la,bsm")
    parser.add_argument("--quick", action="store_true", help="20,000 rows, 200 classes")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        fit_here(options.folder, options.one)
        return
    if options.quick:
        options.rows, options.classes, options.held_out = 20_000, 200, 600
    sizes = options.rows, options.classes, options.dimension, options.held_out
    options.folder /= "x".join(map(str, sizes))  # beside files of other sizes
    options.folder.mkdir(parents=True, exist_ok=True)
    shape = exponential_counts(options.classes, 1000, 100)
    counts = np.maximum(shape * (options.rows / shape.sum()), 2).astype(np.int64)
    write_files(options.folder, counts, options.dimension, options.held_out)
    print(f"{counts.sum():,} x {options.dimension} float16, {options.classes:,} classes", flush=True)
    for method in options.methods.split(","):
        products = bare_products(method, int(counts.sum()), options.classes, options.dimension)
        seconds, peak = fit(options.folder, method)
        print(f"{method:<6} fit {seconds:8.2f} s   its products {products:8.2f} s   peak {peak:.2f} GiB", flush=True)


if __name__ == "__main__":
    main()
