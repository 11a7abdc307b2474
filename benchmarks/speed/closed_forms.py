"""knn, ridge and lda against scikit-learn's, at the size of ImageNet-LT: 115,846 x 768 float16, 1000 classes.

    python benchmarks/speed/closed_forms.py [--only knn,ridge] [--repeat 3] [--quick]

Each fit and the predictions of made-up test rows run in a process of their own, both sides in turn, on the same mapped
file. knn compares --queries test rows (as many rows as train has would take minutes); its seconds grow with them.
scikit-learn gets the file's features as float32 in memory (it would make float64 of float16, which takes longer).
Prints CPU seconds of fit and predict, medians, their ratio; the peak of what the process holds, pages of the file
included; balanced accuracy, and the share of the test rows for which both sides say the same.

Rows that are marked "same" have one definition on both sides. In the others each side chooses as it does by default:
- ridge: scikit-learn chooses the penalty by squared error, all rows alike, on a grid of absolute penalties (here ours);
  ours chooses penalty and class weights by balanced accuracy of left-out rows, and fits a scale for probabilities.
- lda: scikit-learn shrinks each class's covariance by Ledoit and Wolf's formula; ours chooses by leave-one-out among
  28 candidates, and fits a scale.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from longtail.counts import exponential_counts
from longtail.data.published import published_counts
from longtail.features import FeatureRows, create_feature_file, open_feature_file

NEIGHBOURS, TEMPERATURE, SHRINKAGE, PENALTIES = 20, 0.1, 0.1, (1e-4, 1e-3, 1e-2, 0.1, 1.0, 10.0)


@dataclass(frozen=True)
class Case:
    """Two classifiers, each made when it is asked for from the training features as float32.

    Attributes:
        same: whether both are defined alike.
        ours: of longtail.
        theirs: of scikit-learn.
    """

    same: bool
    ours: Callable[[], Any]
    theirs: Callable[[np.ndarray], Any]


def mean_variance(features: np.ndarray) -> float:
    """Return the mean variance of the features, without a copy of them."""
    squares = sum(float(np.square(block, dtype=np.float64).sum()) for block in np.array_split(features, 64))
    means = features.mean(axis=0, dtype=np.float64)
    return squares / features.size - float(np.square(means).mean())


def our_knn(metric: Any) -> Any:
    """Return nearest neighbours with everything given."""
    from longtail.heads import NearestNeighbours

    return NearestNeighbours(NEIGHBOURS, temperature=TEMPERATURE, gamma=0.0, metric=metric)


def their_knn(features: np.ndarray, metric: str) -> Any:
    """Return the same of scikit-learn: votes exp(s / T)."""
    from sklearn.neighbors import KNeighborsClassifier

    length = 2 * features.shape[1] * mean_variance(features)
    votes: dict[str, Callable[[np.ndarray], np.ndarray]] = {
        "cosine": lambda distances: np.exp(-distances / TEMPERATURE),
        "l2": lambda distances: np.exp(-(distances**2) / length / TEMPERATURE),
    }
    name = "euclidean" if metric == "l2" else metric
    return KNeighborsClassifier(NEIGHBOURS, weights=votes[metric], metric=name, algorithm="brute")


def our_ridge(penalty: Any, gamma: Any) -> Any:
    """Return our ridge."""
    from longtail.heads import WeightedRidge

    return WeightedRidge(penalty, gamma)


def their_ridge(features: np.ndarray, penalties: tuple[float, ...]) -> Any:
    """Return scikit-learn's, with penalties that are ours times the mean eigenvalue."""
    from sklearn.linear_model import RidgeClassifierCV

    mean_eigenvalue = len(features) * mean_variance(features)
    return RidgeClassifierCV(alphas=[penalty * mean_eigenvalue for penalty in penalties])


def our_lda(**settings: Any) -> Any:
    """Return our discriminant analysis."""
    from longtail.heads import LinearDiscriminant

    return LinearDiscriminant(**settings)


def their_lda(shrinkage: float | str) -> Any:
    """Return scikit-learn's."""
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

    return LinearDiscriminantAnalysis(solver="lsqr", shrinkage=shrinkage)


PLAIN_LDA = {"weighting": "rows", "prior": "train", "corrected": False, "calibrated": False}
CASES = {
    "knn cosine": Case(True, lambda: our_knn("cosine"), lambda features: their_knn(features, "cosine")),
    "knn l2": Case(True, lambda: our_knn("l2"), lambda features: their_knn(features, "l2")),
    "ridge given": Case(True, lambda: our_ridge(0.1, 0.0), lambda features: their_ridge(features, (0.1,))),
    "ridge chosen": Case(False, lambda: our_ridge("auto", "auto"), lambda features: their_ridge(features, PENALTIES)),
    "lda given": Case(True, lambda: our_lda(shrinkage=SHRINKAGE, **PLAIN_LDA), lambda _: their_lda(SHRINKAGE)),
    "lda chosen": Case(False, our_lda, lambda _: their_lda("auto")),
}


