"""How much of a class's errors goes with its number of images, and how much with its likeness to other classes?"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import tyro
from numpy.typing import NDArray

from longtail.errors import InputError
from longtail.jobs.head_options import HeadOptions
from longtail.jobs.options import HeadRuntimeOptions

__all__ = ["SimilarityConfig", "category_similarity", "explained", "run"]

MOST_ROWS = 15
FEWEST_CLASSES = 4
COLUMNS = {
    "r2": "R²",
    "number": "part of number",
    "similarity": "part of likeness",
    "between": "correlation of the two",
    "slope_number": "slope of log number",
    "slope_similarity": "slope of likeness",
}


@dataclass(frozen=True)
class SimilarityConfig:
    """Measure each class's likeness to others on features, and set it against its accuracy together with its count."""

    features: tyro.conf.Positional[Path]
    """Folder with feature_train.h5 and feature_test.h5, a file as `fit` takes it, or a run."""
    method: str = "joint"
    """Method whose accuracy is explained: joint, crt, or any other of `longtail fit`."""
    heads: HeadOptions = field(default_factory=HeadOptions)
    runtime: HeadRuntimeOptions = field(default_factory=HeadRuntimeOptions)


def run(config: SimilarityConfig) -> dict[str, Any]:
    """Fit, measure, explain, and write the tables, the figure and the page."""
    from dataclasses import replace

    from longtail.comparison.method_names import wanted_methods
    from longtail.jobs.idle_notes import with_idle_settings
    from longtail.jobs.pace import settle_threads_of_heads
    from longtail.jobs.run_features import problem_at
    from longtail.jobs.written_comparison import compared_in
    from longtail.studies.study_outcome import finish_study

    methods = wanted_methods(config.method)
    if config.heads.methods != HeadOptions().methods:
        raise InputError(f"--methods {config.heads.methods}: say with --method whose accuracy is explained, one here.")
    if len(methods) != 1:
        raise InputError(f"--method {config.method}: expected one method, such as joint or crt.")
    problem = problem_at(config.features, head=config.heads.head, drop_nonfinite=config.heads.drop_nonfinite)
    if "test" not in problem.splits:
        raise InputError(f"{config.features}: holds no feature_test.h5, on which accuracy is measured.")
    settle_threads_of_heads(config.runtime.threads)
    folder = config.runtime.out or Path("runs") / f"study-similarity-{config.features.resolve().stem}"
    heads, runtime = replace(config.heads, methods=config.method), replace(config.runtime, quiet=True)
    problem = with_idle_settings(problem, heads, quiet=config.runtime.quiet)
    results = compared_in(folder, problem, heads, runtime, title=config.features.resolve().stem)
    train = problem.splits["train"]
    measured = category_similarity(train.features, train.labels, len(problem.class_names))
    recall = results["methods"][methods[0]]["metrics"]["test"]["per_class"]
    return finish_study(_study(results, measured, recall, methods[0]), folder, quiet=config.runtime.quiet)


