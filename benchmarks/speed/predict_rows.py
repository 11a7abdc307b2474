"""How fast does `longtail predict` go through a million rows of features, and in how much memory?

Claim: probabilities of all rows at half the rate, at least, of the bare product of the same file in blocks, in memory
that does not grow with the rows (of an .npz, which is read whole, it does). Writing the CSV, which is most of the work
where it has a column for each class, is measured apart: with all classes, and with the most likely one (--top 1).

All sides run in turn in one process, on one file of made-up features; medians count. Memory is what the process holds
beside mapped files, at its largest between two blocks.

    python benchmarks/speed/predict_rows.py [--rows 1000000] [--dimension 256] [--format h5] [--quick]
"""

import argparse
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import h5py
import numpy as np
import torch

from longtail.features import FeatureRows, create_feature_file
from longtail.heads import Joint
from longtail.heads.storage import save_head
from longtail.jobs.options import RuntimeOptions
from longtail.jobs.predict import PredictConfig, predicted, run

BLOCK = 8192


def make_file(path: Path, rows: int, dimension: int) -> None:
    """Write made-up float32 features, a block at a time where the format allows."""
    block = np.random.default_rng(0).normal(size=(BLOCK, dimension)).astype(np.float32)
    if path.suffix == ".h5":
        create_feature_file(path, np.zeros(rows, dtype=np.int64), dimension, "float32", {})
        file = FeatureRows(path)
        for start in range(0, rows, BLOCK):
            file.write(start, block[: rows - start])
        return
    if path.suffix == ".npz":
        np.savez(path, features=np.resize(block, (rows, dimension)))
        return
    array = np.lib.format.open_memmap(path, mode="w+", dtype=np.float32, shape=(rows, dimension))
    for start in range(0, rows, BLOCK):
        array[start : start + BLOCK] = block[: rows - start]


def blocks_of(path: Path) -> Iterator[np.ndarray]:
    """Read a file as plainly as its format allows."""
    if path.suffix == ".h5":
        with h5py.File(path) as file:
            for start in range(0, len(file["features"]), BLOCK):
                yield file["features"][start : start + BLOCK]
        return
    array = np.load(path)["features"] if path.suffix == ".npz" else np.load(path, mmap_mode="c")
    for start in range(0, len(array), BLOCK):
        yield array[start : start + BLOCK]


def held() -> float:
    """Return what the process holds beside mapped files, in MiB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("RssAnon")) / 1024


def main() -> None:
    """Run all sides and print rates, ratios and memory."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--dimension", type=int, default=256)
    parser.add_argument("--classes", type=int, default=100)
    parser.add_argument("--format", choices=["h5", "npy", "npz"], default="h5")
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="20,000 rows")
    arguments = parser.parse_args()
    rows = 20_000 if arguments.quick else arguments.rows
    rng = np.random.default_rng(1)
    weight = rng.normal(size=(arguments.classes, arguments.dimension)).astype(np.float32)
    bias = rng.normal(size=arguments.classes).astype(np.float32)
    head = Joint((weight, bias)).fit(weight, np.arange(arguments.classes))
    with tempfile.TemporaryDirectory() as folder:
        path, model = Path(folder) / f"new.{arguments.format}", Path(folder) / "joint.npz"
        make_file(path, rows, arguments.dimension)
        save_head(head, model)

        def bare() -> None:
            matrix, shift = torch.from_numpy(weight).T, torch.from_numpy(bias)
            for block in blocks_of(path):
                torch.addmm(shift, torch.from_numpy(block), matrix).argmax(dim=1)

        def ours() -> None:
            peak = 0.0
            for _ in predicted(PredictConfig(model, path))[1]:
                peak = max(peak, held())
            memory.append(peak)

        def written(top: int | None) -> None:
            runtime = RuntimeOptions(out=Path(folder) / "out.csv", quiet=True)
            run(PredictConfig(model, path, top=top, runtime=runtime))

        memory: list[float] = []
        sides: dict[str, Callable[[], None]] = {
            "bare product": bare,
            "predict": ours,
            "predict, CSV --top 1": lambda: written(1),
            "predict, CSV": lambda: written(None),
        }
        seconds: dict[str, list[float]] = {name: [] for name in sides}
        cpu: dict[str, list[float]] = {name: [] for name in sides}
        before = held()
        for number in range(arguments.repeat):
            for name, side in sides.items():
                if number and name.endswith("CSV"):
                    continue  # minutes
                started, cpu_started = time.perf_counter(), time.process_time()
                side()
                seconds[name].append(time.perf_counter() - started)
                cpu[name].append(time.process_time() - cpu_started)
    floor = np.median(cpu["bare product"])
    for name in sides:
        rate = rows / np.median(seconds[name])
        share = floor / np.median(cpu[name])
        print(f"{name:<24}{rate:12,.0f} rows a second   {share:5.2f} of the bare product, by CPU seconds")
    print(f"{rows:,} x {arguments.dimension}, {arguments.classes} classes, .{arguments.format}; memory beside mapped")
    print(f"files: {before:.0f} MiB before, {max(memory):.0f} at the most")


if __name__ == "__main__":
    main()
