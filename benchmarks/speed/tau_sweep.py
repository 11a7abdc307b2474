"""How much faster is a tau sweep that computes the logits once?

Claim: the 21-point sweep with accuracies by group on 50,000 x 2048 features and 1000 classes is at least 40 times
faster than doing it as the decoupling paper's released code does: for each tau a matrix product of the normalised
weights, predictions collected in a Python list, and one pass over the test and training labels for every class. The
training counts are those of ImageNet-LT.

Both sides run in turn in one process on the same made-up features; medians of the repetitions are compared, and so are
the 21 printed rows, of two decimals each. How much rough arithmetic can decide depends on how clearly classes win:
--signal says how far the features lie towards their class (1/24: half of the images change hands with tau).

    python benchmarks/speed/tau_sweep.py [--rows 50000] [--repeat 3] [--signal 0.125] [--quick]
"""

import argparse
import time

import numpy as np
import torch

from longtail.counts import group_of_class
from longtail.data.published import published_counts
from longtail.evaluation import group_means
from longtail.heads.tau_normalized import TAU_GRID, tau_sweep


def ours(features: np.ndarray, labels: np.ndarray, weight: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """Sweep with one product; give many, medium, few, all for each tau."""
    hits = tau_sweep(features, labels, weight)
    totals = np.bincount(labels, minlength=len(weight))
    by_group = group_means(100 * hits / np.maximum(totals, 1), totals > 0, groups)
    return np.stack([*by_group.values(), 100 * (hits / totals).mean(axis=1)], axis=1)


def originals_way(
    features: torch.Tensor, labels: np.ndarray, weight: torch.Tensor, train_labels: np.ndarray
) -> np.ndarray:
    """Sweep with one product, one list and one pass over the classes a tau, each counting the training images."""
    rows = []
    for tau in np.linspace(0, 2, 21):
        normalized = weight / torch.norm(weight, 2, 1, keepdim=True) ** tau
        predictions: list[int] = []
        for start in range(0, len(features), 512):
            predictions.extend(torch.mm(features[start : start + 512], normalized.t()).argmax(dim=1).tolist())
        predicted = np.array(predictions)
        many, medium, few = [], [], []
        for c in np.unique(labels):
            count = len(train_labels[train_labels == c])
            accuracy = (predicted[labels == c] == labels[labels == c]).sum() / len(labels[labels == c])
            (many if count > 100 else few if count < 20 else medium).append(accuracy)
        every = many + medium + few
        rows.append([100 * np.mean(part) for part in (many, medium, few, every)])
    return np.array(rows)


def main() -> None:
    """Run both sides and print the ratio."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=50_000)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--signal", type=float, default=1 / 8, help="share of its class's weights in a feature")
    parser.add_argument("--quick", action="store_true", help="2,000 rows")
    arguments = parser.parse_args()
    arguments.rows = 2000 if arguments.quick else arguments.rows
    num_classes, dimension = 1000, 2048
    rng = np.random.default_rng(0)
    counts = published_counts("imagenet-lt")
    train_labels = np.repeat(np.arange(num_classes), counts)
    labels = np.arange(arguments.rows) % num_classes
    weight = (rng.normal(size=(num_classes, dimension)) * counts[:, None] ** 0.25).astype(np.float32)
    features = rng.normal(size=(arguments.rows, dimension)).astype(np.float32)
    features += weight[labels] * np.float32(arguments.signal)
    groups = group_of_class(counts)
    as_tensors = torch.from_numpy(features), torch.from_numpy(weight)
    seconds: dict[str, list[float]] = {"ours": [], "the original's way": []}
    ours(features, labels, weight, groups)  # the first call touches memory that the process has not used yet
    cpu: dict[str, list[float]] = {name: [] for name in seconds}
    for _ in range(arguments.repeat):
        started, cpu_started = time.perf_counter(), time.process_time()
        found = ours(features, labels, weight, groups)
        seconds["ours"].append(time.perf_counter() - started)
        cpu["ours"].append(time.process_time() - cpu_started)
        started, cpu_started = time.perf_counter(), time.process_time()
        expected = originals_way(as_tensors[0], labels, as_tensors[1], train_labels)
        seconds["the original's way"].append(time.perf_counter() - started)
        cpu["the original's way"].append(time.process_time() - cpu_started)
    differing = int((np.round(found, 2) != np.round(expected, 2)).any(axis=1).sum())
    medians = {name: float(np.median(found)) for name, found in seconds.items()}
    for name, median in medians.items():
        print(f"{name:<20}{median:8.2f} s   ({', '.join(f'{s:.2f}' for s in seconds[name])})")
    ratios = [b / a for a, b in zip(seconds["ours"], seconds["the original's way"], strict=True)]
    print(f"ratio               {np.median(ratios):8.1f} x ({', '.join(f'{r:.1f}' for r in ratios)})")
    cpu_ratio = np.median(cpu["the original's way"]) / np.median(cpu["ours"])
    print(f"of CPU seconds      {cpu_ratio:8.1f} x ({', '.join(f'{np.median(s):.2f}' for s in cpu.values())})")
    print(f"printed rows that differ: {differing} of {len(TAU_GRID)}, by {np.abs(found - expected).max():.4f} at most")
    print(
        f"{len(TAU_GRID)} taus, {arguments.rows} x {dimension}, {num_classes} classes, "
        f"{torch.get_num_threads()} threads"
    )


if __name__ == "__main__":
    main()
