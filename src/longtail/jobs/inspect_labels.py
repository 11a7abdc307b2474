"""`longtail inspect`: labels worth a look, before anything is trained on them."""

import csv
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import tyro
from numpy.typing import NDArray

from longtail.jobs.options import RuntimeOptions

__all__ = ["InspectConfig", "quick_label_problems", "run"]

QUICK_COMPARISONS = 2e11  # rows^2 x D up to which near-duplicates are looked for beside a fit: seconds
QUICK_FITTING = 2e10  # rows x D^2 up to which train is cross-validated beside a fit
MOST_SHOWN = 12
KINDS = ("nearly the same, two labels", "nearly the same, two splits", "likely mislabelled")

COLUMNS = ("problem", "split", "row", "label", "other_split", "other_row", "other_label", "score")


@dataclass(frozen=True)
class InspectConfig:
    """List rows that are nearly the same, in two splits or with two labels, and rows that are likely mislabelled."""

    features: tyro.conf.Positional[Path]
    """Features as for `fit`: a folder with a file for each split, or one file."""
    threshold: float = 0.999
    """Cosine from which two rows, less the mean of all, are nearly the same."""
    most: int = 60_000
    """Rows in all up to which every one is compared with every other; it takes their square."""
    margin: float = 0.5
    """By how much the other class has to be more probable than the label before a row is called likely mislabelled."""
    folds: int = 5
    """Of the cross-validation that judges the labels of train."""
    show: int = 10
    """Rows of each problem to print; the file has all."""
    runtime: RuntimeOptions = field(default_factory=RuntimeOptions)


