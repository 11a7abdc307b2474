"""How do the lengths of the classifiers' weights follow the class counts?"""

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import tyro
from numpy.typing import NDArray

from longtail.errors import InputError
from longtail.jobs.head_options import HeadOptions
from longtail.jobs.options import HeadRuntimeOptions
from longtail.ranges import Count

__all__ = ["WeightNormsConfig", "norms_by_group", "run"]


@dataclass(frozen=True)
class WeightNormsConfig:
    """Fit the linear classifiers on features and compare the norms of their class weights: the paper's figure 2."""

    features: tyro.conf.Positional[Path]
    """Folder with feature_train.h5 and its siblings, a file as `fit` takes it, or a run."""
    heads: HeadOptions = field(default_factory=HeadOptions)
    runtime: HeadRuntimeOptions = field(default_factory=HeadRuntimeOptions)
    seeds: Count = 1
    """Fits with the seeds --seed, --seed + 1, ..."""


def run(config: WeightNormsConfig) -> dict[str, Any]:
    """Fit, measure and write study.json, study.md and the page."""
    from longtail.jobs.idle_notes import with_idle_settings
    from longtail.jobs.pace import settle_threads_of_heads
    from longtail.jobs.run_features import problem_at
    from longtail.jobs.written_comparison import compared_in
    from longtail.studies.study_outcome import finish_study

    problem = problem_at(config.features, head=config.heads.head, drop_nonfinite=config.heads.drop_nonfinite)
    problem = with_idle_settings(problem, config.heads, quiet=config.runtime.quiet)
    name = config.features.resolve().stem
    settle_threads_of_heads(config.runtime.threads)
    folder = config.runtime.out or Path("runs") / f"study-weight-norms-{name}"
    first = config.runtime.seed
    results = [
        compared_in(folder / f"seed-{seed}", problem, config.heads, replace(config.runtime, seed=seed), title=name)
        for seed in range(first, first + config.seeds)
    ]
    return finish_study(norms_by_group(results), folder, quiet=config.runtime.quiet)


def norms_by_group(results: list[dict[str, Any]]) -> dict[str, Any]:
    """Compare the weight norms of the methods that have weights.

    The rank correlation of ||w_c|| with n_c is 1 where more images always mean longer weights, 0 without a trend, -1
    where they mean shorter ones; none is given where all norms (within 0.01 %) or all counts are alike. Norms are
    divided by the method's mean, as only proportions matter.

    Args:
        results: of one or several seeds, as `compared_in` returns them.

    Returns:
        A study with one table and one figure.

    Raises:
        InputError: no method has class weights.

    Reference:
        Kang et al., "Decoupling Representation and Classifier for Long-Tailed Recognition", ICLR 2020, arXiv
        1910.09217, figure 2 (left).
    """
    from longtail.counts import GROUPS
    from longtail.jobs.seeds import cell_text, mean_and_interval

    data = results[0]["data"]
    counts, groups = np.array(data["train_counts"]), np.array(data["group_of_class"])
    methods = [name for name, entry in results[0]["methods"].items() if entry["weight_norms"]]
    if not methods:
        raise InputError("no method here has a weight vector a class; expected some such as joint, crt, tau or lws.")
    present = [group for group in GROUPS if (groups == group).any()]
    rows, relative = [], {}
    for method in methods:
        norms = [np.array(result["methods"][method]["weight_norms"]) for result in results]
        scaled = [one / max(float(one.mean()), 1e-12) for one in norms]
        relative[method] = np.mean(scaled, axis=0)
        cells = [mean_and_interval([float(one[groups == group].mean()) for one in scaled]) for group in present]
        trend = mean_and_interval([_rank_correlation(one, counts) for one in norms])
        rows.append({"name": method, "cells": [trend, *cells]})
    correlations = "; ".join(f"{row['name']} {cell_text(row['cells'][0], digits=2)}" for row in rows)
    return {
        "name": "weight-norms",
        "title": f"{data['name']}: weight norms and class counts",
        "question": (
            "The decoupling paper finds that joint training gives common classes longer weights, and that the "
            "rebalanced classifiers even this out or turn it round."
        ),
        "answers": [f"Rank correlation of a class's weight norm with its training images: {correlations}."],
        "tables": [
            {
                "title": "Rank correlation with the counts; mean norm of each group over the mean of all classes",
                "columns": ["correlation", *present],
                "rows": rows,
                "digits": 2,
            }
        ],
        "figures": [
            {
                "kind": "norms",
                "title": "Weight norm of each class",
                "caption": "Divided by the method's mean norm, and averaged over seeds.",
                "norms": {method: norms.tolist() for method, norms in relative.items()},
            }
        ],
        "notes": ["No correlation (-) where all norms, or all counts, are alike."]
        if any(row["cells"][0] is None for row in rows)
        else [],
        "data": data,
    }


def _rank_correlation(norms: NDArray[np.float64], counts: NDArray[np.int64]) -> float | None:
    from scipy.stats import spearmanr

    # norms that were made equal differ by rounding, and ranks would be of that
    alike = float(np.ptp(norms)) <= 1e-4 * float(norms.mean())
    return None if alike or np.ptp(counts) == 0 else float(spearmanr(norms, counts).statistic)
