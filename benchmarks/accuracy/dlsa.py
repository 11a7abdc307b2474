"""Does DLSA pay? Its blocks against the plain classifier that they start from, by depth and group of classes.

For each folder of features and each seed the blocks are built once, with epochs chosen on validation, and 0, 1, ...
blocks are measured on test: 0 is the plain balanced-softmax classifier, which is also trained twice as long, since the
blocks' classifiers go on from it. The row "chosen" is what `DLSA` would return: blocks only where validation says that
they clearly help. Differences to the plain classifier are paired by seed.

    python benchmarks/accuracy/dlsa.py FEATURES [FEATURES ...] [--seeds 3] [--depth 3] [--precision bfloat16]

    python benchmarks/accuracy/dlsa.py --modes 3     # made-up features, each class in three places

Several folders count as further seeds of the same question: give one kind of features a call.
"""

import argparse
import tempfile
import time
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from longtail.comparison.problem import FeatureProblem, check_problem
from longtail.counts import exponential_counts, group_of_class
from longtail.evaluation import accuracy_report
from longtail.features import open_feature_folder, write_features
from longtail.heads import DLSA
from longtail.jobs.seeds import METRICS, cell_text, difference_text, mean_and_interval


class Measured(DLSA):
    """DLSA that keeps all that it built, to measure each depth."""

    def _take(self, built: Any, scaling: Any) -> Self:
        self.built, self.scaling = built, scaling
        return super()._take(built, scaling)

    def predict_with(self, depth: int, features: NDArray[Any]) -> NDArray[np.int64]:
        """Predict with a number of blocks."""
        chosen, self.depth_ = self.depth_, depth
        predicted: NDArray[np.int64] = super()._take(self.built, self.scaling).predict(features)
        self.depth_ = chosen
        super()._take(self.built, self.scaling)
        return predicted


def measure(
    problem: FeatureProblem, seed: int, settings: dict[str, Any], thresholds: tuple[int, int]
) -> dict[str, Any]:
    """Build once, and measure every depth on test."""
    started = time.perf_counter()
    train, val, test = (problem.splits[name] for name in ("train", "val", "test"))
    head = Measured(problem.head, random_state=seed, **settings)
    head.fit(train.features, train.labels, validation=(val.features, val.labels))
    bounds = {"many_above": thresholds[0], "few_below": thresholds[1]}
    # blocks go on from the plain classifier: as many epochs again may be all that helps
    longer = Measured(
        problem.head, random_state=seed, **settings | {"epochs": 2 * head.epochs, "flow_epochs": 1, "depth": 1}
    )
    longer.fit(train.features, train.labels, validation=(val.features, val.labels))
    problem.unseal_test()  # all is chosen
    twice = accuracy_report(test.labels, longer.predict_with(0, test.features), problem.train_counts, **bounds)
    found = {
        depth: accuracy_report(test.labels, head.predict_with(depth, test.features), problem.train_counts, **bounds)
        for depth in range(len(head.built.blocks) + 1)
    }
    pure = [block["pure_clusters"] for block in head.blocks_]
    print(
        f"  seed {seed}: chosen {head.depth_} blocks, validation {head.choice_['accuracy']}, test "
        f"{[round(report['balanced'], 1) for report in found.values()]}, "
        f"plain twice as long {twice['balanced']:.1f} (validation {longer.choice_['accuracy'][0]}), "
        f"learning rate {head.learning_rate_}, pure clusters {pure}, "
        f"{time.perf_counter() - started:.0f} s",
        flush=True,
    )
    by_depth = {f"{depth} blocks": report for depth, report in found.items()}
    return {**by_depth, "0 blocks, twice the epochs": twice, "chosen": found[head.depth_]}


def made_up(folder: Path, modes: int, dimension: int = 16, num_classes: int = 20) -> Path:
    """Write features whose classes lie in several places each, drawn anew for every split."""
    rng = np.random.default_rng(0)
    centers = 4.5 * rng.normal(size=(num_classes, modes, dimension)) / np.sqrt(dimension)
    tail = exponential_counts(num_classes, 500, 100)
    for split, counts in (("train", tail), ("val", [15] * num_classes), ("test", [100] * num_classes)):
        labels = np.repeat(np.arange(num_classes), counts)
        places = centers[labels, rng.integers(modes, size=len(labels))]
        features = places + 0.6 * rng.normal(size=(len(labels), dimension))
        write_features(folder / f"feature_{split}.h5", features.astype(np.float32), labels)
    return folder


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("features", type=Path, nargs="*")
    parser.add_argument("--modes", type=int, help="make features up: 20 classes, 500 down to 5 rows, in so many places")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--depth", type=int, default=3)
    parser.add_argument("--clusters", type=int, default=100)
    parser.add_argument("--flow-epochs", type=int, default=20)
    parser.add_argument("--flow-momentum", type=float, default=0.9)
    parser.add_argument("--precision", choices=("float32", "bfloat16"), default="float32")
    parser.add_argument("--many-above", type=int, default=100)
    parser.add_argument("--few-below", type=int, default=20)
    options = parser.parse_args()
    names = ("depth", "clusters", "flow_epochs", "flow_momentum", "precision")
    settings = {name: getattr(options, name) for name in names}
    runs = []
    folders = [made_up(Path(tempfile.mkdtemp()), options.modes)] if options.modes else options.features
    for folder in folders:
        print(folder)
        problem = check_problem(open_feature_folder(folder))
        for seed in range(options.seeds):
            runs.append(measure(problem, seed, settings, (options.many_above, options.few_below)))
    rows = [name for name in runs[0] if all(name in run for run in runs)]
    print("| | " + " | ".join(METRICS) + " | balanced, against 0 blocks |")
    print("|---" * (len(METRICS) + 2) + "|")
    groups = [metric for metric in METRICS if runs[0]["0 blocks"][metric] is not None]
    for name in rows:
        cells = [
            cell_text(mean_and_interval([run[name][metric] for run in runs])) if metric in groups else "-"
            for metric in METRICS
        ]
        gap = mean_and_interval([run[name]["balanced"] - run["0 blocks"]["balanced"] for run in runs])
        print(f"| {name} | " + " | ".join(cells) + f" | {difference_text(gap)} |")
    counted = group_of_class(problem.train_counts, options.many_above, options.few_below)
    print({group: int((counted == group).sum()) for group in ("many", "medium", "few")}, "classes")


if __name__ == "__main__":
    main()