def category_similarity(
    features: NDArray[Any], labels: NDArray[np.int64], num_classes: int
) -> dict[str, NDArray[np.float64]]:
    """Measure for each class how close others lie.

    - overlap: share of the class's rows that are nearer to another class's mean than to its own, a row's own part taken
      out of its mean; it does not depend on the number of rows, but for noise;
    - cosine: the largest cosine of the class's mean with another class's, both less the mean of all class means;
    - nearest: the class that most of the rows of the overlap are nearest to; -1 where there is none.

    Args:
        features: shape (N, D), memory-mapped or not.
        labels: class indices, shape (N,).
        num_classes: C, each with at least one row.

    Returns:
        The three measures, each of shape (C,); the overlap of a class of one row is NaN, since nothing is left of its
        mean.

    Example:
        >>> features = np.array([[0.0], [1.0], [0.6], [9.0], [9.5]])
        >>> found = category_similarity(features, np.array([0, 0, 1, 2, 2]), 3)
        >>> found["overlap"].tolist(), found["nearest"].tolist()
        ([1.0, nan, 0.0], [1.0, -1.0, -1.0])
    """
    counts = np.bincount(labels, minlength=num_classes)
    sums = np.zeros((num_classes, features.shape[1]))
    for start in range(0, len(labels), 4096):
        np.add.at(sums, labels[start : start + 4096], np.asarray(features[start : start + 4096], dtype=np.float64))
    means = sums / counts[:, None]
    lengths = (means**2).sum(axis=1)
    outside = np.zeros(num_classes)
    taken = np.zeros((num_classes, num_classes), dtype=np.int64)
    for start in range(0, len(labels), 4096):
        rows = np.asarray(features[start : start + 4096], dtype=np.float64)
        block_labels = labels[start : start + 4096]
        squares = (rows**2).sum(axis=1)
        distances = squares[:, None] - 2 * rows @ means.T + lengths
        at = np.arange(len(rows))
        # |x - m'|^2 with x taken out of its mean m: m' = (n m - x) / (n - 1), so x - m' = (x - m) n / (n - 1)
        n = counts[block_labels]
        with np.errstate(divide="ignore", invalid="ignore"):
            mine = np.where(n > 1, distances[at, block_labels] * (n / (n - 1)) ** 2, np.inf)
        distances[at, block_labels] = np.inf
        nearest = distances.argmin(axis=1)
        lost = distances[at, nearest] < mine
        np.add.at(outside, block_labels[lost], 1)
        np.add.at(taken, (block_labels[lost], nearest[lost]), 1)
    centered = means - means.mean(axis=0)
    unit = centered / np.maximum(np.linalg.norm(centered, axis=1, keepdims=True), 1e-12)
    cosines = unit @ unit.T
    np.fill_diagonal(cosines, -np.inf)
    alone = counts < 2
    return {
        "overlap": np.where(alone, np.nan, outside / counts),
        "cosine": cosines.max(axis=1),
        "nearest": np.where((taken.sum(axis=1) > 0) & ~alone, taken.argmax(axis=1), -1).astype(np.float64),
    }


