"""What heads make of features as they come: rows of length 1, features in unlike units, 482 times more of one class.

    python benchmarks/accuracy/scale.py --features features_plankton121

Balanced accuracy on test, in percent, mean and standard deviation over seeds. To compare with another
version of longtail, run it with PYTHONPATH set to that version's src.
"""

import argparse
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from longtail.features import open_feature_file
from longtail.heads import ClassifierRetraining, Joint

Rows = NDArray[Any]
Split = tuple[Rows, NDArray[np.int64]]

HEADS: dict[str, Callable[[int], Any]] = {
    "joint": lambda seed: Joint(random_state=seed),
    "crt": lambda seed: ClassifierRetraining(random_state=seed),
    "bsm": lambda seed: ClassifierRetraining(loss="balanced-softmax", sampling="instance", random_state=seed),
}
COUNTS = [964, 300, 90, 28, 8, 2]  # 1 : 482
WIDTH = 24


def unit_length(features: Rows) -> Rows:
    """Divide each row by its length."""
    return features / np.linalg.norm(features, axis=1, keepdims=True)


def unlike(features: Rows) -> Rows:
    """Give each feature a factor from 1/100 to 100."""
    return features * (10 ** np.random.default_rng(5).uniform(-2, 2, features.shape[1])).astype(np.float32)


def as_they_are(features: Rows) -> Rows:
    """Leave them."""
    return features


def made_up(seed: int) -> tuple[Split, Split]:
    """Draw six classes around centres, long-tailed for training and balanced for test."""
    rng = np.random.default_rng(seed)
    centers = 3.6 * np.random.default_rng(99).normal(size=(len(COUNTS), WIDTH)) / np.sqrt(WIDTH)

    def draw(counts: list[int]) -> Split:
        labels = np.repeat(np.arange(len(counts)), counts)
        return (centers[labels] + 2.6 * rng.normal(size=(len(labels), WIDTH)) / np.sqrt(WIDTH)).astype(
            np.float32
        ), labels

    return draw(COUNTS), draw([200] * len(COUNTS))


def balanced_accuracy(head: Any, train: Split, test: Split, change: Callable[[Rows], Rows]) -> float:
    """Fit a head to changed features, and measure it on others."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        predicted = head.fit(change(train[0]), train[1]).predict(change(test[0]))
    return 100 * float(np.mean([(predicted[test[1] == label] == label).mean() for label in np.unique(test[1])]))


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--features", type=Path, help="folder with feature_train.h5 and feature_test.h5")
    parser.add_argument("--seeds", type=int, default=3)
    options = parser.parse_args()
    problems: dict[str, Callable[[int], tuple[Split, Split]]] = {}
    if options.features is not None:
        files = [open_feature_file(options.features / f"feature_{split}.h5") for split in ("train", "test")]
        train, test = ((np.asarray(file.features, dtype=np.float32), np.asarray(file.labels)) for file in files)
        problems[options.features.name] = lambda seed: (train, test)
    problems["made up, 1:482"] = made_up
    print("| features | joint | crt | bsm |\n|---|---|---|---|")
    for name, problem in problems.items():
        for told, change in (("as they are", as_they_are), ("rows of length 1", unit_length), ("unlike units", unlike)):
            cells = []
            for head in HEADS.values():
                values = [balanced_accuracy(head(seed), *problem(seed), change) for seed in range(options.seeds)]
                cells.append(f"{np.mean(values):.1f} ± {np.std(values, ddof=1):.1f}")
            print(f"| {name}, {told} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
