"""By what should logistic regression choose its penalty: the log loss of validation, or its balanced accuracy?

For each set (auto_sets/derived.py) and seed, `Logistic` is fitted with its own choice, and again with the penalty whose
solution had the best balanced accuracy on validation among those that it looked at. Balanced accuracy on test.

    python benchmarks/accuracy/logistic_choice.py [--seeds 0,1,2] [--sets "digits;600 rows"]

Needs `LONGTAIL_SHARED`.
"""

import argparse
import os
from pathlib import Path
from typing import Any

import numpy as np
from auto_sets.bases import Bases
from auto_sets.derived import make_set
from auto_sets.splits import DataSet

from longtail.evaluation import accuracy_report
from longtail.heads import Logistic

SETS = "digits;20 classes;40 rarest classes;600 rows;2,000 rows;five rows a class"
WAYS: dict[str, dict[str, Any]] = {
    "rows alike, tau 1": {},
    "rows alike, tau chosen": {"tau": "auto"},
    "classes alike": {"weighting": "classes"},
    "either, tau chosen": {"weighting": "auto", "tau": "auto"},
}


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", default="0,1,2", help="numbers with commas between")
    parser.add_argument("--sets", default=SETS, help="names with ; between")
    options = parser.parse_args()
    bases = Bases(Path(os.environ["LONGTAIL_SHARED"]), Path("unused"))
    rows: dict[str, list[tuple[float, float]]] = {way: [] for way in WAYS}
    for name in options.sets.split(";"):
        for seed in map(int, options.seeds.split(",")):
            data = make_set(bases, name, seed)
            for way, settings in WAYS.items():
                rows[way].append(measured(data, settings, seed))
            print(name, seed, *(f"{by_loss:.1f} {by_hits:.1f}" for by_loss, by_hits in (r[-1] for r in rows.values())))
    print("\n| | by log loss | by balanced accuracy |\n|---|---|---|")
    for way, pairs in rows.items():
        by_loss, by_hits = np.mean(pairs, axis=0)
        print(f"| {way} | {by_loss:.1f} | {by_hits:.1f} |")


def measured(data: DataSet, settings: dict[str, Any], seed: int) -> tuple[float, float]:
    """Return the balanced accuracy on test of the choice by log loss, and of that by balanced accuracy."""
    train, test, val = data.splits["train"], data.splits["test"], data.splits.get("val")
    validation = None if val is None else (val.features, val.labels)

    def score(head: Logistic) -> float:
        predicted = head.predict(test.features)
        return float(accuracy_report(test.labels, predicted, data.train_counts)["balanced"])

    head = Logistic(**settings, random_state=seed).fit(train.features, train.labels, validation=validation)
    curve = head.curve_ or {}
    penalty = curve["grid"][int(np.argmax(curve["balanced"]))]
    again = Logistic(penalty, weighting=head.weighting_, tau=head.tau_, random_state=seed)
    return score(head), score(again.fit(train.features, train.labels, validation=validation))


if __name__ == "__main__":
    main()
