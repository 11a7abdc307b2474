"""How do time and memory of heads grow with rows, classes and features? Writes the table of docs/growth.md.

    OMP_NUM_THREADS=1 python benchmarks/speed/growth.py [--methods ncm,tau] [--quick] [--out FILE.md]

Each point is fitted in a process of its own (a fork, so that imports count once). Seconds are those of the processor,
memory what the fit held at most beyond what was there before it. Exponents are a least-squares fit of
log(seconds) = a + n log N + c log C + d log D to the points that took at least 5 ms, and the same of memory above
4 MiB.
"""

import argparse
import gc
import itertools
import multiprocessing
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np

from longtail.heads import (
    ClassifierRetraining,
    LinearDiscriminant,
    NearestClassMean,
    NearestNeighbours,
    TauNormalized,
    WeightedRidge,
)

POINTS = (*itertools.product((10_000, 100_000), (10, 100, 1000), (256,)), (10_000, 100, 2048), (10_000, 1000, 2048))
QUICK = tuple(itertools.product((1000, 4000), (10, 50), (16, 64)))
LEAST_SECONDS, LEAST_MEMORY = 0.005, 4.0
METHODS: dict[str, str] = {
    "ncm": "fit",
    "tau": "21 taus on all rows, with the class means as head",
    "crt": "one epoch",
    "ridge": "fit, everything chosen",
    "lda": "fit, everything chosen",
    "knn": "fit, everything chosen, and predictions for 1,000 rows",
}


def made_up(num_rows: int, num_classes: int, dimension: int) -> tuple[np.ndarray, np.ndarray]:
    """Make float16 features around the centre of each class, of a long tail."""
    rng = np.random.default_rng(0)
    shares = np.geomspace(1, 0.05, num_classes)
    labels = np.concatenate(
        [
            np.repeat(np.arange(num_classes), 2),
            rng.choice(num_classes, num_rows - 2 * num_classes, p=shares / shares.sum()),
        ]
    )
    centres = rng.standard_normal((num_classes, dimension), dtype=np.float32)
    features = np.empty((num_rows, dimension), np.float16)
    for start in range(0, num_rows, 8192):
        codes = labels[start : start + 8192]
        features[start : start + 8192] = 0.5 * centres[codes] + rng.standard_normal(
            (len(codes), dimension), dtype=np.float32
        )
    return features, labels


def fit(method: str, features: np.ndarray, labels: np.ndarray) -> None:
    """Do what is timed."""
    if method == "tau":
        head = TauNormalized("auto", (NearestClassMean().fit(features, labels).means_, np.zeros(labels.max() + 1)))
        head.fit(features, labels, validation=(features, labels))
        return
    heads: dict[str, Callable[[], Any]] = {
        "ncm": NearestClassMean,
        "crt": lambda: ClassifierRetraining(epochs=1, random_state=0),
        "ridge": WeightedRidge,
        "lda": LinearDiscriminant,
        "knn": NearestNeighbours,
    }
    fitted = heads[method]().fit(features, labels)
    if method == "knn":
        fitted.predict(features[:1000])


def memory(name: str) -> float:
    """Give a size of this process, in MiB."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(name)) / 2**10


def measure(method: str, point: tuple[int, int, int], answer: Connection) -> None:
    """Fit in this process; send seconds and MiB."""
    features, labels = made_up(*point)
    few = features[:1000]
    fit(method, few, np.arange(len(few)) % 10)  # what libraries take once
    gc.collect()
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # the peak counts from here on
    before, started = memory("VmRSS"), time.process_time()
    fit(method, features, labels)
    answer.send((time.process_time() - started, memory("VmHWM") - before))


def measured(method: str, point: tuple[int, int, int]) -> tuple[float, float]:
    """Fit in a process of its own."""
    context = multiprocessing.get_context("fork")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=measure, args=(method, point, sender))
    process.start()
    sender.close()
    result: tuple[float, float] = receiver.recv()
    process.join()
    return result


def exponents(points: tuple[tuple[int, int, int], ...], values: list[float], least: float) -> np.ndarray | None:
    """Fit the powers of N, C and D; None where too few values are large enough."""
    kept = [number for number, value in enumerate(values) if value >= least]
    logs = np.column_stack([np.ones(len(kept)), np.log([points[number] for number in kept])])
    if len(kept) < 4 or np.linalg.matrix_rank(logs) < 4:
        return None
    return np.linalg.lstsq(logs, np.log([values[number] for number in kept]), rcond=None)[0][1:]


def told(powers: np.ndarray | None) -> str:
    """Write powers of N, C and D."""
    return "-" if powers is None else " ".join(f"{name}^{power:.1f}" for name, power in zip("NCD", powers, strict=True))


def main() -> None:
    """Measure every point and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--methods", default=",".join(METHODS))
    parser.add_argument("--quick", action="store_true", help="small sizes")
    parser.add_argument("--out", type=Path, help="file for the table")
    options = parser.parse_args()
    points = QUICK if options.quick else POINTS
    sizes = " | ".join(f"{rows:,} {classes:,} {dimension:,}" for rows, classes, dimension in points)
    lines = [f"| N C D: | {sizes} | seconds ~ | MiB ~ |", "|---" * (len(points) + 3) + "|"]
    print(*lines, sep="\n", flush=True)
    for method in options.methods.split(","):
        results = [measured(method, point) for point in points]
        seconds, mebibytes = (list(column) for column in zip(*results, strict=True))
        cells = " | ".join(f"{taken:.2g} s, {held:.0f}" for taken, held in results)
        powers = (
            told(exponents(points, seconds, LEAST_SECONDS)),
            told(exponents(points, mebibytes, LEAST_MEMORY)),
        )
        lines.append(f"| {method} | {cells} | {powers[0]} | {powers[1]} |")
        print(lines[-1], flush=True)
    if options.out:
        options.out.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