def write_files(folder: Path, counts: np.ndarray, dimension: int, queries: int) -> None:
    """Write train and test: Gaussians around class centres, of a covariance whose eigenvalues fall."""
    rng = np.random.default_rng(0)
    centres = rng.standard_normal((len(counts), dimension), dtype=np.float32)
    deviations = np.geomspace(3, 0.03, dimension, dtype=np.float32)
    labels = rng.permutation(np.repeat(np.arange(len(counts)), counts))
    for split, codes in (("train", labels), ("test", np.arange(queries) % len(counts))):
        path = folder / f"feature_{split}.h5"
        create_feature_file(path, codes, dimension, "float16", {})
        rows = FeatureRows(path)
        for start in range(0, len(codes), 8192):
            part = codes[start : start + 8192]
            noise = rng.standard_normal((len(part), dimension), dtype=np.float32)
            rows.write(start, 0.5 + deviations * (0.3 * centres[part] + noise))


def peak() -> float:
    """Return the most that this process held, in GiB."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 2**20


def measure(name: str, side: str, folder: Path) -> dict[str, float]:
    """Fit and predict in this process; keep the predictions in a file."""
    train, test = (open_feature_file(folder / f"feature_{split}.h5") for split in ("train", "test"))
    training: Any = train.features
    queries: Any = test.features
    if side == "theirs":
        training, queries = np.asarray(training, dtype=np.float32), np.asarray(queries, dtype=np.float32)
        head = CASES[name].theirs(training)
    else:
        head = CASES[name].ours()
    before = peak()
    times = [(time.process_time(), time.perf_counter())]
    head.fit(training, np.asarray(train.labels))
    times.append((time.process_time(), time.perf_counter()))
    predicted = head.predict(queries)
    times.append((time.process_time(), time.perf_counter()))
    np.save(folder / f"{name} {side}.npy", predicted)
    truth = np.asarray(test.labels)
    recalls = [(predicted[truth == c] == c).mean() for c in np.unique(truth)]
    (fit, fit_wall), (predict, predict_wall) = np.diff(times, axis=0).tolist()
    return {
        "fit": fit,
        "predict": predict,
        "wall": fit_wall + predict_wall,
        "peak": peak(),
        "before": before,
        "balanced": 100 * float(np.mean(recalls)),
    }


def compare(name: str, folder: Path, repeat: int) -> None:
    """Let both sides take turns, and print what they took."""
    found: dict[str, list[dict[str, float]]] = {"ours": [], "theirs": []}
    for _ in range(repeat):
        for side, runs in found.items():
            command = [sys.executable, __file__, "--measure", name, "--side", side, "--folder", str(folder)]
            runs.append(json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout))
    took = {side: {key: statistics.median(run[key] for run in runs) for key in runs[0]} for side, runs in found.items()}
    ours, theirs = (np.load(folder / f"{name} {side}.npy") for side in found)
    for side, row in took.items():
        print(
            f"{name:<14}{side:<8} fit {row['fit']:7.2f} s   predict {row['predict']:7.2f} s   (wall {row['wall']:.1f})"
            f"   peak {row['peak']:.2f} GiB ({row['before']:.2f} before)   balanced {row['balanced']:.2f}"
        )
    cpu = {side: row["fit"] + row["predict"] for side, row in took.items()}
    kind = "same definition" if CASES[name].same else "each as it chooses"
    print(
        f"{name:<14}ratio {cpu['theirs'] / cpu['ours']:.1f} times as fast ({kind}; fit "
        f"{took['theirs']['fit'] / took['ours']['fit']:.1f}, predict "
        f"{took['theirs']['predict'] / took['ours']['predict']:.1f}); {100 * np.mean(ours == theirs):.2f} % of "
        f"{len(ours):,} predictions alike",
        flush=True,
    )


def main() -> None:
    """Write the files and compare."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", help="the first words of cases, with commas between: knn, ridge, lda")
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--queries", type=int, default=4000, help="test rows")
    parser.add_argument("--quick", action="store_true", help="4,000 x 64, 50 classes")
    parser.add_argument("--measure", help=argparse.SUPPRESS)
    parser.add_argument("--side", help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        print(json.dumps(measure(options.measure, options.side, options.folder)))
        return
    wanted = tuple(options.only.split(",")) if options.only else tuple(CASES)
    counts, dimension = (
        (exponential_counts(50, 300, 60), 64) if options.quick else (published_counts("imagenet-lt"), 768)
    )
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_files(folder, counts, dimension, 500 if options.quick else options.queries)
        size = (folder / "feature_train.h5").stat().st_size / 2**30
        print(f"{counts.sum():,} x {dimension} float16, {len(counts):,} classes; a file of {size:.2f} GiB", flush=True)
        for case in CASES:
            if case.startswith(wanted):
                compare(case, folder, 1 if options.quick else options.repeat)


if __name__ == "__main__":
    main()
