"""Trainings that differ in one setting of stage 1, and what each classifier makes of them."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from longtail.jobs.options import StageOneOptions
from longtail.jobs.run import RunConfig

__all__ = ["run_variants", "side_by_side"]


def run_variants(
    name: str, config: RunConfig, variants: Mapping[str, StageOneOptions], *, base: str, words: dict[str, str]
) -> dict[str, Any]:
    """Train each variant with each seed, fit the classifiers, and write the study.

    Runs that an earlier call finished are not done again.

    Args:
        name: of the study.
        config: of all runs.
        variants: for each name the settings of stage 1.
        base: the variant that the others are compared with.
        words: `title`, `question`, and `source` of the paper.
    """
    from longtail.jobs.run import run_seeds
    from longtail.studies.opening import open_study
    from longtail.studies.outcome import finish_study

    fabric, checked, splits, folder = open_study(name, config)
    results = {
        variant: run_seeds(fabric, replace(checked, stage=stage), splits, folder / variant, table=False)
        for variant, stage in variants.items()
    }
    if not fabric.is_global_zero:
        return {}
    study = {"name": name, **side_by_side(results, base=base, words=words)}
    return finish_study(study, folder, quiet=checked.runtime.quiet)


def side_by_side(results: dict[str, list[dict[str, Any]]], *, base: str, words: dict[str, str]) -> dict[str, Any]:
    """Put the results of runs that differ in stage 1 alone side by side.

    Args:
        results: for each variant the results of its seeds, the same seeds and methods for all.
        base: the variant that the others are compared with; no comparison where it is missing.
        words: `title`, `question`, and `source` of the paper.

    Returns:
        A study without its name: a table and a panel for each metric, and the differences in words.
    """
    from longtail.jobs.seeds import METRICS, mean_and_interval, spread_text

    first = next(iter(results.values()))[0]
    methods = list(first["methods"])
    split = "test" if "test" in first["methods"][methods[0]]["metrics"] else "val"
    seeds = [found["seed"] for found in next(iter(results.values()))]

    def values(variant: str, method: str, metric: str) -> list[float | None]:
        return [found["methods"][method]["metrics"][split][metric] for found in results[variant]]

    cells = {
        metric: {
            variant: {method: mean_and_interval(values(variant, method, metric)) for method in methods}
            for variant in results
        }
        for metric in METRICS
    }
    shown = [
        metric for metric in METRICS if any(cell is not None for row in cells[metric].values() for cell in row.values())
    ]
    return {
        "title": f"{first['title']}: {words['title']}",
        "question": f"{words['question']} Accuracy in percent on {split}, {spread_text(len(seeds))}.",
        "answers": _answers(values, list(results), methods, base),
        "source": words["source"],
        "tables": [
            {
                "title": metric,
                "columns": methods,
                "rows": [
                    {"name": variant, "cells": [cells[metric][variant][method] for method in methods]}
                    for variant in results
                ],
            }
            for metric in shown
        ],
        "figures": [
            {
                "kind": "points",
                "title": "Accuracy by classifier and stage 1",
                "caption": "A point is a mean over seeds, the line its 95 % interval.",
                "series": list(results),
                "panels": [{"name": metric, "rows": methods, "values": cells[metric]} for metric in shown],
            }
        ],
        "notes": [
            f"Stage 1: {_stages(results)}. Seeds {', '.join(map(str, seeds))}; splits and test images are the same for "
            "all. Intervals over seeds cover another training with another seed, not another draw of test images. "
            "Hyper-parameters of the classifiers are those of each run; what they say of their choice stands in its "
            "results.json."
        ],
        "data": first["data"],
    }


def _stages(results: dict[str, list[dict[str, Any]]]) -> str:
    stages = [found[0]["stage1"] for found in results.values()]
    return ", ".join(dict.fromkeys(f"{stage['backbone']}, {stage['epochs']} epochs" for stage in stages))


def _answers(values: Any, variants: list[str], methods: list[str], base: str) -> list[str]:
    """Say for each classifier which variant is best in balanced accuracy, and how far the base is from it."""
    from longtail.jobs.seeds import difference_text, mean_and_interval

    if base not in variants or len(variants) < 2:
        return []
    sentences = []
    for method in methods:
        means = {variant: _mean(values(variant, method, "balanced")) for variant in variants}
        others = {variant: mean for variant, mean in means.items() if variant != base}
        rival = max(others, key=lambda variant: others[variant])
        pairs = zip(values(base, method, "balanced"), values(rival, method, "balanced"), strict=True)
        gap = mean_and_interval([plain - other for plain, other in pairs])
        sentences.append(
            f"{method}, balanced accuracy: {base} {means[base]:.1f}, best other {rival} {means[rival]:.1f}; "
            f"difference {difference_text(gap)}."
        )
    return sentences


def _mean(values: list[float]) -> float:
    return sum(values) / len(values)
