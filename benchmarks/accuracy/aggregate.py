"""Heads weighed by agreement on two views, on digits whose classes are otherwise mixed: top-1 accuracy.

    longtail run digits --experts sade --epochs 30 --warmup-epochs 2 --seeds 2 --methods joint,crt,ridge --out RUNS
    python benchmarks/accuracy/aggregate.py RUNS/seed-0 RUNS/seed-1 [--heads experts] [--epochs 5]

Images of the test split are drawn so that their classes are as common as in train, all alike, or the other way round.
Their labels are looked at for the accuracy alone.
"""

import argparse
from pathlib import Path

import numpy as np
from lightning_fabric import Fabric

from longtail.data import open_data
from longtail.data.source import Subset
from longtail.features import open_feature_file
from longtail.heads import agreement_weights
from longtail.jobs.predicting.aggregate import open_members
from longtail.jobs.predicting.view_features import view_features
from longtail.jobs.stage_one.trained_model import open_model
from longtail.losses import reversed_counts


def rows_of(labels: np.ndarray, shares: np.ndarray) -> np.ndarray:
    """Return rows whose classes have these shares; the most common class gives all that it has."""
    rows = [np.flatnonzero(labels == c) for c in range(len(shares))]
    numbers = np.maximum(np.round(shares / shares.max() * min(map(len, rows))), 1).astype(int)
    return np.sort(np.concatenate([row[:number] for row, number in zip(rows, numbers, strict=True)]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", type=Path, nargs="+")
    parser.add_argument("--heads", default="experts")
    parser.add_argument("--epochs", type=int, default=5)
    given = parser.parse_args()
    test = open_data("digits").test
    labels = np.asarray(test.labels)
    fabric = Fabric(accelerator="cpu", precision="32-true")
    print(f"{'run':<10} {'classes':<9} {'images':>6} {'each alone':<24} {'alike':>6} {'learnt':>6}  weights")
    for run in given.runs:
        predictor, members = open_members(run, given.heads)
        model = open_model(predictor.checkpoint)
        features = np.asarray(open_feature_file(run / "features" / "feature_test.h5").features)
        plain = np.stack([head.logits(features) for head in members.values()])
        train = predictor.head.class_counts_.astype(float)
        worlds = {"as train": train, "alike": np.ones_like(train), "reversed": reversed_counts(train).numpy()}
        for name, shares in worlds.items():
            rows = rows_of(labels, shares)
            views = np.concatenate(list(view_features(fabric, model, Subset(test, rows), workers=0, seed=0)), axis=1)
            logits = [np.stack([head.logits(view) for head in members.values()]) for view in views]
            learnt = agreement_weights(*logits, epochs=given.epochs, learning_rate=0.1)
            alone = [float(100 * (scores[rows].argmax(1) == labels[rows]).mean()) for scores in plain]
            alike, mixed = (
                float(100 * (np.tensordot(w, plain[:, rows], 1).argmax(1) == labels[rows]).mean())
                for w in (np.full(len(members), 1 / len(members)), learnt)
            )
            print(
                f"{run.name:<10} {name:<9} {len(rows):>6} {' '.join(f'{one:.1f}' for one in alone):<24} {alike:>6.1f} "
                f"{mixed:>6.1f}  {' '.join(f'{one:.2f}' for one in learnt)}",
                flush=True,
            )


if __name__ == "__main__":
    main()
