"""How long do heads take, and how much memory, on features of iNaturalist 2018 size?

Claim: every head is fitted on a mapped file of 437,513 x 2048 float16 features (1.8 GB) with 8142 classes in less than
6 GiB of resident memory. Made-up features around random centres, on the true class counts; three rows a class for the
tau sweep.

Each head runs in a process of its own. The peak is what the kernel counts as resident, which includes the pages of the
mapped file: they are given back as soon as something else needs the memory. cRT and LWS first train one epoch; where
all epochs would take longer than the budget, they are not run, and the line says so.

    python benchmarks/speed/heads_at_scale.py --folder DIR [--scale small] [--heads crt:bfloat16] [--budget 300]
"""

import argparse
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from longtail.data.published import published_counts
from longtail.features import FeatureRows, create_feature_file, open_feature_file
from longtail.heads import ClassifierRetraining, LearnableWeightScaling, NearestClassMean
from longtail.heads.tau_normalized import TAU_GRID, tau_sweep

BLOCK, LWS_EPOCHS = 8192, 5
HEADS = ("ncm", "tau", "crt:float32", "crt:bfloat16", "lws:float32", "lws:bfloat16")


def make_file(path: Path, labels: np.ndarray, dimension: int, seed: int) -> None:
    """Write features around the centre of each class, a block at a time; a file that is there already is kept."""
    if path.is_file():
        return
    centers = np.random.default_rng(0).standard_normal((int(labels.max()) + 1, dimension), dtype=np.float32)
    rng = np.random.default_rng(seed)
    part = path.with_suffix(".part")
    create_feature_file(part, labels, dimension, "float16", {})
    rows = FeatureRows(part)
    for start in range(0, len(labels), BLOCK):
        block = rng.standard_normal((len(labels[start : start + BLOCK]), dimension), dtype=np.float32)
        block += 0.2 * centers[labels[start : start + BLOCK]]
        rows.write(start, block * (20 / np.sqrt(dimension)))
    part.replace(path)


def memory(name: str) -> float:
    """Give a size of this process from the kernel's books, in GiB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(name)) / 2**20


def fit(method: str, folder: Path, epochs: int, precision: str, budget: float) -> None:
    """Fit one head in this process; print seconds and memory."""
    train = open_feature_file(folder / "feature_train.h5")
    num_classes, dimension = int(train.labels.max()) + 1, train.features.shape[1]
    weight = np.random.default_rng(2).normal(size=(num_classes, dimension)).astype(np.float32) / dimension
    before, note = memory("VmHWM"), ""
    started = time.perf_counter()
    if method == "ncm":
        NearestClassMean().fit(train.features, train.labels)
        seconds = time.perf_counter() - started
    elif method == "tau":
        val = open_feature_file(folder / "feature_val.h5")
        tau_sweep(val.features, val.labels, weight)
        seconds = time.perf_counter() - started
        note = f"{len(TAU_GRID)} taus on {len(val.labels):,} rows"
    else:

        def head(length: int) -> ClassifierRetraining | LearnableWeightScaling:
            if method == "crt":
                return ClassifierRetraining(epochs=length, precision=precision, random_state=0)
            start = weight, np.zeros(num_classes, np.float32)
            return LearnableWeightScaling(start, epochs=length, precision=precision, random_state=0)

        head(1).fit(train.features, train.labels)
        seconds = time.perf_counter() - started
        note = f"1 epoch; {epochs} epochs would take {epochs * seconds:.0f} s, above the budget: not run"
        if epochs * seconds <= budget:
            started = time.perf_counter()
            head(epochs).fit(train.features, train.labels)
            seconds, note = time.perf_counter() - started, f"{epochs} epochs"
    name = f"{method} {precision}" if method in ("crt", "lws") else method
    print(
        f"{name:<14}{seconds:8.1f} s   peak {memory('VmHWM'):.2f} GiB (before: {before:.2f}; "
        f"{memory('RssFile'):.2f} are mapped files)   {note}",
        flush=True,
    )


def main() -> None:
    """Write the files, then fit each head in a process of its own."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, required=True, help="for the feature files, which are kept")
    parser.add_argument("--scale", choices=["full", "small"], default="full")
    parser.add_argument("--crt-epochs", type=int, default=10)
    parser.add_argument("--budget", type=float, default=300, help="seconds for a head")
    parser.add_argument("--heads", nargs="*", choices=HEADS, default=HEADS, help="METHOD or METHOD:PRECISION")
    parser.add_argument("--only", choices=HEADS, help="one head, fitted in this process; the files are there")
    arguments = parser.parse_args()
    folder = arguments.folder / arguments.scale
    if arguments.only:
        method, _, precision = arguments.only.partition(":")
        epochs = arguments.crt_epochs if method == "crt" else LWS_EPOCHS
        fit(method, folder, epochs, precision or "float32", arguments.budget)
        return
    counts = published_counts("inat18")
    counts, dimension = (counts, 2048) if arguments.scale == "full" else (counts[::16], 256)
    labels = np.random.default_rng(1).permutation(np.repeat(np.arange(len(counts)), counts))
    folder.mkdir(parents=True, exist_ok=True)
    started = time.perf_counter()
    make_file(folder / "feature_train.h5", labels, dimension, seed=3)
    make_file(folder / "feature_val.h5", np.repeat(np.arange(len(counts)), 3), dimension, seed=4)
    print(
        f"{len(labels):,} x {dimension} float16, {len(counts):,} classes; files {time.perf_counter() - started:.0f} s"
    )
    for only in arguments.heads:
        subprocess.run([sys.executable, __file__, *sys.argv[1:], "--only", only], check=True)


if __name__ == "__main__":
    main()
