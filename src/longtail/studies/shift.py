"""What if the test set is long-tailed otherwise? Heads from forward over balanced to backward long-tailed worlds."""

import math
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import tyro

from longtail.jobs.head_options import HeadOptions
from longtail.jobs.options import HeadRuntimeOptions
from longtail.ranges import Count

if TYPE_CHECKING:
    from longtail.comparison.problem import FeatureProblem

__all__ = ["ShiftConfig", "run", "shift_study"]

DISTANCES = ("train", "uniform", "EM", "BBSE", "EM, not calibrated")
DRAWN = ("as it is", "true prior", "EM", "BBSE", "uniform")  # lines of the figure


@dataclass(frozen=True)
class ShiftConfig:
    """Measure heads where classes are more or less common than in train: as they are, told so, and left to estimate."""

    features: tyro.conf.Positional[Path]
    """Folder with feature_{train,val,test}.h5, a file as `fit` takes it, or a run with its heads."""
    heads: HeadOptions = field(default_factory=lambda: HeadOptions(methods="joint,la"))
    runtime: HeadRuntimeOptions = field(default_factory=HeadRuntimeOptions)
    draws: Count = 3
    """Test sets of each world from which a prior is estimated."""
    subsample: bool = False
    """Count on subsets, as LADE and SADE do, not the exact expectation."""


def run(config: ShiftConfig) -> dict[str, Any]:
    """Fit where nothing is fitted yet, measure, and write study.json, study.md and the page."""
    from longtail.comparison.method_names import wanted_methods
    from longtail.errors import InputError
    from longtail.files.text import printable
    from longtail.heads import load_head
    from longtail.jobs.pace import settle_threads_of_heads
    from longtail.jobs.predicting.measured_shifts import measure_shifts
    from longtail.jobs.predicting.predictor import check_stored_features
    from longtail.jobs.run_features import problem_at
    from longtail.studies.study_outcome import finish_study

    problem = problem_at(config.features, head=config.heads.head, drop_nonfinite=config.heads.drop_nonfinite)
    if "test" not in problem.splits:
        raise InputError(f"{config.features}: holds no feature_test.h5, on which accuracy is measured.")
    name = config.features.resolve().stem
    settle_threads_of_heads(config.runtime.threads)
    folder = config.runtime.out or Path("runs") / f"study-shift-{name}"
    methods = wanted_methods(config.heads.methods)
    paths = {method: config.features / "heads" / f"{method}.npz" for method in methods}
    if not all(path.is_file() for path in paths.values()):
        _fit(config, problem, name, folder)
        paths = {method: folder / "heads" / f"{method}.npz" for method in methods}
    elif config.heads.set and not config.runtime.quiet:
        note = f"--set does nothing: the heads in {printable(config.features)} are measured as they are"
        print(f"  note      {note}", file=sys.stderr, flush=True)
    problem.unseal_test()  # nothing is chosen any more
    test, val = problem.splits["test"], problem.splits.get("val")
    validation = None if val is None else (val.features, val.labels)
    result = {}
    for method, path in paths.items():
        check_stored_features(path)
        head = load_head(path)
        if not hasattr(head, "class_counts_"):  # saved by an older longtail
            head.class_counts_ = problem.train_counts
        if not config.runtime.quiet:
            print(f"  {method}: {config.draws} draws in each world")
        result[method] = measure_shifts(
            head,
            (test.features, test.labels),
            problem.train_counts,
            validation,
            draws=config.draws,
            subsample=config.subsample,
            seed=config.runtime.seed,
        )
    data = {
        "name": name,
        "class_names": list(problem.class_names),
        "train_counts": problem.train_counts.tolist(),
    }
    smallest = int(np.bincount(test.labels, minlength=len(problem.train_counts)).min())
    study = shift_study(result, data, draws=config.draws, subsample=config.subsample, smallest_class=smallest)
    return finish_study(study, folder, quiet=config.runtime.quiet)


def _fit(config: ShiftConfig, problem: "FeatureProblem", name: str, folder: Path) -> None:
    from longtail.jobs.idle_notes import with_idle_settings
    from longtail.jobs.written_comparison import compared_in

    problem = with_idle_settings(problem, config.heads, quiet=config.runtime.quiet)
    compared_in(folder, problem, config.heads, config.runtime, title=name)