def run(config: InspectConfig) -> Path:
    """Write label_problems.csv and print what is in it."""
    from longtail.embeddings import open_embeddings
    from longtail.files.atomic import atomic_path
    from longtail.jobs.fitting.problem import check_problem

    problem = check_problem(open_embeddings(config.features).splits)
    problem.unseal_test()  # nothing is fitted or chosen here
    found = [*_duplicates(problem, config), *_mislabelled(problem, config)]
    folder = config.runtime.out or Path("runs") / f"inspect-{config.features.resolve().stem}"
    path = folder / "label_problems.csv"
    with atomic_path(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows(found)
    _print(found, config)
    if not config.runtime.quiet:
        print(f"\n{len(found):,} in {path}. None of this is proof: look at the images before you change a label.")
    return path


def quick_label_problems(problem: Any, check: str, seed: int) -> dict[str, Any] | None:
    """Give the labels most worth a look, for the report, as far as they are found in seconds.

    Args:
        problem: checked features, unsealed.
        check: "quick": look if it takes seconds; "full": however long it takes; "none".
        seed: of the cross-validation.

    Returns:
        None, or {"totals": {KIND: number}, "not_looked_for": [KIND, ...], "found": [the most doubtful of each kind]}.
    """
    if check == "none":
        return None
    always = check == "full"
    # stricter than `inspect`: of a weak network's features many are alike, and many images not recognised
    config = InspectConfig(Path(), threshold=0.9999, margin=0.8, most=10**9, runtime=RuntimeOptions(seed=seed))
    rows = sum(len(file.labels) for file in problem.splits.values())
    learnt, dimension = problem.splits["train"].features.shape
    found, left_out = [], []
    if always or rows**2 * dimension <= QUICK_COMPARISONS:
        found += _duplicates(problem, config)
    else:
        left_out.append("nearly the same")
    if always or learnt * dimension**2 <= QUICK_FITTING:
        found += _mislabelled(problem, config, by_discriminant=True)
    else:
        left_out.append("likely mislabelled")
    kinds = {kind: [row for row in found if row["problem"] == kind] for kind in KINDS}
    return {
        "totals": {kind: len(members) for kind, members in kinds.items() if members},
        "not_looked_for": left_out,
        "found": [row for members in kinds.values() for row in members[: MOST_SHOWN // len(KINDS)]],
    }


def _duplicates(problem: Any, config: InspectConfig) -> list[dict[str, Any]]:
    from longtail.evaluation.label_problems import near_duplicates

    names = list(problem.splits)
    sizes = [len(problem.splits[name].labels) for name in names]
    if sum(sizes) > config.most:
        print(f"{sum(sizes):,} rows: near-duplicates are not looked for (--most {config.most:,}).")
        return []
    rows = np.concatenate([np.asarray(problem.splits[name].features, dtype=np.float32) for name in names])
    labels = np.concatenate([problem.splits[name].labels for name in names])
    split = np.repeat(np.arange(len(names)), sizes)
    place = np.concatenate([np.arange(size) for size in sizes])
    pairs = near_duplicates(rows, config.threshold)
    found = []
    for first, second, similarity in zip(pairs.first, pairs.second, pairs.similarity, strict=True):
        if labels[first] != labels[second]:
            kind = "nearly the same, two labels"
        elif split[first] != split[second]:
            kind = "nearly the same, two splits"
        else:
            continue  # a copy within a class of one split harms nobody
        found.append(
            {
                "problem": kind,
                "split": names[split[first]],
                "row": int(place[first]),
                "label": problem.class_names[labels[first]],
                "other_split": names[split[second]],
                "other_row": int(place[second]),
                "other_label": problem.class_names[labels[second]],
                "score": round(float(similarity), 6),
            }
        )
    return sorted(found, key=lambda row: row["problem"])


def _mislabelled(problem: Any, config: InspectConfig, *, by_discriminant: bool = False) -> list[dict[str, Any]]:
    from longtail.evaluation.label_problems import discriminant_probabilities, suspicious_labels
    from longtail.holdout import stratified_folds

    train = problem.splits["train"]
    folds = stratified_folds(train.labels, config.folds, config.runtime.seed)
    judge = discriminant_probabilities if by_discriminant else _trained_probabilities
    rows = np.flatnonzero(folds >= 0)  # a class of one row cannot be judged
    if not len(rows):
        return []
    probabilities = judge(train.features, train.labels, folds)[rows]
    found = suspicious_labels(probabilities, train.labels[rows])
    sure = found.margin >= config.margin
    return [
        {
            "problem": "likely mislabelled",
            "split": "train",
            "row": int(rows[row]),
            "label": problem.class_names[train.labels[rows[row]]],
            "other_split": "",
            "other_row": "",
            "other_label": problem.class_names[suggested],
            "score": round(float(margin), 6),
        }
        for row, suggested, margin in zip(found.rows[sure], found.suggested[sure], found.margin[sure], strict=True)
    ]


def _trained_probabilities(
    features: NDArray[Any], labels: NDArray[np.int64], folds: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Give for each row the probabilities of a classifier that was trained without its fold."""
    from longtail.heads import Joint

    probabilities = np.zeros((len(labels), int(labels.max()) + 1))
    for fold in range(int(folds.max()) + 1):
        held_out, rest = np.flatnonzero(folds == fold), np.flatnonzero(folds != fold)
        if len(held_out):
            head = Joint(random_state=0).fit(np.asarray(features[rest]), labels[rest])
            probabilities[held_out] = head.predict_proba(np.asarray(features[held_out]))
    return probabilities


def _print(found: list[dict[str, Any]], config: InspectConfig) -> None:
    for kind in dict.fromkeys(row["problem"] for row in found):
        rows = [row for row in found if row["problem"] == kind]
        print(f"\n{kind}: {len(rows):,}")
        for row in rows[: config.show]:
            other = f"{row['other_split']} {row['other_row']} ({row['other_label']})" if row["other_split"] else ""
            suggested = "" if other else f"rather {row['other_label']}"
            print(f"  {row['split']} {row['row']} ({row['label']})  {other or suggested}  {row['score']:.3f}")
