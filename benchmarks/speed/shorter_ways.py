"""What two shorter ways of heads save: products in bfloat16, and decompositions in the span of few rows.

    OMP_NUM_THREADS=1 python benchmarks/speed/shorter_ways.py [--rows 25000] [--repeat 3] [--quick]

mlp (one network) and logistic (four penalties, chosen on validation) as `auto` fits them, on made-up rows of 768
features and 121 classes, multiplied in float32 and in bfloat16 where the processor has units for it; lda and ridge on
35 and 300 rows of 2,304 features with and without the span. Both ways take turns in this process; prints the medians of
CPU seconds, their ratio, and on how many of 2,000 other rows both agree.
"""

import argparse
import statistics
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any
from unittest.mock import patch

import numpy as np
from numpy.typing import NDArray

from longtail.heads import LinearDiscriminant, Logistic, MultilayerPerceptron, WeightedRidge

Rows = tuple[NDArray[np.float32], NDArray[np.int64]]


def drawn(number: int, dimension: int, num_classes: int, seed: int) -> Rows:
    """Draw rows around a centre a class; half of them are of a tenth of the classes."""
    rng = np.random.default_rng(seed)
    centres = np.random.default_rng(0).normal(size=(num_classes, dimension)).astype(np.float32)
    labels = rng.integers(num_classes, size=number)
    labels[: number // 2] %= max(num_classes // 10, 2)
    labels[-num_classes:] = np.arange(num_classes)
    return 0.1 * centres[labels] + rng.normal(size=(number, dimension)).astype(np.float32), labels


def float32_alone() -> AbstractContextManager[Any]:
    """Let no processor have units for bfloat16."""
    return patch("longtail.heads.precision.cpu_has_bfloat16", return_value=False)


def without_span() -> AbstractContextManager[Any]:
    """Decompose D x D however few the rows are."""
    return patch("longtail.heads.row_span.RowSpan.of", return_value=None)


def compare(
    name: str, fit: Callable[[], Any], longer: Callable[[], AbstractContextManager[Any]], new: Any, repeat: int
) -> None:
    """Fit in turn in the longer way and in the shorter one; print both."""
    seconds: tuple[list[float], list[float]] = [], []
    for turn in range(repeat + 1):  # the first warms up
        started = time.process_time()
        with longer():
            before = fit()
        middle = time.process_time()
        now = fit()
        if turn:
            seconds[0].append(middle - started)
            seconds[1].append(time.process_time() - middle)
    long, short = map(statistics.median, seconds)
    agree = int((before.predict(new) == now.predict(new)).sum())
    told = f"ratio {long / short:6.1f}  agree on {agree} of {len(new)}"
    print(f"{name:<16} {long:7.2f} s  {short:7.2f} s  {told}", flush=True)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=25_000)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="3,000 rows of 768 features, 35 rows of 600, once")
    given = parser.parse_args()
    number, wide, repeat = (3_000, 600, 1) if given.quick else (given.rows, 2_304, given.repeat)
    train, val, (new, _) = (drawn(rows, 768, 121, seed) for seed, rows in enumerate((number, 2_000, 2_000)))
    compare("mlp", lambda: MultilayerPerceptron(random_state=0).fit(*train), float32_alone, new, repeat)
    logistic = {"penalties": (0.03, 0.01, 0.003, 0.001), "tolerance": 1e-3}
    compare("logistic", lambda: Logistic(**logistic).fit(*train, validation=val), float32_alone, new, repeat)
    for few in (35,) if given.quick else (35, 300):
        rows, (others, _) = drawn(few, wide, 3, 1), drawn(2_000, wide, 3, 2)
        for name, kind in {"lda": LinearDiscriminant, "ridge": WeightedRidge}.items():
            compare(f"{name}, {few} rows", lambda kind=kind, rows=rows: kind().fit(*rows), without_span, others, repeat)


if __name__ == "__main__":
    main()