def shift_study(
    by_method: dict[str, dict[str, Any]], data: dict[str, Any], *, draws: int, subsample: bool, smallest_class: int
) -> dict[str, Any]:
    """Put what `measure_shifts` gives for several heads into tables, figures and sentences.

    Args:
        by_method: by method.
        data: name, class names and training counts.
        draws: test sets a world.
        subsample: whether accuracy was counted on subsets.
        smallest_class: test images of the class with the fewest.
    """
    from longtail.jobs.predicting.measured_shifts import SHIFT_COLUMNS

    worlds = list(next(iter(by_method.values())))
    tables, figures, answers = [], [], []
    for method, measured in by_method.items():
        columns = [name for name in SHIFT_COLUMNS if any(one["accuracy"][name] for one in measured.values())]
        distances = [name for name in DISTANCES if any(one["distance"][name] for one in measured.values())]
        tables += [
            {
                "title": f"{method}: accuracy, %",
                "columns": columns,
                "rows": [
                    {"name": world, "cells": [measured[world]["accuracy"][name] for name in columns]}
                    for world in worlds
                ],
            },
            {
                "title": f"{method}: distance of the prior from the true one, half the summed difference in %",
                "columns": distances,
                "rows": [
                    {"name": world, "cells": [measured[world]["distance"][name] for name in distances]}
                    for world in worlds
                ],
            },
        ]
        lines = [name for name in DRAWN if name in columns and (name != "uniform" or _differs(measured, name))]
        figures.append(
            {
                "kind": "curve",
                "title": f"{method}: accuracy by how the test set is long-tailed",
                "caption": "By the ratio of the most common to the rarest class: left as in train, in the middle "
                "balanced, right the reverse.",
                "parameter": "forward … balanced … backward",
                "log": False,
                "x": list(range(len(worlds))),
                "ticks": [world.rpartition("-")[2] if "-" in world else "1" for world in worlds],
                "range": _range([measured[world]["accuracy"][name] for world in worlds for name in lines]),
                "lines": {name: [measured[world]["accuracy"][name] for world in worlds] for name in lines},
            }
        )
        answers.append(_answer(method, measured, worlds))
    return {
        "name": "shift",
        "title": f"{data['name']}: test sets that are long-tailed otherwise",
        "question": (
            "Classes may be more or less common where a classifier is used than where it was trained. How accurate is "
            "it then as it is, told how common they are, and left to estimate that from images without labels?"
        ),
        "answers": answers,
        "source": "label shift",
        "tables": tables,
        "figures": figures,
        "notes": _notes(draws, subsample, smallest_class),
        "data": data,
    }


def _answer(method: str, measured: dict[str, Any], worlds: list[str]) -> str:
    ends = (worlds[0], "uniform", worlds[-1])

    def of(column: str) -> str:
        return ", ".join(f"{measured[world]['accuracy'][column]['mean']:.1f}" for world in ends)

    estimate = "EM" if measured["uniform"]["accuracy"]["EM"] else "EM, not calibrated"
    clauses = [
        f"{of('as it is')} % as it is",
        f"{of(estimate)} by {estimate}",
        f"{of('true prior')} told the true prior",
    ]
    if _differs(measured, "uniform"):
        clauses.append(f"{of('uniform')} told that all classes are equally common")
    return f"{method} finds, in {ends[0]}, {ends[1]}, {ends[2]}: {'; '.join(clauses)}."


def _differs(measured: dict[str, Any], column: str) -> bool:
    """Return whether the head, told that prior, predicts otherwise than as it is."""
    return any(one["accuracy"][column] != one["accuracy"]["as it is"] for one in measured.values())


def _range(cells: list[dict[str, Any] | None]) -> list[float]:
    """Return whole tens that hold all values and their intervals."""
    edges = [edge for cell in cells if cell for edge in (cell["mean"], *(cell["interval"] or ()))]
    return [max(10 * math.floor(min(edges) / 10), 0), min(10 * math.ceil(max(edges) / 10), 100)]


def _notes(draws: int, subsample: bool, smallest_class: int) -> list[str]:
    if subsample:
        how = f"Accuracy is counted on {draws} subsets of the test split a world, drawn without replacement."
    else:
        how = (
            "Accuracy is the expectation over the test split, the sum of share times recall over classes. Intervals of "
            "the first three columns are over test images (bootstrap within classes); those of estimates are over "
            f"{draws} draws of the unlabelled test set."
        )
    return [
        how,
        f"The class with the fewest test images has {smallest_class}: worlds that lean on such classes are measured on "
        "few images.",
        "EM is calibrated on the validation split by a temperature and a bias a class, and given one pseudo-image a "
        "class. BBSE is the soft variant. The true prior is known to the study alone: in practice nobody has it.",
    ]
