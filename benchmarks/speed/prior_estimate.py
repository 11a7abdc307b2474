"""EM and its bootstrap against plain EM on rows that are drawn again; classes are hard to tell apart."""

import argparse
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from longtail.priors import PriorEstimate, estimate_prior_em, prior_interval

Floats = NDArray[np.float64]


def made_up(rows: int, classes: int, seed: int) -> tuple[Floats, Floats]:
    """Posteriors of overlapping Gaussian classes, long-tailed in train and reversed in the inputs."""
    rng = np.random.default_rng(seed)
    source = np.exp(-4.0 * np.arange(classes) / classes)
    source /= source.sum()
    centres = 0.2 * rng.normal(size=(classes, 16))
    features = centres[rng.choice(classes, size=rows, p=source[::-1])] + rng.normal(size=(rows, 16))
    scores = features @ centres.T - (centres**2).sum(axis=1) / 2 + np.log(source)
    p = np.exp(scores - scores.max(axis=1, keepdims=True))
    return p / p.sum(axis=1, keepdims=True), source


def plain_em(
    p: Floats, source: Floats, start: Floats, steps: int = 2000, tolerance: float = 1e-5
) -> tuple[Floats, int]:
    """One step after the other, with a pseudo-count of 1."""
    shares = start
    for step in range(1, steps + 1):
        ratio = shares / source
        new = ratio * ((1 / (p @ ratio)) @ p) + 1
        new /= new.sum()
        if np.abs(new - shares).sum() < tolerance:
            return new, step
        shares = new
    return shares, steps


def timed(call: Callable[[], Any]) -> tuple[Any, float]:
    """Seconds of processor time, and the result."""
    started = time.process_time()
    result = call()
    return result, time.process_time() - started


def main() -> None:
    """Print both sides."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--classes", type=int, default=10)
    parser.add_argument("--resamples", type=int, default=50)
    arguments = parser.parse_args()
    p, source = made_up(arguments.rows, arguments.classes, 0)
    settings = {"pseudo_count": 1.0, "tolerance": 1e-5, "iterations": 2000}

    def ours() -> tuple[PriorEstimate, Floats]:
        found = estimate_prior_em(p, source, **settings)
        interval = prior_interval(
            lambda times: estimate_prior_em(p, source, weights=times, start=found.prior, **settings).prior,
            len(p),
            resamples=arguments.resamples,
        )
        return found, interval

    def plain() -> tuple[Floats, int, Floats]:
        found, steps = plain_em(p, source, source)
        rng = np.random.default_rng(0)
        drawn = [
            plain_em(p[np.sort(rng.integers(len(p), size=len(p)))], source, found)[0]
            for _ in range(arguments.resamples)
        ]
        return found, steps, np.quantile(drawn, [0.025, 0.975], axis=0)

    (found, interval), fast = timed(ours)
    (slow_found, steps, slow_interval), slow = timed(plain)
    print(f"{arguments.rows:,} x {arguments.classes}, estimate and {arguments.resamples} resamples, CPU seconds")
    print(f"plain EM  {slow:7.1f} s  ({steps} steps)")
    print(f"ours      {fast:7.1f} s  ({found.iterations} steps)  {slow / fast:.1f} times as fast")
    print(f"the estimates differ by {np.abs(found.prior - slow_found).sum():.1e} in all,")
    print(f"the ends of the intervals by {np.abs(interval - slow_interval).max():.1e} at most")


if __name__ == "__main__":
    main()