def explained(
    recall: NDArray[np.float64], count: NDArray[np.float64], similarity: NDArray[np.float64]
) -> dict[str, float]:
    """Split what count and similarity together explain of the classes' recalls.

    recall = a + b log n_c + c similarity_c by least squares over classes. Of R^2, each of the two is given the mean of
    what it adds when it comes first and when it comes last (Shapley's values), since they go together.

    Args:
        recall: of each class, shape (C,).
        count: n_c, shape (C,).
        similarity: of each class, shape (C,).

    Returns:
        `r2` of both, the parts `number` and `similarity` that sum to it, the correlation `between` the two, and the
        slopes in units of one standard deviation, `slope_number` and `slope_similarity`.

    Reference:
        Lindeman, Merenda, Gold, "Introduction to Bivariate and Multivariate Analysis", 1980 (averages over orders).

    Example:
        >>> n = np.array([1000.0, 100.0, 10.0, 10.0])
        >>> found = explained(np.log10(n), n, np.array([0.0, 1.0, 0.0, 1.0]))
        >>> round(found["r2"], 6), found["number"] > 0.9
        (1.0, True)
    """

    def standard(values: NDArray[np.float64]) -> NDArray[np.float64]:
        spread = values.std()
        return (values - values.mean()) / spread if spread > 0 else values * 0.0

    y, number, likeness = standard(recall), standard(np.log(count)), standard(similarity)

    def fit(*columns: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        matrix = np.column_stack(columns)
        slopes = np.linalg.lstsq(matrix, y, rcond=None)[0]
        total = float((y**2).sum())
        return (1 - float(((y - matrix @ slopes) ** 2).sum()) / total if total else 0.0), slopes.astype(np.float64)

    (both, slopes), (alone_number, _), (alone_likeness, _) = fit(number, likeness), fit(number), fit(likeness)
    return {
        "r2": both,
        "number": (alone_number + both - alone_likeness) / 2,
        "similarity": (alone_likeness + both - alone_number) / 2,
        "between": float((number * likeness).mean()),
        "slope_number": float(slopes[0]),
        "slope_similarity": float(slopes[1]),
    }


def _study(
    results: dict[str, Any], measured: dict[str, NDArray[np.float64]], recalls: list[float | None], method: str
) -> dict[str, Any]:
    data = results["data"]
    names, counts = data["class_names"], np.array(data["train_counts"], dtype=np.float64)
    recall = np.array([np.nan if value is None else value for value in recalls])
    known = np.isfinite(recall) & np.isfinite(measured["overlap"])
    if known.sum() < FEWEST_CLASSES:
        raise InputError(
            f"{int(known.sum())} classes have a recall on test and more than one training row; expected at least "
            f"{FEWEST_CLASSES}: fewer are explained by two measures whatever these are."
        )
    rows = {}
    for measure in ("overlap", "cosine"):
        rows[measure] = _with_intervals(recall[known], counts[known], measured[measure][known])
    columns = list(COLUMNS)
    overlapping = [int(c) for c in np.argsort(-measured["overlap"]) if not np.isnan(measured["overlap"][c])]
    worst = overlapping[:MOST_ROWS]
    main = rows["overlap"]
    return {
        "name": "similarity",
        "title": f"{data['name']}: number of images, or likeness to other classes?",
        "question": (
            f"Over {int(known.sum())} classes, how much of the differences in recall on test ({method}) goes with the "
            "number of training images, and how much with likeness to other classes?"
        ),
        "answers": [
            f"Number and overlap together explain {100 * main['r2']['mean']:.0f} % of the variance between classes: "
            f"{100 * main['number']['mean']:.0f} points go to the number, {100 * main['similarity']['mean']:.0f} to "
            f"overlap (their correlation: {main['between']['mean']:+.2f})."
        ],
        "source": "unified perspective",
        "tables": [
            {
                "title": "Variance of recall between classes: share explained (R², the sum of the two parts), and "
                "slopes in standard deviations of recall a standard deviation; 95 % interval over redrawn classes",
                "columns": [COLUMNS[column] for column in columns],
                "rows": [
                    {"name": f"number and {measure}", "cells": [result[column] for column in columns]}
                    for measure, result in rows.items()
                ],
                "digits": 2,
            },
            {
                "title": f"The {len(worst)} classes that overlap most: percent of their training images nearer to "
                "another class's mean, images, recall in percent",
                "columns": ["overlap", "training images", "recall"],
                "rows": [
                    {
                        "name": _beside(names, c, int(measured["nearest"][c])),
                        "cells": [
                            _plain(100 * measured["overlap"][c]),
                            _plain(counts[c]),
                            None if np.isnan(recall[c]) else _plain(recall[c]),
                        ],
                    }
                    for c in worst
                ],
            },
        ],
        "figures": [
            {
                "kind": "scatter",
                "title": "Recall of each class, by number and by overlap",
                "caption": "A point a class. Left the axis is logarithmic.",
                "y": [float(value) for value in recall[known]],
                "panels": [
                    {"name": "training images", "log": True, "x": counts[known].tolist()},
                    {"name": "overlap, %", "log": False, "x": (100 * measured["overlap"][known]).tolist()},
                ],
            }
        ],
        "notes": [
            "Overlap is measured on training features with the row's own part taken out of its class mean. What goes "
            "with likeness need not be caused by it; classes of one image are left out. Two measures that say nothing "
            f"would explain {200 / (int(known.sum()) - 1):.0f} % of the variance between so many classes by chance."
        ],
        "classes": [
            {
                "class": name,
                "train_count": int(counts[c]),
                "overlap": _or_none(100 * measured["overlap"][c]),
                "nearest": None if measured["nearest"][c] < 0 else names[int(measured["nearest"][c])],
                "cosine": _or_none(measured["cosine"][c]),
                "recall": _or_none(recall[c]),
            }
            for c, name in enumerate(names)
        ],
        "data": data,
    }


def _with_intervals(
    recall: NDArray[np.float64], count: NDArray[np.float64], similarity: NDArray[np.float64], draws: int = 500
) -> dict[str, dict[str, Any]]:
    """Return `explained` with percentile intervals over redrawn classes."""
    result = explained(recall, count, similarity)
    rng = np.random.default_rng(0)
    redrawn = []
    for _ in range(draws):
        rows = rng.integers(len(recall), size=len(recall))
        redrawn.append(explained(recall[rows], count[rows], similarity[rows]))
    return {
        name: {
            "mean": value,
            "interval": [float(edge) for edge in np.percentile([one[name] for one in redrawn], (2.5, 97.5))],
            "values": [],
        }
        for name, value in result.items()
    }


def _beside(names: list[str], c: int, nearest: int) -> str:
    return names[c] if nearest < 0 else f"{names[c]} (near {names[nearest]})"


def _or_none(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def _plain(value: float) -> dict[str, Any]:
    return {"mean": float(value), "interval": None, "values": [float(value)]}
