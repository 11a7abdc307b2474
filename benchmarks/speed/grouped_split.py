"""How long does it take to split a million rows by group, and what becomes of rare classes?

Claim: 1,000,000 rows in 50,000 groups of mixed classes, 8,000 classes with a long tail, are split into train, test and
val in less than 20 s and 2 GiB. Beside it scikit-learn's StratifiedGroupKFold, of whose 10 folds two are taken for test
and one for val; its time and memory grow with groups times classes, so that both sides get --beside rows there, and as
many fewer groups and classes. Printed are seconds, the distance from the wished shares (see `grouped_split`), and how
many classes of two and of three or more groups are in all the splits where they can be.

    OMP_NUM_THREADS=1 python benchmarks/speed/grouped_split.py [--rows 1000000] [--beside 250000] [--quick]
"""

import argparse
import resource
import time
import warnings

import numpy as np
from sklearn.model_selection import StratifiedGroupKFold

from longtail.data.grouped_split import grouped_split

WISHES = {"train": 0.7, "test": 0.2, "val": 0.1}


def made_up(rows: int, groups: int, classes: int) -> tuple[np.ndarray, np.ndarray]:
    """Labels and groups: classes by Zipf's law, sizes of groups by Pareto's, up to six classes a group."""
    rng = np.random.default_rng(0)
    chances = 1 / np.arange(1, classes + 1)
    sizes = rng.pareto(1.5, size=groups) + 1
    owner = np.sort(np.concatenate([np.arange(groups), rng.choice(groups, rows - groups, p=sizes / sizes.sum())]))
    palettes = rng.choice(classes, size=(groups, 6), p=chances / chances.sum())
    labels = palettes[owner, rng.integers(6, size=rows)]
    order = rng.permutation(rows)
    return np.unique(labels, return_inverse=True)[1][order], owner[order]


def ours(labels: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """Part of each row."""
    split = grouped_split(labels, groups, {"test": WISHES["test"], "val": WISHES["val"]})
    parts = np.zeros(len(labels), dtype=np.int64)
    for part, rows in enumerate(split.rows.values()):
        parts[rows] = part
    return parts


def theirs(labels: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """Part of each row: folds 0 and 1 of ten are test, fold 2 is val."""
    parts = np.zeros(len(labels), dtype=np.int64)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it says that some classes have fewer rows than there are folds
        for fold, (_, rows) in enumerate(
            StratifiedGroupKFold(10, shuffle=True, random_state=0).split(labels, labels, groups)
        ):
            parts[rows] = {0: 1, 1: 1, 2: 2}.get(fold, 0)
    return parts


def told(labels: np.ndarray, groups: np.ndarray, parts: np.ndarray) -> str:
    """What the split is worth."""
    counts = np.zeros((labels.max() + 1, 3))
    np.add.at(counts, (labels, parts), 1)
    wishes = np.array(list(WISHES.values()))
    rows = np.abs(counts.sum(axis=0) / len(labels) - wishes).sum()
    distance = rows + np.abs(counts / counts.sum(axis=1, keepdims=True) - wishes).sum(axis=1).mean()
    pairs = np.unique(groups * len(counts) + labels) % len(counts)
    number = np.bincount(pairs, minlength=len(counts))
    two, more = number == 2, number >= 3
    kept_two, kept_more = (counts[two, :2] > 0).all(axis=1).sum(), (counts[more] > 0).all(axis=1).sum()
    without = (counts[:, 0] == 0).sum()
    return (
        f"distance {distance:.3f} ({rows:.3f} of it of rows); in all splits where they can be {kept_two:,} of "
        f"{two.sum():,} classes of two groups and {kept_more:,} of {more.sum():,} of more; {without:,} of "
        f"{len(counts):,} classes without a training row"
    )


def measured(labels: np.ndarray, groups: np.ndarray, names: tuple[str, ...]) -> dict[str, float]:
    """Split and print; return CPU seconds."""
    seconds = {}
    print(f"{len(labels):,} rows, {len(np.unique(groups)):,} groups, {labels.max() + 1:,} classes")
    for name in names:
        started, cpu_started = time.perf_counter(), time.process_time()
        parts = {"ours": ours, "scikit-learn": theirs}[name](labels, groups)
        wall, seconds[name] = time.perf_counter() - started, time.process_time() - cpu_started
        print(f"{name:<13} {wall:7.1f} s, {seconds[name]:.1f} s of CPU; {told(labels, groups, parts)}", flush=True)
    return seconds


def main() -> None:
    """Split at full size, and beside scikit-learn at a smaller one."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--groups", type=int, default=50_000)
    parser.add_argument("--classes", type=int, default=8_000)
    parser.add_argument(
        "--beside", type=int, default=250_000, help="rows beside scikit-learn; groups and classes with it"
    )
    parser.add_argument("--quick", action="store_true", help="20,000 rows, and 4,000 beside scikit-learn")
    arguments = parser.parse_args()
    if arguments.quick:
        arguments.rows, arguments.groups, arguments.classes, arguments.beside = 20_000, 1_000, 400, 4_000
    measured(*made_up(arguments.rows, arguments.groups, arguments.classes), ("ours",))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"peak          {peak:7.2f} GiB resident, imports included")
    share = arguments.beside / arguments.rows
    smaller = made_up(arguments.beside, round(arguments.groups * share), round(arguments.classes * share))
    seconds = measured(*smaller, ("ours", "scikit-learn"))
    print(f"ratio         {seconds['scikit-learn'] / seconds['ours']:7.2f} x by CPU seconds")


if __name__ == "__main__":
    main()
