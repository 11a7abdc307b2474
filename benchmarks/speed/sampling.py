"""How fast are class-balanced indices made at the size of iNaturalist 2018?

Claim: at least 50 million indices a second on 2 cores, with 8142 classes and 437,513 draws an epoch; the original's
way makes about one million. That way: a cycling iterator over the classes and one over the images of each class, of
which each visit takes the next `run_length` by a zip. Torch's WeightedRandomSampler (independent draws) is shown
beside them.

All sides run in turn in one process; medians count. Class counts are the published
ones. A third thread at work on the same cores costs ours a third and more of its rate: measure on an idle machine.

    python benchmarks/speed/sampling.py [--repeat 45] [--run-length 4] [--json FILE]
"""

import argparse
import json
import os
import platform
import random
import time
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

import numpy as np
import torch

from longtail.data.published import published_counts
from longtail.sampling import Sampler


def _cycling(items: list[int]) -> Iterator[int]:
    """Go through a list again and again, shuffled anew at each start."""
    while True:
        random.shuffle(items)
        yield from items


def one_by_one(labels: np.ndarray, num_draws: int, run_length: int) -> Callable[[], int]:
    """Build the original's kind of generator; give a function that draws an epoch from it."""
    members: list[list[int]] = [[] for _ in range(int(labels.max()) + 1)]
    for index, label in enumerate(labels.tolist()):
        members[label].append(index)
    classes = _cycling(list(range(len(members))))
    images = [_cycling(rows) for rows in members]

    def visits() -> Iterator[int]:
        while True:
            chosen = images[next(classes)]
            yield from next(zip(*[chosen] * run_length, strict=False))

    stream = visits()

    def draw() -> int:
        return sum(islice(stream, num_draws))

    return draw


def main() -> None:
    """Run all sides and print medians and ratios."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeat", type=int, default=45)
    parser.add_argument("--run-length", type=int, default=1, help="consecutive images of a class")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    counts = published_counts("inat18")
    labels = np.random.default_rng(0).permutation(np.repeat(np.arange(len(counts)), counts))
    started = time.perf_counter()
    sampler = Sampler(labels, strategy="class", run_length=arguments.run_length)
    construction = time.perf_counter() - started
    weights = torch.from_numpy(1 / counts[labels])
    weighted = torch.utils.data.WeightedRandomSampler(weights, len(labels))  # type: ignore[arg-type]
    original = one_by_one(labels, len(labels), arguments.run_length)
    seconds: dict[str, list[float]] = {"ours": [], "one by one": [], "WeightedRandomSampler": []}
    for epoch in range(arguments.repeat):
        started = time.perf_counter()
        sampler.epoch_indices(epoch)
        seconds["ours"].append(time.perf_counter() - started)
        if epoch < 3:
            started = time.perf_counter()
            original()
            seconds["one by one"].append(time.perf_counter() - started)
            started = time.perf_counter()
            list(weighted)
            seconds["WeightedRandomSampler"].append(time.perf_counter() - started)
    rates = {name: len(labels) / float(np.median(found)) / 1e6 for name, found in seconds.items()}
    for name, rate in rates.items():
        spread = len(labels) / np.quantile(seconds[name], [0.75, 0.25]) / 1e6
        beside = "" if name == "ours" else f"   ours is {rates['ours'] / rate:.0f} times as fast"
        print(f"{name:<24}{rate:7.2f} million indices a second, quartiles {spread[0]:.2f} to {spread[1]:.2f}{beside}")
    print(f"{len(counts)} classes, {len(labels):,} draws; ours is laid out once in {construction:.2f} s")
    environment = {"numpy": np.__version__, "torch": torch.__version__, "cores": os.cpu_count()}
    environment |= {"python": platform.python_version(), "machine": platform.machine()}
    print(", ".join(f"{name} {value}" for name, value in environment.items()))
    if arguments.json:
        results = {"million_a_second": rates, "construction_seconds": construction, "repeat": arguments.repeat}
        results |= {"run_length": arguments.run_length, "environment": environment}
        arguments.json.write_text(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
